//! `--tiles` and `--trim`: the same mosaic in other pieces.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::process::Command;

use pogson_image::fits::{FitsFile, Rect};

fn good(dir: &Path, args: &[&str]) -> serde_json::Value {
    let done = Command::new(env!("CARGO_BIN_EXE_pogson")).args(args).current_dir(dir).output().unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap_or_default()
}

/// Size, CRPIX and bits of an image.
fn image(path: &Path) -> ((usize, usize), (f64, f64), Vec<u32>) {
    let file = FitsFile::open(path).unwrap();
    let image = file.first_image().unwrap();
    let mut out = vec![0.0; image.rect().area()];
    image.read_f32(0, image.rect(), &mut out).unwrap();
    let pixel = |key: &str| image.header().f64(key).unwrap();
    let bits = out.into_iter().map(f32::to_bits).collect();
    ((image.width(), image.height()), (pixel("CRPIX1"), pixel("CRPIX2")), bits)
}

fn part(bits: &[u32], width: usize, rect: Rect) -> Vec<u32> {
    (rect.y..rect.y + rect.height).flat_map(|y| &bits[y * width + rect.x..][..rect.width]).copied().collect()
}

fn survey() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    good(dir.path(), &["simulate", "-o", "s", "--size", "0.2", "--noise", "2", "--quiet"]);
    dir
}

#[test]
fn the_files_of_a_grid_are_together_the_mosaic() {
    let dir = survey();
    let make = ["mosaic", "s/raw", "--header", "s/region.hdr", "--json", "-o"];
    let planes = ["--footprint", "f.fits", "--variance", "v.fits", "--count", "n.fits"];
    good(dir.path(), &[&make[..], &["one.fits"], &planes].concat());
    let many = ["--footprint", "gf.fits", "--variance", "gv.fits", "--count", "gn.fits", "--tiles", "3x2"];
    let said = good(dir.path(), &[&make[..], &["g.fits"], &many].concat());
    assert_eq!(said["files"].as_array().unwrap().len(), 6);
    for (whole, piece) in [("one", "g"), ("f", "gf"), ("v", "gv"), ("n", "gn")] {
        let (size, crpix, bits) = image(&dir.path().join(format!("{whole}.fits")));
        let mut pixels = 0;
        for y in 0..2 {
            for x in 0..3 {
                let (small, pixel, own) = image(&dir.path().join(format!("{piece}_{x}_{y}.fits")));
                let at = ((crpix.0 - pixel.0) as usize, (crpix.1 - pixel.1) as usize);
                assert_eq!(crpix, (pixel.0 + at.0 as f64, pixel.1 + at.1 as f64), "CRPIX moves by whole pixels");
                let rect = Rect { x: at.0, y: at.1, width: small.0, height: small.1 };
                assert!(part(&bits, size.0, rect) == own, "{piece}_{x}_{y}");
                pixels += own.len();
            }
        }
        assert_eq!(pixels, bits.len());
    }
    assert!(!dir.path().join("g.fits").exists());
}

#[test]
fn a_trimmed_mosaic_is_the_covered_rectangle_of_the_exact_one() {
    let dir = survey();
    // A frame far larger than the survey, and a tile whose own edge is blank: the trimmed edge has to hold values.
    let hdr = std::fs::read_to_string(dir.path().join("s/region.hdr")).unwrap();
    let wide: String = hdr
        .lines()
        .map(|line| match line.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some((key @ ("NAXIS1" | "NAXIS2"), value)) => {
                format!("{key} = {}\n", value.parse::<usize>().unwrap() + 3000)
            }
            Some((key @ ("CRPIX1" | "CRPIX2"), value)) => {
                format!("{key} = {}\n", value.parse::<f64>().unwrap() + 1500.0)
            }
            _ => format!("{line}\n"),
        })
        .collect();
    std::fs::write(dir.path().join("wide.hdr"), wide).unwrap();
    let make = ["mosaic", "s/raw", "--header", "wide.hdr", "--json", "-o"];
    good(dir.path(), &[&make[..], &["exact.fits", "--footprint", "f.fits"]].concat());
    let how = ["--trim", "--footprint", "tf.fits", "--report", "r.html", "--preview", "p.png"];
    let said = good(dir.path(), &[&make[..], &["trim.fits"], &how].concat());
    for (whole, trimmed) in [("exact.fits", "trim.fits"), ("f.fits", "tf.fits")] {
        let (size, crpix, bits) = image(&dir.path().join(whole));
        let (small, pixel, own) = image(&dir.path().join(trimmed));
        let at = ((crpix.0 - pixel.0) as usize, (crpix.1 - pixel.1) as usize);
        assert!(at.0 > 0 && small.0 < size.0 && small.1 < size.1);
        assert_eq!(said["trimmed_from"], serde_json::json!([at.0, at.1]));
        assert_eq!((said["width"].as_u64(), said["height"].as_u64()), (Some(small.0 as u64), Some(small.1 as u64)));
        assert!(part(&bits, size.0, Rect { x: at.0, y: at.1, width: small.0, height: small.1 }) == own);
        let known = |v: &u32| f32::from_bits(*v).is_finite();
        if trimmed == "trim.fits" {
            assert_eq!(bits.iter().filter(|v| known(v)).count(), own.iter().filter(|v| known(v)).count());
            let column = |x: usize| own[x..].iter().step_by(small.0).any(known);
            assert!(column(0) && column(small.0 - 1));
            assert!(own[..small.0].iter().any(known) && own[own.len() - small.0..].iter().any(known));
        }
        // Check sums are those of the trimmed file.
        let file = FitsFile::open(&dir.path().join(trimmed)).unwrap();
        use pogson_image::fits::checksum::Verdict;
        assert_eq!(file.verify(0).unwrap(), (Verdict::Right, Verdict::Right));
    }
}

#[test]
fn steps_cut_as_the_mosaic_does() {
    let dir = survey();
    for args in [
        &["step", "project", "s/raw", "--header", "s/region.hdr", "-o", "p"][..],
        &["table", "p", "-o", "i.tbl"],
        &["step", "add", "i.tbl", "--header", "s/region.hdr", "-o", "a.fits"],
        &["step", "add", "i.tbl", "--header", "s/region.hdr", "-o", "t.fits", "--trim"],
        &["step", "add", "i.tbl", "--header", "s/region.hdr", "-o", "g.fits", "--tiles", "2"],
        &["mosaic", "s/raw", "--header", "s/region.hdr", "--background", "none", "-o", "m.fits", "--trim"],
    ] {
        good(dir.path(), args);
    }
    let files: Vec<PathBuf> = ["t.fits", "m.fits"].map(|name| dir.path().join(name)).into();
    assert!(image(&files[0]) == image(&files[1]));
    let (size, _, _) = image(&dir.path().join("a.fits"));
    let (corner, _, _) = image(&dir.path().join("g_0_0.fits"));
    assert_eq!((corner.0, corner.1), (size.0 / 2, size.1 / 2));
}
