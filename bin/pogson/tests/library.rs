//! `pogson library`: from filters to models, to text and back, and what is told of wrong input.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

fn pogson(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pogson")).args(args).current_dir(dir).output().unwrap()
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const BUILD: [&str; 10] = ["library", "build", "--stellar", "60", "--dust", "40", "--redshift", "0.01", "-o", "a.lib"];

#[test]
fn a_library_goes_to_magphyss_text_and_back() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let built = pogson(dir, &[&BUILD[..], &["--filters", "FUV,SDSS_r,W1,W4", "--lbr", "lbr", "--json"]].concat());
    assert!(built.status.success(), "{}", error(&built));
    let report: serde_json::Value = serde_json::from_slice(&built.stdout).unwrap();
    assert_eq!((report["stellar"].as_u64(), report["name"].as_str().unwrap().len()), (Some(60), 64));
    assert_eq!(report["bands"][1]["name"], "SDSS_r");
    let sfh = std::fs::read_to_string(dir.join("lbr/starformhist_cb07_z0.0100.lbr")).unwrap();
    assert_eq!((sfh.lines().count(), sfh.lines().last().unwrap().split(' ').count()), (62, 1 + 24 + 3));
    let again = pogson(
        dir,
        &[
            "library",
            "import",
            "--sfh",
            "lbr/starformhist_cb07_z0.0100.lbr",
            "--ir",
            "lbr/infrared_dce08_z0.0100.lbr",
            "--filters",
            "lbr/filters.dat",
            "--redshift",
            "0.01",
            "-o",
            "b.lib",
        ],
    );
    assert!(again.status.success(), "{}", error(&again));
    let exported = pogson(dir, &["library", "export", "b.lib", "-o", "lbr2"]);
    assert!(exported.status.success(), "{}", error(&exported));
    let infrared = |folder: &str| {
        let text = std::fs::read_to_string(dir.join(folder).join("infrared_dce08_z0.0100.lbr")).unwrap();
        let last: Vec<f64> = text.lines().last().unwrap().split(' ').map(|field| field.parse().unwrap()).collect();
        last
    };
    for (a, b) in infrared("lbr").iter().zip(infrared("lbr2")) {
        assert!((a - b).abs() <= 2e-7 * a.abs().max(1.0), "{a} {b}");
    }
    assert!(pogson(dir, &["library", "info", "b.lib", "--check"]).status.success());
}

#[test]
fn wrong_filters_and_outputs_that_are_there_are_named_and_nothing_is_left_behind() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let say = |more: &[&str], code: i32| {
        let output = pogson(dir, &[&BUILD[..], more].concat());
        assert_eq!(output.status.code(), Some(code), "{}", error(&output));
        error(&output)
    };
    assert!(say(&["--filters", "SDSS_rr"], 3).contains("did you mean SDSS_r"));
    assert!(say(&["--filters", "W1,WISE_W1"], 3).contains("named twice (as W1 and as WISE_W1)"));
    assert!(say(&["--filters", ","], 2).contains("no filters"));
    assert!(say(&["--filters", "none.dat"], 3).contains("none.dat"));
    std::fs::write(dir.join("c.txt"), "0.5 0\n0.6 1\n0.7 0\n").unwrap();
    assert!(say(&["--filters", "mine", "--curve", "mine=c.txt"], 3).contains("# unit um"));
    assert_eq!(std::fs::read_dir(dir).unwrap().count(), 1);
    say(&["--filters", "W1"], 0);
    assert!(say(&["--filters", "W1"], 1).contains("--force"));
    say(&["--filters", "W2", "--force"], 0);
}

#[test]
fn mocks_are_drawn_alike_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    assert!(pogson(dir, &[&BUILD[..], &["--filters", "SDSS_g,SDSS_r,W3"]].concat()).status.success());
    for name in ["x.dat", "y.dat"] {
        let drawn = pogson(dir, &["library", "mock", "a.lib", "-n", "20", "--snr", "5", "-o", name]);
        assert!(drawn.status.success(), "{}", error(&drawn));
    }
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    assert_eq!(read("x.dat"), read("y.dat"));
    assert_eq!((read("x.dat").lines().count(), read("x.truth.txt").lines().count()), (21, 21));
    let refused = pogson(dir, &["library", "mock", "a.lib", "--snr=0", "-o", "z.dat"]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
fn filter_curves_of_the_profile_service_say_what_they_count() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let table = |counts: &str| {
        format!(
            "<?xml version=\"1.0\"?>\n<VOTABLE version=\"1.1\"><RESOURCE type=\"results\"><TABLE>\
             <PARAM name=\"filterID\" value=\"A/B.c\" datatype=\"char\" arraysize=\"*\"/>\
             <PARAM name=\"DetectorType\" value=\"{counts}\" datatype=\"char\" arraysize=\"1\"/>\
             <FIELD name=\"Wavelength\" unit=\"AA\" datatype=\"float\"/>\
             <FIELD name=\"Transmission\" unit=\"\" datatype=\"float\"/><DATA><TABLEDATA>\
             <TR><TD>5000.0</TD><TD>0.0</TD></TR><TR><TD>6000.0</TD><TD>0.8</TD></TR><TR><TD>8000.0</TD><TD>0.0</TD></TR>\
             </TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
        )
    };
    std::fs::write(dir.join("p.xml"), table("1")).unwrap();
    std::fs::write(dir.join("e.xml"), table("0")).unwrap();
    std::fs::write(dir.join("s.txt"), "1000 1\n5000 5\n20000 20\n").unwrap();
    let measured = pogson(
        dir,
        &["library", "photometry", "s.txt", "--filters", "p,e", "--curve", "p=p.xml", "--curve", "e=e.xml", "--json"],
    );
    assert!(measured.status.success(), "{}", error(&measured));
    let lines: serde_json::Value = serde_json::from_slice(&measured.stdout).unwrap();
    let flux = |k: usize| lines[k]["flux_jy"].as_f64().unwrap();
    // f_nu is wavelength/1000: photons weigh it by 1/lambda, energy by 1/lambda^2. Sums by hand over the triangle.
    let mean = |power: i32| {
        let response = |w: f64| if w < 6000.0 { (w - 5000.0) / 1000.0 } else { (8000.0 - w) / 2000.0 };
        let sum = |more: i32| {
            (0..3000).map(|k| 5000.5 + f64::from(k)).map(|w| response(w) * w.powi(more - power)).sum::<f64>()
        };
        sum(1) / sum(0) / 1000.0
    };
    assert!((flux(0) / mean(1) - 1.0).abs() < 1e-5, "{} {}", flux(0), mean(1));
    assert!((flux(1) / mean(2) - 1.0).abs() < 1e-5, "{} {}", flux(1), mean(2));
}
