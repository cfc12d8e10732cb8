//! `convert`: values survive another type and another compression.

use std::path::{Path, PathBuf};
use std::process::Command;

fn pogson(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pogson")).args(args).output().expect("the program starts");
    (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
}

/// A noisy tile to convert.
fn tile(dir: &Path) -> PathBuf {
    let out = dir.join("s");
    let args =
        ["simulate", "-o", out.to_str().expect("a plain path"), "--size", "0.02", "--tile", "100x60", "--noise", "2"];
    assert_eq!(pogson(&args).0, Some(0));
    let mut entries = std::fs::read_dir(out.join("raw")).expect("tiles");
    entries.next().expect("a tile").expect("a name").path()
}

fn largest_difference(a: &str, b: &str) -> f64 {
    let (code, text) = pogson(&["compare", a, b, "--json"]);
    assert_eq!(code, Some(0), "{text}");
    let report: serde_json::Value = serde_json::from_str(&text).expect("a JSON object");
    assert_eq!(report["residuals"]["pixels"], 6000, "{text}");
    report["residuals"]["max_abs"].as_f64().expect("a number")
}

#[test]
fn compressions_without_loss_give_the_same_values_back() {
    let dir = tempfile::tempdir().unwrap();
    let source = tile(dir.path()).display().to_string();
    let packed = dir.path().join("p.fits").display().to_string();
    let plain = dir.path().join("q.fits").display().to_string();
    for codec in ["gzip1", "gzip2", "store"] {
        let (code, text) =
            pogson(&["convert", &source, "-o", &packed, "--compress", codec, "--quantize", "0", "--force"]);
        assert_eq!(code, Some(0), "{text}");
        assert_eq!(largest_difference(&source, &packed), 0.0, "{codec}");
        assert_eq!(pogson(&["convert", &packed, "-o", &plain, "--force"]).0, Some(0));
        assert_eq!(largest_difference(&source, &plain), 0.0, "{codec}");
    }
}

#[test]
fn quantised_floats_stay_within_a_step_of_the_noise() {
    let dir = tempfile::tempdir().unwrap();
    let source = tile(dir.path()).display().to_string();
    let packed = dir.path().join("p.fits").display().to_string();
    for codec in ["rice", "hcompress"] {
        let (code, text) = pogson(&["convert", &source, "-o", &packed, "--compress", codec, "--force"]);
        assert_eq!(code, Some(0), "{text}");
        // A step is a sixteenth of the noise, 2; a value lies within half a step.
        let found = largest_difference(&source, &packed);
        assert!(found > 0.0 && found < 0.5 * 2.0 / 16.0 * 1.5, "{codec}: {found}");
    }
}

#[test]
fn scaled_integers_hold_values_to_half_a_step() {
    let dir = tempfile::tempdir().unwrap();
    let source = tile(dir.path()).display().to_string();
    let short = dir.path().join("i.fits").display().to_string();
    let args = ["convert", &source, "-o", &short, "--bitpix", "32", "--bscale", "0.01", "--bzero", "640"];
    let (code, text) = pogson(&args);
    assert_eq!(code, Some(0), "{text}");
    assert!(largest_difference(&source, &short) < 0.0051);
    let both = dir.path().join("ic.fits").display().to_string();
    let (code, text) =
        pogson(&["convert", &source, "-o", &both, "--bitpix", "32", "--bscale", "0.01", "--compress", "rice"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(largest_difference(&source, &both) < 0.0051);
}

#[test]
fn values_that_do_not_fit_are_refused_and_leave_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let source = tile(dir.path()).display().to_string();
    let bytes = dir.path().join("b.fits");
    let (code, text) = pogson(&["convert", &source, "-o", bytes.to_str().unwrap(), "--bitpix", "8"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("b.fits") && !bytes.exists(), "{text}");
    assert_eq!(pogson(&["convert", &source, "-o", bytes.to_str().unwrap(), "--bitpix", "12"]).0, Some(2));
}
