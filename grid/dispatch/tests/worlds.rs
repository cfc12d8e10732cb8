//! The simulated worlds against an independent simulation of the same, and the default policy against its peers at their best.

mod claims;

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
fn all_that_is_said_of_the_default_beside_its_peers_and_of_learned_costs_is_so() {
    let mut runs = claims::Runs::new(SEEDS);
    for claim in claims::all() {
        let (found, figure) = (runs.check(&claim), claim.figure);
        let (own, peer, ratio) = (found.own, found.peer, found.ratio);
        assert!(
            found.met,
            "{}, {figure:?}: {own}, {}: {peer}; {ratio} instead of {}",
            claim.world, found.name, claim.ratio
        );
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
