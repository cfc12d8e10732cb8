//! Redshifts found by the command, over cubes and lists.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const POGSON: &str = env!("CARGO_BIN_EXE_pogson");
const FILTERS: &str = "#name lambda_eff id fit\nGALEX_NUV 0.2304 1 1\nSDSS_u 0.354 2 1\nSDSS_g 0.4702 3 1\nSDSS_r 0.6176 4 1\nSDSS_i 0.749 5 1\n\
                       SDSS_z 0.8946 6 1\n";
const OBJECTS: &str = "# name z fluxes\n\
    one 0.01 1e-4 5e-6 2e-4 1e-5 7e-4 3.5e-5 1.2e-3 6e-5 1.6e-3 8e-5 1.9e-3 1e-4\n\
    two 0 5e-4 2e-5 9e-4 4e-5 1.5e-3 7e-5 1.9e-3 9e-5 2.1e-3 1e-4 2.3e-3 1e-4\n";

fn run(dir: &Path, line: &str) -> Output {
    Command::new(POGSON).args(line.split_whitespace()).current_dir(dir).output().unwrap()
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("f.dat"), FILTERS).unwrap();
    std::fs::write(dir.path().join("o.dat"), OBJECTS).unwrap();
    dir
}

const LIST: &str = "fit --observations o.dat --filters f.dat --stellar 200 --dust 100";

#[test]
fn redshifts_of_a_list_stand_in_its_table_and_the_posterior_beside_each_fit() {
    let dir = folder();
    let done = run(dir.path(), &format!("{LIST} --photo-z 0.02..0.2:0.06 -o fits --json"));
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let said: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let table = std::fs::read_to_string(dir.path().join("fits/fits.csv")).unwrap();
    let lines: Vec<Vec<&str>> = table.lines().map(|line| line.split(',').collect()).collect();
    let from = lines[0].iter().position(|name| *name == "z_best").unwrap();
    assert_eq!(lines.len(), 3);
    for number in [1, 2] {
        let text = std::fs::read_to_string(dir.path().join(format!("fits/{number}.redshift.csv"))).unwrap();
        let points: Vec<(f64, f64)> = text
            .lines()
            .skip(1)
            .map(|line| line.split_once(',').map(|(z, p)| (z.parse().unwrap(), p.parse().unwrap())).unwrap())
            .collect();
        assert_eq!(points.iter().map(|point| point.0).collect::<Vec<f64>>(), [0.02, 0.08, 0.14, 0.2]);
        let total: f64 = points.iter().map(|point| point.1).sum();
        assert!((total - 1.0).abs() < 1e-12);
        let mean: f64 = points.iter().map(|point| point.0 * point.1).sum();
        let told: f64 = lines[number][from + 1].parse().unwrap();
        assert!((told - mean).abs() < 1e-6);
        let json = &said["redshifts"][number - 1];
        assert!((json["z_mean"].as_f64().unwrap() - mean).abs() < 1e-12);
        assert!(json["z_sigma"].as_f64().unwrap() > 0.01);
        assert!(dir.path().join(format!("fits/{number}.fit")).exists());
    }
    // The library's redshift in the table is the most probable one.
    assert_eq!(lines[1][3], lines[1][from]);
}

#[test]
fn ranges_that_cannot_be_are_refused() {
    let dir = folder();
    let bad = |more: &str, code: i32| {
        let done = run(dir.path(), &format!("{LIST} {more} -o bad"));
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(code), "{more}: {said}");
        said
    };
    assert!(bad("--photo-z 0..0.1:0.05", 2).contains("redshift 0 tells no distance"));
    assert!(bad("--photo-z 0.1..0.9:0.001", 2).contains("more than the 200"));
    assert!(bad("--photo-z 0.2..0.1:0.05", 2).contains("runs backwards"));
    bad("--redshift 0.1..0.2:0.05", 2);
}

#[test]
fn an_interrupted_list_goes_on_and_gives_the_same_bytes() {
    let dir = folder();
    let count = 60u32;
    let mut objects = "# name z fluxes\n".to_owned();
    for k in 0..count {
        // Each object a little redder than the one before.
        let tilt = f64::from(k) / f64::from(count);
        let fluxes = OBJECTS.lines().nth(1).unwrap().split(' ').skip(2).map(|word| word.parse::<f64>().unwrap());
        let fluxes = fluxes.enumerate().map(|(place, flux)| format!("{:e}", flux * (1.0 + tilt * place as f64 / 12.0)));
        objects += &format!("o{k} 0.01 {}\n", fluxes.collect::<Vec<String>>().join(" "));
    }
    std::fs::write(dir.path().join("o.dat"), objects).unwrap();
    let line = "fit --observations o.dat --filters f.dat --stellar 1500 --dust 1500 --photo-z 0.02..0.2:0.02 --threads 1 --json -o";
    let begin = |output: &str| {
        let mut command = Command::new(POGSON);
        command.args(line.split_whitespace()).arg(output).current_dir(dir.path());
        command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    };
    let file = |output: &str, name: &str| dir.path().join(output).join(name);
    let child = begin("cut");
    let start = Instant::now();
    while !file("cut", "3.redshift.csv").exists() {
        assert!(start.elapsed() < Duration::from_secs(200), "no fit was written");
        std::thread::sleep(Duration::from_millis(2));
    }
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let done = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(5), "{said}");
    let last = file("cut", &format!("{count}.fit"));
    assert!(file("cut", "fits.journal").exists() && !file("cut", "fits.csv").exists() && !last.exists());
    // A file that is lost meanwhile is made again.
    std::fs::remove_file(file("cut", "2.redshift.csv")).unwrap();

    let said: serde_json::Value =
        serde_json::from_slice(&begin("cut").wait_with_output().unwrap().stdout).expect("a summary");
    let kept = said["kept"].as_u64().unwrap();
    assert!(kept > 0 && kept < u64::from(count), "{kept}");
    assert!(!file("cut", "fits.journal").exists());
    assert!(begin("whole").wait_with_output().unwrap().status.success());
    let names = |output: &str| {
        let mut names: Vec<_> =
            std::fs::read_dir(dir.path().join(output)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("cut"), names("whole"));
    assert_eq!(names("cut").len(), 2 * count as usize + 1);
    for name in names("cut") {
        let name = name.to_str().unwrap();
        assert!(std::fs::read(file("cut", name)).unwrap() == std::fs::read(file("whole", name)).unwrap(), "{name}");
    }
}
