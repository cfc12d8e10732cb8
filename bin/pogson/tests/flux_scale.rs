//! `pogson mosaic --flux-scale fit` on simulated tiles whose scales are known.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::{Command, Output};

fn pogson(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pogson")).args(args).output().unwrap()
}

/// A survey of known scales.
struct Survey {
    dir: tempfile::TempDir,
}

impl Survey {
    fn new(flags: &[&str]) -> Survey {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("s");
        let mut args = vec!["simulate", "-o", folder.to_str().unwrap(), "--quiet"];
        args.extend(flags);
        assert!(pogson(&args).status.success(), "{args:?}");
        Survey { dir }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn mosaic(&self, scale: &str, more: &[&str]) -> (serde_json::Value, String) {
        let (raw, header, out) = (self.path("s/raw"), self.path("s/region.hdr"), self.path("m.fits"));
        let mut args =
            vec!["mosaic", &raw, "-o", &out, "--header", &header, "--flux-scale", scale, "--json", "--force"];
        args.extend(more);
        let done = pogson(&args);
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}");
        (serde_json::from_slice(&done.stdout).unwrap(), said)
    }

    /// Factor that brings each tile to the common scale, by file name: one over the gain in the list of truths.
    fn truth(&self, file: &str) -> f64 {
        let text = std::fs::read_to_string(self.path("s/truth_planes.txt")).unwrap();
        let mut names: Vec<String> = std::fs::read_dir(self.path("s/raw"))
            .unwrap()
            .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        let gains: Vec<f64> = text
            .lines()
            .filter(|l| !l.starts_with('#'))
            .map(|l| l.split_whitespace().last().unwrap().parse().unwrap())
            .collect();
        assert_eq!(names.len(), gains.len());
        1.0 / gains[names.iter().position(|n| n == file).unwrap()]
    }

    /// Factors found and true, both with the mean 1.
    fn factors(&self, made: &serde_json::Value) -> Vec<(f64, f64)> {
        let tiles: Vec<(f64, f64)> = made["tile_reports"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| {
                let name = Path::new(t["path"].as_str().unwrap()).file_name().unwrap().to_string_lossy().into_owned();
                (t["scale"].as_f64().unwrap(), self.truth(&name))
            })
            .collect();
        let mean = tiles.iter().map(|t| t.1).sum::<f64>() / tiles.len() as f64;
        tiles.into_iter().map(|(found, truth)| (found, truth / mean)).collect()
    }
}

#[test]
fn scales_are_found_from_stars_whatever_the_backgrounds() {
    let survey = Survey::new(&["--size", "0.3", "--stars", "6000", "--zero-point-scatter", "0.05", "--seed", "3"]);
    let (made, _) = survey.mosaic("fit", &[]);
    let factors = survey.factors(&made);
    assert!(factors.iter().any(|(_, truth)| (truth - 1.0).abs() > 0.02), "{factors:?}");
    for (found, truth) in &factors {
        assert!((found / truth - 1.0).abs() < 1e-4, "{factors:?}");
    }
    // What is left between tiles is what the kernel leaves at stars, not five percent of them.
    assert!(made["residual_after"].as_f64().unwrap() < 1e-3, "{made}");
    // The header tells each tile's factor, the zero point that all have now, and what remains free.
    let header = pogson(&["info", &survey.path("m.fits"), "--header"]);
    let header = String::from_utf8_lossy(&header.stdout).into_owned();
    for word in ["FSCL0001", "MAGZP", "common factor"] {
        assert!(header.contains(word), "{word} is not in {header}");
    }
    assert!(made["flux_scale"]["fit"]["zero_point_rms"].as_f64().unwrap() < 1e-4, "{made}");
}

#[test]
fn scales_of_noisy_tiles_are_right_within_the_errors_that_are_stated() {
    let (mut chi2, mut freedom, mut squares, mut tiles) = (0.0, 0.0, 0.0, 0.0);
    for seed in ["21", "22", "23", "24"] {
        let flags =
            ["--size", "0.4", "--stars", "12000", "--noise", "4", "--zero-point-scatter", "0.03", "--seed", seed];
        let survey = Survey::new(&flags);
        let (made, _) = survey.mosaic("fit", &["--background", "level"]);
        let fit = &made["flux_scale"]["fit"];
        chi2 += fit["chi2"].as_f64().unwrap();
        freedom += fit["freedom"].as_f64().unwrap();
        let worst = fit["largest_error"].as_f64().unwrap();
        for (found, truth) in survey.factors(&made) {
            squares += ((found / truth - 1.0) / worst).powi(2);
            tiles += 1.0;
        }
    }
    // About 35 degrees of freedom: chi-square over them has a scatter of a quarter.
    assert!(freedom > 20.0 && (0.4..2.0).contains(&(chi2 / freedom)), "{chi2} for {freedom}");
    // No tile's error is above the largest, so that the mean square is at most near 1.
    assert!(squares / tiles < 1.5, "{squares} of {tiles}");
}

#[test]
fn without_stars_scales_stay_one_and_that_is_said() {
    let survey = Survey::new(&["--size", "0.2", "--stars", "0", "--noise", "4", "--zero-point-scatter", "0.05"]);
    let (made, said) = survey.mosaic("fit", &[]);
    for tile in made["tile_reports"].as_array().unwrap() {
        assert_eq!(tile["scale"], 1.0);
    }
    assert!(said.contains("too few stars"), "{said}");
    assert!(made["flux_scale"]["remark"].as_str().unwrap().contains("stars"), "{made}");
}

#[test]
fn the_tile_that_is_named_keeps_its_scale_and_an_unknown_one_is_refused() {
    let survey = Survey::new(&["--size", "0.3", "--stars", "6000", "--zero-point-scatter", "0.05", "--seed", "3"]);
    let (free, _) = survey.mosaic("fit", &[]);
    let second = Path::new(free["tile_reports"][1]["path"].as_str().unwrap()).file_name().unwrap().to_owned();
    let (made, _) = survey.mosaic(&format!("fit={}", second.to_string_lossy()), &[]);
    assert!((made["tile_reports"][1]["scale"].as_f64().unwrap() - 1.0).abs() < 1e-12);
    let shift = made["tile_reports"][0]["scale"].as_f64().unwrap() * free["tile_reports"][1]["scale"].as_f64().unwrap();
    assert!((shift / free["tile_reports"][0]["scale"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    let args = ["mosaic", &survey.path("s/raw"), "-o", &survey.path("x.fits"), "--flux-scale", "fit=no.fits"];
    let refused = pogson(&args);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no.fits"));
    assert!(!Path::new(&survey.path("x.fits")).exists());
}

#[test]
fn the_fit_does_not_depend_on_threads_or_memory() {
    let survey = Survey::new(&["--size", "0.3", "--stars", "6000", "--noise", "2", "--zero-point-scatter", "0.05"]);
    let (one, _) = survey.mosaic("fit", &["--threads", "1"]);
    let (two, _) = survey.mosaic("fit", &["--threads", "2", "--memory", "12MiB"]);
    for (a, b) in one["tile_reports"].as_array().unwrap().iter().zip(two["tile_reports"].as_array().unwrap()) {
        assert_eq!(a["scale"], b["scale"]);
    }
}
