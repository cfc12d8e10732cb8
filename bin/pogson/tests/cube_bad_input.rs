//! Images of which no cube can be made: one sentence that names the file, the value and the mend, and the exit code.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;

use pogson_image::fits::{Bitpix, Header, ImageWriter, Options};

const SIDE: usize = 48;

/// Writes a TAN image of 1 second of arc per pixel about a place on the sky.
fn write(dir: &Path, name: &str, (ra, dec): (f64, f64), unit: &str, value: impl Fn(usize, usize) -> f32) {
    let mut header = Header::new();
    for (key, value) in [("CTYPE1", "RA---TAN"), ("CTYPE2", "DEC--TAN"), ("BUNIT", unit)] {
        header.set(key, value, "");
    }
    let middle = SIDE as f64 / 2.0;
    for (key, value) in [("CRPIX1", middle), ("CRPIX2", middle), ("CRVAL1", ra), ("CRVAL2", dec)] {
        header.set(key, value, "");
    }
    header.set("CDELT1", -1.0 / 3600.0, "");
    header.set("CDELT2", 1.0 / 3600.0, "");
    let values: Vec<f32> = (0..SIDE * SIDE).map(|p| value(p % SIDE, p / SIDE)).collect();
    let options = Options { overwrite: true, checksum: true };
    let writer = ImageWriter::create(&dir.join(name), &header, &[SIDE, SIDE], Bitpix::F32, options).unwrap();
    writer.write_rows_f32(0, 0, &values).unwrap();
    writer.finish().unwrap();
}

/// A source in the middle on a sky with a little disorder.
fn galaxy(x: usize, y: usize) -> f32 {
    let r2 = (x as f64 - 24.0).powi(2) + (y as f64 - 24.0).powi(2);
    (1e-4 * libm::exp(-r2 / 60.0)) as f32 + ((x * 7919 + y * 104_729) % 1000) as f32 * 1e-9
}

const HERE: (f64, f64) = (150.0, 2.0);

/// A folder with images `u`, `r` and `w1` of a galaxy in Jy.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for name in ["u.fits", "r.fits", "w1.fits"] {
        write(dir.path(), name, HERE, "Jy", galaxy);
    }
    dir
}

const NAMED: &str = "--band u.fits=SDSS_u --band r.fits=SDSS_r --min-bands 1 --sky none --psf 4";

fn run(dir: &Path, line: &str) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pogson"));
    let done =
        command.args(line.split_whitespace()).args(["-o", "o.fits", "--quiet"]).current_dir(dir).output().unwrap();
    (done.status.code().unwrap(), String::from_utf8_lossy(&done.stderr).into_owned())
}

