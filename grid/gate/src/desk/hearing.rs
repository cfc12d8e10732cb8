//! What the servers of a desk say of themselves, and what follows from it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use pogson_dispatch::policy::Report as Known;
use pogson_report::{Boot, Key, Limits, Mark, Name, Report, Verdict};

use super::{Desk, Inner, Queue};
use crate::config::{self, Room};
use crate::field;
use crate::reply::Reply;
use crate::reports::{self, Heard, Reports};

/// Looks in which the work that a silent server told of is forgotten.
const HUSHES: u8 = 40;
/// What can become of a report, in words; in the order of [`place_of`].
pub(crate) const RESULTS: [&str; 10] = [
    "taken",
    "of-one-answer",
    "reordered",
    "replayed",
    "forged",
    "unknown-sender",
    "too-old",
    "dated-ahead",
    "malformed",
    "too-often",
];

/// The place of what became of a report in [`RESULTS`].
pub(crate) fn place_of<P>(heard: &Heard<P>) -> usize {
    match heard {
        Heard::News(..) => 0,
        Heard::OfOne(_) => 1,
        Heard::TooOften(_) => 9,
        Heard::Old(verdict) | Heard::Refused(verdict) => match verdict {
            Verdict::Fresh(_) => 0,
            Verdict::Reordered(_) => 2,
            Verdict::Replayed(_) => 3,
            Verdict::Forged(_) => 4,
            Verdict::UnknownSender(_) => 5,
            Verdict::TooOld(_) => 6,
            Verdict::TooNew(_) => 7,
            Verdict::Malformed(_) => 8,
        },
    }
}

/// Whom a desk listens to.
pub(super) struct Hearing {
    reports: Reports<u64>,
    key: Option<Key>,
    stale_after_ms: u64,
    /// Classes of the policy's bind table.
    classes: usize,
    block: u64,
    /// By the servers' numbers.
    said: HashMap<u64, Said>,
    results: [u64; RESULTS.len()],
}

struct Said {
    at_ms: u64,
    boot: Option<Boot>,
    /// Room of the cache, bytes, that was taken over last.
    room_bytes: Option<u64>,
    hushed: u8,
    report: Report,
}

/// How the reports of a server are.
#[derive(Clone, Debug, Default)]
pub(crate) struct SaidState {
    /// Milliseconds since the last one.
    pub(crate) age_ms: u64,
    /// How much it counts, 0 to 1.
    pub(crate) weight: f64,
    /// Reports that were taken, and that never came, of signed ones.
    pub(crate) taken: u64,
    pub(crate) lost: u64,
    pub(crate) report: Report,
}

impl Hearing {
    pub(super) fn new(pool: &config::Pool) -> Self {
        Self {
            reports: Reports::new(pool.reports.stale_after, Limits::default()),
            key: None,
            stale_after_ms: milliseconds(pool.reports.stale_after),
            classes: pool.settings.classes,
            block: pool.block,
            said: HashMap::new(),
            results: [0; RESULTS.len()],
        }
    }

    /// The servers are these from now on.
    fn know(&mut self, servers: &[(u64, String)]) {
        let gone: Vec<u64> =
            self.said.keys().copied().filter(|number| servers.iter().all(|(other, _)| other != number)).collect();
        for number in gone {
            self.said.remove(&number);
        }
        self.reports.keep(|number| servers.iter().any(|(other, _)| other == number));
        let Some(key) = &self.key else { return };
        for (number, name) in servers {
            // A server that goes by its address has no name that a report can bear; it may still report in its answers.
            if let Ok(name) = name.parse::<Name>() {
                self.reports.know(name, key.clone(), *number);
            }
        }
    }

    /// Notes what was heard; what the dispatcher is told of it, for each server that it is about.
    fn take(&mut self, heard: &Heard<u64>, boot: Option<Boot>, now_ms: u64) -> Vec<(u64, News)> {
        self.results[place_of(heard)] += 1;
        let Heard::News(numbers, report) = heard else { return Vec::new() };
        let news = numbers.iter().map(|&number| {
            let before = self.said.get(&number);
            let room_bytes = report.cache_limit_bytes.or(before.and_then(|said| said.room_bytes));
            let anew = matches!((boot, before.and_then(|said| said.boot)), (Some(new), Some(old)) if new != old);
            let room = room_bytes.filter(|_| before.and_then(|said| said.room_bytes) != room_bytes);
            let room = room.map(|bytes| Room::Bytes(bytes).contexts(self.block));
            let said = Said { at_ms: now_ms, boot, room_bytes, hushed: 0, report: (**report).clone() };
            self.said.insert(number, said);
            (number, News { known: reports::for_policy(report, self.classes), room, anew })
        });
        news.collect()
    }
}

/// What the dispatcher is told.
struct News {
    known: Option<Known>,
    /// Contexts that fit into the cache, if that is new.
    room: Option<usize>,
    /// The server has begun anew.
    anew: bool,
}

impl Desk {
    /// Takes reports as a configuration says.
    ///
    /// - `key`: that of the pool.
    pub(crate) fn hears(&self, pool: &config::Pool, key: Option<Key>) {
        let mut hearing = self.hearing();
        if key.is_none() && hearing.key.is_some() {
            hearing.reports = Reports::new(pool.reports.stale_after, Limits::default());
        }
        hearing.key = key;
        hearing.reports.count_for(pool.reports.stale_after);
        hearing.stale_after_ms = milliseconds(pool.reports.stale_after);
        hearing.block = pool.block;
        drop(hearing);
        self.knows_servers();
    }

