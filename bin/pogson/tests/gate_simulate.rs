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
fn what_there_is_not_is_wrong_usage() {
    for args in
        [["--scenario", "sunny"], ["--policy", "best"], ["--t-load", "-1"], ["--seeds", "0"], ["--bound", "nan"]]
    {
        assert_eq!(simulate(&args).status.code(), Some(2), "{args:?}");
    }
}
