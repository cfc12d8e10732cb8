//! What a server counts of itself: cheap enough for every request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::learned::Learned;
use crate::process::Process;
use crate::rates::{Rates, Totals};
use crate::report::{ClassCounts, Report};

/// Maps that classes are spread over, so that threads seldom wait for each other.
const SHARDS: usize = 16;

/// A request, as it comes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Its class, by the number that came with it.
    pub class: u64,
    /// Kind of work, by which costs are learned.
    pub product: u32,
    /// Whether what it needs is cached, if that is known.
    pub hit: Option<bool>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// Whether what it needed was cached, if that is known.
    pub hit: Option<bool>,
    /// Whether it failed.
    pub failed: bool,
}

/// The counts of one server. A request is a [`Waiting`], then a [`Working`]; both count until they are dropped.
#[derive(Debug)]
pub struct Counts {
    began: Instant,
    queue_limit: Option<u64>,
    queued: AtomicU64,
    active: AtomicU64,
    dropped: AtomicU64,
    connections: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
    cache_bytes: AtomicU64,
    cache_limit_bytes: AtomicU64,
    /// Service time expected of what waits, microseconds.
    queued_us: AtomicI64,
    /// Sum over what is worked on of when it is expected to end, microseconds since `began`.
    ends_us: AtomicI64,
    classes: [Mutex<HashMap<u64, ClassCounts>>; SHARDS],
    learned: Mutex<Learned>,
    slow: Mutex<(Rates, Process)>,
}

impl Counts {
    /// Of a server whose queue holds `queue_limit` requests, or any number.
    #[must_use]
    pub fn new(queue_limit: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            queue_limit,
            queued: AtomicU64::default(),
            active: AtomicU64::default(),
            dropped: AtomicU64::default(),
            connections: AtomicU64::default(),
            answered: AtomicU64::default(),
            failed: AtomicU64::default(),
            hits: AtomicU64::default(),
            misses: AtomicU64::default(),
            cache_bytes: AtomicU64::default(),
            cache_limit_bytes: AtomicU64::default(),
            queued_us: AtomicI64::default(),
            ends_us: AtomicI64::default(),
            classes: Default::default(),
            learned: Mutex::default(),
            slow: Mutex::new((Rates::default(), Process::own())),
        })
    }

    /// A request waits from now on; `None` where the queue is full, which counts as a drop.
    #[must_use]
    pub fn queue(self: &Arc<Self>, work: Work) -> Option<Waiting> {
        let before = self.queued.fetch_add(1, Relaxed);
        if self.queue_limit.is_some_and(|limit| before >= limit) {
            self.queued.fetch_sub(1, Relaxed);
            self.dropped.fetch_add(1, Relaxed);
            return None;
        }
        let expected_us = (lock(&self.learned).expected_s(work.product, work.hit) * 1e6) as i64;
        self.queued_us.fetch_add(expected_us, Relaxed);
        self.class(work.class, |counts| counts.queued += 1);
        Some(Waiting { counts: self.clone(), work, expected_us })
    }

    /// A connection is there until what is returned is dropped.
    #[must_use]
    pub fn connection(self: &Arc<Self>) -> Connection {
        self.connections.fetch_add(1, Relaxed);
        Connection(self.clone())
    }

    /// The cache holds `bytes` now and may hold `limit`.
    pub fn cache(&self, bytes: u64, limit: u64) {
        self.cache_bytes.store(bytes, Relaxed);
        self.cache_limit_bytes.store(limit, Relaxed);
    }

    /// What they say now.
    #[must_use]
    pub fn report(&self) -> Report {
        let now = Instant::now();
        let (queued, active) = (self.queued.load(Relaxed), self.active.load(Relaxed));
        let totals = Totals {
            answered: self.answered.load(Relaxed),
            failed: self.failed.load(Relaxed),
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
        };
        let mut slow = lock(&self.slow);
        let rates = slow.0.note(now, totals);
        let usage = slow.1.usage(now);
        drop(slow);
        let cache_limit = self.cache_limit_bytes.load(Relaxed);
        let cached = (cache_limit > 0).then(|| (self.cache_bytes.load(Relaxed), cache_limit));
        let mut report = Report {
            queue_length: Some(queued),
            queue_limit: self.queue_limit,
            queue_s: Some(self.work_us(active, now) as f64 / 1e6),
            active: Some(active),
            dropped: Some(self.dropped.load(Relaxed)),
            connections: Some(self.connections.load(Relaxed)),
            cpu: usage.cpu,
            memory: usage.memory,
            requests_per_s: rates.requests_per_s,
            errors_per_s: rates.errors_per_s,
            hit_rate: rates.hit_rate,
            cache_bytes: cached.map(|cached| cached.0),
            cache_limit_bytes: cached.map(|cached| cached.1),
            costs: lock(&self.learned).costs(),
            ..Report::default()
        };
        for shard in &self.classes {
            report.classes.extend(lock(shard).iter().map(|(class, counts)| (*class, *counts)));
        }
        report
    }

    /// Work that waits, and what is left of that under way. A request that takes longer than expected has none left, but takes from
    /// what is left of others, for only sums are kept.
    fn work_us(&self, active: u64, now: Instant) -> i64 {
        let left = self.ends_us.load(Relaxed).saturating_sub((active as i64).saturating_mul(self.since(now)));
        self.queued_us.load(Relaxed).max(0).saturating_add(left.max(0))
    }

    fn since(&self, now: Instant) -> i64 {
        now.duration_since(self.began).as_micros() as i64
    }

    fn class(&self, class: u64, change: impl FnOnce(&mut ClassCounts)) {
        // Classes may be hashes or small numbers: the product spreads both.
        let shard = (class.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) as usize % SHARDS;
        let mut map = lock(&self.classes[shard]);
        let counts = map.entry(class).or_default();
        change(counts);
        if *counts == ClassCounts::default() {
            map.remove(&class);
        }
    }
}