    /// Servers have joined or left.
    pub(super) fn knows_servers(&self) {
        let servers: Vec<_> = self.endpoints().iter().map(|server| (server.number, server.name.clone())).collect();
        self.hearing().know(&servers);
    }

    /// Whether a server here goes by that name and has a key.
    pub(crate) fn has_reporter(&self, name: &Name) -> bool {
        self.hearing().reports.knows(name)
    }

    /// A report was pushed, `mark` being its header `pogson-report`.
    pub(crate) fn pushed(&self, mark: &[u8], body: &[u8], now_ms: u64) -> Heard<u64> {
        let mut hearing = self.hearing();
        let heard = hearing.reports.pushed(Some(mark), body, now_ms);
        self.follow(&mut hearing, &heard, boot(Some(mark)), now_ms);
        heard
    }

    /// A server's reply has a report in its head; what that says of this one answer, if it says so: seconds, and whether it was a hit.
    pub(crate) fn said_in_reply(&self, number: u64, reply: &Reply, now_ms: u64) -> (Option<f64>, Option<bool>) {
        let value = |name: &str| {
            let mut fields = reply.fields().filter(|one| one.known == field::Known::Report);
            fields.find(|one| one.name.eq_ignore_ascii_case(name)).map(|one| one.value)
        };
        let mark = value(pogson_report::MARK_HEADER);
        let Some(metrics) = value(pogson_report::METRICS_HEADER) else { return (None, None) };
        let mut hearing = self.hearing();
        let unsigned = hearing.key.is_none();
        let heard = hearing.reports.answered(&number, mark, metrics, unsigned, now_ms);
        self.follow(&mut hearing, &heard, boot(mark), now_ms);
        match heard {
            Heard::News(_, report) | Heard::OfOne(report) => (report.request_s, report.request_hit),
            Heard::Old(_) | Heard::Refused(_) | Heard::TooOften(_) => (None, None),
        }
    }

    fn follow(&self, hearing: &mut Hearing, heard: &Heard<u64>, boot: Option<Boot>, now_ms: u64) {
        let news = hearing.take(heard, boot, now_ms);
        if news.is_empty() {
            return;
        }
        let now_s = self.seconds(Instant::now());
        let until_s = now_s + hearing.stale_after_ms as f64 / 1000.0;
        let mut inner = self.lock();
        for (number, news) in news {
            inner.is_told(number, &news, now_s, until_s);
        }
        let waits = inner.lines.iter().any(|line| !line.waiting.is_empty());
        drop(inner);
        if waits {
            self.call_up();
        }
    }

    /// Forgets, little by little, what servers told of that have been silent for too long.
    pub(crate) fn hush(&self, now_ms: u64) {
        let mut hearing = self.hearing();
        let stale_after_ms = hearing.stale_after_ms;
        let silent = hearing
            .said
            .iter_mut()
            .filter(|(_, said)| said.hushed < HUSHES && now_ms.saturating_sub(said.at_ms) >= stale_after_ms);
        let silent: Vec<u64> = silent
            .map(|(number, said)| {
                said.hushed += 1;
                *number
            })
            .collect();
        drop(hearing);
        if silent.is_empty() {
            return;
        }
        let now_s = self.seconds(Instant::now());
        let mut inner = self.lock();
        for number in silent {
            let news = News { known: Some(Known::default()), room: None, anew: false };
            inner.is_told(number, &news, now_s, now_s);
        }
        drop(inner);
        self.call_up();
    }

    /// How the reports of each server are, by its number; how many of what became of reports; how many never came.
    pub(crate) fn said(&self, now_ms: u64) -> (HashMap<u64, SaidState>, [u64; RESULTS.len()]) {
        let hearing = self.hearing();
        let states = hearing.reports.states(now_ms);
        let of = |(number, said): (&u64, &Said)| {
            let age_ms = now_ms.saturating_sub(said.at_ms);
            let state =
                hearing.reports.name_at(number).and_then(|name| states.iter().find(|state| state.name == *name));
            let state = SaidState {
                age_ms,
                weight: reports::weight(age_ms, hearing.stale_after_ms),
                taken: state.map_or(0, |state| state.taken),
                lost: state.map_or(0, |state| state.lost),
                report: said.report.clone(),
            };
            (*number, state)
        };
        (hearing.said.iter().map(of).collect(), hearing.results)
    }
}

impl Inner {
    /// - `until_s`: when it is too old.
    fn is_told(&mut self, number: u64, news: &News, now_s: f64, until_s: f64) {
        let Some(at) = self.place(number) else { return };
        if news.anew {
            self.dispatcher.began_anew(at, now_s);
        }
        if let Some(room) = news.room.filter(|_| self.lines[at].learns_room) {
            self.dispatcher.set_room(at, room, now_s);
        }
        if let Some(known) = &news.known {
            let others = i64::from(known.queue) - i64::from(self.lines[at].running);
            self.lines[at].queue = known.limit.map(|limit| Queue { limit, others, until_s });
            self.dispatcher.reported(at, known, now_s);
        }
    }
}

fn boot(mark: Option<&[u8]>) -> Option<Boot> {
    Mark::parse(mark?).ok().map(|(mark, ..)| mark.boot)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
