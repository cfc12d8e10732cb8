//! Where the requests of a pool are given to servers: who goes where, who waits in the gate, who is turned away.
//!
//! A request is bound to a server when it comes, by the policy, which counts what waits for that server as its work. It waits here, not
//! at the server, until that has room by its limit, so that a request of a higher level still goes before it. A server with nothing to
//! do takes over what waits for another.

mod asked;
mod hearing;
mod standing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pogson_dispatch::Request;
use pogson_dispatch::dispatcher::{Dispatcher, FirstCosts, Setup};
use pogson_dispatch::limit::Limit;
use pogson_dispatch::servers::{Answer, Sent};
use pogson_dispatch::waiting::{Entered, Entry, LEVELS, Waiting};
use tokio::sync::oneshot;

use crate::back::tls::Trust;
use crate::config::{self, Room};
use crate::pool::{Endpoint, Limits};
pub(crate) use asked::{Asker, Choice, Refusal};
use hearing::Hearing;
pub(crate) use hearing::{RESULTS, SaidState, place_of};
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
}

struct Inner {
    dispatcher: Dispatcher,
    trust: Arc<Trust>,
    /// By their places at the dispatcher.
    lines: Vec<Line>,
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
    waiting: Waiting<Waits>,
    waiting_s: f64,
    standing: Standing,
    /// It has left; its place is another's when its last request is over.
    gone: bool,
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
    /// A pool with its servers; `None` if its policy is not known.
    ///
    /// - `number`: of the first server.
    pub(crate) fn new(pool: &config::Pool, trust: Arc<Trust>, number: u64, seed: u64) -> Option<Self> {
        let slow_start_s = pool.server.iter().map(|server| server.slow_start.as_secs_f64()).fold(0.0, f64::max);
        let setup = Setup {
            policy: pool.policy.clone(),
            settings: pool.settings.settings(),
            seed,
            costs: FirstCosts::Guessed(0.005, 0.02),
            learns_rooms: pool.server.iter().all(|server| server.cache == Room::Learned),
            slow_start_s,
        };
        let dispatcher = Dispatcher::new(&setup)?;
        let mut inner = Inner { dispatcher, trust: trust.clone(), lines: Vec::new(), next: 0 };
        for (at, server) in pool.server.iter().enumerate() {
            inner.join(pool, server, number + at as u64, 0.0);
        }
        let hearing = Mutex::new(Hearing::new(pool));
        Some(Self { began: Instant::now(), trust, inner: Mutex::new(inner), hearing })
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
        let sent = inner.dispatcher.dispatch(request, &tried, now_s);
        let Some(sent) = sent else { return Asked::Refused(Refusal::NoServer) };
        let server = sent.server;
        let choice = match &sent {
            _ if inner.dispatcher.servers().up().nth(1).is_none() => Choice::Only,
            sent if sent.expected_hit => Choice::Cached,
            sent if sent.at_home() => Choice::Home,
            _ => Choice::Least,
        };
        let line = &mut inner.lines[server];
        if line.waiting.is_empty() && line.has_room() {
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
        let out = |line: &Line| line.endpoint.number == first || !line.has_room();
        let out: Vec<usize> = (0..inner.lines.len()).filter(|&at| out(&inner.lines[at])).collect();
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
                line.standing.succeeded();
            }
            None => inner.dispatcher.withdrawn(sent, now_s),
        }
        line.running = line.running.saturating_sub(1);
        let mut calls = Vec::new();
        while let Some(waits) = inner.next_for(sent.server, now_s) {
            calls.push(waits);
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
            waits.choice = Choice::TakenOver;
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
    /// Requests that may be there at once now.
    fn limit(&self) -> u32 {
        if self.limits.learns { self.limits.most.min(self.learned.requests()) } else { self.limits.most }
    }

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    const ASKER: Asker = Asker { level: 1, member: 1, weight: 1.0 };

    fn desk(servers: usize, most: u32, room: usize) -> Arc<Desk> {
        let one = format!("[[pool.server]]\naddress = \"http://127.0.0.1:1\"\nmax_active = {most}\n");
        let text = format!(
            "[[listen]]\naddress = \"127.0.0.1:0\"\n[[pool]]\npolicy = \"rendezvous\"\nqueue = {{ limit = {room} }}\nadmission = \"off\"\n{}",
            (0..servers).map(|at| one.replace(":1\"", &format!(":{}\"", at + 1))).collect::<String>()
        );
        let config = config::Config::parse(&text).expect("a configuration");
        let trust = Arc::new(Trust::new(&config.pool[0]).expect("nothing to read"));
        Arc::new(Desk::new(&config.pool[0], trust, 1, 1).expect("a policy"))
    }

    fn request(context: u64) -> Request {
        Request { context, product: 0 }
    }

    fn goes(asked: Asked) -> Ticket {
        match asked {
            Asked::Goes(ticket) => ticket,
            Asked::Waits(_) => panic!("it waits"),
            Asked::Refused(why) => panic!("{why:?}"),
        }
    }

    fn waits(asked: Asked) -> Place {
        match asked {
            Asked::Waits(place) => place,
            Asked::Goes(_) => panic!("it goes"),
            Asked::Refused(why) => panic!("{why:?}"),
        }
    }

    fn called(place: &mut Place) -> Option<Result<Ticket, Refusal>> {
        match pin!(&mut place.call).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(called) => Some(called.expect("the desk lives")),
            Poll::Pending => None,
        }
    }

