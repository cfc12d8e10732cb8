//! `pogson step`: the steps over files against `pogson mosaic`, split work, resumed work, tables that do not fit.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pogson_image::fits::FitsFile;

/// A folder of work with a small survey in it.
struct Chain {
    dir: tempfile::TempDir,
}

impl Chain {
    fn new(more: &[&str]) -> Chain {
        let chain = Chain { dir: tempfile::tempdir().unwrap() };
        let mut args = vec!["simulate", "-o", "survey", "--size", "0.2", "--noise", "2", "--quiet"];
        args.extend(more);
        chain.good(&args);
        chain
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pogson"));
        command.args(args).current_dir(self.dir.path()).env("SOURCE_DATE_EPOCH", "1000000000");
        command.output().unwrap()
    }

    fn good(&self, args: &[&str]) {
        let done = self.run(args);
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    fn json(&self, args: &[&str]) -> serde_json::Value {
        let done = self.run(&[args, &["--json"]].concat());
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).unwrap()
    }

    /// The sentence of a run that fails with this exit code.
    fn refused(&self, args: &[&str], code: i32) -> String {
        let done = self.run(args);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(code), "{args:?}: {said}");
        said
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Projects and makes images.tbl and diffs.tbl.
    fn project(&self, how: &[&str]) {
        let fixed = ["step", "project", "survey/raw", "--header", "survey/region.hdr", "-o", "projected", "--force"];
        self.good(&[&fixed[..], how].concat());
        self.good(&["table", "projected", "-o", "images.tbl", "--force"]);
        self.good(&["step", "overlaps", "images.tbl", "-o", "diffs.tbl", "--force"]);
    }

    fn fit_and_solve(&self, background: &str) {
        let how = ["--background", background, "--force"];
        self.good(&[&["step", "diff-fit", "images.tbl", "diffs.tbl", "-o", "fits.tbl"], &how[..]].concat());
        self.good(&["step", "model", "images.tbl", "fits.tbl", "-o", "corrections.tbl", "--force"]);
    }

    fn add(&self, images: &str, out: &str, more: &[&str]) {
        let fixed = ["step", "add", images, "--header", "survey/region.hdr", "-o", out, "--force"];
        self.good(&[&fixed[..], more].concat());
    }

    fn mosaic(&self, how: &[&str]) {
        let fixed =
            ["mosaic", "survey/raw", "--header", "survey/region.hdr", "-o", "mosaic.fits", "--force", "--quiet"];
        self.good(&[&fixed[..], how].concat());
    }
}

fn pixels(path: &Path) -> Vec<f32> {
    let file = FitsFile::open(path).unwrap();
    let image = file.first_image().unwrap();
    let mut out = vec![0.0; image.rect().area()];
    image.read_f32(0, image.rect(), &mut out).unwrap();
    out
}

fn bits(path: &Path) -> Vec<u32> {
    pixels(path).into_iter().map(f32::to_bits).collect()
}

#[test]
fn the_steps_give_the_very_pixels_of_the_mosaic() {
    let chain = Chain::new(&["--rotation", "0.5"]);
    let ways: [(&[&str], &str); 4] = [
        (&[], "plane"),
        (&["--method", "montage-exact"], "plane"),
        (&["--method", "lanczos3"], "level"),
        (&["--method", "plane"], "quadratic"),
    ];
    for (how, background) in ways {
        chain.mosaic(&[how, &["--background", background, "--footprint", "cover.fits"]].concat());
        chain.project(how);
        chain.fit_and_solve(background);
        chain.add("images.tbl", "added.fits", &["--corrections", "corrections.tbl", "--footprint", "added_cover.fits"]);
        assert!(bits(&chain.path("added.fits")) == bits(&chain.path("mosaic.fits")), "{how:?} {background}");
        assert!(bits(&chain.path("added_cover.fits")) == bits(&chain.path("cover.fits")), "{how:?} {background}");
    }
}

