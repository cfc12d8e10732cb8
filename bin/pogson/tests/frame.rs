//! What holds for every command: help, versions, usage errors, manual pages.

use std::process::{Command, Output};

fn pogson(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pogson")).args(args).output().expect("the program starts")
}

#[test]
fn version_is_printed_on_standard_output() {
    let output = pogson(&["--version"]);
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), concat!("pogson ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn an_unknown_command_or_flag_is_wrong_usage() {
    assert_eq!(pogson(&["polish"]).status.code(), Some(2));
    assert_eq!(pogson(&["man", "--gently"]).status.code(), Some(2));
    assert_eq!(pogson(&["man", "/dev/null/x", "--threads", "0"]).status.code(), Some(2));
}

#[test]
fn every_command_has_a_manual_page_with_examples() {
    let dir = tempfile::tempdir().unwrap();
    let output = pogson(&["man", dir.path().to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let pages: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(pages.len() >= 2);
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        // The pages of a group of commands and of the program itself point onward instead.
        if !text.contains("SUBCOMMANDS") && !name.contains("-step-") {
            assert!(text.contains("Examples:"), "{name} shows no example");
        }
    }
}

#[test]
fn a_closed_pipe_ends_the_program_quietly() {
    use std::io::Read;
    use std::process::Stdio;
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("s");
    assert!(pogson(&["simulate", "-o", out.to_str().unwrap(), "--size", "0.02", "--truth-image"]).status.success());
    // More text than a pipe holds, so that the program meets the closed end.
    let list = (0..100_000).map(|i| format!("{} 5\n", i % 70)).collect::<String>();
    let points = dir.path().join("points");
    std::fs::write(&points, list).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_pogson"))
        .args(["info", out.join("truth.fits").to_str().unwrap(), "--pix2sky", "-"])
        .stdin(std::fs::File::open(&points).unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let mut error = String::new();
    child.stderr.take().unwrap().read_to_string(&mut error).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{error}");
    assert_eq!(error, "");
}

#[test]
fn an_interrupted_run_says_so_and_leaves_no_temporary_file() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("s");
    let mut child = Command::new(env!("CARGO_BIN_EXE_pogson"))
        .args(["simulate", "-o", out.to_str().unwrap(), "--size", "20", "--noise", "1", "--stars", "10"])
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let raw = out.join("raw");
    let begun = || std::fs::read_dir(&raw).is_ok_and(|mut entries| entries.next().is_some());
    for _ in 0..600 {
        if begun() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert!(begun(), "no tile was begun in 30 s");
    // The shell has its own kill; the program of that name is not on every system.
    let line = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(5));
    for entry in std::fs::read_dir(&raw).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        assert!(!name.ends_with(".part"), "{name} is left over");
    }
}
