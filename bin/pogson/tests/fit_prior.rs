//! Ranges and Gaussians that a fit's parameters are held to, by the command.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const FILTERS: &str = "#name lambda_eff id fit\nGALEX_NUV 0.2301 1 1\nSDSS_g 0.4703 2 1\nSDSS_r 0.6176 3 1\nSDSS_i 0.7491 4 \
                       1\nWISE_W1 3.3683 5 1\nWISE_W3 12.07 6 1\n";
const OBJECTS: &str = "#name z fluxes\na 0.010 1e-5 1e-6 6e-5 3e-6 1e-4 5e-6 1.3e-4 6e-6 7e-5 4e-6 2e-4 1e-5\n\
                       b 0.010 1e-5 1e-6 6e-5 3e-6 1e-4 5e-6 1.3e-4 6e-6 7e-5 4e-6 < 1e-5\n";

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("f.dat"), FILTERS).unwrap();
    std::fs::write(dir.path().join("o.dat"), OBJECTS).unwrap();
    dir
}

/// Exit code and sentence of a list's fit with small libraries.
fn fit(dir: &Path, more: &str) -> (i32, String) {
    let line = format!("fit --observations o.dat --filters f.dat --stellar 400 --dust 300 --quiet {more}");
    let mut command = Command::new(env!("CARGO_BIN_EXE_pogson"));
    let done = command.args(line.split_whitespace()).current_dir(dir).output().unwrap();
    (done.status.code().unwrap(), String::from_utf8_lossy(&done.stderr).into_owned())
}

/// Columns of a table by name, for each object.
fn table(dir: &Path, name: &str) -> Vec<BTreeMap<String, f64>> {
    let text = std::fs::read_to_string(dir.join(name).join("fits.csv")).unwrap();
    let mut lines = text.lines();
    let names: Vec<String> = lines.next().unwrap().split(',').map(str::to_owned).collect();
    let row = |line: &str| {
        let numbers = line.split(',').map(|word| word.parse().unwrap_or(f64::NAN));
        names.iter().cloned().zip(numbers).collect()
    };
    lines.map(row).collect()
}

#[test]
fn intervals_of_a_parameter_lie_in_its_range_and_others_follow() {
    let dir = folder();
    for mode in ["", "--paper"] {
        let name = format!("o{}", mode.len());
        let (code, said) = fit(dir.path(), &format!("{mode} -o {name} --prior tau_v=0.4..1.1 --prior mu=0.2..0.6"));
        assert_eq!(code, 0, "{said}");
        let rows = table(dir.path(), &name);
        assert_eq!(rows.len(), 2);
        for row in rows {
            for (parameter, low, high, bin) in [("tau_v", 0.4, 1.1, 0.125), ("mu", 0.2, 0.6, 0.05)] {
                for end in ["p2.5", "p50", "p97.5"] {
                    let value = row[&format!("{parameter}_{end}")];
                    assert!((low - 0.01..=high + 0.01).contains(&value), "{mode} {parameter} {end} {value}");
                }
                let best = row[&format!("{parameter}_best")];
                assert!((low..=high).contains(&best), "{parameter} {best}");
                let peak = row[&format!("{parameter}_peak")];
                assert!((low - bin..=high + bin).contains(&peak), "{parameter} {peak}");
            }
            // The product of two parameters in ranges.
            let product = row["tau_v_ism_p97.5"];
            assert!(product <= 0.66 + 0.01, "{product}");
        }
    }
}

#[test]
fn a_gaussian_draws_the_median_towards_its_mean_the_more_the_narrower_it_is() {
    let dir = folder();
    let median = |more: &str, name: &str| {
        let (code, said) = fit(dir.path(), &format!("{more} -o {name}"));
        assert_eq!(code, 0, "{more}: {said}");
        table(dir.path(), name)[0]["tau_v_p50"]
    };
    let (free, wide, narrow) =
        (median("", "free"), median("--prior tau_v=3.5~2", "wide"), median("--prior tau_v=3.5~0.2", "narrow"));
    assert!(free < wide && wide < narrow, "{free} {wide} {narrow}");
    assert!((narrow - 3.5).abs() < 0.5, "{narrow}");
}

#[test]
fn a_range_of_all_values_changes_nothing_and_parts_of_it_share_the_evidence() {
    let dir = folder();
    let done = |more: &str, name: &str| {
        let (code, said) = fit(dir.path(), &format!("--paper {more} -o {name}"));
        assert_eq!(code, 0, "{more}: {said}");
        table(dir.path(), name)
    };
    let all = done("", "all");
    done("--prior metallicity=0..100", "wide");
    for file in ["1.fit", "2.fit", "fits.csv"] {
        let read = |name: &str| std::fs::read(dir.path().join(name).join(file)).unwrap();
        assert!(read("all") == read("wide"), "{file}");
    }
    // The best of two halves is the best of all, and the median of all lies between theirs.
    let (low, high) = (done("--prior tau_v=0..1", "low"), done("--prior tau_v=1..100", "high"));
    for ((all, low), high) in all.iter().zip(&low).zip(&high) {
        assert_eq!(all["chi2"], low["chi2"].min(high["chi2"]));
        for parameter in ["m_star", "sfr", "tau_v"] {
            let name = format!("log_{parameter}_p50");
            let name = if all.contains_key(&name) { name } else { format!("{parameter}_p50") };
            let (a, b) = (low[&name].min(high[&name]), low[&name].max(high[&name]));
            assert!((a - 1e-9..=b + 1e-9).contains(&all[&name]), "{name}: {a} {} {b}", all[&name]);
        }
    }
}

#[test]
fn priors_that_cannot_be_held_are_refused_and_leave_nothing_behind() {
    let dir = folder();
    let refused = |prior: &str, code: i32, words: &str| {
        let (ended, said) = fit(dir.path(), &format!("-o bad --prior {prior}"));
        assert_eq!(ended, code, "{prior}: {said}");
        assert!(said.contains(words), "{prior}: {said}");
        let left = std::fs::read_dir(dir.path().join("bad")).map_or(0, Iterator::count);
        assert_eq!(left, 0, "{prior}");
    };
    refused("tau_v=90..91", 3, "widen them");
    refused("tau_v=2..1", 2, "runs backwards");
    refused("tau_v=1", 2, "metallicity=0.3..1.2");
    refused("tau_v=NaN..2", 2, "metallicity=0.3..1.2");
    refused("colour=1..2", 2, "is none of f_mu_sfh");
    // Nothing is left of a run that could not begin: another one may.
    let (code, said) = fit(dir.path(), "-o bad --prior tau_v=0..2");
    assert_eq!(code, 0, "{said}");
}
