//! What another policy would have done with the requests of a trace: an estimate, by virtual servers with the costs, the rooms and the
//! speeds that the trace tells of.

use super::replay::Tally;
use super::{Event, Figures, TraceError};
use crate::Request;
use crate::dispatcher::{Dispatcher, Setup};
use crate::policy::Report;
use crate::servers::{Answer, Sent, Servers};
use crate::shadow::Shadows;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

/// An estimate.
pub type Estimate = Figures;

/// Seconds of a hit and of a miss where a trace tells of none.
const UNKNOWN_S: [f64; 2] = [0.001, 0.01];
/// Most requests that a server is believed to work on at once.
const MOST_AT_ONCE: f64 = 4096.0;

/// Sum and number of seconds.
#[derive(Clone, Copy, Debug, Default)]
struct Mean(f64, f64);

impl Mean {
    fn add(&mut self, seconds: f64) {
        self.0 += seconds;
        self.1 += 1.0;
    }

    fn value(self) -> Option<f64> {
        (self.1 > 0.0).then(|| self.0 / self.1)
    }
}

/// A server of a trace.
#[derive(Clone, Debug, Default)]
struct Machine {
    active: u32,
    busy_since_s: f64,
    busy_s: f64,
    worked_s: f64,
    room: usize,
    slowness: f64,
}

impl Machine {
    /// Requests that it works on at once: the work done by the time in which it had any.
    fn at_once(&self) -> usize {
        if self.busy_s > 0.0 { (self.worked_s / self.busy_s).round().clamp(1.0, MOST_AT_ONCE) as usize } else { 1 }
    }
}

/// What a trace tells of servers and costs.
#[derive(Clone, Debug, Default)]
pub struct Known {
    machines: Vec<Machine>,
    /// Miss and hit, by product.
    costs: BTreeMap<u32, [Mean; 2]>,
    all: [Mean; 2],
}

impl Known {
    pub(super) fn sent(&mut self, at: usize, now_s: f64) {
        if at >= self.machines.len() {
            self.machines.resize(at + 1, Machine::default());
        }
        let machine = &mut self.machines[at];
        if machine.active == 0 {
            machine.busy_since_s = now_s;
        }
        machine.active += 1;
    }

    pub(super) fn over(&mut self, sent: &Sent, now_s: f64) {
        let machine = &mut self.machines[sent.server];
        machine.active -= 1;
        if machine.active == 0 {
            machine.busy_s += (now_s - machine.busy_since_s).max(0.0);
        }
    }

    pub(super) fn answered(&mut self, sent: &Sent, answer: Answer, now_s: f64) {
        self.over(sent, now_s);
        let Some(service_s) = answer.service_s else { return };
        self.machines[sent.server].worked_s += service_s;
        let hit = usize::from(answer.hit.unwrap_or(sent.expected_hit));
        self.costs.entry(sent.request.product).or_default()[hit].add(service_s);
        self.all[hit].add(service_s);
    }

    /// The trace is over, and this is what its dispatcher knows then.
    pub(super) fn ended(&mut self, servers: &Servers) {
        self.machines.resize(servers.all.len(), Machine::default());
        for (at, (machine, server)) in self.machines.iter_mut().zip(&servers.all).enumerate() {
            (machine.room, machine.slowness) = (servers.shadows.room(at), server.slowness);
        }
        // The costs are means over all servers.
        let mean = self.machines.iter().map(|machine| machine.slowness).sum::<f64>() / self.machines.len() as f64;
        self.machines.iter_mut().for_each(|machine| machine.slowness /= mean);
    }

    fn cost_s(&self, product: u32, hit: bool) -> f64 {
        let hit = usize::from(hit);
        let own = self.costs.get(&product).and_then(|costs| costs[hit].value());
        own.or_else(|| self.all[hit].value()).unwrap_or(UNKNOWN_S[1 - hit])
    }
}

struct Job {
    sent: Sent,
    request: Request,
}

/// A virtual server.
struct Worker {
    cache: Shadows,
    queue: VecDeque<Job>,
    at_once: usize,
    slowness: f64,
    /// What is being worked on, by its number: whether it was cached and how long it takes.
    busy: BTreeMap<u64, (Job, bool, f64)>,
}

struct World<'a> {
    known: &'a Known,
    gate: Dispatcher,
    workers: Vec<Worker>,
    /// Ends of work, nanoseconds: of which request, where.
    ends: BinaryHeap<Reverse<(u64, u64, usize)>>,
    tally: Tally,
    classes: usize,
}

