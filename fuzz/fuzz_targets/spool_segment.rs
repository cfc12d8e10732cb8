//! Any bytes as a segment of the upload spool, and as records in a segment whose head is right: opened, listed, read, gone on with.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pogson_crowd::spool::{Options, Spool};

static PLACE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("pogson-fuzz-spool-{}", std::process::id()))
});

/// A segment of two records.
static WRITTEN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let _ = std::fs::remove_dir_all(&*PLACE);
    let spool = Spool::open(&PLACE, "p", options()).expect("a spool opens");
    for name in ["w_1_0", "w_1_1"] {
        spool.append(name, [0; 16], name.as_bytes().to_vec()).expect("it is stored");
    }
    drop(spool);
    std::fs::read(PLACE.join("p-000001.seg")).expect("it was written")
});

fn options() -> Options {
    Options { reserve_bytes: 0, ..Options::default() }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let mut file = WRITTEN.clone();
    match mode % 3 {
        0 => file = rest.to_vec(),
        1 => {
            // Pieces of the real one over others, at places that the input names.
            for (at, byte) in rest.chunks_exact(3).map(|hit| (usize::from(hit[0]) | usize::from(hit[1]) << 8, hit[2])) {
                let length = file.len();
                file[at % length] ^= byte;
            }
        }
        _ => {
            file.truncate(16);
            let mark: [u8; 8] = file[8..16].try_into().expect("eight bytes");
            for piece in rest.split(|byte| *byte == 0xff) {
                file.extend(mark);
                file.extend(piece);
            }
        }
    }
    let _ = std::fs::remove_dir_all(&*PLACE);
    if std::fs::create_dir_all(&*PLACE).is_err() || std::fs::write(PLACE.join("p-000001.seg"), &file).is_err() {
        return;
    }
    let spool = Spool::open(&PLACE, "p", options()).expect("rubbish does not keep it from opening");
    let (listed, _) = spool.list().expect("it is listed");
    for one in &listed {
        assert_eq!(spool.read(&one.location).is_ok(), one.sound);
    }
    let place = spool.append("new", [0; 16], b"new".to_vec()).expect("it goes on");
    assert_eq!(spool.read(&place).expect("it is there"), b"new");
    for one in &listed {
        spool.delete(&one.location).expect("it goes");
    }
});
