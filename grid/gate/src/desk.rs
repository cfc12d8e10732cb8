//! Where the requests of a pool are given to servers: who goes where, who waits in the gate, who is turned away.
//!
//! A request is bound to a server when it comes, by the policy, which counts what waits for that server as its work. It waits here, not
//! at the server, until that has room by its limit, so that a request of a higher level still goes before it. A server with nothing to
//! do takes over what waits for another.

mod asked;
mod hearing;
mod recording;
mod standing;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pogson_dispatch::Request;
use pogson_dispatch::dispatcher::{Dispatcher, FirstCosts, Setup};
use pogson_dispatch::limit::Limit;
use pogson_dispatch::paper::connections;
use pogson_dispatch::servers::{Answer, Sent};
use pogson_dispatch::waiting::{Entered, Entry, LEVELS, Waiting};
use tokio::sync::oneshot;

use crate::back::tls::Trust;
use crate::config::{self, Admission, Room};
use crate::pool::{Endpoint, Limits};
pub(crate) use asked::{Asker, Choice, Refusal};
use hearing::Hearing;
pub(crate) use hearing::{RESULTS, SaidState, place_of};
use recording::Recorder;
pub(crate) use standing::Held;
use standing::Standing;

/// Requests that are let go to a server before anything is known of it.
const FIRST_LIMIT: u32 = 16;

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
    /// How its servers are believed.
    pub(crate) trust: Arc<Trust>,
    inner: Mutex<Inner>,
    /// Taken before `inner`, where both are.
    hearing: Mutex<Hearing>,
    /// Writes what the dispatcher is told.
    recorder: Option<Recorder>,
}

struct Inner {
    dispatcher: Dispatcher,
    trust: Arc<Trust>,
    /// By their places at the dispatcher.
    lines: Vec<Line>,
    /// T_low and T_high of the paper, by which the pool as a whole is limited.
    most: Option<(u32, u32)>,
    next: u64,
}

/// What the gate itself keeps of a server.
struct Line {
    endpoint: Arc<Endpoint>,
    limits: Limits,
    /// Whether the room of its cache is as it says.
    learns_room: bool,
    learned: Limit,
    /// Requests at the server.
    running: u32,
    queue: Option<Queue>,
    waiting: Waiting<Waits>,
    waiting_s: f64,
    standing: Standing,
    /// It has left; its place is another's when its last request is over.
    gone: bool,
}

/// The queue of a server that says how many fit.
#[derive(Clone, Copy, Debug)]
struct Queue {
    limit: u32,
    /// Its length without what this desk has sent there.
    others: i64,
    /// When that is too old, seconds.
    until_s: f64,
}

struct Waits {
    number: u64,
    sent: Sent,
    choice: Choice,
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
    pub(crate) choice: Choice,
    over: bool,
}

/// A request that waits; whoever drops it leaves.
pub(crate) struct Place {
    desk: Arc<Desk>,
    number: u64,
    pub(crate) call: oneshot::Receiver<Result<Ticket, Refusal>>,
}

