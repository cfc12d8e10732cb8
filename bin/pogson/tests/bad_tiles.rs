//! Tiles that are not what they should be, among good ones: each is named, and nothing else is lost.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use pogson_image::fits::{Bitpix, FitsFile, Header, ImageWriter, Options};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn pogson(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pogson")).args(args).output().unwrap()
}

/// A small survey and one more tile that a test spoils.
struct Set {
    dir: tempfile::TempDir,
    tile: PathBuf,
}

impl Set {
    fn new() -> Set {
        let dir = tempfile::tempdir().unwrap();
        let survey = dir.path().join("s");
        let args = ["simulate", "-o", survey.to_str().unwrap(), "--size", "0.1", "--tile", "200x200", "--quiet"];
        assert!(pogson(&args).status.success());
        let tile = std::fs::read_dir(survey.join("raw")).unwrap().map(|e| e.unwrap().path()).min().unwrap();
        Set { dir, tile }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// A tile like the others but for its header and values.
    fn spoilt(&self, name: &str, change: impl Fn(&mut Header, &mut [f32])) {
        let file = FitsFile::open(&self.tile).unwrap();
        let image = file.first_image().unwrap();
        let mut values = vec![0.0; image.rect().area()];
        image.read_f32(0, image.rect(), &mut values).unwrap();
        let mut header = image.header().clone();
        change(&mut header, &mut values);
        let path = self.dir.path().join(name);
        let writer = ImageWriter::create(
            &path,
            &header,
            image.axes(),
            Bitpix::F32,
            Options { overwrite: true, checksum: false },
        );
        let writer = writer.unwrap();
        writer.write_rows_f32(0, 0, &values).unwrap();
        writer.finish().unwrap();
    }

    /// Makes the mosaic with the further tile; returns what was said and the JSON.
    fn mosaic(&self, name: &str, more: &[&str]) -> (Option<i32>, String, serde_json::Value) {
        let (raw, extra, out, grid) =
            (self.path("s/raw"), self.path(name), self.path("m.fits"), self.path("s/region.hdr"));
        let mut args = vec!["mosaic", &raw, &extra, "-o", &out, "--header", &grid, "--force", "--json"];
        args.extend(more);
        let done = pogson(&args);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        (done.status.code(), said, serde_json::from_slice(&done.stdout).unwrap_or_default())
    }
}

#[test]
fn files_that_are_no_tiles_are_left_out_by_name_once_or_fail_when_strict() {
    let set = Set::new();
    let good = std::fs::read(&set.tile).unwrap();
    let replaced = |from: &[u8], to: &[u8]| {
        let mut bytes = good.clone();
        let at = bytes.windows(from.len()).position(|w| w == from).unwrap();
        bytes[at..at + to.len()].copy_from_slice(to);
        bytes
    };
    let bitpix = format!("BITPIX  = {:>20}", -32);
    let wrong = format!("BITPIX  = {:>20}", 12);
    let mut endless = good[..2880].to_vec();
    let end = endless.chunks(80).position(|c| c.starts_with(b"END ")).map_or(0, |k| k * 80);
    endless[end..end + 3].copy_from_slice(b"XXX");
    let raw: [(&str, Vec<u8>, &str); 4] = [
        ("text.fits", b"not an image at all ".repeat(300), "SIMPLE"),
        ("short.fits", good[..good.len() / 2].to_vec(), "bytes are missing"),
        ("endless.fits", endless, "END"),
        ("bitpix.fits", replaced(bitpix.as_bytes(), wrong.as_bytes()), "12"),
    ];
    for (name, bytes, _) in &raw {
        std::fs::write(set.path(name), bytes).unwrap();
    }
    set.spoilt("place.fits", |h, _| {
        h.remove("CTYPE1");
        h.remove("CTYPE2");
    });
    set.spoilt("code.fits", |h, _| {
        h.set("CTYPE1", "RA---XYZ", "");
        h.set("CTYPE2", "DEC--XYZ", "");
    });
    set.spoilt("flat.fits", |h, _| {
        for key in ["CDELT1", "CDELT2", "CROTA2", "PC1_1", "PC2_2"] {
            h.remove(key);
        }
        for (key, value) in [("CD1_1", 1e-4), ("CD1_2", 2e-4), ("CD2_1", 2e-4), ("CD2_2", 4e-4)] {
            h.set(key, value, "");
        }
    });
    let more = [("place.fits", "CTYPE1"), ("code.fits", "RA---XYZ"), ("flat.fits", "singular")];
    for (name, word) in raw.iter().map(|(n, _, w)| (*n, *w)).chain(more) {
        let (code, said, made) = set.mosaic(name, &[]);
        assert_eq!(code, Some(0), "{name}: {said}");
        assert_eq!(said.matches(name).count(), 1, "{name}: {said}");
        assert!(said.contains(word), "{name}: {said}");
        assert_eq!(made["left_out"].as_array().unwrap().len(), 1, "{name}");
        let before = std::fs::read(set.path("m.fits")).unwrap();
        let (code, said, _) = set.mosaic(name, &["--strict"]);
        assert_eq!(code, Some(3), "{name}: {said}");
        assert!(said.contains(name) && said.contains(word), "{name}: {said}");
        assert!(std::fs::read(set.path("m.fits")).unwrap() == before, "{name}: an output was touched");
    }
}

#[test]
fn tiles_that_add_nothing_are_named() {
    let set = Set::new();
    set.spoilt("nan.fits", |_, values| values.fill(f32::NAN));
    set.spoilt("far.fits", |h, _| h.set("CRVAL2", 60.0, ""));
    set.spoilt("tiny.fits", |h, _| {
        h.set("CDELT1", -1e-9, "");
        h.set("CDELT2", 1e-9, "");
    });
    for (name, word) in
        [("nan.fits", "no pixel has a value"), ("far.fits", "no pixel of the output"), ("tiny.fits", "differ in size")]
    {
        let (code, said, made) = set.mosaic(name, &[]);
        assert_eq!(code, Some(0), "{name}: {said}");
        assert!(said.contains(name) && said.contains(word), "{name}: {said}");
        assert!(made["residual_after"].as_f64().unwrap() < 1e-3, "{name}: {made}");
    }
}

#[test]
fn groups_that_share_no_sky_are_islands_and_that_is_said() {
    let set = Set::new();
    set.spoilt("far.fits", |h, _| h.set("CRVAL2", -13.3, ""));
    let args = ["mosaic", &set.path("s/raw"), &set.path("far.fits"), "-o", &set.path("i.fits"), "--json"];
    let done = pogson(&args);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let made: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(made["islands"], 2, "{made}");
    assert!(said.contains("2 islands"), "{said}");
}

#[test]
fn a_request_beyond_the_disk_fails_at_once_and_leaves_nothing() {
    let set = Set::new();
    let (raw, out) = (set.path("s/raw"), set.path("big.fits"));
    let args = [
        "mosaic",
        &raw,
        "-o",
        &out,
        "--center",
        "274.7 -13.8",
        "--size",
        "60",
        "--scale",
        "0.02",
        "--memory",
        "100MiB",
    ];
    let done = pogson(&args);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(matches!(done.status.code(), Some(2..=4)), "{said}");
    assert!(!said.contains("panicked") && !said.is_empty(), "{said}");
    let left: Vec<_> = std::fs::read_dir(set.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    assert!(!Path::new(&out).exists());
}
