//! A simulated cluster: servers that answer one request after the other, each with a cache of what was used last.

mod outcome;
mod random;
mod scenario;
mod world;

pub use outcome::{Level, Outcome};
pub use random::{Random, Zipf};
pub use scenario::{Admission, Arrivals, Incident, NAMES, Scenario};

use crate::dispatcher::{Dispatcher, FirstCosts, Setup};
use crate::policy::Settings;
use crate::servers::REPORT_COUNTS_S;
use crate::trace::Event;

/// Seconds of a hit and of a miss that are guessed, where they are learned.
const FIRST_COSTS: FirstCosts = FirstCosts::Guessed(0.005, 0.02);

impl Scenario {
    /// What its dispatchers begin with; those after the first have the seeds after it.
    #[must_use]
    pub fn setup(&self, policy: &str, settings: &Settings, seed: u64) -> Setup {
        Setup {
            policy: policy.into(),
            settings: settings.clone(),
            seed,
            costs: if self.knows { FirstCosts::Known(self.products.clone()) } else { FIRST_COSTS },
            learns_rooms: !self.knows,
            slow_start_s: self.slow_start_s,
            reports_count_s: REPORT_COUNTS_S,
        }
    }
}

/// Runs `scenario` with the policy of that name; `None` for names that are not in [`crate::policy::NAMES`]. The same `seed` gives the same
/// requests at the same times, whatever the policy, unless clients wait for answers.
#[must_use]
pub fn run(scenario: &Scenario, policy: &str, settings: &Settings, seed: u64) -> Option<Outcome> {
    world::run(scenario, gates(scenario, policy, settings, seed)?, settings.classes, seed)
}

/// The same, and tells `listener` what the first dispatcher is told and decides, from its beginning.
#[must_use]
pub fn run_traced(
    scenario: &Scenario,
    policy: &str,
    settings: &Settings,
    seed: u64,
    listener: impl FnMut(&Event) + Send + 'static,
) -> Option<Outcome> {
    let mut gates = gates(scenario, policy, settings, seed)?;
    gates.first_mut()?.listen(listener);
    world::run(scenario, gates, settings.classes, seed)
}

/// The dispatchers, which know of no server yet.
fn gates(scenario: &Scenario, policy: &str, settings: &Settings, seed: u64) -> Option<Vec<Dispatcher>> {
    let setups =
        (0..scenario.gates.max(1) as u64).map(|gate| scenario.setup(policy, settings, seed.wrapping_add(gate)));
    setups.map(|setup| Dispatcher::new(&setup)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An M/D/1 queue: Poisson arrivals at one server whose answers all take as long. Pollaczek's formula: the mean wait is
    /// load / (2 (1 - load)) answers.
    #[test]
    fn a_server_with_answers_of_one_length_makes_wait_as_pollaczek_says() {
        let load = 0.6;
        let scenario = Scenario {
            servers: 1,
            products: vec![(0.01, 0.01)],
            product_of: vec![0],
            arrivals: Arrivals::Open { rate: load / 0.01 },
            requests: 200_000,
            warm_up: 1000,
            ..Scenario::by_name("open").unwrap()
        };
        let run = |seed| super::run(&scenario, "round-robin", &Settings::default(), seed).unwrap();
        let outcomes: Vec<_> = (0..5).map(run).collect();
        assert!(outcomes.iter().all(|outcome| (outcome.throughput / 60.0 - 1.0).abs() < 0.02));
        let mean_ms = outcomes.iter().map(|outcome| outcome.mean_ms).sum::<f64>() / 5.0;
        let expected_ms = 10.0 * (1.0 + load / (2.0 * (1.0 - load)));
        // A million waits, each alike to some thousand others beside it.
        assert!((mean_ms / expected_ms - 1.0).abs() < 0.02, "{mean_ms} ms, expected {expected_ms}");
    }

    #[test]
    fn the_same_seed_gives_the_same_outcome() {
        let scenario = Scenario { requests: 5000, warm_up: 500, ..Scenario::by_name("flash").unwrap() };
        for name in crate::policy::NAMES {
            let run = || run(&scenario, name, &Settings::default(), 3).unwrap();
            let (first, second) = (run(), run());
            assert_eq!(first, second, "{name}");
            assert!(first.p99_ms >= first.p50_ms && first.p50_ms > 0.0 && (0.0..=1.0).contains(&first.hit_rate));
        }
    }

    #[test]
    fn by_the_papers_admission_higher_levels_are_refused_less() {
        let clients = |think_s| Scenario {
            arrivals: Arrivals::Clients { clients: 6000, think_s },
            requests: 30_000,
            warm_up: 3_000,
            ..Scenario::by_name("paper-1000").unwrap()
        };
        for policy in ["round-robin", "lard", "context", "pogson"] {
            // The high level asks for more than there is alone.
            let outcome = run(&clients(2.0), policy, &Settings::default(), 1).unwrap();
            let [high, middle, low] = [0, 1, 2].map(|at| outcome.levels[at].refused);
            assert!(high < middle && high < low, "{policy}: {outcome:?}");
            let answered: f64 = outcome.levels.iter().map(|level| level.throughput).sum();
            assert!((answered / outcome.throughput - 1.0).abs() < 1e-9);
        }
        // It asks for less, all together for more.
        let outcome = run(&clients(4.0), "lard", &Settings::default(), 1).unwrap();
        let [high, middle, low] = [0, 1, 2].map(|at| outcome.levels[at].refused);
        assert!(high < 0.02 && high < middle && middle < low, "{outcome:?}");
    }

    #[test]
    fn full_queues_are_avoided_and_what_finds_no_room_is_counted_by_level() {
        let slow = Scenario { queue: Some(20), requests: 30_000, ..Scenario::by_name("slow").unwrap() };
        let outcome = run(&slow, "pogson", &Settings::default(), 1).unwrap();
        assert!(outcome.refused < 0.001, "{outcome:?}");
        // 509 connections, of which 168 find room.
        let crowded = Scenario { queue: Some(20), requests: 30_000, ..Scenario::by_name("paper-500").unwrap() };
        let outcome = run(&crowded, "pogson", &Settings::default(), 1).unwrap();
        assert!(outcome.levels.iter().all(|level| level.refused > 0.0), "{outcome:?}");
    }
}
