//! Servers that join, leave, rise and share hot contexts.

use pogson_dispatch::Request;
use pogson_dispatch::costs::Costs;
use pogson_dispatch::dispatcher::{Dispatcher, FirstCosts, Setup};
use pogson_dispatch::policy::{NAMES, Settings, by_name};
use pogson_dispatch::servers::{Answer, Servers};
use pogson_dispatch::simulate::{Random, Scenario, run_traced};
use pogson_dispatch::trace::Event;
use proptest::prelude::*;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::{Arc, Mutex};

/// Policies by which contexts have their servers, and whether they do so for unequal weights, too. Of two choices the heavier is taken
/// where both are idle, so that a newcomer may bring a context back to a third.
const BY_CONTEXT: [(&str, bool); 4] =
    [("rendezvous", true), ("bounded-load", true), ("pogson", true), ("two-choice", false)];
const CONTEXTS: u64 = 2000;

/// Idle servers with caches that were never used.
fn idle(members: &[(u64, f64)]) -> Servers {
    let mut servers = Servers::new(&[], Costs::known(&[(0.004, 0.04)]));
    for (id, weight) in members {
        servers.join(*id, 100, *weight, 0.0);
    }
    servers
}

/// Where each context goes.
fn places(policy: &str, servers: &Servers) -> Vec<usize> {
    let mut policy = by_name(policy, &Settings::default(), 1).expect("a known name");
    let choose = |context| policy.choose(Request { context, product: 0 }, servers, 1.0).expect("one is up");
    (0..CONTEXTS).map(choose).collect()
}

fn members() -> impl Strategy<Value = Vec<(u64, f64)>> {
    prop::collection::hash_map(any::<u64>(), 0.25..4.0, 2..20).prop_map(|members| members.into_iter().collect())
}

/// Most contexts that move by chance where a part of them does on average: five standard deviations.
fn at_most(part: f64) -> f64 {
    let mean = part * CONTEXTS as f64;
    mean + 5.0 * mean.sqrt()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn who_joins_takes_its_share_and_nothing_else_moves(members in members(), id in any::<u64>(), weight in 0.25..4.0) {
        prop_assume!(members.iter().all(|(other, _)| *other != id));
        for (policy, weighted) in BY_CONTEXT {
            let of = |weight| if weighted { weight } else { 1.0 };
            let members: Vec<_> = members.iter().map(|(id, weight)| (*id, of(*weight))).collect();
            let mut servers = idle(&members);
            let before = places(policy, &servers);
            let new = servers.join(id, 100, of(weight), 0.5);
            let after = places(policy, &servers);
            let moved: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
            prop_assert!(moved.iter().all(|(_, after)| **after == new), "{policy}");
            let all: f64 = members.iter().map(|(_, weight)| weight).sum::<f64>() + of(weight);
            prop_assert!((moved.len() as f64) < at_most(of(weight) / all), "{policy}: {} moved", moved.len());
        }
    }

    #[test]
    fn who_leaves_gives_its_share_up_and_nothing_else_moves(members in members(), which in any::<prop::sample::Index>()) {
        for (policy, weighted) in BY_CONTEXT {
            let of = |weight| if weighted { weight } else { 1.0 };
            let members: Vec<_> = members.iter().map(|(id, weight)| (*id, of(*weight))).collect();
            let mut servers = idle(&members);
            let before = places(policy, &servers);
            let gone = which.index(members.len());
            servers.leave(gone);
            let after = places(policy, &servers);
            let moved: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
            prop_assert!(moved.iter().all(|(before, _)| **before == gone), "{policy}");
            prop_assert!(after.iter().all(|place| *place != gone));
            let all: f64 = members.iter().map(|(_, weight)| weight).sum();
            prop_assert!((moved.len() as f64) < at_most(members[gone].1 / all), "{policy}: {} moved", moved.len());
        }
    }

    /// Requests are under way while servers come and go: what is counted for each is what is under way there.
    #[test]
    fn work_under_way_is_right_whoever_joins_and_leaves(steps in prop::collection::vec((0_u8..6, any::<u64>()), 1..200)) {
        let setup = Setup { costs: FirstCosts::Known(vec![(0.004, 0.04)]), slow_start_s: 3.0, ..Setup::default() };
        let mut gate = Dispatcher::new(&setup).expect("a known name");
        let mut under_way = VecDeque::new();
        for (turn, (step, number)) in steps.into_iter().enumerate() {
            let now_s = turn as f64 * 0.1;
            let count = gate.servers().all.len();
            match step {
                0 => {
                    gate.join(number % 8, 50, 1.0 + (number % 3) as f64, now_s);
                }
                1 if count > 0 => gate.leave(number as usize % count, now_s),
                2 if count > 0 => gate.set_up(number as usize % count, number % 3 > 0, now_s),
                3 => {
                    if let Some(sent) = under_way.pop_front() {
                        gate.answered(&sent, Answer::default(), now_s);
                    }
                }
                _ => under_way.extend(gate.dispatch(Request { context: number % 50, product: 0 }, &[], now_s)),
            }
            for (at, server) in gate.servers().all.iter().enumerate() {
                let here = under_way.iter().filter(|sent| sent.server == at).count();
                prop_assert_eq!(server.active as usize, here);
                prop_assert!(server.work_s >= 0.0 && (here > 0 || server.work_s == 0.0));
            }
        }
    }
}

