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
