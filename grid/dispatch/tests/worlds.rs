//! The simulated worlds against an independent simulation of the same, and the default policy against its peers at their best.

use pogson_dispatch::policy::Settings;
use pogson_dispatch::simulate::{Outcome, Scenario, run};

const SEEDS: u64 = 2;

/// Means over the seeds.
fn of(scenario: &Scenario, policy: &str, settings: &Settings) -> Outcome {
    let runs: Vec<_> = (1..=SEEDS).filter_map(|seed| run(scenario, policy, settings, seed)).collect();
    Outcome::mean(&runs)
}

fn world(name: &str) -> Scenario {
    Scenario::by_name(name).expect("a known name")
}

fn lard() -> Settings {
    Settings { t_low: 25, ..Settings::default() }
}

fn bounded(bound: f64) -> Settings {
    Settings { bound, ..Settings::default() }
}

fn prefix(beta: f64) -> Settings {
    Settings { beta, ..Settings::default() }
}

/// Answers a second of a simulation that others wrote from the same description.
#[test]
fn policies_do_as_well_as_in_a_simulation_by_others() {
    let saturated = world("saturated-1000");
    let others = [
        ("round-robin", Settings::default(), 379.0),
        ("p2c", Settings::default(), 382.0),
        ("lard", lard(), 1232.0),
        ("lard-r", lard(), 1272.0),
        ("bounded-load", bounded(2.0), 1084.0),
        ("bounded-load", bounded(1.25), 820.0),
        ("prefix-load", prefix(1.0), 1298.0),
        ("prefix-load", prefix(0.5), 1404.0),
        ("pogson", Settings::default(), 1342.0),
    ];
    for (policy, settings, throughput) in others {
        let outcome = of(&saturated, policy, &settings);
        assert!((outcome.throughput / throughput - 1.0).abs() < 0.1, "{policy}: {outcome:?}, others {throughput}");
    }
}

#[test]
fn a_saturated_cluster_does_more_by_the_default_than_by_its_peers_and_sooner() {
    let saturated = world("saturated-1000");
    let own = of(&saturated, "pogson", &Settings::default());
    let mut peers = vec![("lard", lard(), 1.05, 0.7), ("lard-r", lard(), 1.0, 0.7)];
    peers.extend([1.25, 2.0, 3.0].map(|bound| ("bounded-load", bounded(bound), 1.2, 0.7)));
    peers.extend([0.25, 0.5, 1.0].map(|beta| ("prefix-load", prefix(beta), 0.95, 0.75)));
    for (policy, settings, more, later) in peers {
        let peer = of(&saturated, policy, &settings);
        assert!(own.throughput >= more * peer.throughput, "{policy}: {own:?} against {peer:?}");
        assert!(own.p99_ms <= later * peer.p99_ms, "{policy}: {own:?} against {peer:?}");
    }
}

#[test]
fn with_room_to_spare_the_latest_answers_come_sooner_than_by_two_choices() {
    // With 500 contexts all of them fit into the caches.
    for (name, contexts, later) in
        [("open", 1000, 0.8), ("flash", 1000, 0.8), ("flash", 500, 0.8), ("slow", 1000, 0.6), ("slow", 500, 0.6)]
    {
        let world = Scenario { contexts, ..world(name) };
        let own = of(&world, "pogson", &Settings::default());
        let peer = of(&world, "two-choice", &Settings::default());
        assert!(own.p99_ms <= later * peer.p99_ms, "{name}, {contexts} contexts: {own:?} against {peer:?}");
    }
}

#[test]
fn cut_outs_are_served_by_their_blocks() {
    let by_block = world("cutouts");
    let by_address = Scenario { by_address: true, ..by_block.clone() };
    let own = of(&by_block, "pogson", &Settings::default());
    for (policy, settings) in
        [("lard", lard()), ("lard-r", lard()), ("prefix-load", prefix(0.5)), ("bounded-load", bounded(2.0))]
    {
        let peer = of(&by_address, policy, &settings);
        assert!(own.throughput >= 2.2 * peer.throughput, "{policy} by address: {own:?} against {peer:?}");
        let peer = of(&by_block, policy, &settings);
        assert!(own.throughput >= 0.97 * peer.throughput, "{policy} by block: {own:?} against {peer:?}");
    }
    let sets = of(&by_block, "lard-r", &lard());
    assert!(own.p99_ms <= 0.75 * sets.p99_ms, "{own:?} against {sets:?}");
}

#[test]
fn costs_that_are_learned_do_as_well_as_known_ones() {
    for name in ["saturated-1000", "saturated-500", "open", "cutouts"] {
        let known = of(&world(name), "pogson", &Settings::default());
        let learned = of(&Scenario { knows: false, ..world(name) }, "pogson", &Settings::default());
        assert!((learned.throughput / known.throughput - 1.0).abs() < 0.05, "{name}: {learned:?} against {known:?}");
        assert!(learned.p99_ms < 1.25 * known.p99_ms, "{name}: {learned:?} against {known:?}");
    }
}

/// Four dispatchers, each of which sees a quarter of the requests, and the others' load by reports alone.
#[test]
fn dispatchers_side_by_side_agree_where_contexts_are() {
    for name in ["saturated-1000", "saturated-500", "open", "slow"] {
        let four = Scenario { gates: 4, ..world(name) };
        let own = of(&four, "pogson", &Settings::default());
        let alone = of(&world(name), "pogson", &Settings::default());
        assert!(own.throughput >= 0.65 * alone.throughput, "{name}: {own:?}, alone {alone:?}");
        // What knows nothing of load agrees by itself, and waits for the fullest server.
        let hashed = of(&four, "rendezvous", &Settings::default());
        assert!(own.p99_ms <= 1.5 * hashed.p99_ms, "{name}: {own:?} against {hashed:?}");
        let lard = of(&four, "lard", &lard());
        assert!(own.p99_ms <= lard.p99_ms, "{name}: {own:?} against {lard:?}");
    }
}
