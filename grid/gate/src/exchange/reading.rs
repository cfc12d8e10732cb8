//! A client that takes an answer: what of it is read ahead, when the server is done with it, and how long a client may take.
//!
//! A server is done when it has sent all, whether the client has it or not. For a client that takes it more slowly the gate keeps what
//! there is room for. Whoever has then kept the server waiting for a while is no work for it any more, and gives its place there to others.

use std::time::Duration;

use pogson_dispatch::servers::Answer;

use crate::desk::{Lagging, Ticket};
use crate::flow::{Behind, Watch};
use crate::kept::Kept;
use crate::story::Story;

/// Time for which a client is waited for in all before its answer is read ahead; after as much again it lags.
const LOOK: Duration = Duration::from_millis(100);
/// Between further looks.
const LATER: Duration = Duration::from_secs(1);
/// Part of the patience with clients that there is where others wait for a place.
const PRESSED: u32 = 20;

/// A client that takes an answer.
pub(super) struct Reading<'a> {
    story: &'a Story,
    kept: Kept<'a>,
    /// Bytes a second that it has to take.
    slowest: u64,
    /// Its place at the server, until that is done.
    ticket: &'a mut Option<Ticket>,
    answer: Answer,
    well: bool,
    /// The place that it has there instead, as one who lags.
    lagging: Option<Lagging>,
    has_come: bool,
    reads_ahead: bool,
}

impl<'a> Reading<'a> {
    /// - `ticket`: of the server, unless that has been told already how it went.
    /// - `answer`: what is known of it, and whether all was `well`.
    /// - `slowest`: bytes a second that the client has to take; 0: any.
    pub(super) fn new(
        story: &'a Story,
        kept: Kept<'a>,
        slowest: u64,
        ticket: &'a mut Option<Ticket>,
        (answer, well): (Answer, bool),
    ) -> Self {
        Self { story, kept, slowest, ticket, answer, well, lagging: None, has_come: false, reads_ahead: false }
    }

    /// Whether the server has sent all.
    pub(super) fn has_come(&self) -> bool {
        self.has_come
    }

    /// Whether others wait for what this one holds, and have a right to it.
    fn is_in_the_way(&self) -> bool {
        match (&self.lagging, &*self.ticket) {
            (Some(lagging), _) => lagging.is_in_the_way(),
            (None, Some(ticket)) => ticket.is_in_the_way(),
            (None, None) => false,
        }
    }
}

impl Watch for Reading<'_> {
    fn moved(&mut self, length: usize) {
        self.story.gave(length);
    }

    fn slowest(&self) -> u64 {
        self.slowest
    }

    fn came(&mut self, behind: &Behind) {
        self.has_come = true;
        self.lagging = None;
        if let Some(ticket) = self.ticket.take() {
            ticket.answered_less(behind.waited(), self.answer, self.well);
        }
    }

    fn may_keep(&mut self, held: usize, left: Option<u64>) -> bool {
        self.kept.holds(held);
        self.reads_ahead && self.kept.has_room(left)
    }

    fn holds(&mut self, held: usize) {
        self.kept.holds(held);
    }

    fn goes_on(&mut self) {
        self.kept.holds(0);
    }

    fn looks(&mut self, behind: &Behind, idle: Duration) -> Option<Duration> {
        if behind.debt() >= idle {
            return None;
        }
        let waited = behind.waited();
        if waited < LOOK {
            return Some(LOOK - waited);
        }
        let is_first = !std::mem::replace(&mut self.reads_ahead, true);
        if is_first {
            return Some(LOOK);
        }
        self.lagging =
            self.ticket.as_mut().and_then(|ticket| ticket.lags(self.answer, self.well)).or(self.lagging.take());
        if self.lagging.is_some() {
            *self.ticket = None;
        }
        if behind.debt_where_others_wait() >= idle / PRESSED && self.is_in_the_way() {
            return None;
        }
        Some(LATER.min(idle - behind.debt()))
    }
}