#[test]
fn variances_go_through_the_steps_as_they_do_in_one_process() {
    let chain = Chain::new(&[]);
    chain.mosaic(&["--combine", "weighted", "--variance", "v.fits"]);
    chain.project(&["--variance"]);
    chain.fit_and_solve("plane");
    let how = ["--corrections", "corrections.tbl", "--combine", "weighted", "--variance", "av.fits"];
    chain.add("images.tbl", "added.fits", &how);
    assert!(bits(&chain.path("added.fits")) == bits(&chain.path("mosaic.fits")));
    assert!(bits(&chain.path("av.fits")) == bits(&chain.path("v.fits")));
}

#[test]
fn corrected_images_add_up_to_the_mosaic_but_for_the_rounding_of_f32() {
    let chain = Chain::new(&[]);
    chain.mosaic(&[]);
    chain.project(&[]);
    chain.fit_and_solve("plane");
    chain.good(&["step", "correct", "images.tbl", "corrections.tbl", "-o", "corrected"]);
    chain.good(&["table", "corrected", "-o", "cimages.tbl"]);
    chain.add("cimages.tbl", "added.fits", &[]);
    for (a, b) in pixels(&chain.path("added.fits")).iter().zip(pixels(&chain.path("mosaic.fits"))) {
        assert_eq!(a.is_nan(), b.is_nan());
        assert!(a.is_nan() || (a - b).abs() <= 4.0 * f32::EPSILON * b.abs(), "{a} {b}");
    }
}