impl Desk {
    /// A pool with its servers.
    ///
    /// - `number`: of the first server.
    ///
    /// # Errors
    /// A policy that is not known, and a trace that cannot be written: the key of the pool, and why.
    pub(crate) fn new(
        pool: &config::Pool,
        trust: Arc<Trust>,
        number: u64,
        seed: u64,
    ) -> Result<Self, (&'static str, String)> {
        let slow_start_s = pool.server.iter().map(|server| server.slow_start.as_secs_f64()).fold(0.0, f64::max);
        let setup = Setup {
            policy: pool.policy.clone(),
            settings: pool.settings.settings(),
            seed,
            costs: FirstCosts::Guessed(0.005, 0.02),
            learns_rooms: pool.server.iter().all(|server| server.cache == Room::Learned),
            slow_start_s,
            reports_count_s: pool.reports.stale_after.as_secs_f64(),
        };
        let dispatcher = Dispatcher::new(&setup);
        let mut dispatcher = dispatcher.ok_or_else(|| ("policy", format!("\"{}\" is no policy", pool.policy)))?;
        let recorder = pool.trace.as_ref().map(|path| {
            let recorder = recording::begin(path, &setup);
            recorder.map_err(|why| ("trace", format!("{}: {why}; name a file that can be written", path.display())))
        });
        let recorder = recorder.transpose()?;
        if let Some(recorder) = &recorder {
            dispatcher.listen(recorder.listener());
        }
        let mut inner = Inner { dispatcher, trust: trust.clone(), lines: Vec::new(), most: most(pool), next: 0 };
        for (at, server) in pool.server.iter().enumerate() {
            inner.join(pool, server, number + at as u64, 0.0);
        }
        let hearing = Mutex::new(Hearing::new(pool));
        Ok(Self { began: Instant::now(), trust, inner: Mutex::new(inner), hearing, recorder })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hearing(&self) -> MutexGuard<'_, Hearing> {
        self.hearing.lock().unwrap_or_else(PoisonError::into_inner)
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
        let places = if not.is_empty() { 0 } else { inner.lines.len() };
        let tried: Vec<usize> = (0..places).filter(|&at| not.contains(&inner.lines[at].endpoint.number)).collect();
        let sent = inner.send(request, &tried, now_s);
        let sent = sent.or_else(|| inner.last_resort(request, not, now_s));
        let Some(sent) = sent else { return Asked::Refused(Refusal::NoServer) };
        let server = sent.server;
        let choice = match &sent {
            _ if inner.dispatcher.servers().up().nth(1).is_none() => Choice::Only,
            sent if sent.expected_hit => Choice::Cached,
            sent if sent.at_home() => Choice::Home,
            _ => Choice::Least,
        };
        let has_room = inner.has_room(server, now_s);
        let line = &mut inner.lines[server];
        if line.waiting.is_empty() && has_room {
            line.running += 1;
            let endpoint = line.endpoint.clone();
            let desk = self.clone();
            return Asked::Goes(Ticket { desk, endpoint, sent, since: now, waited_s: 0.0, choice, over: false });
        }
        let (call, called) = oneshot::channel();
        inner.next += 1;
        let number = inner.next;
        let work_s = sent.expected_s();
        let item = Waits { number, sent, choice, since: now, call, desk: self.clone() };
        let entry = Entry { level: asker.level, member: asker.member, weight: asker.weight, work_s, item };
        match inner.wait(entry, now_s) {
            Some((_, why @ Refusal::Full)) => return Asked::Refused(why),
            // Who does not wait any more has no answer to give.
            Some((gone, why)) => drop(gone.call.send(Err(why))),
            None => {}
        }
        Asked::Waits(Place { desk: self.clone(), number, call: called })
    }

    /// A request that a server is slow to answer asks for another one: one that has room, and only if nobody waits for any.
    ///
    /// - `first`: the number of the server that has it.
    pub(crate) fn ask_beside(self: &Arc<Self>, request: Request, first: u64, now: Instant) -> Option<Ticket> {
        let now_s = self.seconds(now);
        let mut inner = self.lock();
        if inner.lines.iter().any(|line| !line.waiting.is_empty()) {
            return None;
        }
        let out = |at: &usize| inner.lines[*at].endpoint.number == first || !inner.has_room(*at, now_s);
        let out: Vec<usize> = (0..inner.lines.len()).filter(out).collect();
        let sent = inner.dispatcher.dispatch(request, &out, now_s)?;
        if out.contains(&sent.server) {
            inner.dispatcher.withdrawn(&sent, now_s);
            return None;
        }
        let line = &mut inner.lines[sent.server];
        line.running += 1;
        let (endpoint, desk) = (line.endpoint.clone(), self.clone());
        Some(Ticket { desk, endpoint, sent, since: now, waited_s: 0.0, choice: Choice::Hedged, over: false })
    }

