//! All policies in all scenarios: `table [SCENARIO] [POLICY] [SEEDS [DISPATCHERS [learn]]]`.

use pogson_dispatch::policy::{NAMES, Settings, by_name};
use pogson_dispatch::simulate::{self, Scenario, run};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let wants = |at: usize, name: &str| words.get(at).is_none_or(|word| word == "-" || word == name);
    let seeds = words.get(2).and_then(|word| word.parse().ok()).unwrap_or(3_u64);
    for scenario in simulate::NAMES.into_iter().filter(|name| wants(0, name)) {
        for policy in NAMES.into_iter().filter(|name| wants(1, name)) {
            let mut world = Scenario::by_name(scenario).expect("a name of the list");
            world.gates = words.get(3).and_then(|word| word.parse().ok()).unwrap_or(1);
            world.knows = words.get(4).is_none();
            let (mut rate, mut hits, mut p50, mut p99) = (0.0, 0.0, 0.0, 0.0);
            for seed in 1..=seeds {
                let settings = Settings::default();
                let make = |gate| by_name(policy, &settings, seed + gate).expect("a name of the list");
                let outcome = run(&world, make, settings.classes, seed);
                rate += outcome.throughput / seeds as f64;
                hits += outcome.hit_rate / seeds as f64;
                p50 += outcome.p50_ms / seeds as f64;
                p99 += outcome.p99_ms / seeds as f64;
            }
            println!("{scenario:16}{policy:14}{rate:9.1} /s {hits:6.3} {p50:9.2} ms {p99:10.2} ms");
        }
    }
}
