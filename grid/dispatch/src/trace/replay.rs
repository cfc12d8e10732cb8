//! Whether a dispatcher that is told a trace decides as the trace says.

use super::{Event, TraceError, virtually::Known};
use crate::dispatcher::{Dispatcher, Setup};
use crate::servers::Sent;
use std::collections::HashMap;

/// A request for which another server is chosen than the trace says.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Line of the trace, from 1.
    pub line: u64,
    /// Number of the request.
    pub number: u64,
    /// Place that the trace says, if any server took it.
    pub traced: Option<usize>,
    /// Place that is chosen here.
    pub here: Option<usize>,
}

/// What came of the requests of a trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Requests that were answered.
    pub requests: u64,
    /// Requests that no server could take.
    pub refused: u64,
    /// Share of answers from caches, of those that say so.
    pub hit_rate: f64,
    /// Time from request to answer, milliseconds: mean.
    pub mean_ms: f64,
    /// The same, median.
    pub p50_ms: f64,
    /// The same, 99th percentile.
    pub p99_ms: f64,
    /// Work of the server that had most, by its weight, to the mean.
    pub imbalance: f64,
}

/// A trace and a dispatcher that was told it.
#[derive(Clone, Debug)]
pub struct Compared {
    /// Requests for which both chose the same.
    pub same: u64,
    /// Requests for which they did not.
    pub different: u64,
    /// The first of these.
    pub first: Option<Difference>,
    /// What came of the trace's own decisions.
    pub traced: Figures,
    /// What there is to know of the servers and the costs, with which other decisions can be tried.
    pub known: Known,
}

/// Times, hits and work that are counted as they come.
#[derive(Default)]
pub(super) struct Tally {
    times_ms: Vec<f64>,
    hits: u64,
    said: u64,
    /// Seconds of work by place, by weight.
    pub(super) work_s: Vec<f64>,
    pub(super) refused: u64,
}

impl Tally {
    pub(super) fn count(&mut self, took_s: f64, hit: Option<bool>) {
        self.times_ms.push(took_s * 1e3);
        self.said += u64::from(hit.is_some());
        self.hits += u64::from(hit == Some(true));
    }

    pub(super) fn works(&mut self, at: usize, work_s: f64) {
        if at >= self.work_s.len() {
            self.work_s.resize(at + 1, 0.0);
        }
        self.work_s[at] += work_s;
    }

    pub(super) fn figures(mut self) -> Figures {
        self.times_ms.sort_by(f64::total_cmp);
        let count = self.times_ms.len();
        let quantile = |share: f64| {
            let at = ((count as f64 * share).ceil() as usize).clamp(1, count.max(1)) - 1;
            self.times_ms.get(at).copied().unwrap_or(f64::NAN)
        };
        let mean_work_s = self.work_s.iter().sum::<f64>() / self.work_s.len() as f64;
        Figures {
            requests: count as u64,
            refused: self.refused,
            hit_rate: self.hits as f64 / self.said as f64,
            mean_ms: self.times_ms.iter().sum::<f64>() / count as f64,
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            imbalance: self.work_s.iter().copied().fold(0.0, f64::max) / mean_work_s,
        }
    }
}

/// Tells a dispatcher that begins as `setup` says all `events`, and compares what it chooses with what they say. It goes on with what the
/// events say, so that one difference does not bring others with it.
///
/// # Errors
/// A trace that cannot be read, or speaks of servers and requests that there are not.
pub fn decisions(
    setup: &Setup,
    events: impl Iterator<Item = Result<(u64, Event), TraceError>>,
) -> Result<Compared, TraceError> {
    let mut gate = Dispatcher::new(setup).ok_or_else(|| TraceError::Policy(setup.policy.clone()))?;
    let (mut same, mut different, mut first) = (0, 0, None);
    let mut under_way: HashMap<u64, Sent> = HashMap::new();
    let (mut tally, mut known) = (Tally::default(), Known::default());
    for event in events {
        let (line, event) = event?;
        let fault = |fault: String| TraceError::Line { line, fault };
        match &event {
            Event::Request { at_s, number, request, tried, chosen } => {
                let here = gate.choose(*request, tried, *at_s);
                if here == *chosen {
                    same += 1;
                } else {
                    different += 1;
                    first.get_or_insert(Difference { line, number: *number, traced: *chosen, here });
                }
                let Some(at) = *chosen else {
                    tally.refused += 1;
                    continue;
                };
                if at >= gate.servers().all.len() {
                    return Err(fault(format!("no server has joined at place {at}")));
                }
                known.sent(at, *at_s);
                under_way.insert(*number, gate.send(at, *request, *at_s));
            }
            Event::Answer { at_s, number, answer } => {
                let sent = under_way.remove(number);
                let sent = sent.ok_or_else(|| fault(format!("no request {number} is under way")))?;
                let took_s = (at_s - sent.at_s).max(0.0);
                known.answered(&sent, *answer, *at_s);
                tally.count(took_s, answer.hit);
                let weight = gate.servers().all[sent.server].weight;
                tally.works(sent.server, answer.service_s.unwrap_or(took_s) / weight);
                gate.answered(&sent, *answer, *at_s);
            }
            Event::Takeover { at_s, number, request, place } => {
                if *place >= gate.servers().all.len() {
                    return Err(fault(format!("no server has joined at place {place}")));
                }
                known.sent(*place, *at_s);
                under_way.insert(*number, gate.send_to(*place, *request, *at_s));
            }
            Event::Withdraw { at_s, number } => {
                let sent = under_way.remove(number);
                let sent = sent.ok_or_else(|| fault(format!("no request {number} is under way")))?;
                known.over(&sent, *at_s);
                tally.refused += 1;
                gate.withdrawn(&sent, *at_s);
            }
            other => gate.apply(other).map_err(fault)?,
        }
    }
    known.ended(gate.servers());
    Ok(Compared { same, different, first, traced: tally.figures(), known })
}