    #[test]
    fn one_goes_at_a_time_and_the_next_is_called_when_it_is_over() {
        let desk = desk(1, 1, 8);
        let now = Instant::now();
        let first = goes(desk.ask(request(1), ASKER, &[], now));
        let mut second = waits(desk.ask(request(2), ASKER, &[], now));
        let mut third = waits(desk.ask(request(3), ASKER, &[], now));
        assert!(called(&mut second).is_none());
        first.answered(Answer::default());
        let second = called(&mut second).expect("called").expect("a ticket");
        assert!(called(&mut third).is_none());
        // Its client goes without an answer.
        drop(second);
        assert!(called(&mut third).expect("called").is_ok());
    }

    #[test]
    fn a_higher_level_takes_the_place_of_a_lower_one_and_goes_first() {
        let desk = desk(1, 1, 2);
        let now = Instant::now();
        let first = goes(desk.ask(request(1), ASKER, &[], now));
        let mut medium = waits(desk.ask(request(2), ASKER, &[], now));
        let mut low = waits(desk.ask(request(3), Asker { level: 2, ..ASKER }, &[], now));
        let high = Asker { level: 0, ..ASKER };
        let mut place = waits(desk.ask(request(4), high, &[], now));
        assert!(matches!(called(&mut low), Some(Err(Refusal::Replaced))));
        assert!(matches!(desk.ask(request(5), Asker { level: 2, ..ASKER }, &[], now), Asked::Refused(Refusal::Full)));
        first.answered(Answer::default());
        let high = called(&mut place).expect("called").expect("a ticket");
        assert!(called(&mut medium).is_none());
        high.answered(Answer::default());
        assert!(called(&mut medium).expect("called").is_ok());
    }

    #[test]
    fn who_leaves_gives_the_place_up() {
        let desk = desk(1, 1, 1);
        let now = Instant::now();
        let first = goes(desk.ask(request(1), ASKER, &[], now));
        drop(waits(desk.ask(request(2), ASKER, &[], now)));
        let mut third = waits(desk.ask(request(3), ASKER, &[], now));
        first.answered(Answer::default());
        // A ticket that was given and not taken goes to the next.
        assert!(called(&mut third).expect("called").is_ok());
        let mut inner = desk.lock();
        assert_eq!(inner.dispatcher.servers().all[0].active, 0, "third's ticket is gone");
        assert!(inner.next_for(0, 0.0).is_none());
    }

    #[test]
    fn what_waits_for_a_server_that_goes_down_goes_to_another() {
        let desk = desk(2, 1, 8);
        let now = Instant::now();
        let first = goes(desk.ask(request(1), ASKER, &[], now));
        let other = goes(desk.ask(request(1), ASKER, &[first.endpoint.number], now));
        assert_ne!(first.endpoint.number, other.endpoint.number, "one that was tried is not tried again");
        let mut place = waits(desk.ask(request(1), ASKER, &[], now));
        desk.hold(first.endpoint.number, Held::Down);
        assert!(called(&mut place).is_none());
        other.answered(Answer::default());
        assert_ne!(called(&mut place).expect("called").expect("a ticket").endpoint.number, first.endpoint.number);
        let number = 3 - first.endpoint.number;
        desk.hold(number, Held::Down);
        assert!(matches!(desk.ask(request(1), ASKER, &[], now), Asked::Refused(Refusal::NoServer)));
    }

    #[test]
    fn what_waits_for_a_server_that_goes_down_goes_at_once_where_another_has_room() {
        let desk = desk(2, 1, 8);
        let first = goes(desk.ask(request(1), ASKER, &[], Instant::now()));
        let mut place = waits(desk.ask(request(1), ASKER, &[], Instant::now()));
        desk.hold(first.endpoint.number, Held::Down);
        let ticket = called(&mut place).expect("called").expect("a ticket");
        assert_ne!(ticket.endpoint.number, first.endpoint.number);
    }

    #[test]
    fn a_second_server_is_asked_only_where_there_is_room_and_nobody_waits() {
        let desk = desk(2, 1, 8);
        let now = Instant::now();
        let first = goes(desk.ask(request(1), ASKER, &[], now));
        let number = first.endpoint.number;
        let beside = desk.ask_beside(request(1), number, now).expect("there is room");
        assert_eq!((beside.endpoint.number, beside.choice), (3 - number, Choice::Hedged));
        assert!(desk.ask_beside(request(1), number, now).is_none(), "there is no room any more");
        drop(beside);
        desk.hold(3 - number, Held::Down);
        assert!(desk.ask_beside(request(1), number, now).is_none(), "nobody else is up");
        let place = waits(desk.ask(request(1), ASKER, &[], now));
        desk.hold(3 - number, Held::Up);
        let inner = desk.lock();
        assert_eq!(inner.dispatcher.servers().all.iter().map(|server| server.active).sum::<u32>(), 2);
        drop((inner, place, first));
        let inner = desk.lock();
        assert_eq!(inner.dispatcher.servers().all.iter().map(|server| server.active).sum::<u32>(), 0);
    }

    #[test]
    fn no_second_server_is_asked_while_others_wait_for_room() {
        let desk = desk(3, 1, 8);
        let now = Instant::now();
        let first = goes(desk.ask(request(1), ASKER, &[], now));
        let number = first.endpoint.number;
        // It waits where its context is, though others have nothing to do.
        let place = waits(desk.ask(request(1), ASKER, &[], now));
        assert!(desk.ask_beside(request(1), number, now).is_none());
        drop(place);
        assert!(desk.ask_beside(request(1), number, now).is_some());
    }
}
