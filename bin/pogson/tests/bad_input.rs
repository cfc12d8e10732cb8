//! Files that are not what they claim to be: each names file and value, with exit code 3.

use std::path::PathBuf;
use std::process::{Command, Output};

fn pogson(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pogson")).args(args).output().expect("the program starts")
}

/// A FITS file of the given cards and data.
struct Made {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Made {
    fn of(bytes: &[u8]) -> Made {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("made.fits");
        std::fs::write(&path, bytes).expect("a written file");
        Made { _dir: dir, path }
    }

    fn fits(cards: &[&str], data: usize) -> Made {
        let mut bytes = header(cards, true);
        bytes.resize(bytes.len() + data, 0);
        Made::of(&bytes)
    }

    fn path(&self) -> &str {
        self.path.to_str().expect("a plain path")
    }
}

fn header(cards: &[&str], end: bool) -> Vec<u8> {
    let mut text: String = cards.iter().map(|card| format!("{card:80}")).collect();
    if end {
        text.push_str(&format!("{:80}", "END"));
    }
    let mut bytes = text.into_bytes();
    bytes.resize(bytes.len().next_multiple_of(2880), b' ');
    bytes
}

const SIMPLE: &str = "SIMPLE  =                    T";
const FLOATS: &str = "BITPIX  =                  -32";
const IMAGE: [&str; 5] = [SIMPLE, FLOATS, "NAXIS   = 2", "NAXIS1  = 10", "NAXIS2  = 10"];

fn refused(args: &[&str], words: &[&str]) {
    let output = pogson(args);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{args:?}: {error}");
    assert!(output.stdout.is_empty(), "{args:?} printed data beside its failure");
    for word in words {
        assert!(error.contains(word), "{args:?}: '{word}' is not in: {error}");
    }
    assert!(!error.contains("panicked"), "{error}");
}

#[test]
fn a_missing_file_is_named() {
    refused(&["info", "nowhere.fits"], &["nowhere.fits"]);
}

#[test]
fn a_picture_is_no_fits_file() {
    let file = Made::of(b"\x89PNG\r\n\x1a\n and more");
    refused(&["info", file.path()], &["made.fits", "PNG"]);
}

#[test]
fn an_empty_file_is_no_fits_file() {
    let file = Made::of(b"");
    refused(&["info", file.path()], &["made.fits", "empty"]);
}

#[test]
fn a_header_without_end_is_said_to_lack_it() {
    let file = Made::of(&header(&IMAGE, false));
    refused(&["info", file.path()], &["made.fits", "END"]);
}

#[test]
fn a_bitpix_that_fits_does_not_know_is_quoted() {
    let file = Made::fits(&[SIMPLE, "BITPIX  = 12", "NAXIS   = 0"], 0);
    refused(&["info", file.path()], &["made.fits", "BITPIX", "12"]);
}

#[test]
fn axes_beyond_all_memory_are_refused() {
    let big = format!("NAXIS1  = {}", i64::MAX);
    let file = Made::fits(&[SIMPLE, FLOATS, "NAXIS   = 2", &big, "NAXIS2  = 1000"], 0);
    refused(&["info", file.path()], &["made.fits"]);
}

#[test]
fn an_hdu_that_is_not_there_is_refused() {
    let file = Made::fits(&IMAGE, 400);
    refused(&["info", file.path(), "--hdu", "3"], &["made.fits", "3"]);
    refused(&["info", file.path(), "--hdu", "SCI"], &["made.fits", "SCI"]);
}

#[test]
fn a_file_without_data_can_be_looked_at() {
    let file = Made::fits(&[SIMPLE, "BITPIX  = 8", "NAXIS   = 0"], 0);
    let output = pogson(&["info", file.path()]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains("no data"));
}

#[test]
fn a_truncated_image_shows_its_header_with_a_warning() {
    let file = Made::fits(&IMAGE, 100);
    let output = pogson(&["info", file.path()]);
    assert!(output.status.success());
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(error.contains("made.fits") && error.contains("300"), "{error}");
}

#[test]
fn failures_are_one_json_object_on_request() {
    let output = pogson(&["info", "nowhere.fits", "--json"]);
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["exit_code"], 3);
    assert!(error["error"].as_str().unwrap().contains("nowhere.fits"));
}
