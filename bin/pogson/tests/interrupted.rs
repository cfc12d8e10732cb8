//! Runs that end before their time: signals, a limit on file sizes, a full disk. What was there stays, what was begun goes.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const POGSON: &str = env!("CARGO_BIN_EXE_pogson");

fn survey(dir: &Path) {
    let made = Command::new(POGSON)
        .args(["simulate", "-o", "survey", "--size", "0.3", "--noise", "2", "--quiet"])
        .current_dir(dir)
        .status();
    assert!(made.unwrap().success());
}

/// A mosaic that takes a while: areas on the sphere.
const MOSAIC: [&str; 10] = [
    "mosaic",
    "survey/raw",
    "--header",
    "survey/region.hdr",
    "-o",
    "m.fits",
    "--method",
    "montage-exact",
    "--force",
    "--quiet",
];

fn begin(dir: &Path, args: &[&str]) -> Child {
    let mut command = Command::new(POGSON);
    command.args(args).current_dir(dir).env("SOURCE_DATE_EPOCH", "1000000000");
    command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

fn unfinished(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().map(|e| e.unwrap().path());
    entries.filter(|p| p.extension().is_some_and(|e| e == "part")).collect()
}

/// Waits until an output was begun.
fn wait_for_work(dir: &Path) {
    let start = Instant::now();
    while unfinished(dir).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(60), "no output was begun in a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn signal(child: &Child, name: &str) {
    // The shell has its own kill; the program of that name is not on every system.
    let line = format!("kill {name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
}

#[test]
fn a_mosaic_that_is_interrupted_leaves_the_old_output_and_no_temporary_file() {
    let dir = tempfile::tempdir().unwrap();
    survey(dir.path());
    std::fs::write(dir.path().join("m.fits"), "the old one").unwrap();
    for name in ["-INT", "-TERM"] {
        let mut child = begin(dir.path(), &MOSAIC);
        wait_for_work(dir.path());
        signal(&child, name);
        assert_eq!(child.wait().unwrap().code(), Some(5), "{name}");
        assert_eq!(unfinished(dir.path()), Vec::<PathBuf>::new());
        assert_eq!(std::fs::read(dir.path().join("m.fits")).unwrap(), b"the old one");
    }
}

#[test]
fn a_mosaic_that_is_killed_leaves_the_old_output_and_can_be_repeated() {
    let dir = tempfile::tempdir().unwrap();
    survey(dir.path());
    std::fs::write(dir.path().join("m.fits"), "the old one").unwrap();
    let mut child = begin(dir.path(), &MOSAIC);
    wait_for_work(dir.path());
    signal(&child, "-KILL");
    assert!(!child.wait().unwrap().success());
    assert_eq!(std::fs::read(dir.path().join("m.fits")).unwrap(), b"the old one");
    // What the killed one left is no obstacle, and no input.
    assert!(begin(dir.path(), &MOSAIC).wait().unwrap().success());
    let first = std::fs::read(dir.path().join("m.fits")).unwrap();
    assert!(first.len() > 2880);
    assert!(begin(dir.path(), &MOSAIC).wait().unwrap().success());
    assert!(std::fs::read(dir.path().join("m.fits")).unwrap() == first);
}

#[test]
fn a_step_that_is_killed_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    survey(dir.path());
    let step = [
        "step",
        "project",
        "survey/raw",
        "--header",
        "survey/region.hdr",
        "-o",
        "p",
        "--method",
        "montage-exact",
        "--resume",
        "--threads",
        "1",
    ];
    let images = || {
        let all = std::fs::read_dir(dir.path().join("p")).into_iter().flatten().map(|e| e.unwrap().path());
        all.filter(|p| p.extension().is_some_and(|e| e == "fits") && !p.to_string_lossy().ends_with("_area.fits"))
            .count()
    };
    let mut child = begin(dir.path(), &step);
    let start = Instant::now();
    while images() < 2 {
        assert!(start.elapsed() < Duration::from_secs(60), "no two images in a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
    signal(&child, "-KILL");
    child.wait().unwrap();
    let before = images();
    let again = Command::new(POGSON).args(step).arg("--json").current_dir(dir.path()).output().unwrap();
    assert!(again.status.success());
    let said: serde_json::Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!(said["kept"].as_u64(), Some(before as u64), "{said}");
    assert!(said["written"].as_u64() > Some(0), "{said}");
}

/// The exit code and the sentence of a shell line in a folder.
fn shell(dir: &Path, line: &str) -> (Option<i32>, String) {
    let done = Command::new("sh").args(["-c", line]).current_dir(dir).env("POGSON", POGSON).output().unwrap();
    (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
}

#[test]
fn a_limit_on_file_sizes_is_told_and_not_died_of() {
    let dir = tempfile::tempdir().unwrap();
    survey(dir.path());
    std::fs::write(dir.path().join("m.fits"), "the old one").unwrap();
    let header = "--header survey/region.hdr --force";
    for line in [
        format!("mosaic survey/raw {header} -o m.fits"),
        format!("step project survey/raw {header} -o projected"),
        "simulate --size 0.1 -o other".to_owned(),
    ] {
        let (code, said) = shell(dir.path(), &format!("ulimit -f 64; exec \"$POGSON\" {line}"));
        assert_eq!(code, Some(4), "{line}: {said}");
        assert!(said.contains("room") || said.contains("too large"), "{said}");
    }
    assert_eq!(unfinished(dir.path()), Vec::<PathBuf>::new());
    assert_eq!(unfinished(&dir.path().join("projected")), Vec::<PathBuf>::new());
    assert_eq!(std::fs::read(dir.path().join("m.fits")).unwrap(), b"the old one");
}

/// A file system of its own that is taken away at the end.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_told_and_what_was_begun_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let small = dir.path().join("small");
    std::fs::create_dir(&small).unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&small).output();
    if !mount.is_ok_and(|m| m.status.success()) {
        eprintln!("skipped: a file system of 1 MiB cannot be mounted here (needs the right to mount)");
        return;
    }
    let mounted = Mounted(small.clone());
    survey(dir.path());
    for line in [
        "mosaic survey/raw --header survey/region.hdr -o small/m.fits",
        "step project survey/raw --header survey/region.hdr -o small/p",
    ] {
        let (code, said) = shell(dir.path(), &format!("exec \"$POGSON\" {line}"));
        assert_eq!(code, Some(4), "{line}: {said}");
        assert!(said.contains("room"), "{said}");
        assert_eq!(unfinished(&mounted.0), Vec::<PathBuf>::new());
        assert_eq!(unfinished(&mounted.0.join("p")), Vec::<PathBuf>::new());
    }
    assert!(!mounted.0.join("m.fits").exists());
}
