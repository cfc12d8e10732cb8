//! The emulation itself: what is due when, over connections, by a clock.

mod fetch;
mod rpc;
mod send;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::attach::{attach, resolved, source};
use crate::clock::Clock;
use crate::draw::Draw;
use crate::habits::Fate;
use crate::host::{Host, Stage};
use crate::http::Place;
use crate::net::{Cut, Done, Net, Outgoing};
use crate::plan::{EmulateError, Pace, Plan, Summary};
use crate::profile::{Kinds, Profile};
use crate::record::Record;
use crate::tally::Tally;
use fetch::Wanted;

/// How long replies are waited for once the emulation is stopped.
const LAST_MOMENT: Duration = Duration::from_secs(3);

/// Emulates a crowd until its time is over, or until `stop` is set.
///
/// # Errors
/// [`EmulateError`]: the project cannot be attached to; the record or the clock's file cannot be written.
pub fn emulate(plan: &Plan, clock: &mut dyn Clock, stop: &AtomicBool) -> Result<Summary, EmulateError> {
    let io = |what: &str| {
        let what = what.to_owned();
        move |error| EmulateError::Io { what, error }
    };
    let mut net = Net::new(Duration::from_secs_f64(plan.patience.clamp(0.1, 3600.0))).map_err(io("network"))?;
    let attached = attach(plan, &mut net)?;
    let record = plan.record.as_deref();
    let name = record.map_or_else(String::new, |path| path.display().to_string());
    let record = Record::new(record).map_err(io(&name))?;
    let (start, draw) = (clock.now(), Draw::new(plan.seed));
    let kinds = match plan.pace {
        Pace::Rate { tasks, .. } => Kinds { processors: plan.kinds.processors.or(Some(tasks)), ..plan.kinds.clone() },
        Pace::Natural { .. } => plan.kinds.clone(),
    };
    let seat = |number: u64| {
        let key = attached.keys[number as usize % attached.keys.len()].clone();
        let host = Host::new(number, Profile::new(draw, number, &kinds), key, draw, start);
        Seat { free_at: vec![start; host.profile.processors as usize], ..Seat::new(host) }
    };
    let mut crowd = Crowd {
        seats: (0..plan.hosts as u64).map(seat).collect(),
        plan,
        clock,
        net,
        due: BinaryHeap::new(),
        serial: 0,
        flights: HashMap::new(),
        tally: Tally::default(),
        record,
        scheduler: attached.scheduler,
        places: HashMap::new(),
        draw,
        arrivals: 0,
        start,
        end: start + plan.seconds,
        draining: false,
        requests: 0,
    };
    crowd.begin();
    crowd.run(stop)?;
    crowd.record.flush().map_err(io(&name))?;
    Ok(crowd.summary())
}

/// A host and what is going on around it.
struct Seat {
    host: Host,
    /// Whether a scheduler request is on its way.
    busy: bool,
    /// A turn that came meanwhile, and when.
    waiting: Option<f64>,
    /// A turn that is held back until the server lets the host ask.
    held: bool,
    /// Whether it left for good.
    gone: bool,
    /// When each processor is free.
    free_at: Vec<f64>,
    /// When the graphics processor is.
    graphics_free: f64,
    /// Before this time it asks for no work, for there was none.
    no_fetch_before: f64,
    /// When the server wants to hear of it.
    asked_for: Option<f64>,
    /// Scheduler requests that failed, one after the other.
    failures: u32,
    /// Files on their way.
    wanted: Vec<Wanted>,
}

impl Seat {
    fn new(host: Host) -> Seat {
        Seat {
            host,
            busy: false,
            waiting: None,
            held: false,
            gone: false,
            free_at: Vec::new(),
            graphics_free: 0.0,
            no_fetch_before: 0.0,
            asked_for: None,
            failures: 0,
            wanted: Vec::new(),
        }
    }
}

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// The next host of an open loop.
    Arrival,
    /// A host turns to the scheduler.
    Turn,
    /// A task ends.
    End(u32),
    /// A task is dropped that nobody will hear of.
    Forget(u32),
    /// An output is sent.
    Send(u32, usize),
    /// A file is fetched.
    Fetch(String),
}

