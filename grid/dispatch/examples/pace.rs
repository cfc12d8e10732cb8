//! How long a decision takes: `pace [SERVERS [POLICY]]`, nanoseconds of choosing, median and mean, and mean with its notes. Each holds
//! a look at the clock, some 30 ns. What else the machine does moves the means.

use pogson_dispatch::Request;
use pogson_dispatch::costs::Costs;
use pogson_dispatch::policy::{Settings, by_name};
use pogson_dispatch::servers::{Answer, Servers};
use pogson_dispatch::simulate::{Random, Zipf};
use std::collections::VecDeque;
use std::time::Instant;

const REQUESTS: usize = 500_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let count = words.first().and_then(|word| word.parse().ok()).unwrap_or(64);
    let name = words.get(1).map_or("pogson", String::as_str);
    let Some(mut policy) = by_name(name, &Settings::default(), 1) else { return eprintln!("no policy {name}") };
    let mut servers = Servers::new(&vec![1000; count], Costs::known(&[(0.004, 0.04)]));
    let (zipf, mut random) = (Zipf::new(100_000, 0.8), Random::new(1, 1));
    let requests: Vec<_> = (0..REQUESTS).map(|_| Request { context: zipf.draw(&mut random), product: 0 }).collect();
    let mut under_way = VecDeque::new();
    let mut choosing_ns: Vec<u64> = Vec::with_capacity(REQUESTS);
    let start = Instant::now();
    for (number, &request) in requests.iter().enumerate() {
        let now_s = number as f64 * 1e-4;
        let before = Instant::now();
        let at = policy.choose(request, &servers, now_s);
        choosing_ns.push(before.elapsed().as_nanos() as u64);
        under_way.extend(at.map(|at| servers.send(at, request, now_s)));
        if under_way.len() > 4 * count
            && let Some(sent) = under_way.pop_front()
        {
            servers.answered(&sent, Answer { hit: Some(sent.expected_hit), service_s: Some(0.004) }, now_s);
        }
    }
    let all_ns = start.elapsed().as_nanos();
    choosing_ns.sort_unstable();
    println!(
        "{name}, {count} servers: {} ns to choose ({} in the mean), {} ns in all",
        choosing_ns[REQUESTS / 2],
        choosing_ns.iter().sum::<u64>() / REQUESTS as u64,
        all_ns / REQUESTS as u128
    );
}