/// Runs what has to fail; the sentence names all `words`, is one line, and leaves no file.
fn refused(dir: &Path, line: &str, code: i32, words: &[&str]) {
    let (ended, said) = run(dir, line);
    assert_eq!(ended, code, "{line}: {said}");
    for word in words {
        assert!(said.contains(word), "{line}: no '{word}' in: {said}");
    }
    if code == 3 {
        let failures: Vec<&str> = said.lines().filter(|line| line.starts_with("pogson: ")).collect();
        assert_eq!(failures.len(), 1, "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    let left = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = left.filter(|name| name.starts_with("o.fits") || name.ends_with(".part")).collect();
    assert!(left.is_empty(), "{line}: {left:?}");
}

#[test]
fn sound_images_make_a_cube() {
    let dir = folder();
    let (code, said) = run(dir.path(), &format!("cube u.fits r.fits w1.fits {NAMED} --band w1.fits=WISE_W1 --psf 9"));
    assert_eq!(code, 0, "{said}");
    assert!(dir.path().join("o.fits").exists());
}

#[test]
fn bands_and_units_that_are_not_known_are_named() {
    let dir = folder();
    let at = dir.path();
    let more = "--min-bands 1 --sky none --psf 4";
    refused(
        at,
        &format!("cube u.fits r.fits {more} --band u.fits=SDSS_r --band r.fits=SDSS_r"),
        3,
        &["SDSS_r", "u.fits", "r.fits", "twice", "leave one out"],
    );
    refused(at, &format!("cube u.fits {more} --band u.fits=SDSS_q"), 3, &["u.fits", "SDSS_q"]);
    // Nothing says of which band it is.
    write(at, "x.fits", HERE, "Jy", galaxy);
    refused(at, &format!("cube x.fits {more}"), 3, &["x.fits", "--band"]);
    refused(at, &format!("cube u.fits r.fits {NAMED} --unit r.fits=furlong"), 3, &["r.fits", "furlong", "--unit"]);
    refused(at, &format!("cube u.fits r.fits none.fits {NAMED}"), 3, &["none.fits"]);
    write(at, "r.fits", HERE, "furlong/fortnight", galaxy);
    refused(at, &format!("cube u.fits r.fits {NAMED}"), 3, &["r.fits", "furlong", "--unit"]);
    write(at, "r.fits", HERE, "adu", galaxy);
    refused(at, &format!("cube u.fits r.fits {NAMED}"), 3, &["r.fits", "zero"]);
}

#[test]
fn images_without_common_sky_are_named() {
    let dir = folder();
    write(dir.path(), "r.fits", (151.0, 2.0), "Jy", galaxy);
    refused(dir.path(), &format!("cube u.fits r.fits w1.fits {NAMED} --band w1.fits=WISE_W1"), 3, &["overlap"]);
    // A field that is asked for, where there is none.
    refused(dir.path(), &format!("cube u.fits r.fits {NAMED} --center 10,-40 --size 0.01 --scale 2"), 3, &["u.fits"]);
}

#[test]
fn uncertainties_that_cannot_be_are_named_with_their_pixel() {
    let dir = folder();
    let at = dir.path();
    let line = format!("cube u.fits r.fits {NAMED} --sigma r.fits=s.fits");
    write(at, "s.fits", HERE, "Jy", |x, y| if (x, y) == (10, 20) { -1e-6 } else { 1e-6 });
    refused(at, &line, 3, &["s.fits", "1 negative", "(11, 21)", "NaN"]);
    write(at, "s.fits", HERE, "Jy", |x, y| if (x, y) == (11, 20) { 0.0 } else { 1e-6 });
    refused(at, &line, 3, &["s.fits", "1 zero", "(12, 21)", "NaN"]);
    write(at, "s.fits", HERE, "Jy", |_, _| f32::NAN);
    refused(at, &line, 3, &["r.fits", "masked"]);
    write(at, "s.fits", HERE, "Jy", |_, _| 1e-6);
    assert_eq!(run(at, &line).0, 0);
}

#[test]
fn images_without_a_pixel_are_named() {
    let dir = folder();
    let at = dir.path();
    write(at, "r.fits", HERE, "Jy", |_, _| f32::NAN);
    refused(at, &format!("cube u.fits r.fits {NAMED}"), 3, &["r.fits", "NaN"]);
    write(at, "r.fits", HERE, "Jy", galaxy);
    write(at, "m.fits", HERE, "", |_, _| 1.0);
    refused(at, &format!("cube u.fits r.fits {NAMED} --mask r.fits=m.fits"), 3, &["r.fits", "masked"]);
    // Pixels that are NaN here and there are left out.
    write(at, "r.fits", HERE, "Jy", |x, y| if x < 5 { f32::NAN } else { galaxy(x, y) });
    assert_eq!(run(at, &format!("cube u.fits r.fits {NAMED}")).0, 0);
    // No pixel has as many bands as are asked for.
    let (code, said) = {
        std::fs::remove_file(at.join("o.fits")).unwrap();
        run(at, &format!("cube u.fits r.fits {} ", NAMED.replace("--min-bands 1", "--min-bands 5")))
    };
    assert_eq!(code, 3, "{said}");
    assert!(said.contains('5') && said.contains("--min-bands"), "{said}");
}