/// A request that waits; dropped, it has left the queue without being worked on.
#[derive(Debug)]
pub struct Waiting {
    counts: Arc<Counts>,
    work: Work,
    expected_us: i64,
}

impl Waiting {
    /// It is worked on from now.
    #[must_use]
    pub fn begin(self) -> Working {
        let (counts, work, began) = (self.counts.clone(), self.work, Instant::now());
        let ends_us = counts.since(began) + self.expected_us;
        drop(self);
        counts.active.fetch_add(1, Relaxed);
        counts.ends_us.fetch_add(ends_us, Relaxed);
        counts.class(work.class, |counts| counts.active += 1);
        Working { counts, work, began, ends_us }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.counts.queued.fetch_sub(1, Relaxed);
        self.counts.queued_us.fetch_sub(self.expected_us, Relaxed);
        self.counts.class(self.work.class, |counts| counts.queued = counts.queued.saturating_sub(1));
    }
}

/// A request that is worked on; dropped, it counts as over, with nothing learned from it.
#[derive(Debug)]
pub struct Working {
    counts: Arc<Counts>,
    work: Work,
    began: Instant,
    ends_us: i64,
}

impl Working {
    /// It is over. Returns how long it was worked on.
    pub fn end(self, end: End) -> Duration {
        let took = self.began.elapsed();
        let counts = &self.counts;
        counts.answered.fetch_add(1, Relaxed);
        match end.hit {
            Some(true) => counts.hits.fetch_add(1, Relaxed),
            Some(false) => counts.misses.fetch_add(1, Relaxed),
            None => 0,
        };
        if end.failed {
            counts.failed.fetch_add(1, Relaxed);
        } else {
            // Failures are quick or slow for reasons of their own.
            lock(&counts.learned).learn(self.work.product, end.hit, took.as_secs_f64());
        }
        took
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.counts.active.fetch_sub(1, Relaxed);
        self.counts.ends_us.fetch_sub(self.ends_us, Relaxed);
        self.counts.class(self.work.class, |counts| counts.active = counts.active.saturating_sub(1));
    }
}

/// A connection that counts until it is dropped.
#[derive(Debug)]
pub struct Connection(Arc<Counts>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }
}

/// Counts stay usable where a thread panicked: each change to them is whole.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORK: Work = Work { class: 7, product: 1, hit: None };

    #[test]
    fn a_request_is_counted_where_it_is() {
        let counts = Counts::new(Some(2));
        let (first, second) = (counts.queue(WORK).unwrap(), counts.queue(Work { class: 8, ..WORK }).unwrap());
        assert!(counts.queue(WORK).is_none(), "the queue is full");
        let report = counts.report();
        assert_eq!((report.queue_length, report.active, report.dropped), (Some(2), Some(0), Some(1)));
        assert!(report.is_full());
        let working = first.begin();
        let report = counts.report();
        assert_eq!((report.queue_length, report.active), (Some(1), Some(1)));
        assert_eq!(report.classes[&7], ClassCounts { queued: 0, active: 1 });
        assert_eq!(report.classes[&8], ClassCounts { queued: 1, active: 0 });
        drop(second);
        working.end(End { hit: Some(true), failed: false });
        let report = counts.report();
        assert_eq!((report.queue_length, report.active, report.queue_s), (Some(0), Some(0), Some(0.0)));
        assert!(report.classes.is_empty());
    }

    #[test]
    fn work_that_waits_is_what_such_requests_took_before() {
        let counts = Counts::new(None);
        lock(&counts.learned).learn(1, Some(false), 2.0);
        lock(&counts.learned).learn(1, Some(true), 0.5);
        let waiting: Vec<_> =
            [Some(false), Some(true)].iter().map(|hit| counts.queue(Work { hit: *hit, ..WORK })).collect();
        assert_eq!(counts.report().queue_s, Some(2.5));
        let began = Instant::now();
        let working: Vec<_> = waiting.into_iter().flatten().map(Waiting::begin).collect();
        let left = counts.report().queue_s.unwrap();
        assert!(left <= 2.5 && left >= 2.5 - 2.0 * began.elapsed().as_secs_f64() - 1e-5, "{left}");
        drop(working);
        assert_eq!(counts.report().queue_s, Some(0.0));
    }

    #[test]
    fn nothing_is_left_after_many_threads_have_counted() {
        let counts = Counts::new(Some(3));
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let counts = &counts;
                scope.spawn(move || {
                    for turn in 0..2000_u64 {
                        let _connection = counts.connection();
                        let work = Work { class: turn % 5, product: thread, hit: Some(turn % 2 == 0) };
                        if let Some(waiting) = counts.queue(work) {
                            waiting.begin().end(End { hit: work.hit, failed: turn % 10 == 0 });
                        }
                    }
                });
            }
        });
        let report = counts.report();
        assert_eq!((report.queue_length, report.active, report.connections), (Some(0), Some(0), Some(0)));
        assert_eq!((report.queue_s, report.classes.len(), report.costs.len()), (Some(0.0), 0, 4));
        assert_eq!(counts.answered.load(Relaxed) + counts.dropped.load(Relaxed), 8000);
    }
}
