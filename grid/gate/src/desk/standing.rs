//! Servers of a desk that join and leave, and go up and down: by what operators say, by checks, by what becomes of requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pogson_dispatch::Request;
use pogson_dispatch::limit::Limit;
use pogson_dispatch::servers::Sent;
use pogson_dispatch::waiting::{Entry, Waiting};
use tokio::sync::oneshot;

use super::line::{Laggards, Line};
use super::{Desk, Inner, Refusal, Ticket, Waits, most, tuning};
use crate::config::{self, Admission, Health, Passive, Room};
use crate::context::ContextHash;
use crate::pool::{Endpoint, Limits, Trouble};
use crate::served::ServerState;

/// Kind of thing that a server's identity is a hash of.
const SERVER: u64 = 0x5365_7276_6572;
/// Requests that are let go to a server before anything is known of it.
const FIRST_LIMIT: u32 = 16;
/// Clients that may be behind with what a server has for them, where nothing says how many requests that takes at once.
const LAGGARDS: u32 = 1000;
/// Times that an ejection doubles.
const DOUBLINGS: u32 = 4;

/// What an operator says of a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Held {
    /// It takes requests.
    #[default]
    Up,
    /// It ends what it has.
    Drained,
    /// It is out of order.
    Down,
}

/// Why a server takes requests, or does not.
#[derive(Clone, Debug)]
pub(crate) struct Standing {
    pub(crate) held: Held,
    pub(crate) weight: f64,
    /// By the checks.
    pub(crate) well: bool,
    /// Checks in a row that say otherwise.
    against: u32,
    /// Failures of requests in a row.
    failures: u32,
    pub(crate) ejected_until: Option<Instant>,
    /// When it was ejected, seconds of the desk's clock.
    ejected_s: f64,
    /// Ejections in a row, and when the last of them ended.
    again: u32,
    last_back: Option<Instant>,
    /// Ejections in all.
    pub(crate) ejections: u64,
}

impl Standing {
    pub(super) fn new(weight: f64) -> Self {
        Self {
            held: Held::Up,
            weight,
            well: true,
            against: 0,
            failures: 0,
            ejected_until: None,
            ejected_s: f64::NEG_INFINITY,
            again: 0,
            last_back: None,
            ejections: 0,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.takes() && self.ejected_until.is_none()
    }

    /// Whether it takes requests, but for its failures.
    fn takes(&self) -> bool {
        self.held == Held::Up && self.weight > 0.0 && self.well
    }

    /// In a word.
    pub(crate) fn word(&self) -> &'static str {
        match self.held {
            Held::Drained => "drained",
            Held::Down => "down",
            Held::Up if !self.well => "unwell",
            Held::Up if self.ejected_until.is_some() => "ejected",
            Held::Up if self.weight > 0.0 => "up",
            Held::Up => "weightless",
        }
    }

    /// A request has come to its end there, sent at `sent_s`; whether that ends its ejection.
    pub(super) fn succeeded(&mut self, sent_s: f64, now: Instant) -> bool {
        self.failures = 0;
        let ends = self.ejected_until.is_some() && sent_s > self.ejected_s;
        if ends {
            (self.ejected_until, self.last_back) = (None, Some(now));
        }
        ends
    }
}

type Calls = Vec<(oneshot::Sender<Result<Ticket, Refusal>>, Refusal)>;

/// Who does not wait any more has no answer to give.
fn tell(refused: Calls) {
    for (call, why) in refused {
        let _ = call.send(Err(why));
    }
}

impl Desk {
    /// A server joins.
    pub(crate) fn join(&self, pool: &config::Pool, server: &config::Server, number: u64) {
        let now_s = self.seconds(Instant::now());
        self.lock().join(pool, server, number, now_s);
        self.knows_servers();
    }

    /// A server leaves: what is under way goes on, what waits for it goes to others.
    pub(crate) fn part(self: &Arc<Self>, number: u64) {
        let now_s = self.seconds(Instant::now());
        let mut inner = self.lock();
        let Some(at) = inner.place(number) else { return };
        let refused = inner.set_up(at, false, now_s);
        inner.dispatcher.leave(at, now_s);
        inner.lines[at].gone = true;
        drop(inner);
        tell(refused);
        self.call_up();
        self.knows_servers();
    }