/// What a dispatcher that begins as `setup` says would have done with the requests of `events`, and what would have come of it. Servers
/// join, leave and change as the events say; what they report is that of the virtual ones.
///
/// # Errors
/// As of [`super::decisions`].
pub fn estimate(
    setup: &Setup,
    events: impl Iterator<Item = Result<(u64, Event), TraceError>>,
    known: &Known,
) -> Result<Estimate, TraceError> {
    let gate = Dispatcher::new(setup).ok_or_else(|| TraceError::Policy(setup.policy.clone()))?;
    let classes = setup.settings.classes;
    let (workers, ends) = (Vec::new(), BinaryHeap::new());
    let mut world = World { known, gate, workers, ends, tally: Tally::default(), classes };
    for event in events {
        let (line, event) = event?;
        match &event {
            Event::Answer { .. } | Event::Withdraw { .. } | Event::Takeover { .. } => {}
            Event::Request { at_s, request, .. } => {
                world.end_until(*at_s);
                world.ask(*request, *at_s);
            }
            Event::Report { at_s, place, .. } => {
                world.end_until(*at_s);
                world.report(*place, *at_s);
            }
            other => {
                world.gate.apply(other).map_err(|fault| TraceError::Line { line, fault })?;
                world.change(other);
            }
        }
    }
    world.end_until(f64::INFINITY);
    Ok(world.tally.figures())
}

impl World<'_> {
    /// Servers have joined, or begun anew.
    fn change(&mut self, event: &Event) {
        while self.workers.len() < self.gate.servers().all.len() {
            let machine = self.known.machines.get(self.workers.len()).cloned().unwrap_or_default();
            self.workers.push(Worker {
                cache: Shadows::new(&[machine.room]),
                queue: VecDeque::new(),
                at_once: machine.at_once(),
                slowness: if machine.slowness > 0.0 { machine.slowness } else { 1.0 },
                busy: BTreeMap::new(),
            });
        }
        if let Event::Anew { place, .. } = event {
            self.workers[*place].cache.clear(0);
        }
    }

    fn ask(&mut self, request: Request, now_s: f64) {
        let Some(sent) = self.gate.dispatch(request, &[], now_s) else {
            self.tally.refused += 1;
            return;
        };
        self.workers[sent.server].queue.push_back(Job { sent, request });
        self.begin(sent.server, now_s);
    }

    fn begin(&mut self, at: usize, now_s: f64) {
        let worker = &mut self.workers[at];
        while worker.busy.len() < worker.at_once
            && let Some(job) = worker.queue.pop_front()
        {
            let hit = worker.cache.touch(0, job.request.context);
            let service_s = self.known.cost_s(job.request.product, hit) * worker.slowness;
            self.ends.push(Reverse((((now_s + service_s) * 1e9) as u64, job.sent.number, at)));
            worker.busy.insert(job.sent.number, (job, hit, service_s));
        }
    }

    fn end_until(&mut self, until_s: f64) {
        while let Some(Reverse((end, number, at))) = self.ends.peek().copied()
            && end as f64 * 1e-9 <= until_s
        {
            self.ends.pop();
            let Some((job, hit, service_s)) = self.workers[at].busy.remove(&number) else { continue };
            let now_s = end as f64 * 1e-9;
            let weight = self.gate.servers().all[at].weight;
            self.gate.answered(&job.sent, Answer { hit: Some(hit), service_s: Some(service_s) }, now_s);
            self.tally.count((now_s - job.sent.at_s).max(0.0), Some(hit));
            self.tally.works(at, service_s / weight);
            self.begin(at, now_s);
        }
    }

    fn report(&mut self, at: usize, now_s: f64) {
        let Some(worker) = self.workers.get(at) else { return };
        let mut report = Report { queue: worker.queue.len() as u32, ..Report::default() };
        report.classes = vec![0; self.classes];
        report.total_s = worker.busy.values().map(|(_, _, service_s)| service_s).sum();
        for job in &worker.queue {
            if self.classes > 0 {
                report.classes[(job.request.context % self.classes as u64) as usize] += 1;
            }
            let hit = worker.cache.has(0, job.request.context);
            report.total_s += self.known.cost_s(job.request.product, hit) * worker.slowness;
        }
        report.total_s /= worker.at_once as f64;
        self.gate.reported(at, &report, now_s);
    }
}
