//! All that can be seen of a gate at work: what `/state` has, and what the page and `pogson gate top` show.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::books::{self, REFUSALS, Row, Sum, TOKENS};
use crate::desk::{Desk, RESULTS, SaidState};
use crate::reports;
use crate::serve::Hub;
use crate::served::ServerState;

/// Time between points of the history, and how many are kept.
const STEP: Duration = Duration::from_secs(1);
const POINTS: usize = 120;
/// Contexts that are shown.
const SHOWN: usize = 20;

/// A gate at work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Of the program.
    pub version: String,
    /// Seconds since it began.
    pub uptime_s: f64,
    /// Whether it ends.
    pub drains: bool,
    /// Connections of clients that are open, and of all time.
    pub connections: u64,
    /// Those of all time.
    pub connections_total: u64,
    /// Requests of all time.
    pub requests: u64,
    /// Those that were turned away.
    pub refused: u64,
    /// Replies that were cut short.
    pub cut: u64,
    /// What was no request.
    pub malformed: u64,
    /// Tokens that were not believed, by why.
    pub tokens_refused: Vec<(String, u64)>,
    /// Lines of the access log that were lost.
    pub log_lines_lost: u64,
    /// Pools.
    pub pools: Vec<PoolState>,
    /// What was asked for most: readable context and number, about.
    pub contexts: Vec<(String, u64)>,
    /// The last minutes, the newest last.
    pub history: Vec<Point>,
}

/// A pool.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolState {
    /// Its name.
    pub name: String,
    /// Its policy.
    pub policy: String,
    /// Entries of the policy's table: bindings of contexts to servers.
    pub table: usize,
    /// Requests that wait in the gate: high, medium, low.
    pub waiting: [usize; 3],
    /// Its servers.
    pub servers: Vec<Seen>,
    /// Its classes.
    pub classes: Vec<ClassState>,
    /// Requests that a second server was asked for as well, and those of them that it replied to.
    #[serde(default)]
    pub hedges: [u64; 2],
    /// Reports, by what became of them.
    pub reports: Vec<(String, u64)>,
    /// Of the contexts that are asked for most, those that servers of the pool are taken to have cached, each with those servers.
    #[serde(default)]
    pub bindings: Vec<(String, Vec<String>)>,
}

/// A server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// How it is.
    #[serde(flatten)]
    pub server: ServerState,
    /// Requests that it was sent.
    pub requests: u64,
    /// Those that ended with a status from 500 on.
    pub errors: u64,
    /// Share of hits where it is known which they were.
    pub hit_rate: Option<f64>,
    /// Misses where a hit was expected.
    pub unexpected_misses: u64,
    /// Mean time to the head of its replies, milliseconds.
    pub first_ms: Option<f64>,
    /// What it says of itself.
    pub report: Option<ReportState>,
}

/// A server's reports.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReportState {
    /// Milliseconds since the last one.
    pub age_ms: u64,
    /// How much it counts still, 0 to 1.
    pub weight: f64,
    /// Reports that were taken, of signed ones.
    pub taken: u64,
    /// Reports that never came, of signed ones.
    pub lost: u64,
    /// Requests in its queue, by itself.
    pub queue: Option<u64>,
    /// How many that takes.
    pub queue_limit: Option<u64>,
    /// Seconds of work that it has, by itself.
    pub queue_s: Option<f64>,
    /// Use of the processor.
    pub cpu: Option<f64>,
    /// Share of hits, by itself.
    pub hit_rate: Option<f64>,
    /// Bytes in its cache.
    pub cache_bytes: Option<u64>,
    /// Bytes that fit.
    pub cache_limit_bytes: Option<u64>,
}

/// A class of clients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassState {
    /// Its name.
    pub name: String,
    /// Its requests.
    pub requests: u64,
    /// Those that were turned away, by why.
    pub refused: Vec<(String, u64)>,
}

/// One second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Seconds since the gate began.
    pub at_s: f64,
    /// Requests per second.
    pub requests: f64,
    /// Those that were turned away, per second.
    pub refused: f64,
    /// Share of hits where it is known which they were.
    pub hit_rate: Option<f64>,
    /// Requests that wait.
    pub waiting: usize,
}

/// What a gate keeps to be seen.
pub(crate) struct Watch {
    began: Instant,
    inner: Mutex<Inner>,
    /// Reports that no pool knows the sender of, by [`RESULTS`].
    pub(crate) strangers: Mutex<[u64; RESULTS.len()]>,
}

#[derive(Default)]
struct Inner {
    history: VecDeque<Point>,
    last: Option<(Instant, Totals)>,
}

#[derive(Clone, Copy, Default)]
struct Totals {
    requests: u64,
    refused: u64,
    hits: u64,
    misses: u64,
}

impl Default for Watch {
    fn default() -> Self {
        Self { began: Instant::now(), inner: Mutex::default(), strangers: Mutex::default() }
    }
}