    /// Takes over what a configuration says of a pool, with servers that join, leave, or change; those that stay keep what was learned.
    ///
    /// - `number`: gives servers their numbers.
    pub(crate) fn adapt(self: &Arc<Self>, pool: &config::Pool, mut number: impl FnMut() -> u64) {
        let same = |line: &Line, server: &config::Server| {
            let Endpoint { name, address, protocol, direct, .. } = &*line.endpoint;
            (name, address, protocol, direct) == (&server.name, &server.address, &server.protocol, &server.direct)
        };
        let now_s = self.seconds(Instant::now());
        let mut inner = self.lock();
        inner.most = most(pool);
        inner.dispatcher.tune(tuning(pool), now_s);
        let rules = pool.queue.rules();
        inner.lines.iter_mut().for_each(|line| line.waiting.follow(rules));
        let there = inner.endpoints();
        drop(inner);
        for endpoint in &there {
            let stays = self.with(endpoint.number, |line| pool.server.iter().any(|server| same(line, server)));
            if stays == Some(false) {
                self.part(endpoint.number);
            }
        }
        for server in &pool.server {
            let mut inner = self.lock();
            let at = inner.lines.iter().position(|line| !line.gone && same(line, server));
            let Some(at) = at else {
                let now_s = self.seconds(Instant::now());
                inner.join(pool, server, number(), now_s);
                continue;
            };
            let now_s = self.seconds(Instant::now());
            if server.cache != Room::Learned {
                inner.dispatcher.set_room(at, server.cache.contexts(pool.block), now_s);
            }
            inner.lines[at].limits = limits(pool, server);
            inner.lines[at].learns_room = server.cache == Room::Learned;
            let number = inner.lines[at].endpoint.number;
            drop(inner);
            self.weigh(number, server.weight);
            if pool.health.path.is_none() {
                // Nobody asks any more: what checks said last would stand for ever.
                self.change(number, |standing| (standing.well, standing.against) = (true, 0));
            }
        }
        self.call_up();
    }

    /// A server's weight changes; with one of 0 it gets nothing.
    pub(crate) fn weigh(self: &Arc<Self>, number: u64, weight: f64) {
        let now_s = self.seconds(Instant::now());
        let mut inner = self.lock();
        if let Some(at) = inner.place(number)
            && weight > 0.0
        {
            inner.dispatcher.weigh(at, weight, now_s);
        }
        drop(inner);
        self.change(number, |standing| standing.weight = weight);
    }

    /// An operator says how a server is.
    pub(crate) fn hold(self: &Arc<Self>, number: u64, held: Held) {
        self.change(number, |standing| {
            standing.held = held;
            if held == Held::Up {
                (standing.failures, standing.ejected_until) = (0, None);
            }
        });
    }

    /// A check was good or bad.
    pub(crate) fn checked(self: &Arc<Self>, number: u64, good: bool, health: &Health) {
        self.change(number, |standing| {
            standing.against = if good == standing.well { 0 } else { standing.against + 1 };
            if standing.against >= if good { health.rise } else { health.fall }.max(1) {
                (standing.well, standing.against) = (good, 0);
            }
        });
    }

    /// A request came to nothing at a server, by the server's fault: after some in a row it gets none for a while.
    ///
    /// - `turned_away`: by a reply that says so. A server that works on others meanwhile is not out of order for that.
    pub(crate) fn failed(self: &Arc<Self>, number: u64, turned_away: bool, rules: &Passive) {
        let now = Instant::now();
        let mut inner = self.lock();
        let Some(at) = inner.place(number) else { return };
        if turned_away && inner.lines[at].running > 0 {
            return;
        }
        let members = inner.lines.iter().filter(|line| !line.gone);
        let (all, out) = members
            .fold((0_u32, 0_u32), |(all, out), line| (all + 1, out + u32::from(line.standing.ejected_until.is_some())));
        // The last one that takes requests is better than none, whatever becomes of them there.
        let is_last = !inner.lines.iter().enumerate().any(|(other, line)| other != at && line.is_up());
        let standing = &mut inner.lines[at].standing;
        standing.failures = standing.failures.saturating_add(1);
        let many = rules.failures > 0 && standing.failures >= rules.failures && standing.ejected_until.is_none();
        if !many || is_last || f64::from(out + 1) * 100.0 > rules.max_ejected * f64::from(all) {
            return;
        }
        let time = rules.ejection * (1 << standing.again.min(DOUBLINGS));
        let again = standing.again + 1;
        let now_s = self.seconds(now);
        drop(inner);
        self.change(number, |standing| {
            (standing.failures, standing.ejected_until, standing.again) = (0, Some(now + time), again);
            standing.ejected_s = now_s;
            standing.ejections += 1;
        });
    }

