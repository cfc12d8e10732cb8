//! `simulate` and `compare` together: what was put in comes out.

use std::path::Path;
use std::process::Command;

fn pogson(args: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_pogson")).args(args).output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn json(args: &[&str]) -> serde_json::Value {
    let mut args = args.to_vec();
    args.push("--json");
    let (code, out, error) = pogson(&args);
    assert_eq!(code, Some(0), "{args:?}: {error}");
    serde_json::from_str(&out).expect("a JSON object")
}

fn simulate(dir: &Path, more: &[&str]) -> serde_json::Value {
    let mut args = vec!["simulate", "-o", dir.to_str().expect("a plain path"), "--size", "0.05", "--tile", "128x128"];
    args.extend(more);
    json(&args)
}

fn path(dir: &Path, name: &str) -> String {
    dir.join(name).display().to_string()
}

#[test]
fn stars_of_the_truth_image_have_their_listed_fluxes_in_every_frame() {
    for frame in ["fk5", "galactic", "fk4"] {
        let dir = tempfile::tempdir().unwrap();
        simulate(dir.path(), &["--truth-image", "--frame", frame, "--stars", "10000"]);
        let (truth, list) = (path(dir.path(), "truth.fits"), path(dir.path(), "truth_stars.txt"));
        let report = json(&["compare", &truth, &truth, "--stars", &list]);
        let all = &report["photometry"]["a"]["all"];
        assert!(all["n"].as_u64().unwrap() >= 4, "{report}");
        assert!(all["flux_max"].as_f64().unwrap() < 0.01, "{frame}: {all}");
        assert!(all["centroid_max"].as_f64().unwrap() < 1e-3, "{frame}: {all}");
        assert_eq!(report["residuals"]["max_abs"], 0.0);
        assert!(report["grid_offset_px"].as_f64().unwrap() < 1e-6);
    }
}

#[test]
fn a_seed_gives_the_same_bytes_for_any_number_of_threads() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let fixed = |dir: &Path, threads: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_pogson"))
            .args([
                "simulate", "--size", "0.05", "--tile", "128x128", "--noise", "3", "--hot", "0.001", "--nan", "0.001",
            ])
            .args(["-o", dir.to_str().unwrap(), "--threads", threads])
            .env("SOURCE_DATE_EPOCH", "1000000000")
            .output();
        assert!(output.unwrap().status.success());
    };
    fixed(one.path(), "1");
    fixed(two.path(), "3");
    let mut names: Vec<_> =
        std::fs::read_dir(one.path().join("raw")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert!(names.len() > 2);
    for name in names {
        let read = |dir: &Path| std::fs::read(dir.join("raw").join(&name)).unwrap();
        assert!(read(one.path()) == read(two.path()), "{name:?} differs");
    }
}

#[test]
fn noise_has_the_asked_size_and_the_difference_image_holds_it() {
    let (quiet, noisy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    simulate(quiet.path(), &[]);
    simulate(noisy.path(), &["--noise", "5"]);
    let name = std::fs::read_dir(quiet.path().join("raw")).unwrap().next().unwrap().unwrap().file_name();
    let tile = |dir: &Path| dir.join("raw").join(&name).display().to_string();
    let difference = path(quiet.path(), "difference.fits");
    let report = json(&["compare", &tile(noisy.path()), &tile(quiet.path()), "-o", &difference]);
    let rms = report["residuals"]["rms"].as_f64().unwrap();
    assert!((rms / 5.0 - 1.0).abs() < 0.05, "{rms}");
    let zero = json(&["compare", &difference, &difference]);
    assert_eq!(zero["residuals"]["pixels"], 128 * 128);
    let (code, _, error) = pogson(&["compare", &tile(noisy.path()), &tile(quiet.path()), "--tolerance", "0.1"]);
    assert_eq!(code, Some(1), "{error}");
}

#[test]
fn images_of_different_sizes_are_not_compared() {
    let dir = tempfile::tempdir().unwrap();
    simulate(dir.path(), &["--truth-image"]);
    let (truth, part) = (path(dir.path(), "truth.fits"), path(dir.path(), "part.fits"));
    assert_eq!(pogson(&["cutout", &truth, "-o", &part, "--pixels", "1:20,11:40"]).0, Some(0));
    let (code, _, error) = pogson(&["compare", &truth, &part]);
    assert_eq!(code, Some(3));
    assert!(error.contains("180 x 180") && error.contains("20 x 30"), "{error}");
}

#[test]
fn a_cutout_shows_the_sky_where_the_whole_image_does() {
    let dir = tempfile::tempdir().unwrap();
    simulate(dir.path(), &["--truth-image", "--frame", "galactic"]);
    let (truth, part) = (path(dir.path(), "truth.fits"), path(dir.path(), "part.fits"));
    json(&["cutout", &truth, "-o", &part, "--pixels", "31:90,51:110"]);
    let whole = json(&["info", &truth, "--pix2sky", "60 70"]);
    let cut = json(&["info", &part, "--pix2sky", "30 20"]);
    for key in ["lon", "lat", "ra", "dec"] {
        assert!((whole[key].as_f64().unwrap() - cut[key].as_f64().unwrap()).abs() < 1e-11, "{key}");
    }
    let back = json(&["info", &truth, "--frame", "icrs", "--sky2pix", &format!("{} {}", whole["ra"], whole["dec"])]);
    assert!((back["x"].as_f64().unwrap() - 60.0).abs() < 1e-7, "{back}");
}

#[test]
fn outputs_are_not_overwritten_without_force() {
    let dir = tempfile::tempdir().unwrap();
    simulate(dir.path(), &["--truth-image"]);
    let (truth, part) = (path(dir.path(), "truth.fits"), path(dir.path(), "part.fits"));
    let cut = ["cutout", truth.as_str(), "-o", &part, "--pixels", "1:2,1:2"];
    assert_eq!(pogson(&cut).0, Some(0));
    let (code, _, error) = pogson(&cut);
    assert_eq!(code, Some(1));
    assert!(error.contains("--force"), "{error}");
    assert_eq!(pogson(&["simulate", "-o", dir.path().to_str().unwrap(), "--size", "0.05"]).0, Some(1));
}

#[test]
fn numbers_out_of_range_are_wrong_usage() {
    let dir = tempfile::tempdir().unwrap();
    let out = path(dir.path(), "x");
    for more in [["--size", "0"], ["--projection", "XYZ"], ["--fwhm", "-1"], ["--tile", "0x5"], ["--nan", "2"]] {
        let mut args = vec!["simulate", "-o", out.as_str()];
        args.extend(more);
        let (code, _, error) = pogson(&args);
        assert_eq!(code, Some(2), "{more:?}: {error}");
    }
}