impl Watch {
    /// Notes the last second, if it is over.
    pub(crate) fn looks(&self, hub: &Hub) {
        let now = Instant::now();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.last.is_some_and(|(at, _)| now.saturating_duration_since(at) < STEP) {
            return;
        }
        let all = books::sum(&hub.books).of(|_| true);
        let totals = Totals { requests: all.requests(), refused: refused(&all), hits: all.hits, misses: all.misses };
        let waiting = hub.plan().running.pools().map(|(_, desk)| desk.figures().1.iter().sum::<usize>()).sum();
        if let Some((at, before)) = inner.last {
            let seconds = now.saturating_duration_since(at).as_secs_f64();
            let (hits, misses) = (totals.hits - before.hits, totals.misses - before.misses);
            let point = Point {
                at_s: now.saturating_duration_since(self.began).as_secs_f64(),
                requests: (totals.requests - before.requests) as f64 / seconds,
                refused: (totals.refused - before.refused) as f64 / seconds,
                hit_rate: share(hits, misses),
                waiting,
            };
            if inner.history.len() == POINTS {
                inner.history.pop_front();
            }
            inner.history.push_back(point);
        }
        inner.last = Some((now, totals));
    }

    /// Seconds since it began.
    pub(crate) fn uptime_s(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    fn history(&self) -> Vec<Point> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).history.iter().copied().collect()
    }
}

fn refused(row: &Row) -> u64 {
    row.refused.iter().flatten().sum()
}

fn share(hits: u64, misses: u64) -> Option<f64> {
    (hits + misses > 0).then(|| hits as f64 / (hits + misses) as f64)
}

/// All that can be seen now.
pub(crate) fn state(hub: &Hub) -> State {
    let sum = books::sum(&hub.books);
    let all = sum.of(|_| true);
    let now_ms = reports::now_ms();
    let plan = hub.plan();
    let pools = plan.running.pools().map(|(pool, desk)| {
        let (table, waiting) = desk.figures();
        let (said, results) = desk.said(now_ms);
        let numbers: HashMap<String, u64> =
            desk.endpoints().iter().map(|endpoint| (endpoint.name.clone(), endpoint.number)).collect();
        let of = |server: ServerState| {
            let row = sum.of(|whose| whose.pool == pool.name && whose.server == server.name);
            let report = numbers.get(&server.name).and_then(|number| said.get(number)).map(report);
            seen(server, &row, report)
        };
        PoolState {
            name: pool.name.clone(),
            policy: pool.policy.clone(),
            table,
            waiting,
            servers: desk.states(&pool.name).into_iter().map(of).collect(),
            classes: classes(&sum, &pool.name),
            hedges: sum.of(|whose| whose.pool == pool.name).hedges,
            reports: RESULTS.iter().zip(results).map(|(word, count)| ((*word).to_string(), count)).collect(),
            bindings: bindings(&sum, desk),
        }
    });
    State {
        version: env!("CARGO_PKG_VERSION").into(),
        uptime_s: hub.watch.uptime_s(),
        drains: hub.drains(),
        connections: sum.open,
        connections_total: sum.connections,
        requests: all.requests(),
        refused: refused(&all),
        cut: all.cut,
        malformed: sum.malformed,
        tokens_refused: TOKENS.iter().zip(sum.tokens).map(|((_, word), count)| ((*word).into(), count)).collect(),
        log_lines_lost: hub.log.counts().1,
        pools: pools.collect(),
        contexts: sum.contexts.iter().take(SHOWN).map(|(name, _, count)| (name.clone(), *count)).collect(),
        history: hub.watch.history(),
    }
}

fn bindings(sum: &Sum, desk: &Desk) -> Vec<(String, Vec<String>)> {
    let contexts = || sum.contexts.iter().take(SHOWN);
    let holders = desk.holders(contexts().map(|(_, number, _)| *number));
    let names = contexts().map(|(name, ..)| name.clone());
    names.zip(holders).filter(|(_, holders)| !holders.is_empty()).collect()
}

fn seen(server: ServerState, row: &Row, report: Option<ReportState>) -> Seen {
    let answers: u64 = row.first.counts.iter().sum();
    Seen {
        server,
        requests: row.requests(),
        errors: row.by_status[5],
        hit_rate: share(row.hits, row.misses),
        unexpected_misses: row.unexpected_misses,
        first_ms: (answers > 0).then(|| row.first.sum_s / answers as f64 * 1000.0),
        report,
    }
}

fn report(said: &SaidState) -> ReportState {
    let report = &said.report;
    ReportState {
        age_ms: said.age_ms,
        weight: said.weight,
        taken: said.taken,
        lost: said.lost,
        queue: report.queued(),
        queue_limit: report.queue_limit,
        queue_s: report.queue_s,
        cpu: report.cpu,
        hit_rate: report.hit_rate,
        cache_bytes: report.cache_bytes,
        cache_limit_bytes: report.cache_limit_bytes,
    }
}

fn classes(sum: &Sum, pool: &str) -> Vec<ClassState> {
    let mut names: Vec<&str> =
        sum.rows.keys().filter(|whose| whose.pool == pool).map(|whose| whose.class.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let of = |name: &str| {
        let row = sum.of(|whose| whose.pool == pool && whose.class == name);
        let by_reason = REFUSALS
            .iter()
            .enumerate()
            .map(|(at, why)| (why.word().to_string(), row.refused.iter().map(|level| level[at]).sum::<u64>()));
        let refused = by_reason.filter(|(_, count)| *count > 0).collect();
        ClassState { name: name.to_string(), requests: row.requests(), refused }
    };
    names.into_iter().map(of).collect()
}