#[test]
fn split_work_gives_the_same_corrections_as_one_process() {
    let chain = Chain::new(&[]);
    chain.project(&[]);
    chain.fit_and_solve("plane");
    let count = chain.json(&["step", "overlaps", "images.tbl", "-o", "again.tbl"])["overlaps"].as_u64().unwrap();
    assert!(count > 3);
    let (first, rest) = ("0..3".to_owned(), format!("3..{count}"));
    for (name, only) in [("one.tbl", &first), ("two.tbl", &rest)] {
        chain.good(&["step", "diff-fit", "images.tbl", "diffs.tbl", "-o", name, "--only", only]);
    }
    // The order of the tables does not matter.
    chain.good(&["step", "model", "images.tbl", "two.tbl", "one.tbl", "-o", "split.tbl"]);
    let rows = |name: &str| {
        let text = std::fs::read_to_string(chain.path(name)).unwrap();
        text.lines().filter(|l| !l.starts_with('\\')).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(rows("split.tbl"), rows("corrections.tbl"));
    let said = chain.refused(&["step", "model", "images.tbl", "one.tbl", "fits.tbl", "-o", "twice.tbl"], 3);
    assert!(said.contains("fitted twice"), "{said}");
    // One tile by itself is the same file as among all.
    chain.good(&["step", "project", "survey/raw", "--header", "survey/region.hdr", "-o", "alone.fits", "--only", "1"]);
    let tile: PathBuf = {
        let mut all: Vec<PathBuf> =
            std::fs::read_dir(chain.path("survey/raw")).unwrap().map(|e| e.unwrap().path()).collect();
        all.sort();
        all[1].clone()
    };
    let among = chain.path("projected").join(tile.file_name().unwrap());
    assert!(std::fs::read(among).unwrap() == std::fs::read(chain.path("alone.fits")).unwrap());
}

#[test]
fn a_resumed_run_makes_again_what_is_missing_damaged_or_made_of_something_else() {
    let chain = Chain::new(&[]);
    let project = ["step", "project", "survey/raw", "--header", "survey/region.hdr", "-o", "projected", "--resume"];
    let all = chain.json(&project)["written"].as_u64().unwrap();
    let again = chain.json(&project);
    assert_eq!((again["written"].as_u64(), again["kept"].as_u64()), (Some(0), Some(all)));
    let mut images: Vec<PathBuf> =
        std::fs::read_dir(chain.path("projected")).unwrap().map(|e| e.unwrap().path()).collect();
    images.sort();
    let whole = std::fs::read(&images[0]).unwrap();
    // A byte of the pixels turned over, a file cut short, a companion gone: three tiles are made again.
    let mut bytes = whole.clone();
    let at = bytes.len() - 20_000;
    bytes[at] ^= 1;
    std::fs::write(&images[0], &bytes).unwrap();
    let cut = std::fs::read(&images[2]).unwrap();
    std::fs::write(&images[2], &cut[..cut.len() / 2]).unwrap();
    assert!(images[5].to_string_lossy().contains("_area"));
    std::fs::remove_file(&images[5]).unwrap();
    let mended = chain.json(&project);
    assert_eq!((mended["written"].as_u64(), mended["kept"].as_u64()), (Some(3), Some(all - 3)));
    assert!(std::fs::read(&images[0]).unwrap() == whole);
    let other = chain.json(&[&project[..], &["--method", "bilinear"]].concat());
    assert_eq!(other["written"].as_u64(), Some(all), "another method makes all again");
    let said = chain.refused(&project[..7], 1);
    assert!(said.contains("--force"), "{said}");

    chain.project(&[]);
    let fit = ["step", "diff-fit", "images.tbl", "diffs.tbl", "-o", "fits.tbl", "--resume"];
    let model = ["step", "model", "images.tbl", "fits.tbl", "-o", "corrections.tbl", "--resume"];
    let correct = ["step", "correct", "images.tbl", "corrections.tbl", "-o", "corrected", "--resume"];
    let header = ["--header", "survey/region.hdr", "-o", "added.fits", "--resume"];
    let add = [&["step", "add", "images.tbl", "--corrections", "corrections.tbl"][..], &header].concat();
    for step in [&fit[..], &model, &add] {
        assert_eq!(chain.json(step)["written"], true, "{step:?}");
        assert_eq!(chain.json(step)["written"], false, "{step:?}");
    }
    assert_eq!(chain.json(&correct)["kept"].as_u64(), Some(0));
    assert_eq!(chain.json(&correct)["written"].as_u64(), Some(0));
    // Another image under the same name: what depends on it is made again.
    chain.project(&["--method", "bilinear"]);
    for step in [&fit[..], &model, &add] {
        assert_eq!(chain.json(step)["written"], true, "{step:?}");
    }
}

#[test]
fn tables_that_contradict_the_images_are_refused_by_name() {
    let chain = Chain::new(&[]);
    chain.project(&[]);
    chain.fit_and_solve("plane");
    chain.good(&["table", "survey/raw", "-o", "raw.tbl"]);
    let said = chain.refused(&["step", "overlaps", "raw.tbl", "-o", "x.tbl"], 3);
    assert!(said.contains("raw.tbl") && said.contains("one grid"), "{said}");
    let text = std::fs::read_to_string(chain.path("corrections.tbl")).unwrap();
    std::fs::write(chain.path("stranger.tbl"), text.replace("\n        0 ", "\n      999 ")).unwrap();
    let said = chain.refused(&["step", "correct", "images.tbl", "stranger.tbl", "-o", "c"], 3);
    assert!(said.contains("999"), "{said}");
    let fits = ["step", "model", "images.tbl", "fits.tbl", "-o", "x.tbl", "--background", "cubic"];
    let said = chain.refused(&fits, 3);
    assert!(said.contains("diff-fit"), "{said}");
    let said = chain.refused(&["step", "diff-fit", "images.tbl", "diffs.tbl", "-o", "x.tbl", "--only", "900"], 2);
    assert!(said.contains("--only 900"), "{said}");
    let said = chain.refused(&["step", "diff-fit", "images.tbl", "diffs.tbl", "-o", "x.tbl", "--dir", "nowhere"], 3);
    assert!(said.contains("nowhere"), "{said}");
    assert!(!chain.path("x.tbl").exists());
}
