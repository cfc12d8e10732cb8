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

#[test]
fn coordinates_that_make_no_sense_are_refused_with_their_value() {
    let tan = ["CTYPE1  = 'RA---TAN'", "CTYPE2  = 'DEC--TAN'"];
    let singular = ["CD1_1   = 1.0", "CD1_2   = 2.0", "CD2_1   = 2.0", "CD2_2   = 4.0"];
    let with = |more: &[&'static str]| {
        let cards: Vec<&str> = IMAGE.iter().copied().chain(more.iter().copied()).collect();
        Made::fits(&cards, 2880)
    };
    let none = with(&[]);
    refused(&["info", none.path(), "--pix2sky", "1 1"], &["made.fits", "CTYPE1"]);
    let unknown = with(&["CTYPE1  = 'RA---XXX'", "CTYPE2  = 'DEC--XXX'"]);
    refused(&["info", unknown.path(), "--pix2sky", "1 1"], &["made.fits", "XXX"]);
    let flat = with(&[&tan[..], &singular[..]].concat());
    refused(&["info", flat.path(), "--pix2sky", "1 1"], &["made.fits", "singular"]);
    refused(&["cutout", none.path(), "-o", "/dev/null/x", "--center", "1 2", "--size", "1m"], &["made.fits"]);
}

#[test]
fn a_truncated_image_is_not_cut() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("out.fits");
    let file = Made::fits(&IMAGE, 100);
    refused(&["cutout", file.path(), "-o", target.to_str().unwrap(), "--pixels", "1:5,1:5"], &["made.fits", "300"]);
    assert!(!target.exists());
}
