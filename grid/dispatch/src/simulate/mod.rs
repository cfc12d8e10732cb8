//! A simulated cluster: servers that answer one request after the other, each with a cache of what was used last.

mod random;
mod scenario;

pub use random::{Random, Zipf};
pub use scenario::{Arrivals, Incident, NAMES, Scenario};

use crate::Request;
use crate::costs::Costs;
use crate::policy::{LeastWork, Policy, Report, Settings, by_name};
use crate::servers::{Answer, Sent, Servers};
use crate::shadow::Shadows;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// What came of a run, of the requests after the warm-up.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Answers a second.
    pub throughput: f64,
    /// Share of answers from caches.
    pub hit_rate: f64,
    /// Time from request to answer, milliseconds: mean.
    pub mean_ms: f64,
    /// The same, median.
    pub p50_ms: f64,
    /// The same, 99th percentile.
    pub p99_ms: f64,
}

impl Outcome {
    /// What came of several runs: the mean of each figure; not numbers if there are none.
    #[must_use]
    pub fn mean(runs: &[Self]) -> Self {
        let mean = |figure: fn(&Self) -> f64| runs.iter().map(figure).sum::<f64>() / runs.len() as f64;
        Self {
            throughput: mean(|run| run.throughput),
            hit_rate: mean(|run| run.hit_rate),
            mean_ms: mean(|run| run.mean_ms),
            p50_ms: mean(|run| run.p50_ms),
            p99_ms: mean(|run| run.p99_ms),
        }
    }
}

/// A moment of the simulation, in nanoseconds, so that moments have an order.
type Moment = u64;

/// Contexts that a cache is guessed to hold, where that is learned.
const FIRST_ROOM: usize = 32;

const NANOSECOND: f64 = 1e-9;

fn moment(seconds: f64) -> Moment {
    (seconds / NANOSECOND).round() as Moment
}

fn seconds(moment: Moment) -> f64 {
    moment as f64 * NANOSECOND
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival,
    Done(usize),
    Reports,
}

/// A dispatcher.
struct Gate {
    policy: Box<dyn Policy>,
    servers: Servers,
}

/// A request at a server.
struct Job {
    gate: usize,
    /// What its answer is made of.
    source: u64,
    product: u32,
    sent: Sent,
    number: usize,
    came: Moment,
}

struct Worker {
    queue: VecDeque<Job>,
    cache: Shadows,
    /// What is being worked on, whether it was cached, and how long it takes.
    current: Option<(Job, bool, f64)>,
}

struct World<'a> {
    scenario: &'a Scenario,
    gates: Vec<Gate>,
    workers: Vec<Worker>,
    events: BinaryHeap<Reverse<(Moment, u64, Event)>>,
    count: u64,
    zipf: Zipf,
    random: Random,
    times: Random,
    at_gates: Random,
    sent: usize,
    /// Milliseconds of each counted answer, and how many were from a cache.
    latencies_ms: Vec<f64>,
    hits: usize,
    counts_from: Moment,
    ended: Moment,
    classes: usize,
}

/// Runs `scenario` with the policy of that name, as [`run`] does; `None` for names that are not in [`crate::policy::NAMES`].
#[must_use]
pub fn run_named(scenario: &Scenario, policy: &str, settings: &Settings, seed: u64) -> Option<Outcome> {
    let make = |gate: u64| by_name(policy, settings, seed.wrapping_add(gate));
    make(0)?;
    Some(run(scenario, |gate| make(gate).unwrap_or_else(|| Box::new(LeastWork)), settings.classes, seed))
}

/// Runs `scenario` with what `policy` makes for each dispatcher, by its number; the same `seed` gives the same requests at the same
/// times, whatever the policy.
///
/// - `classes`: into how many classes reports tell contexts apart.
pub fn run(scenario: &Scenario, policy: impl Fn(u64) -> Box<dyn Policy>, classes: usize, seed: u64) -> Outcome {
    let costs = if scenario.knows { Costs::known(&scenario.products) } else { Costs::guessed(0.005, 0.02) };
    let room = if scenario.knows { scenario.cache } else { FIRST_ROOM };
    let gates = (0..scenario.gates.max(1))
        .map(|number| {
            let mut servers = Servers::new(&vec![room; scenario.servers], costs.clone());
            servers.learns_rooms = !scenario.knows;
            Gate { policy: policy(number as u64), servers }
        })
        .collect();
    let workers = (0..scenario.servers)
        .map(|_| Worker { queue: VecDeque::new(), cache: Shadows::new(&[scenario.cache]), current: None })
        .collect();
    let mut world = World {
        scenario,
        gates,
        workers,
        events: BinaryHeap::new(),
        count: 0,
        zipf: Zipf::new(scenario.contexts, scenario.exponent),
        random: Random::new(seed, 1),
        times: Random::new(seed, 2),
        at_gates: Random::new(seed, 3),
        sent: 0,
        latencies_ms: Vec::with_capacity(scenario.requests),
        hits: 0,
        counts_from: 0,
        ended: 0,
        classes,
    };
    world.go();
    world.outcome()
}

