//! Where the requests of a pool are given to servers: who goes where, who waits in the gate, who is turned away.
//!
//! A request is bound to a server when it comes, by the policy, which counts what waits for that server as its work. It waits here, not
//! at the server, until that has room by its limit, so that a request of a higher level still goes before it. A server with nothing to
//! do takes over what waits for another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pogson_dispatch::Request;
use pogson_dispatch::dispatcher::{Dispatcher, FirstCosts, Setup};
use pogson_dispatch::limit::Limit;
use pogson_dispatch::servers::{Answer, Sent};
use pogson_dispatch::waiting::{Entered, Entry, Waiting};
use tokio::sync::oneshot;

use crate::config::{self, Admission, Room};
use crate::pool::{Endpoint, Limits};

/// Requests that are let go to a server before anything is known of it.
const FIRST_LIMIT: u32 = 16;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Asker {
    /// Level: 0 is the highest.
    pub(crate) level: usize,
    /// Who shares the level's part with others.
    pub(crate) member: u64,
    /// Its part by theirs.
    pub(crate) weight: f64,
}

/// Why a request is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No server is up.
    NoServer,
    /// As many wait as may, of its level or above.
    Full,
    /// One of a higher level took its place.
    Replaced,
    /// It waited for as long as it may.
    TooLong,
}

/// What becomes of a request.
pub(crate) enum Asked {
    /// It goes to a server.
    Goes(Ticket),
    /// It waits.
    Waits(Place),
    /// It goes nowhere.
    Refused(Refusal),
}

/// A pool's desk.
pub(crate) struct Desk {
    began: Instant,
    inner: Mutex<Inner>,
}

struct Inner {
    dispatcher: Dispatcher,
    /// By their places at the dispatcher.
    lines: Vec<Line>,
    next: u64,
}

/// What the gate itself keeps of a server.
struct Line {
    endpoint: Arc<Endpoint>,
    limits: Limits,
    learned: Limit,
    /// Requests at the server.
    running: u32,
    waiting: Waiting<Waits>,
    waiting_s: f64,
}

struct Waits {
    number: u64,
    sent: Sent,
    since: Instant,
    call: oneshot::Sender<Result<Ticket, Refusal>>,
    desk: Arc<Desk>,
}

/// A request at a server; whoever drops it has no answer.
pub(crate) struct Ticket {
    desk: Arc<Desk>,
    pub(crate) endpoint: Arc<Endpoint>,
    sent: Sent,
    since: Instant,
    /// Time that it waited in the gate, seconds.
    pub(crate) waited_s: f64,
    over: bool,
}

/// A request that waits; whoever drops it leaves.
pub(crate) struct Place {
    desk: Arc<Desk>,
    number: u64,
    pub(crate) call: oneshot::Receiver<Result<Ticket, Refusal>>,
}