#[derive(Debug, PartialEq)]
struct Due {
    time: f64,
    serial: u64,
    host: usize,
    what: What,
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> std::cmp::Ordering {
        self.time.total_cmp(&other.time).then(self.serial.cmp(&other.serial))
    }
}

/// A request on its way: whose, what, and when it was due.
#[derive(Debug, Clone)]
struct Flight {
    host: usize,
    due: f64,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Rpc,
    Size(u32, usize),
    Upload(u32, usize),
    Fetch(String),
}

struct Crowd<'a> {
    plan: &'a Plan,
    clock: &'a mut dyn Clock,
    seats: Vec<Seat>,
    net: Net,
    due: BinaryHeap<Reverse<Due>>,
    serial: u64,
    flights: HashMap<u64, Flight>,
    tally: Tally,
    record: Record,
    scheduler: (Place, SocketAddr),
    places: HashMap<String, (Place, SocketAddr)>,
    draw: Draw,
    arrivals: u64,
    start: f64,
    end: f64,
    draining: bool,
    requests: u64,
}

impl Crowd<'_> {
    fn begin(&mut self) {
        match self.plan.pace {
            Pace::Rate { .. } => self.next_arrival(self.start),
            Pace::Natural { spread, .. } => {
                for host in 0..self.seats.len() {
                    let first = self.start + spread * self.draw.of("first").at(host as u64).unit();
                    self.later(first, host, What::Turn);
                }
            }
        }
    }

    /// Sets the next arrival of an open loop: a Poisson process, so that some come together.
    fn next_arrival(&mut self, after: f64) {
        if let Pace::Rate { per_second, .. } = self.plan.pace {
            let gap = self.draw.of("arrival").at(self.arrivals).exponential() / per_second.max(1e-9);
            if after + gap < self.end && !self.seats.is_empty() {
                let host = (self.arrivals % self.seats.len() as u64) as usize;
                self.arrivals += 1;
                self.later(after + gap, host, What::Arrival);
            }
        }
    }

    fn later(&mut self, time: f64, host: usize, what: What) {
        self.serial += 1;
        self.due.push(Reverse(Due { time, serial: self.serial, host, what }));
    }

    fn run(&mut self, stop: &AtomicBool) -> Result<(), EmulateError> {
        let io = |what: &'static str| move |error| EmulateError::Io { what: what.to_owned(), error };
        let (mut done, mut flushed, mut stopped_at) = (Vec::new(), self.clock.now(), None);
        loop {
            let now = self.clock.now();
            let stopped = stop.load(Ordering::Relaxed);
            if (now >= self.end || stopped) && !self.draining {
                self.drain(now);
            }
            if stopped {
                // What is on its way has a moment to arrive.
                self.due.clear();
                let since = *stopped_at.get_or_insert_with(Instant::now);
                if self.flights.is_empty() || since.elapsed() > LAST_MOMENT {
                    return Ok(());
                }
            }
            while self.flights.len() < self.plan.at_once
                && let Some(Reverse(due)) = self.due.peek()
                && due.time <= now
            {
                let Some(Reverse(due)) = self.due.pop() else { break };
                self.happen(due)?;
            }
            let next = self.due.peek().map(|Reverse(due)| due.time).filter(|_| self.flights.len() < self.plan.at_once);
            if self.draining && self.flights.is_empty() && (self.idle() || now >= self.end + self.plan.drain) {
                return Ok(());
            }
            // A pretended clock must not run past the end for what is never due.
            let edge = if self.draining { self.end + self.plan.drain } else { self.end };
            let next = next.map_or(edge, |next| next.min(edge));
            let longest = self.clock.wait(Some(next), !self.flights.is_empty()).map_err(io("clock"))?;
            self.net.wait(longest, &mut done).map_err(io("network"))?;
            for one in done.drain(..) {
                self.arrived(one)?;
            }
            if now - flushed > 0.2 {
                flushed = now;
                self.record.flush().map_err(io("record"))?;
            }
        }
    }

    /// From now on hosts want no work; those that have something left to say get their turns.
    fn drain(&mut self, now: f64) {
        self.draining = true;
        self.end = now;
        if self.plan.drain <= 0.0 {
            self.due.clear();
            return;
        }
        for host in 0..self.seats.len() {
            if self.seats[host].host.tasks.iter().any(|task| task.stage == Stage::Ready) {
                self.later(now, host, What::Turn);
            }
        }
    }

    /// Whether no host has anything left to send or to report.
    fn idle(&self) -> bool {
        self.plan.drain <= 0.0
            || self.seats.iter().all(|seat| seat.gone || seat.host.tasks.iter().all(|task| task.fate == Fate::Silent))
    }

    fn happen(&mut self, due: Due) -> Result<(), EmulateError> {
        self.tally.lag.add((self.clock.now() - due.time).max(0.0));
        match due.what {
            What::Arrival => {
                self.next_arrival(due.time);
                self.turn(due.host, due.time);
            }
            What::Turn => {
                self.seats[due.host].held = false;
                self.turn(due.host, due.time);
            }
            What::End(task) => self.ends(due.host, task, due.time),
            What::Forget(task) => self.seats[due.host].host.tasks.retain(|one| one.number != task),
            What::Send(task, output) => self.send(due.host, task, output, due.time)?,
            What::Fetch(name) => self.fetch(due.host, &name, due.time)?,
        }
        Ok(())
    }

    /// Sends a request of a host.
    fn fly(&mut self, flight: Flight, to: SocketAddr, bytes: Vec<u8>, cut: Option<Cut>) {
        self.requests += 1;
        let mark = self.requests;
        let from = source(self.plan, flight.host as u64);
        self.flights.insert(mark, flight);
        self.net.send(Outgoing { to, from, bytes, cut, mark });
    }

    fn arrived(&mut self, done: Done) -> Result<(), EmulateError> {
        let Some(flight) = self.flights.remove(&done.mark) else { return Ok(()) };
        let text = |bytes: Vec<u8>| {
            String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
        };
        match flight.kind.clone() {
            Kind::Rpc => self.answered(&flight, done.outcome.map(|reply| (reply.status, text(reply.body)))),
            Kind::Size(task, output) => {
                self.sized(&flight, task, output, done.outcome.map(|reply| (reply.status, text(reply.body))))?;
            }
            Kind::Upload(task, output) => {
                self.sent(&flight, task, output, done.outcome.map(|reply| (reply.status, text(reply.body))));
            }
            Kind::Fetch(name) => self.fetched(&flight, &name, done.outcome.map(|reply| (reply.status, reply.body))),
        }
        Ok(())
    }

    /// Where a URL of the server leads.
    fn place(&mut self, url: &str) -> Result<(Place, SocketAddr), EmulateError> {
        if let Some(known) = self.places.get(url) {
            return Ok(known.clone());
        }
        let found = resolved(url)?;
        if self.places.len() < 10_000 {
            self.places.insert(url.to_owned(), found.clone());
        }
        Ok(found)
    }

    /// Seconds before a failed thing is tried again.
    fn pause(&self, draw: Draw, failures: u32) -> f64 {
        let (least, most) = self.plan.retry;
        let doubled = f64::from(1_u32 << failures.saturating_sub(1).min(7));
        // Clients stop doubling at some hours; here at sixteen times the longest first pause.
        ((least + (most - least) * draw.unit()) * doubled).min(16.0 * most)
    }

    /// Whether times are measured by now.
    fn measures(&self, due: f64) -> bool {
        due >= self.start + self.plan.warm
    }

    fn summary(&self) -> Summary {
        let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Summary {
            seconds: self.clock.now() - self.start,
            hosts: self.seats.iter().filter(|seat| seat.host.id > 0).count() as u64,
            cpu_seconds: cpu.tv_sec as f64 + cpu.tv_nsec as f64 * 1e-9,
            requests: self.requests,
            rpc: self.tally.rpc.percentiles(),
            upload: self.tally.upload.percentiles(),
            lag: self.tally.lag.percentiles(),
            counts: self.tally.counts.clone(),
            errors: self.tally.errors.clone(),
            messages: self.tally.messages.clone(),
        }
    }
}