    /// Lets servers come back whose ejections are over, or all where no other is up. Those that did well for long since are as if they had never failed.
    pub(crate) fn forgive(self: &Arc<Self>, rules: &Passive, now: Instant) {
        let numbers: Vec<u64> = {
            let mut inner = self.lock();
            let mut back = Vec::new();
            let none_is_up = !inner.lines.iter().any(Line::is_up);
            for line in inner.lines.iter_mut().filter(|line| !line.gone) {
                let standing = &mut line.standing;
                match standing.ejected_until {
                    Some(until) if until <= now || none_is_up => {
                        standing.last_back = Some(now);
                        back.push(line.endpoint.number);
                    }
                    None if standing.last_back.is_some_and(|back| now > back + forgets(rules)) => {
                        (standing.again, standing.last_back) = (0, None);
                    }
                    _ => {}
                }
            }
            back
        };
        for number in numbers {
            self.change(number, |standing| standing.ejected_until = None);
        }
    }

    /// How the servers are.
    pub(crate) fn states(&self, pool: &str) -> Vec<ServerState> {
        let inner = self.lock();
        let members = inner.lines.iter().enumerate().filter(|(_, line)| !line.gone);
        let state = |(at, line): (usize, &Line)| {
            let server = &inner.dispatcher.servers().all[at];
            ServerState {
                pool: pool.to_string(),
                name: line.endpoint.name.clone(),
                address: line.endpoint.address.to_string(),
                state: line.standing.word().to_string(),
                weight: line.standing.weight,
                limit: line.limit(),
                active: line.running,
                slow: line.laggards.count(),
                waiting: line.waiting.len(),
                work_s: server.all_work_s(),
                slowness: server.slowness,
                contexts: inner.dispatcher.servers().shadows.held(at),
                ejections: line.standing.ejections,
                trouble: line.endpoint.trouble.now(),
            }
        };
        members.map(state).collect()
    }

    /// Servers that are taken to have each of some contexts cached, by their names.
    pub(crate) fn holders(&self, contexts: impl Iterator<Item = u64>) -> Vec<Vec<String>> {
        let inner = self.lock();
        let shadows = &inner.dispatcher.servers().shadows;
        let of = |context| {
            let lines = shadows.holders(context).filter_map(|at| inner.lines.get(at)).filter(|line| !line.gone);
            lines.map(|line| line.endpoint.name.clone()).collect()
        };
        contexts.map(of).collect()
    }

    /// The servers that are members.
    pub(crate) fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.lock().endpoints()
    }

    fn with<T>(&self, number: u64, what: impl FnOnce(&Line) -> T) -> Option<T> {
        let inner = self.lock();
        inner.place(number).map(|at| what(&inner.lines[at]))
    }

    /// Changes a server's standing, and what follows from it.
    fn change(self: &Arc<Self>, number: u64, how: impl FnOnce(&mut Standing)) {
        let now_s = self.seconds(Instant::now());
        let mut inner = self.lock();
        let Some(at) = inner.place(number) else { return };
        let standing = &mut inner.lines[at].standing;
        let was_up = standing.is_up();
        how(standing);
        let is_up = standing.is_up();
        if was_up != is_up {
            let refused = inner.set_up(at, is_up, now_s);
            drop(inner);
            tell(refused);
            self.call_up();
        }
    }
}

