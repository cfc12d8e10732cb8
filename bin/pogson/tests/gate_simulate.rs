//! `pogson gate simulate` as users call it.

use std::process::{Command, Output};

use serde_json::Value;

fn simulate(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pogson"));
    command.args(["gate", "simulate"]).args(args).output().expect("the program starts")
}

fn object(args: &[&str]) -> Value {
    let output = simulate(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("one object")
}

#[test]
fn one_policy_gives_its_figures_and_the_same_seed_the_same_ones() {
    let args = ["--scenario", "saturated-500", "--policy", "rendezvous", "--seed", "7", "--requests", "4000", "--json"];
    let (first, second) = (object(&args), object(&args));
    assert_eq!(first, second);
    for key in ["throughput", "hit_rate", "p50_ms", "p99_ms"] {
        assert!(first[key].as_f64().is_some_and(|value| value > 0.0), "{key}: {first}");
    }
}

#[test]
fn all_policies_come_in_one_table() {
    let found =
        object(&["--scenario", "open", "--policy", "all", "--requests", "2000", "--gates", "2", "--learned", "--json"]);
    let names: Vec<_> = found["policies"].as_array().expect("a list").iter().map(|row| row["policy"].clone()).collect();
    assert_eq!(names.len(), 13);
    let table = simulate(&["--scenario", "open", "--policy", "all", "--requests", "2000"]);
    let table = String::from_utf8_lossy(&table.stdout).into_owned();
    assert!(names.iter().all(|name| table.contains(name.as_str().expect("a name"))), "{table}");
}

#[test]
fn a_trace_is_replayed_with_the_same_decisions() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("flash.trace");
    let path = path.to_str().expect("a name in Unicode");
    let args = ["--scenario", "flash", "--policy", "lard-r", "--requests", "3000", "--trace", path, "--json"];
    let simulated = object(&args);
    assert_eq!(simulate(&args).status.code(), Some(1), "an earlier trace is kept");
    let replay = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pogson"));
        command.args(["gate", "replay", path]).args(args).output().expect("the program starts")
    };
    let output = replay(&["--policy", "pogson", "--json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let replayed: Value = serde_json::from_slice(&output.stdout).expect("one object");
    assert_eq!((&replayed["same"], &replayed["different"]), (&3000.into(), &0.into()));
    let policies: Vec<_> = replayed["estimates"].as_array().expect("a list").iter().map(|row| &row["policy"]).collect();
    assert_eq!(policies, ["lard-r", "pogson"]);
    assert!(simulated["hit_rate"].as_f64() > Some(0.5) && replayed["measured"]["hit_rate"].as_f64() > Some(0.5));
    // One request goes elsewhere, and one line is damaged.
    let text = std::fs::read_to_string(path).expect("it was written");
    let asked = text.lines().find(|line| line.starts_with("ask ") && line.ends_with(" - 0")).expect("a request");
    let changed = text.replacen(asked, &format!("{}7", &asked[..asked.len() - 1]), 1);
    std::fs::write(path, changed).expect("room on the disk");
    assert_eq!(replay(&[]).status.code(), Some(1));
    std::fs::write(path, text.replacen(asked, "ask me", 1)).expect("room on the disk");
    let output = replay(&[]);
    assert!(output.status.code() == Some(3) && String::from_utf8_lossy(&output.stderr).contains("line "));
}

#[test]
fn figures_go_into_a_new_folder_alone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().to_str().expect("a name in Unicode");
    std::fs::write(folder.path().join("mine"), "a").expect("room on the disk");
    let output = simulate(&["--figures", path]);
    assert!(output.status.code() == Some(1) && String::from_utf8_lossy(&output.stderr).contains("not empty"));
    assert_eq!(simulate(&["--figures", path, "--policy", "lard"]).status.code(), Some(2));
}

#[test]
fn what_there_is_not_is_wrong_usage() {
    for args in
        [["--scenario", "sunny"], ["--policy", "best"], ["--t-load", "-1"], ["--seeds", "0"], ["--bound", "nan"]]
    {
        assert_eq!(simulate(&args).status.code(), Some(2), "{args:?}");
    }
}