    /// A request is over; whoever waits for the server may go.
    ///
    /// - `answer`: what came, in how many seconds, and whether all was well.
    fn over(&self, sent: &Sent, answer: Option<(Answer, f64, bool)>, now: Instant) {
        let now_s = self.seconds(now);
        let mut guard = self.lock();
        let inner = &mut *guard;
        let line = &mut inner.lines[sent.server];
        match answer {
            Some((_, _, false)) => inner.dispatcher.withdrawn(sent, now_s),
            Some((answer, took_s, true)) => {
                inner.dispatcher.answered(sent, answer, now_s);
                line.learned.answered(took_s, answer.service_s, line.running, now_s);
                line.waiting.took(took_s);
                if line.standing.succeeded(sent.at_s, now) && line.standing.is_up() {
                    // Nobody waits for a server that was not up.
                    inner.set_up(sent.server, true, now_s);
                }
            }
            None => inner.dispatcher.withdrawn(sent, now_s),
        }
        let line = &mut inner.lines[sent.server];
        line.running = line.running.saturating_sub(1);
        let mut calls = Vec::new();
        // Where the pool as a whole is limited, whoever waits for another server may go now.
        let others = if inner.most.is_some() { 0..inner.lines.len() } else { 0..0 };
        for server in std::iter::once(sent.server).chain(others) {
            while let Some(waits) = inner.next_for(server, now_s) {
                calls.push(waits);
            }
        }
        drop(guard);
        call(calls, now);
    }

    /// Lets all go for whom there is room, after servers have come, gone or changed.
    pub(crate) fn call_up(&self) {
        let now = Instant::now();
        let now_s = self.seconds(now);
        let mut guard = self.lock();
        let inner = &mut *guard;
        let mut calls = Vec::new();
        for server in 0..inner.lines.len() {
            while let Some(waits) = inner.next_for(server, now_s) {
                calls.push(waits);
            }
        }
        drop(guard);
        call(calls, now);
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

    /// Entries of the policy's table, and requests that wait, by level.
    pub(crate) fn figures(&self) -> (usize, [usize; LEVELS]) {
        let inner = self.lock();
        let of = |level| inner.lines.iter().map(|line| line.waiting.of_level(level)).sum();
        (inner.dispatcher.entries(), std::array::from_fn(of))
    }

    /// Seconds after which there may be room.
    pub(crate) fn retry_after_s(&self) -> u64 {
        let inner = self.lock();
        let waits = inner.dispatcher.servers().up().map(|(at, server)| inner.lines[at].waiting_s * server.slowness);
        (waits.fold(f64::INFINITY, f64::min).min(60.0).ceil() as u64).max(1)
    }
}

/// What limits a pool as a whole.
fn most(pool: &config::Pool) -> Option<(u32, u32)> {
    match pool.admission {
        Admission::Fixed { t_high, t_low } => Some((t_low, t_high)),
        Admission::Learned | Admission::Off => None,
    }
}

/// Gives tickets to those who waited.
fn call(calls: Vec<(Waits, Arc<Endpoint>)>, now: Instant) {
    for (waits, endpoint) in calls {
        let waited_s = now.saturating_duration_since(waits.since).as_secs_f64();
        let Waits { desk, sent, choice, .. } = waits;
        let ticket = Ticket { desk, endpoint, sent, since: now, waited_s, choice, over: false };
        // Whoever left in this moment drops the ticket, which calls the next.
        drop(waits.call.send(Ok(ticket)));
    }
}

impl Inner {
    /// Chooses a server for a request. Where all say that their queues are full it is to wait here, for the one with least to do.
    fn send(&mut self, request: Request, tried: &[usize], now_s: f64) -> Option<Sent> {
        if let Some(sent) = self.dispatcher.dispatch(request, tried, now_s) {
            return Some(sent);
        }
        let up = self.dispatcher.servers().up().filter(|(at, _)| !tried.contains(at));
        let least = up.min_by(|(_, a), (_, b)| (a.all_work_s() * a.slowness).total_cmp(&(b.all_work_s() * b.slowness)));
        let at = least?.0;
        Some(self.dispatcher.send_to(at, request, now_s))
    }

