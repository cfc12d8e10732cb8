//! The events of a run, one after the other.

use super::outcome::Tally;
use super::{Arrivals, Incident, Outcome, Random, Scenario, Zipf};
use crate::Request;
use crate::dispatcher::Dispatcher;
use crate::paper::{Admitted, FilterTable, connections};
use crate::policy::Report;
use crate::servers::{Answer, Sent};
use crate::shadow::{FIRST_ROOM, Shadows};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

/// A moment of the simulation, in nanoseconds, so that moments have an order.
type Moment = u64;

const NANOSECOND: f64 = 1e-9;

fn moment(seconds: f64) -> Moment {
    (seconds / NANOSECOND).round() as Moment
}

fn seconds(moment: Moment) -> f64 {
    moment as f64 * NANOSECOND
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// Of a client.
    Arrival(usize),
    /// At a server.
    Done(usize),
    Reports,
}

/// A request at a server.
struct Job {
    gate: usize,
    /// What its answer is made of.
    source: u64,
    product: u32,
    client: usize,
    level: usize,
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
    gates: Vec<Dispatcher>,
    workers: Vec<Worker>,
    events: BinaryHeap<Reverse<(Moment, u64, Event)>>,
    count: u64,
    zipf: Zipf,
    random: Random,
    times: Random,
    at_gates: Random,
    /// Level of each client.
    levels: Vec<usize>,
    /// Connections, and where those are that wait, if not everybody is let in.
    filters: Option<FilterTable>,
    places: HashMap<usize, usize>,
    /// Whether the first server is away.
    away: bool,
    sent: usize,
    tally: Tally,
    counts_from: Moment,
    ended: Moment,
    classes: usize,
    /// Entries of the dispatchers' tables when the last request came.
    table: usize,
}

/// Runs it.
///
/// - `gates`: dispatchers without servers.
/// - `classes`: into how many classes reports tell contexts apart.
pub(super) fn run(scenario: &Scenario, mut gates: Vec<Dispatcher>, classes: usize, seed: u64) -> Option<Outcome> {
    let room = if scenario.knows { scenario.cache } else { FIRST_ROOM };
    for gate in &mut gates {
        (0..scenario.servers as u64).for_each(|id| {
            gate.join(id, room, 1.0, 0.0);
        });
    }
    let workers = (0..scenario.servers)
        .map(|_| Worker { queue: VecDeque::new(), cache: Shadows::new(&[scenario.cache]), current: None })
        .collect();
    let clients = match scenario.arrivals {
        Arrivals::Saturated { population } => population,
        Arrivals::Open { .. } => 1,
        Arrivals::Clients { clients, .. } => clients,
    };
    let mut lots = Random::new(seed, 4);
    let [high, middle, _] = scenario.levels;
    let level = |lot: f64| usize::from(lot >= high) + usize::from(lot >= high + middle);
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
        levels: (0..clients).map(|_| level(lots.uniform())).collect(),
        filters: scenario.admission.map(|admission| {
            FilterTable::new(connections(scenario.servers, admission.t_low, admission.t_high), admission.ages_s)
        }),
        places: HashMap::new(),
        away: false,
        sent: 0,
        tally: Tally::new(scenario),
        counts_from: 0,
        ended: 0,
        classes,
        table: 0,
    };
    world.go();
    let during_s = seconds(world.ended.saturating_sub(world.counts_from));
    Some(world.tally.outcome(scenario, during_s, world.table))
}

