//! Tiles that meet outside the frame only.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::Command;

fn pogson(dir: &Path, args: &[&str]) -> serde_json::Value {
    let out = Command::new(env!("CARGO_BIN_EXE_pogson")).args(args).current_dir(dir).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

#[test]
fn tiles_that_overlap_outside_the_frame_alone_are_matched_across_it() {
    let dir = tempfile::tempdir().unwrap();
    // Tiles turned at random: inside the field, one of them touches no other.
    let survey = ["simulate", "-o", "s", "--size", "0.2", "--rotation-scatter", "30", "--seed", "1", "--json"];
    pogson(dir.path(), &survey);
    let made = pogson(dir.path(), &["mosaic", "s/raw", "--header", "s/region.hdr", "-o", "m.fits", "--json"]);
    let joined = |pairs: &serde_json::Value, tiles: u64| {
        let mut group: Vec<u64> = (0..tiles).collect();
        for pair in pairs.as_array().unwrap() {
            let (a, b) = (pair["a"].as_u64().unwrap() as usize, pair["b"].as_u64().unwrap() as usize);
            let (from, to) = (group[a], group[b]);
            group.iter_mut().filter(|g| **g == from).for_each(|g| *g = to);
        }
        group.iter().all(|g| *g == group[0])
    };
    assert!(
        !joined(&made["overlap_reports"], made["tiles"].as_u64().unwrap()),
        "the survey has no islands in its frame"
    );
    assert_eq!(made["islands"], 1);
    let scored = pogson(dir.path(), &["compare", "m.fits", "--stars", "s/truth_stars.txt", "--json"]);
    assert!(scored["photometry"]["a"]["background_rms"].as_f64().unwrap() < 1e-3, "{}", scored["photometry"]["a"]);
}