    /// Whether one more request may go to the server at this place now.
    fn has_room(&self, at: usize, now_s: f64) -> bool {
        let line = &self.lines[at];
        line.has_room()
            && !line.is_full(now_s)
            && self.most.is_none_or(|(t_low, t_high)| {
                let running: u64 = self.lines.iter().map(|line| u64::from(line.running)).sum();
                let up = self.lines.iter().filter(|line| line.is_up()).count();
                // Even a T_low of 1 lets one go.
                running < (connections(up, t_low, t_high) as u64).max(1)
            })
    }

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
        if !self.dispatcher.servers().all[server].up || !self.has_room(server, now_s) {
            return None;
        }
        let (from, entry) = self.of_higher_level(server, now_s).or_else(|| {
            let from = if self.lines[server].waiting.is_empty() { self.overloaded(server)? } else { server };
            Some((from, self.lines[from].waiting.next(now_s)?))
        })?;
        self.lines[from].waiting_s -= entry.work_s;
        let mut waits = entry.item;
        if from != server {
            self.dispatcher.withdrawn(&waits.sent, now_s);
            waits.choice = Choice::TakenOver;
            waits.sent = self.dispatcher.send_to(server, waits.sent.request, now_s);
        }
        let line = &mut self.lines[server];
        line.running += 1;
        Some((waits, line.endpoint.clone()))
    }

    /// A request of a higher level than those that wait for `server`, which waits for another that has much of that level to do. Without
    /// it one server would work on lower levels while higher ones wait for another.
    fn of_higher_level(&mut self, server: usize, now_s: f64) -> Option<(usize, Entry<Waits>)> {
        let (own, _) = self.lines[server].waiting.highest()?;
        if own == 0 || self.lines[server].waiting.owes() {
            return None;
        }
        let servers = self.dispatcher.servers();
        let waits_s = |at: usize| {
            let (level, work_s) = self.lines[at].waiting.highest()?;
            (level < own).then_some((level, work_s * servers.all[at].slowness))
        };
        let others = (0..self.lines.len()).filter(|&at| at != server);
        let others = others.filter_map(|at| waits_s(at).map(|(level, waits_s)| (at, level, waits_s)));
        let (from, _, waits_s) = others.min_by(|a, b| a.1.cmp(&b.1).then(b.2.total_cmp(&a.2)))?;
        if waits_s <= 2.0 * servers.costs.mean_miss_s() * servers.all[server].slowness {
            return None;
        }
        let entry = self.lines[from].waiting.give(now_s)?;
        self.lines[server].waiting.lets_pass(entry.work_s);
        Some((from, entry))
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
    /// Whether it is a member that takes requests.
    fn is_up(&self) -> bool {
        !self.gone && self.standing.is_up()
    }

    /// Requests that may be there at once now.
    fn limit(&self) -> u32 {
        if self.limits.learns { self.limits.most.min(self.learned.requests()) } else { self.limits.most }
    }

    /// Whether its own queue, by its last report and what has gone there since, takes no more.
    fn is_full(&self, now_s: f64) -> bool {
        let queue = self.queue.filter(|queue| now_s <= queue.until_s);
        queue.is_some_and(|queue| i64::from(self.running) + queue.others >= i64::from(queue.limit))
    }

    fn has_room(&self) -> bool {
        self.running < self.limits.most && (!self.limits.learns || self.learned.lets(self.running))
    }
}

impl Ticket {
    /// The answer has come whole.
    ///
    /// - `well`: whether it is one of a server that is in order.
    pub(crate) fn answered(mut self, mut answer: Answer, well: bool) {
        self.over = true;
        let now = Instant::now();
        let took_s = now.saturating_duration_since(self.since).as_secs_f64();
        // No server can have worked for longer than it was waited for, whatever it says.
        answer.service_s = answer.service_s.map(|service_s| service_s.min(took_s));
        self.desk.over(&self.sent, Some((answer, took_s, well)), now);
    }

    /// The server has turned it away; whether that is because it has too much from here, so that it can be asked again later.
    pub(crate) fn is_too_much(&self, now: Instant) -> bool {
        let mut inner = self.desk.lock();
        let now_s = self.desk.seconds(now);
        let line = &mut inner.lines[self.sent.server];
        let others = line.limits.learns && line.running > 1 && line.endpoint.number == self.endpoint.number;
        if others {
            line.learned.refused(line.running, now_s);
        }
        others
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
