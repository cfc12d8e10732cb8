//! The library as a file that programs load.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

use pogson_wire_library::{BYTES, UnpackError, unpack_into};

#[test]
fn a_program_loads_the_library_and_does_its_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = unpack_into(&folder.path().join("a/b")).unwrap();
    let maps = Command::new("cat").arg("/proc/self/maps").env("LD_PRELOAD", &path).output().unwrap();
    assert!(maps.status.success() && maps.stderr.is_empty(), "{maps:?}");
    assert!(String::from_utf8_lossy(&maps.stdout).contains(path.to_str().unwrap()));
}

#[test]
fn glibc_from_2_28_on_can_load_it() {
    let name = b"GLIBC_";
    let versions: Vec<(u32, u32)> = BYTES
        .windows(name.len())
        .enumerate()
        .filter(|(_, window)| window == name)
        .map(|(at, _)| {
            let number: Vec<u8> = BYTES[at + name.len()..].iter().copied().take_while(|byte| *byte != 0).collect();
            let number = String::from_utf8(number).unwrap();
            let mut parts = number.split('.').map(|part| part.parse().unwrap());
            (parts.next().unwrap(), parts.next().unwrap())
        })
        .collect();
    assert_eq!(versions.is_empty(), cfg!(not(target_env = "gnu")));
    assert!(versions.iter().all(|version| *version <= (2, 28)), "{versions:?}");
}

#[test]
fn a_file_that_is_right_is_used_again_and_another_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = unpack_into(folder.path()).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o755);
    let first = fs::metadata(&path).unwrap().ino();
    assert_eq!(unpack_into(folder.path()).unwrap(), path);
    assert_eq!(fs::metadata(&path).unwrap().ino(), first);
    let mut other = BYTES.to_vec();
    *other.last_mut().unwrap() ^= 1;
    let wrongs: [&dyn Fn(); 4] = [
        &|| fs::write(&path, &other).unwrap(),
        &|| fs::write(&path, b"short").unwrap(),
        &|| fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap(),
        &|| {
            fs::rename(&path, folder.path().join("elsewhere")).unwrap();
            symlink("elsewhere", &path).unwrap();
        },
    ];
    for wrong in wrongs {
        wrong();
        unpack_into(folder.path()).unwrap();
        let found = fs::symlink_metadata(&path).unwrap();
        assert!(found.is_file() && found.mode() & 0o777 == 0o755);
        assert!(fs::read(&path).unwrap() == BYTES);
    }
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 2, "the library and what was moved elsewhere");
}

#[test]
fn folders_that_others_can_change_or_that_cannot_be_named_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(unpack_into(&open), Err(UnpackError::NotOwn { .. })));
    let link = folder.path().join("link");
    symlink(folder.path(), &link).unwrap();
    assert!(matches!(unpack_into(&link), Err(UnpackError::NotOwn { .. })));
    let divided = folder.path().join("a:b");
    assert!(matches!(unpack_into(&divided), Err(UnpackError::Unfit { .. })));
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(unpack_into(&file.join("x")), Err(UnpackError::File { .. })));
}

#[test]
fn many_that_unpack_at_once_all_get_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    let programs: Vec<_> = (0..8)
        .map(|_| {
            let folder = folder.path().to_owned();
            std::thread::spawn(move || fs::read(unpack_into(&folder).unwrap()).unwrap() == BYTES)
        })
        .collect();
    assert!(programs.into_iter().all(|program| program.join().unwrap()));
}