/// How many requests a server gets at once.
fn limits(pool: &config::Pool, server: &config::Server) -> Limits {
    let most = if server.max_active == 0 { u32::MAX } else { server.max_active };
    let most = if let Admission::Fixed { t_high, .. } = pool.admission { most.min(t_high) } else { most };
    let laggards = pool.slow_readers.unwrap_or(if most == u32::MAX { LAGGARDS } else { most });
    Limits { most, laggards, learns: pool.admission == Admission::Learned }
}

fn forgets(rules: &Passive) -> Duration {
    rules.ejection * (1 << DOUBLINGS)
}

impl Inner {
    pub(super) fn place(&self, number: u64) -> Option<usize> {
        self.lines.iter().position(|line| line.endpoint.number == number && !line.gone)
    }

    /// A server joins.
    pub(super) fn join(&mut self, pool: &config::Pool, server: &config::Server, number: u64, now_s: f64) {
        // By its name: gates side by side, and this one after a restart, give each context the same order of servers.
        let id = ContextHash::new(SERVER).text(server.name.as_bytes()).end();
        let at = self.dispatcher.join(id, server.cache.contexts(pool.block), server.weight, now_s);
        let endpoint = Endpoint {
            number,
            name: server.name.clone(),
            address: server.address.clone(),
            protocol: server.protocol,
            direct: server.direct,
            tls: self.trust.to(&server.address, server.protocol),
            trouble: Trouble::default(),
        };
        let line = Line {
            endpoint: Arc::new(endpoint),
            limits: limits(pool, server),
            learns_room: server.cache == Room::Learned,
            learned: Limit::new(FIRST_LIMIT),
            running: 0,
            laggards: Laggards::default(),
            queue: None,
            waiting: Waiting::new(pool.queue.rules()),
            waiting_s: 0.0,
            standing: Standing::new(server.weight),
            gone: false,
        };
        if !line.standing.is_up() {
            self.dispatcher.set_up(at, false, now_s);
        }
        match self.lines.get_mut(at) {
            Some(place) => *place = line,
            None => self.lines.push(line),
        }
    }

    /// The server at a place begins or ends to take requests. What waits for one that ends goes to others; returns who cannot.
    pub(super) fn set_up(&mut self, at: usize, up: bool, now_s: f64) -> Calls {
        let mut refused = Vec::new();
        self.dispatcher.set_up(at, up, now_s);
        while !up && let Some(entry) = self.lines[at].waiting.next(now_s) {
            self.lines[at].waiting_s -= entry.work_s;
            self.dispatcher.withdrawn(&entry.item.sent, now_s);
            let request = entry.item.sent.request;
            let failed = |at: &usize| entry.item.not.contains(&self.lines[*at].endpoint.number);
            let tried: Vec<usize> = (0..self.lines.len()).filter(failed).collect();
            let Some(sent) = self.send(request, &tried, now_s).or_else(|| self.send(request, &[], now_s)) else {
                refused.push((entry.item.call, Refusal::NoServer));
                continue;
            };
            let entry = Entry { work_s: sent.expected_s(), item: Waits { sent, ..entry.item }, ..entry };
            if let Some((gone, why)) = self.wait(entry, now_s) {
                refused.push((gone.call, why));
            }
        }
        refused
    }

    /// Where no server is up, a request goes to one that only failed lately, if that has nobody waiting: it may be well again.
    pub(super) fn last_resort(&mut self, request: Request, not: &[u64], now_s: f64) -> Option<Sent> {
        let may = |line: &Line| {
            let ejected = line.standing.takes() && line.standing.ejected_until.is_some();
            !line.gone && ejected && line.has_room() && line.waiting.is_empty() && !not.contains(&line.endpoint.number)
        };
        let ones = self.lines.iter().enumerate().filter(|(_, line)| may(line));
        let (at, _) = ones.min_by_key(|(_, line)| line.standing.ejected_until)?;
        Some(self.dispatcher.send_to(at, request, now_s))
    }

    fn endpoints(&self) -> Vec<Arc<Endpoint>> {
        self.lines.iter().filter(|line| !line.gone).map(|line| line.endpoint.clone()).collect()
    }
}