/// A server comes back with an empty cache, at 60 % of the run: its part of the requests in each tenth of its slow start of 20 s, by its
/// fair one, and in the 10 s after that.
fn rises(policy: &str) -> Vec<f64> {
    let scenario = Scenario { slow_start_s: 20.0, ..Scenario::by_name("away").expect("a known name") };
    let events = Arc::new(Mutex::new((None, [[0.0_f64; 2]; 15])));
    let shared = Arc::clone(&events);
    let listener = move |event: &Event| {
        let (began_s, counts) = &mut *shared.lock().expect("one thread");
        match event {
            Event::Up { at_s, place: 0, up: true } => *began_s = Some(*at_s),
            Event::Request { at_s, chosen: Some(place), .. } => {
                let Some(began_s) = *began_s else { return };
                let count = &mut counts[(((at_s - began_s) / 2.0) as usize).min(14)];
                count[usize::from(*place == 0)] += 1.0;
            }
            _ => {}
        }
    };
    run_traced(&scenario, policy, &Settings::default(), 1, listener).expect("a known name");
    let counts = events.lock().expect("one thread").1;
    counts.iter().map(|[others, own]| 8.0 * own / (others + own)).collect()
}

#[test]
fn the_share_of_a_server_that_comes_back_rises_whatever_the_policy() {
    for policy in NAMES {
        let shares = rises(policy);
        for (tenth, share) in shares.iter().take(10).enumerate() {
            // Its part at the end of the tenth, and what it gains beforehand: two of some 1100 requests.
            let most = (tenth as f64 + 1.0) / 10.0 + 8.0 * 2.0 / 1000.0;
            assert!(*share <= most, "{policy}, tenth {tenth}: {share} of its share; {shares:?}");
        }
        if policy.starts_with("lard") {
            // All contexts are bound elsewhere by then, and stay there until a server has too much.
            continue;
        }
        let [first, last] = [0..3, 7..10].map(|tenths| shares[tenths].iter().sum::<f64>());
        assert!(first < last, "{policy}: {shares:?}");
        let after = shares[10..].iter().sum::<f64>() / 5.0;
        assert!(after > 0.4, "{policy}: {after} of its share afterwards; {shares:?}");
    }
}

/// Servers with one worker each, 4 ms for what is cached and 40 for what is not: part of the hot context's requests that each server
/// gets, in each of the given stretches of `each_s` seconds with their number of hot requests a second; beside them 200 a second are for
/// 400 other contexts.
fn parts_of_hot(policy: &str, stretches: &[f64], each_s: f64) -> Vec<Vec<f64>> {
    const HOT: u64 = 1_000_000;
    let costs = FirstCosts::Known(vec![(0.004, 0.04)]);
    let mut gate = Dispatcher::new(&Setup { policy: policy.into(), costs, ..Setup::default() }).expect("a known name");
    (0..8).for_each(|id| {
        gate.join(id, 100, 1.0, 0.0);
    });
    let (mut random, mut caches) = (Random::new(5, 5), pogson_dispatch::shadow::Shadows::new(&[100; 8]));
    let mut free_at_s = [0.0_f64; 8];
    let mut ends = BinaryHeap::new();
    let mut under_way = std::collections::HashMap::new();
    let mut now_s = 0.0;
    let mut all = Vec::new();
    for (stretch, hot_rate) in stretches.iter().enumerate() {
        let mut counts = vec![0.0; 8];
        while now_s < each_s * (stretch as f64 + 1.0) {
            now_s += random.exponential() / (hot_rate + 200.0);
            while let Some(Reverse((end_ns, number))) = ends.peek().copied()
                && end_ns as f64 <= now_s * 1e9
            {
                ends.pop();
                let (sent, answer) = under_way.remove(&number).expect("it is under way");
                gate.answered(&sent, answer, end_ns as f64 * 1e-9);
            }
            let is_hot = random.uniform() * (hot_rate + 200.0) < *hot_rate;
            let context = if is_hot { HOT } else { random.below(400) };
            let sent = gate.dispatch(Request { context, product: 0 }, &[], now_s).expect("all are up");
            let hit = caches.touch(sent.server, context);
            let service_s = if hit { 0.004 } else { 0.04 };
            let free_s = &mut free_at_s[sent.server];
            *free_s = free_s.max(now_s) + service_s;
            ends.push(Reverse(((*free_s * 1e9) as u64, sent.number)));
            under_way.insert(sent.number, (sent, Answer { hit: Some(hit), service_s: Some(service_s) }));
            counts[sent.server] += f64::from(u8::from(is_hot));
        }
        let sum: f64 = counts.iter().sum();
        all.push(counts.into_iter().map(|count: f64| count / sum).collect());
    }
    all
}

#[test]
fn a_context_that_alone_overloads_a_server_is_served_by_several_and_later_by_few() {
    // 700 a second of 4 ms are 2.8 servers; 5 a second are a fiftieth of one.
    let stretches = parts_of_hot("pogson", &[5.0, 700.0, 700.0, 5.0, 5.0, 5.0], 20.0);
    let several = |parts: &[f64], least: f64| parts.iter().filter(|part| **part > least).count();
    assert_eq!(several(&stretches[0], 0.9), 1, "one server is enough: {stretches:?}");
    assert!(several(&stretches[2], 0.05) >= 3 && several(&stretches[2], 0.5) == 0, "{stretches:?}");
    assert!(several(&stretches[5], 0.1) <= 2 && several(&stretches[5], 0.6) == 1, "{stretches:?}");
}
