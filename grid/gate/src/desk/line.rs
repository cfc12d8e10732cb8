//! One server of a desk: what may be there at once, and what is.

use std::collections::HashMap;
use std::sync::Arc;

use pogson_dispatch::limit::Limit;
use pogson_dispatch::waiting::Waiting;

use super::standing::Standing;
use super::ticket::Waits;
use crate::pool::{Endpoint, Limits};

/// What the gate itself keeps of a server.
pub(super) struct Line {
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) limits: Limits,
    /// Whether the room of its cache is as it says.
    pub(super) learns_room: bool,
    pub(super) learned: Limit,
    /// Requests at the server whose clients take what they get.
    pub(super) running: u32,
    /// Those whose clients do not.
    pub(super) laggards: Laggards,
    pub(super) queue: Option<Queue>,
    pub(super) waiting: Waiting<Waits>,
    pub(super) waiting_s: f64,
    pub(super) standing: Standing,
    /// It has left; its place is another's when its last request is over.
    pub(super) gone: bool,
}

/// The queue of a server that says how many fit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Queue {
    pub(super) limit: u32,
    /// Its length without what this desk has sent there.
    pub(super) others: i64,
    /// When that is too old, seconds.
    pub(super) until_s: f64,
}

/// Requests at a server whose clients do not take what it has for them, by member.
#[derive(Debug, Default)]
pub(super) struct Laggards {
    all: u32,
    of: HashMap<u64, u32>,
}

impl Laggards {
    pub(super) fn count(&self) -> u32 {
        self.all
    }

    pub(super) fn enter(&mut self, member: u64) {
        self.all += 1;
        *self.of.entry(member).or_default() += 1;
    }

    pub(super) fn leave(&mut self, member: u64) {
        if let Some(count) = self.of.get_mut(&member) {
            self.all -= 1;
            *count -= 1;
            if *count == 0 {
                self.of.remove(&member);
            }
        }
    }

    /// Whether no other member has more of them than this one would have with `more`.
    fn are_most_of(&self, member: u64, more: u32) -> bool {
        let own = self.of.get(&member).copied().unwrap_or(0) + more;
        self.of.values().all(|&count| count <= own)
    }
}

impl Line {
    /// Whether it is a member that takes requests.
    pub(super) fn is_up(&self) -> bool {
        !self.gone && self.standing.is_up()
    }

    /// Requests that may be there at once now.
    pub(super) fn limit(&self) -> u32 {
        if self.limits.learns { self.limits.most.min(self.learned.requests()) } else { self.limits.most }
    }

    /// Whether its own queue, by its last report and what has gone there since, takes no more.
    pub(super) fn is_full(&self, now_s: f64) -> bool {
        let queue = self.queue.filter(|queue| now_s <= queue.until_s);
        queue.is_some_and(|queue| i64::from(self.running) + queue.others >= i64::from(queue.limit))
    }

    pub(super) fn has_room(&self) -> bool {
        self.running < self.limits.most && (!self.limits.learns || self.learned.lets(self.running))
    }

    /// Whether a client may give its place up that does not take what there is for it.
    pub(super) fn lets_lag(&self) -> bool {
        self.laggards.count() < self.limits.laggards
    }

    /// Whether others wait for the place of such a client, and no other member has more of such places.
    ///
    /// - `more`: 1 for one that has a place among those that count still.
    pub(super) fn needs_place_of(&self, member: u64, more: u32) -> bool {
        !self.waiting.is_empty() && !self.lets_lag() && self.laggards.are_most_of(member, more)
    }
}
