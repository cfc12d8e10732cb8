//! Where the requests of a pool are given to servers: who goes where, who waits in the gate, who is turned away.
//!
//! A request is bound to a server when it comes, by the policy, which counts what waits for that server as its work. It waits here, not
//! at the server, until that has room by its limit, so that a request of a higher level still goes before it. A server with nothing to
//! do takes over what waits for another.

mod asked;
mod hearing;
mod line;
mod recording;
mod room;
mod standing;
#[cfg(test)]
mod tests;
mod ticket;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pogson_dispatch::Request;
use pogson_dispatch::dispatcher::{Dispatcher, FirstCosts, Setup, Tuning};
use pogson_dispatch::waiting::{Entry, LEVELS};
use tokio::sync::oneshot;

use crate::back::tls::Trust;
use crate::config::{self, Admission, Room};
pub(crate) use asked::{Asker, Choice, Refusal};
use hearing::Hearing;
pub(crate) use hearing::{RESULTS, SaidState, place_of};
use line::{Line, Queue};
use recording::Recorder;
pub(crate) use standing::Held;
pub(crate) use ticket::{Lagging, Place, Ticket};
use ticket::{Waits, call};

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
        let tuning = tuning(pool);
        let setup = Setup {
            policy: pool.policy.clone(),
            settings: pool.settings.settings(),
            seed,
            costs: FirstCosts::Guessed(0.005, 0.02),
            learns_rooms: tuning.learns_rooms,
            slow_start_s: tuning.slow_start_s,
            reports_count_s: tuning.reports_count_s,
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
            return Asked::Goes(Ticket::new(self.clone(), endpoint, sent, asker.member, (choice, now)));
        }
        let (call, called) = oneshot::channel();
        inner.next += 1;
        let number = inner.next;
        let work_s = sent.expected_s();
        let Asker { level, member, weight } = asker;
        let item = Waits { number, sent, choice, member, not: not.to_vec(), since: now, call, desk: self.clone() };
        let entry = Entry { level, member, weight, work_s, item };
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
    pub(crate) fn ask_beside(
        self: &Arc<Self>,
        request: Request,
        member: u64,
        first: u64,
        now: Instant,
    ) -> Option<Ticket> {
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
        let endpoint = line.endpoint.clone();
        Some(Ticket::new(self.clone(), endpoint, sent, member, (Choice::Hedged, now)))
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

/// What a dispatcher is told of a pool, and may be told anew.
fn tuning(pool: &config::Pool) -> Tuning {
    Tuning {
        slow_start_s: pool.server.iter().map(|server| server.slow_start.as_secs_f64()).fold(0.0, f64::max),
        reports_count_s: pool.reports.stale_after.as_secs_f64(),
        learns_rooms: pool.server.iter().all(|server| server.cache == Room::Learned),
    }
}

/// What limits a pool as a whole.
fn most(pool: &config::Pool) -> Option<(u32, u32)> {
    match pool.admission {
        Admission::Fixed { t_high, t_low } => Some((t_low, t_high)),
        Admission::Learned | Admission::Off => None,
    }
}
