//! How long a decision takes: `pace [SERVERS [POLICY]]`, nanoseconds of choosing, and of choosing with the notes of a request that is sent
//! and of its answer. Of each the median and the least of many batches, beside a probe, always the same work: where its median is far above
//! its least, the machine does other things as well, and the least figures count.

use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Instant;

use pogson_dispatch::Request;
use pogson_dispatch::costs::Costs;
use pogson_dispatch::policy::{NAMES, Settings, by_name};
use pogson_dispatch::servers::{Answer, Servers};
use pogson_dispatch::simulate::{Random, Zipf};

const BATCHES: usize = 200;
const BATCH: usize = 500;

/// Nanoseconds of one of a batch: median and least.
fn of(mut batches: Vec<f64>) -> (f64, f64) {
    batches.sort_by(f64::total_cmp);
    (batches[batches.len() / 2], batches[0])
}

/// Nanoseconds of a piece of work, by batches.
fn timed(turns: usize, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / turns as f64
}

/// A hundred products, each of the one before.
fn probe() {
    let product = (0..100_u64).fold(1_u64, |product, one| black_box(product.wrapping_mul(one | 1)));
    black_box(product);
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let count = words.first().and_then(|word| word.parse().ok()).unwrap_or(64);
    let chosen = words.get(1);
    println!("{count} servers, nanoseconds: median (least)");
    for name in NAMES.into_iter().filter(|name| chosen.is_none_or(|chosen| chosen == name)) {
        let Some(mut policy) = by_name(name, &Settings::default(), 1) else { continue };
        let mut servers = Servers::new(&vec![1000; count], Costs::guessed(0.004, 0.04));
        servers.learns_rooms = true;
        let (zipf, mut random) = (Zipf::new(100_000, 0.8), Random::new(1, 1));
        let mut under_way = VecDeque::new();
        let (mut choosing, mut all, mut probes) = (Vec::new(), Vec::new(), Vec::new());
        for batch in 0..BATCHES {
            let requests: Vec<_> =
                (0..BATCH).map(|_| Request { context: zipf.draw(&mut random), product: 0 }).collect();
            let now_s = batch as f64 * 0.05;
            probes.push(timed(BATCH, || (0..BATCH).for_each(|_| probe())));
            choosing.push(timed(BATCH, || {
                for &request in &requests {
                    black_box(policy.choose(request, &servers, now_s));
                }
            }));
            all.push(timed(BATCH, || {
                for &request in &requests {
                    let at = policy.choose(request, &servers, now_s);
                    under_way.extend(at.map(|at| servers.send(at, request, now_s)));
                    if under_way.len() > 4 * count
                        && let Some(sent) = under_way.pop_front()
                    {
                        let answer = Answer { hit: Some(sent.expected_hit), service_s: Some(0.004) };
                        servers.answered(&sent, answer, now_s);
                    }
                }
            }));
        }
        let [choosing, all, probes] = [choosing, all, probes].map(of);
        println!(
            "{name:14} to choose {:6.0} ({:5.0})   in all {:6.0} ({:5.0})   probe {:5.0} ({:4.0})",
            choosing.0, choosing.1, all.0, all.1, probes.0, probes.1
        );
    }
}