impl World<'_> {
    fn at(&mut self, moment: Moment, event: Event) {
        self.count += 1;
        self.events.push(Reverse((moment, self.count, event)));
    }

    fn go(&mut self) {
        for client in 0..self.levels.len() {
            self.thinks(client, 0);
        }
        self.at(moment(self.scenario.feedback_s), Event::Reports);
        while let Some(Reverse((now, _, event))) = self.events.pop() {
            match event {
                Event::Arrival(client) if self.sent < self.scenario.requests => self.arrive(client, now),
                Event::Arrival(_) => {}
                Event::Done(worker) => self.done(worker, now),
                Event::Reports => {
                    self.tell(now);
                    let goes_on = self.sent < self.scenario.requests;
                    if goes_on || self.workers.iter().any(|worker| worker.current.is_some()) {
                        self.at(now + moment(self.scenario.feedback_s), Event::Reports);
                    }
                }
            }
        }
    }

    /// A client that has nothing under way asks next, if it is one that waits for answers or begins.
    fn thinks(&mut self, client: usize, now: Moment) {
        match self.scenario.arrivals {
            Arrivals::Saturated { .. } => self.at(now, Event::Arrival(client)),
            Arrivals::Open { .. } if now == 0 => self.at(0, Event::Arrival(client)),
            Arrivals::Open { .. } => {}
            Arrivals::Clients { think_s, .. } => {
                let wait_s = think_s * self.times.exponential();
                self.at(now + moment(wait_s), Event::Arrival(client));
            }
        }
    }

    /// Whether the incident goes on at the `number`th request.
    fn is_on(&self, number: usize) -> bool {
        let fifths = if self.scenario.incident == Incident::Away { 2..3 } else { 2..4 };
        (self.scenario.requests * fifths.start / 5..self.scenario.requests * fifths.end / 5).contains(&number)
    }

    fn arrive(&mut self, client: usize, now: Moment) {
        let number = self.sent;
        self.sent += 1;
        if number == self.scenario.warm_up {
            self.counts_from = now;
        }
        self.goes_and_comes(number, now);
        let (source, request) = self.request(number);
        let gate = self.at_gates.below(self.gates.len() as u64) as usize;
        if !self.send(client, number, source, request, gate, now) {
            self.refuse(client, number, now);
        }
        if self.sent == self.scenario.requests {
            self.table = self.gates.iter().map(Dispatcher::entries).sum();
        }
        if let Arrivals::Open { rate } = self.scenario.arrivals {
            let wait_s = self.times.exponential() / rate;
            self.at(now + moment(wait_s), Event::Arrival(client));
        }
    }

    /// The first server, where it is away for a while.
    fn goes_and_comes(&mut self, number: usize, now: Moment) {
        let away = self.scenario.incident == Incident::Away && self.is_on(number);
        if away == self.away {
            return;
        }
        self.away = away;
        for gate in &mut self.gates {
            gate.set_up(0, !away, seconds(now));
            if !away {
                gate.began_anew(0, seconds(now));
            }
        }
        if !away {
            self.workers[0].cache.clear(0);
        }
    }

    /// What is asked for, and how the dispatcher sees it.
    fn request(&mut self, number: usize) -> (u64, Request) {
        let scenario = self.scenario;
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
        let context = if scenario.by_address { source * scenario.addresses + address } else { source };
        (source, Request { context, product })
    }

    /// Lets a request in and to a server; whether it is.
    fn send(&mut self, client: usize, number: usize, source: u64, request: Request, gate: usize, now: Moment) -> bool {
        let level = self.levels[client];
        if let Some(filters) = &mut self.filters {
            match filters.admit(number as u64, level, seconds(now)) {
                Admitted::Accepted => {}
                Admitted::InPlaceOf(other) => self.close(other as usize, now),
                Admitted::Rejected => return false,
            }
        }
        let sent = self.gates[gate].dispatch(request, &[], seconds(now));
        let Some(sent) = sent else {
            self.filters.iter_mut().for_each(|filters| filters.end(number as u64));
            return false;
        };
        let at = sent.server;
        let worker = &mut self.workers[at];
        if self.scenario.queue.is_some_and(|most| worker.queue.len() >= most as usize && worker.current.is_some()) {
            self.gates[gate].withdrawn(&sent, seconds(now));
            self.filters.iter_mut().for_each(|filters| filters.end(number as u64));
            return false;
        }
        let product = request.product;
        worker.queue.push_back(Job { gate, source, product, client, level, sent, number, came: now });
        if self.filters.is_some() {
            self.places.insert(number, at);
        }
        self.begin(at, now);
        true
    }

    /// A request that waits is closed for another.
    fn close(&mut self, number: usize, now: Moment) {
        let Some(at) = self.places.remove(&number) else { return };
        let queue = &mut self.workers[at].queue;
        let place = queue.iter().position(|job| job.number == number);
        if let Some(job) = place.and_then(|place| queue.remove(place)) {
            self.gates[job.gate].withdrawn(&job.sent, seconds(now));
            self.refuse(job.client, job.number, now);
        }
    }

    fn refuse(&mut self, client: usize, number: usize, now: Moment) {
        self.tally.refused(number, self.levels[client]);
        match self.scenario.arrivals {
            // Who is always under way would ask again at the same moment, for ever.
            Arrivals::Saturated { .. } => self.at(now + moment(1e-3), Event::Arrival(client)),
            _ => self.thinks(client, now),
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
        if let Some(filters) = &mut self.filters {
            filters.begin(job.number as u64);
            self.places.remove(&job.number);
        }
        let hit = worker.cache.touch(0, job.source);
        let (hit_s, miss_s) = self.scenario.products[job.product as usize];
        let service_s = slow * if hit { hit_s } else { miss_s };
        worker.current = Some((job, hit, service_s));
        self.at(now + moment(service_s), Event::Done(at));
    }

    fn done(&mut self, at: usize, now: Moment) {
        let Some((job, hit, service_s)) = self.workers[at].current.take() else { return };
        let answer = Answer { hit: Some(hit), service_s: Some(service_s) };
        self.gates[job.gate].answered(&job.sent, answer, seconds(now));
        self.filters.iter_mut().for_each(|filters| filters.end(job.number as u64));
        self.tally.answered(job.number, job.level, seconds(now - job.came) * 1e3, hit);
        if self.sent < self.scenario.requests || matches!(self.scenario.arrivals, Arrivals::Open { .. }) {
            // Later ones find a cluster that empties.
            self.ended = now;
        }
        self.begin(at, now);
        self.thinks(job.client, now);
    }

    fn tell(&mut self, now: Moment) {
        for (at, worker) in self.workers.iter().enumerate() {
            let mut report = Report {
                queue: worker.queue.len() as u32,
                classes: vec![0; self.classes],
                limit: self.scenario.queue,
                ..Report::default()
            };
            report.total_s = worker.current.as_ref().map_or(0.0, |(_, _, service_s)| *service_s);
            let mut cache = worker.cache.clone();
            for job in &worker.queue {
                if self.classes > 0 {
                    report.classes[(job.source % self.classes as u64) as usize] += 1;
                }
                let (hit_s, miss_s) = self.scenario.products[job.product as usize];
                report.total_s += if cache.touch(0, job.source) { hit_s } else { miss_s };
            }
            for gate in &mut self.gates {
                gate.reported(at, &report, seconds(now));
            }
        }
    }
}
