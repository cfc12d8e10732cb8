//! What a request has of a desk: a place where it waits, and then a ticket to a server.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pogson_dispatch::servers::{Answer, Sent};
use tokio::sync::oneshot;

use super::{Choice, Desk, Refusal};
use crate::pool::Endpoint;

/// A request that waits, as the desk has it.
pub(super) struct Waits {
    pub(super) number: u64,
    pub(super) sent: Sent,
    pub(super) choice: Choice,
    pub(super) member: u64,
    /// Servers that have failed it.
    pub(super) not: Vec<u64>,
    pub(super) since: Instant,
    pub(super) call: oneshot::Sender<Result<Ticket, Refusal>>,
    pub(super) desk: Arc<Desk>,
}

/// A request at a server; whoever drops it has no answer.
pub(crate) struct Ticket {
    desk: Arc<Desk>,
    pub(crate) endpoint: Arc<Endpoint>,
    sent: Sent,
    member: u64,
    since: Instant,
    /// Time that it waited in the gate, seconds.
    pub(crate) waited_s: f64,
    pub(crate) choice: Choice,
    over: bool,
}

/// A request that waits; whoever drops it leaves.
pub(crate) struct Place {
    pub(super) desk: Arc<Desk>,
    pub(super) number: u64,
    pub(crate) call: oneshot::Receiver<Result<Ticket, Refusal>>,
}

/// What became of a request that has its answer.
struct Ended {
    answer: Answer,
    /// Seconds that the server took, if that is known.
    took_s: Option<f64>,
    /// Whether it is one of a server that is in order.
    well: bool,
}

/// The place at a server of a request whose client does not take what the server has for it, until this goes.
pub(crate) struct Lagging {
    desk: Arc<Desk>,
    endpoint: Arc<Endpoint>,
    server: usize,
    member: u64,
}

impl Desk {
    /// A request is over; whoever waits for the server may go.
    ///
    /// - `ended`: `None` if there is no answer.
    fn over(&self, sent: &Sent, ended: Option<Ended>, now: Instant) {
        let now_s = self.seconds(now);
        let mut guard = self.lock();
        let inner = &mut *guard;
        let line = &mut inner.lines[sent.server];
        match ended {
            Some(Ended { answer, took_s, well: true }) => {
                inner.dispatcher.answered(sent, answer, now_s);
                if let Some(took_s) = took_s {
                    line.learned.answered(took_s, answer.service_s, line.running, now_s);
                    line.waiting.took(took_s);
                }
                if line.standing.succeeded(sent.at_s, now) && line.standing.is_up() {
                    // Nobody waits for a server that was not up.
                    inner.set_up(sent.server, true, now_s);
                }
            }
            Some(Ended { well: false, .. }) | None => inner.dispatcher.withdrawn(sent, now_s),
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
}

/// Gives tickets to those who waited.
pub(super) fn call(calls: Vec<(Waits, Arc<Endpoint>)>, now: Instant) {
    for (waits, endpoint) in calls {
        let waited_s = now.saturating_duration_since(waits.since).as_secs_f64();
        let Waits { desk, sent, choice, member, .. } = waits;
        let mut ticket = Ticket::new(desk, endpoint, sent, member, (choice, now));
        ticket.waited_s = waited_s;
        // Whoever left in this moment drops the ticket, which calls the next.
        drop(waits.call.send(Ok(ticket)));
    }
}

impl Ticket {
    /// It goes there at once.
    pub(super) fn new(
        desk: Arc<Desk>,
        endpoint: Arc<Endpoint>,
        sent: Sent,
        member: u64,
        (choice, now): (Choice, Instant),
    ) -> Self {
        Self { desk, endpoint, sent, member, since: now, waited_s: 0.0, choice, over: false }
    }

    /// The answer has come whole.
    ///
    /// - `well`: whether it is one of a server that is in order.
    pub(crate) fn answered(self, answer: Answer, well: bool) {
        self.answered_less(Duration::ZERO, answer, well);
    }

    /// The same, where the client was waited for meanwhile for so long: that time is not the server's.
    pub(crate) fn answered_less(mut self, waited: Duration, mut answer: Answer, well: bool) {
        self.over = true;
        let now = Instant::now();
        let took_s = now.saturating_duration_since(self.since).saturating_sub(waited).as_secs_f64();
        // No server can have worked for longer than it was waited for, whatever it says.
        answer.service_s = answer.service_s.map(|service_s| service_s.min(took_s));
        self.desk.over(&self.sent, Some(Ended { answer, took_s: Some(took_s), well }), now);
    }

    /// The client does not take what the server has for it: from now on this is no work of the server, which others may ask, and the
    /// ticket is over. `None` where the server has as many of those as it may.
    pub(crate) fn lags(&mut self, answer: Answer, well: bool) -> Option<Lagging> {
        // What it would have taken nobody knows.
        self.gives_place(answer, well, false)
    }

    /// The same of an answer that the server has made, and will write to the client itself.
    pub(crate) fn lends(&mut self, answer: Answer, well: bool) -> Option<Lagging> {
        self.gives_place(answer, well, true)
    }

    fn gives_place(&mut self, mut answer: Answer, well: bool, is_made: bool) -> Option<Lagging> {
        let now = Instant::now();
        let mut inner = self.desk.lock();
        let line = &mut inner.lines[self.sent.server];
        if !line.lets_lag() {
            return None;
        }
        line.laggards.enter(self.member);
        drop(inner);
        self.over = true;
        let most_s = now.saturating_duration_since(self.since).as_secs_f64();
        answer.service_s = answer.service_s.map(|service_s| service_s.min(most_s));
        self.desk.over(&self.sent, Some(Ended { answer, took_s: is_made.then_some(most_s), well }), now);
        let (desk, endpoint) = (self.desk.clone(), self.endpoint.clone());
        Some(Lagging { desk, endpoint, server: self.sent.server, member: self.member })
    }

    /// Whether others wait for a place that its client is to give up, one of those who hold most of them.
    pub(crate) fn is_in_the_way(&self) -> bool {
        let inner = self.desk.lock();
        inner.lines[self.sent.server].needs_place_of(self.member, 1)
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

impl Lagging {
    /// Whether others wait for such a place, and this client's has no better right to it.
    pub(crate) fn is_in_the_way(&self) -> bool {
        let inner = self.desk.lock();
        let line = inner.lines.get(self.server).filter(|line| line.endpoint.number == self.endpoint.number);
        line.is_some_and(|line| line.needs_place_of(self.member, 0))
    }
}

impl Drop for Lagging {
    fn drop(&mut self) {
        let mut inner = self.desk.lock();
        // The place may be another server's by now.
        if let Some(line) = inner.lines.get_mut(self.server)
            && line.endpoint.number == self.endpoint.number
        {
            line.laggards.leave(self.member);
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