impl Desk {
    /// A pool with its servers; `None` if its policy is not known.
    ///
    /// - `number`: of the first server.
    pub(crate) fn new(pool: &config::Pool, number: u64, seed: u64) -> Option<Self> {
        let slow_start_s = pool.server.iter().map(|server| server.slow_start.as_secs_f64()).fold(0.0, f64::max);
        let setup = Setup {
            policy: pool.policy.clone(),
            settings: pool.settings.settings(),
            seed,
            costs: FirstCosts::Guessed(0.005, 0.02),
            learns_rooms: pool.server.iter().all(|server| server.cache == Room::Learned),
            slow_start_s,
        };
        let mut dispatcher = Dispatcher::new(&setup)?;
        let mut lines = Vec::new();
        for (at, server) in pool.server.iter().enumerate() {
            dispatcher.join(number + at as u64, server.cache.contexts(pool.block), server.weight, 0.0);
            let most = if server.max_active == 0 { u32::MAX } else { server.max_active };
            let most = if let Admission::Fixed { t_high, .. } = pool.admission { most.min(t_high) } else { most };
            lines.push(Line {
                endpoint: Arc::new(Endpoint {
                    number: number + at as u64,
                    name: server.name.clone(),
                    address: server.address.clone(),
                    protocol: server.protocol,
                }),
                limits: Limits { most, learns: pool.admission == Admission::Learned },
                learned: Limit::new(FIRST_LIMIT),
                running: 0,
                waiting: Waiting::new(pool.queue.rules()),
                waiting_s: 0.0,
            });
        }
        let inner = Inner { dispatcher, lines, next: 0 };
        Some(Self { began: Instant::now(), inner: Mutex::new(inner) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seconds(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.began).as_secs_f64()
    }

    /// A request comes.
    ///
    /// - `not`: servers that have been tried in vain.
    pub(crate) fn ask(self: &Arc<Self>, request: Request, asker: Asker, not: &[u64], now: Instant) -> Asked {
        let now_s = self.seconds(now);
        let mut inner = self.lock();
        let tried: Vec<usize> =
            (0..inner.lines.len()).filter(|&at| not.contains(&inner.lines[at].endpoint.number)).collect();
        let sent = inner.dispatcher.dispatch(request, &tried, now_s);
        let Some(sent) = sent else { return Asked::Refused(Refusal::NoServer) };
        let server = sent.server;
        let line = &mut inner.lines[server];
        if line.waiting.is_empty() && line.has_room() {
            line.running += 1;
            let endpoint = line.endpoint.clone();
            let desk = self.clone();
            return Asked::Goes(Ticket { desk, endpoint, sent, since: now, waited_s: 0.0, over: false });
        }
        let (call, called) = oneshot::channel();
        inner.next += 1;
        let number = inner.next;
        let work_s = sent.expected_s();
        let item = Waits { number, sent, since: now, call, desk: self.clone() };
        let entry = Entry { level: asker.level, member: asker.member, weight: asker.weight, work_s, item };
        match inner.wait(entry, now_s) {
            Some((_, why @ Refusal::Full)) => return Asked::Refused(why),
            // Who does not wait any more has no answer to give.
            Some((gone, why)) => drop(gone.call.send(Err(why))),
            None => {}
        }
        Asked::Waits(Place { desk: self.clone(), number, call: called })
    }

    /// A request is over; whoever waits for the server may go.
    ///
    /// - `answer`: what came, and in how many seconds.
    fn over(&self, sent: &Sent, answer: Option<(Answer, f64)>, now: Instant) {
        let now_s = self.seconds(now);
        let mut guard = self.lock();
        let inner = &mut *guard;
        let line = &mut inner.lines[sent.server];
        match answer {
            Some((answer, took_s)) => {
                inner.dispatcher.answered(sent, answer, now_s);
                line.learned.answered(took_s, answer.service_s, line.running, now_s);
            }
            None => inner.dispatcher.withdrawn(sent, now_s),
        }
        line.running = line.running.saturating_sub(1);
        let mut calls = Vec::new();
        while let Some(waits) = inner.next_for(sent.server, now_s) {
            calls.push(waits);
        }
        drop(guard);
        for (waits, endpoint) in calls {
            let waited_s = now.saturating_duration_since(waits.since).as_secs_f64();
            let desk = waits.desk.clone();
            let ticket = Ticket { desk, endpoint, sent: waits.sent, since: now, waited_s, over: false };
            // Whoever left in this moment drops the ticket, which calls the next.
            drop(waits.call.send(Ok(ticket)));
        }
    }

    fn leave(&self, number: u64) {
        let now_s = self.seconds(Instant::now());
        let mut guard = self.lock();
        let inner = &mut *guard;
        for line in &mut inner.lines {
            for gone in line.waiting.leave(|waits| waits.number == number) {
                line.waiting_s -= gone.work_s;
                inner.dispatcher.withdrawn(&gone.item.sent, now_s);
            }
        }
    }

    /// A server begins or ends to take requests. What waits for one that ends goes to others.
    pub(crate) fn set_up(self: &Arc<Self>, server: u64, up: bool) {
        let now_s = self.seconds(Instant::now());
        let mut refused = Vec::new();
        let mut guard = self.lock();
        let inner = &mut *guard;
        let Some(at) = inner.lines.iter().position(|line| line.endpoint.number == server) else { return };
        inner.dispatcher.set_up(at, up, now_s);
        while !up && let Some(entry) = inner.lines[at].waiting.next(now_s) {
            inner.lines[at].waiting_s -= entry.work_s;
            inner.dispatcher.withdrawn(&entry.item.sent, now_s);
            let Some(sent) = inner.dispatcher.dispatch(entry.item.sent.request, &[], now_s) else {
                refused.push((entry.item.call, Refusal::NoServer));
                continue;
            };
            let entry = Entry { work_s: sent.expected_s(), item: Waits { sent, ..entry.item }, ..entry };
            if let Some((gone, why)) = inner.wait(entry, now_s) {
                refused.push((gone.call, why));
            }
        }
        drop(guard);
        for (call, why) in refused {
            // Who does not wait any more has no answer to give.
            let _ = call.send(Err(why));
        }
    }

    /// Seconds after which there may be room.
    pub(crate) fn retry_after_s(&self) -> u64 {
        let inner = self.lock();
        let waits = inner.dispatcher.servers().up().map(|(at, server)| inner.lines[at].waiting_s * server.slowness);
        (waits.fold(f64::INFINITY, f64::min).min(60.0).ceil() as u64).max(1)
    }
}

impl Inner {
    /// Lets a request wait for the server that it was sent to; returns who goes instead, and why.
    fn wait(&mut self, entry: Entry<Waits>, now_s: f64) -> Option<(Waits, Refusal)> {
        let line = &mut self.lines[entry.item.sent.server];
        line.waiting_s += entry.work_s;
        let (gone, why) = match line.waiting.enter(entry, now_s) {
            Entered::Waits => return None,
            Entered::InPlaceOf(gone) => (gone, Refusal::Replaced),
            Entered::Full(gone) => (gone, Refusal::Full),
        };
        line.waiting_s -= gone.work_s;
        self.dispatcher.withdrawn(&gone.item.sent, now_s);
        Some((gone.item, why))
    }

    /// Who goes to a server that has room: of those that wait for it, else of those that wait for the one with most to do.
    fn next_for(&mut self, server: usize, now_s: f64) -> Option<(Waits, Arc<Endpoint>)> {
        if !self.dispatcher.servers().all[server].up || !self.lines[server].has_room() {
            return None;
        }
        let from = if self.lines[server].waiting.is_empty() { self.overloaded(server)? } else { server };
        let entry = self.lines[from].waiting.next(now_s)?;
        self.lines[from].waiting_s -= entry.work_s;
        let mut waits = entry.item;
        if from != server {
            self.dispatcher.withdrawn(&waits.sent, now_s);
            waits.sent = self.dispatcher.send_to(server, waits.sent.request, now_s);
        }
        let line = &mut self.lines[server];
        line.running += 1;
        Some((waits, line.endpoint.clone()))
    }

    /// The server for which most work waits, if that is more than what `server` would need to begin anew with one of it.
    fn overloaded(&self, server: usize) -> Option<usize> {
        let waits_s = |at: usize| self.lines[at].waiting_s * self.dispatcher.servers().all[at].slowness;
        let most = (0..self.lines.len()).filter(|&at| at != server && !self.lines[at].waiting.is_empty());
        let most = most.max_by(|&a, &b| waits_s(a).total_cmp(&waits_s(b)))?;
        let servers = self.dispatcher.servers();
        (waits_s(most) > 2.0 * servers.costs.mean_miss_s() * servers.all[server].slowness).then_some(most)
    }
}

impl Line {
    fn has_room(&self) -> bool {
        self.running < self.limits.most && (!self.limits.learns || self.learned.lets(self.running))
    }
}

impl Ticket {
    /// The answer has come whole.
    pub(crate) fn answered(mut self, answer: Answer) {
        self.over = true;
        let now = Instant::now();
        let took_s = now.saturating_duration_since(self.since).as_secs_f64();
        self.desk.over(&self.sent, Some((answer, took_s)), now);
    }

    /// Whether its context was expected to be cached there.
    pub(crate) fn expected_hit(&self) -> bool {
        self.sent.expected_hit
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.over {
            self.desk.over(&self.sent, None, Instant::now());
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.call.is_terminated() {
            self.call.close();
            if self.call.try_recv().is_err() {
                self.desk.leave(self.number);
            }
        }
    }
}