impl World<'_> {
    fn at(&mut self, moment: Moment, event: Event) {
        self.count += 1;
        self.events.push(Reverse((moment, self.count, event)));
    }

    fn go(&mut self) {
        match self.scenario.arrivals {
            Arrivals::Saturated { population } => (0..population).for_each(|_| self.at(0, Event::Arrival)),
            Arrivals::Open { .. } => self.at(0, Event::Arrival),
        }
        self.at(moment(self.scenario.feedback_s), Event::Reports);
        while let Some(Reverse((now, _, event))) = self.events.pop() {
            match event {
                Event::Arrival if self.sent < self.scenario.requests => self.arrive(now),
                Event::Arrival => {}
                Event::Done(worker) => self.done(worker, now),
                Event::Reports => {
                    self.tell();
                    if self.workers.iter().any(|worker| worker.current.is_some()) {
                        self.at(now + moment(self.scenario.feedback_s), Event::Reports);
                    }
                }
            }
        }
    }

    /// Whether the incident goes on at the `number`th request.
    fn is_on(&self, number: usize) -> bool {
        (self.scenario.requests * 2 / 5..self.scenario.requests * 4 / 5).contains(&number)
    }

    fn arrive(&mut self, now: Moment) {
        let scenario = self.scenario;
        let number = self.sent;
        self.sent += 1;
        let mut source = self.zipf.draw(&mut self.random);
        let flash = self.random.uniform();
        let address = self.random.below(scenario.addresses);
        if let Incident::Flash(share) = scenario.incident
            && self.is_on(number)
            && flash < share
        {
            source = scenario.contexts as u64;
        }
        let product = scenario.product_of[source as usize % scenario.product_of.len()];
        let seen = if scenario.by_address { source * scenario.addresses + address } else { source };
        let request = Request { context: seen, product };
        let at = (self.at_gates.below(self.gates.len() as u64)) as usize;
        let gate = &mut self.gates[at];
        if let Some(worker) = gate.policy.choose(request, &gate.servers, seconds(now)) {
            let sent = gate.servers.send(worker, request, seconds(now));
            self.workers[worker].queue.push_back(Job { gate: at, source, product, sent, number, came: now });
            self.begin(worker, now);
        }
        if number == scenario.warm_up {
            self.counts_from = now;
        }
        if let Arrivals::Open { rate } = scenario.arrivals {
            let wait_s = self.times.exponential() / rate;
            self.at(now + moment(wait_s), Event::Arrival);
        }
    }

    fn begin(&mut self, at: usize, now: Moment) {
        let slow = match self.scenario.incident {
            Incident::Slow(times) if at == 0 && self.is_on(self.sent) => times,
            _ => 1.0,
        };
        let worker = &mut self.workers[at];
        if worker.current.is_some() {
            return;
        }
        let Some(job) = worker.queue.pop_front() else { return };
        let hit = worker.cache.touch(0, job.source);
        let (hit_s, miss_s) = self.scenario.products[job.product as usize];
        let service_s = slow * if hit { hit_s } else { miss_s };
        worker.current = Some((job, hit, service_s));
        self.at(now + moment(service_s), Event::Done(at));
    }

    fn done(&mut self, at: usize, now: Moment) {
        let Some((job, hit, service_s)) = self.workers[at].current.take() else { return };
        self.gates[job.gate].servers.answered(
            &job.sent,
            Answer { hit: Some(hit), service_s: Some(service_s) },
            seconds(now),
        );
        if job.number >= self.scenario.warm_up {
            self.latencies_ms.push(seconds(now - job.came) * 1e3);
            self.hits += usize::from(hit);
        }
        if self.sent < self.scenario.requests || matches!(self.scenario.arrivals, Arrivals::Open { .. }) {
            // Later ones find a cluster that empties.
            self.ended = now;
        }
        self.begin(at, now);
        if matches!(self.scenario.arrivals, Arrivals::Saturated { .. }) {
            self.at(now, Event::Arrival);
        }
    }

    fn tell(&mut self) {
        for (at, worker) in self.workers.iter().enumerate() {
            let mut report =
                Report { queue: worker.queue.len() as u32, classes: vec![0; self.classes], ..Report::default() };
            let current_s = worker.current.as_ref().map_or(0.0, |(_, _, service_s)| *service_s);
            report.total_s = current_s;
            let mut cache = worker.cache.clone();
            for job in &worker.queue {
                if self.classes > 0 {
                    report.classes[(job.source % self.classes as u64) as usize] += 1;
                }
                let (hit_s, miss_s) = self.scenario.products[job.product as usize];
                report.total_s += if cache.touch(0, job.source) { hit_s } else { miss_s };
            }
            for gate in &mut self.gates {
                gate.servers.reported(at, report.total_s);
                gate.policy.report(at, &report);
            }
        }
    }

    fn outcome(mut self) -> Outcome {
        self.latencies_ms.sort_by(f64::total_cmp);
        let count = self.latencies_ms.len();
        let quantile = |share: f64| {
            let at = ((count as f64 * share).ceil() as usize).clamp(1, count.max(1)) - 1;
            self.latencies_ms.get(at).copied().unwrap_or(f64::NAN)
        };
        let during_s = seconds(self.ended.saturating_sub(self.counts_from));
        Outcome {
            throughput: count as f64 / during_s,
            hit_rate: self.hits as f64 / count as f64,
            mean_ms: self.latencies_ms.iter().sum::<f64>() / count as f64,
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
        }
    }
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
        let policy = |_| by_name("round-robin", &Settings::default(), 1).unwrap();
        let outcomes: Vec<_> = (0..5).map(|seed| run(&scenario, policy, 0, seed)).collect();
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
            let policy = |seed| by_name(name, &Settings::default(), seed).unwrap();
            let (first, second) = (run(&scenario, policy, 20, 3), run(&scenario, policy, 20, 3));
            assert_eq!(first, second, "{name}");
            assert!(first.p99_ms >= first.p50_ms && first.p50_ms > 0.0 && (0.0..=1.0).contains(&first.hit_rate));
        }
    }
}
