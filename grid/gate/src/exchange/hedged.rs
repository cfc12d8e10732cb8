//! A request that a second server gets where the first is slow. Whichever answers well first replies; the other is left, its connection
//! closed or its stream taken back, so that nothing of its reply is ever read as another's.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::attempt::{Attempt, Repeat};
use super::{Client, Errand};
use crate::back::shared::Exchange;
use crate::config::Protocol;
use crate::desk::Ticket;
use crate::framing::Framing;
use crate::link::Link;
use crate::pool::Endpoint;
use crate::reply::Reply;
use crate::story::Hedged;

/// A server that has begun to answer.
struct Answering {
    by: By,
    head: Reply,
}

/// The way on which it answers.
enum By {
    Link(Link),
    Frames(Box<Exchange>),
}

type Answered = Result<Answering, Attempt>;

/// Whether there is nothing better to wait for.
fn is_good(answered: &Answered) -> bool {
    answered.as_ref().is_ok_and(|one| one.head.status() < 500)
}

/// Whether a server did what it could not help but be blamed for.
fn blames_server(answered: &Answered) -> bool {
    match answered {
        Ok(one) => matches!(one.head.status(), 502..=504),
        Err(attempt) => attempt.blames_server(),
    }
}

impl Errand<'_> {
    /// The time after which a second server is asked, if one may be at all: the request is a read, to which either reply is as good.
    pub(super) fn hedges_after(&self, tries: usize) -> Option<Duration> {
        let hedge = self.pool.hedge.as_ref()?;
        let is_read = matches!(self.head.method(), "GET" | "HEAD") && self.framing == Framing::None;
        if !is_read || tries > 0 || self.wants_upgrade() {
            return None;
        }
        // Without a percentile that is known, the time is learned from all the same.
        Some(self.worker.hedges.after(self.place, self.request.product, hedge).unwrap_or(Duration::MAX))
    }

    /// Sends the request to the server of `ticket`, and after a time to a second one. Returns what became of it, with who replied.
    ///
    /// - `tried`: gets the one of the two that did not reply.
    pub(super) async fn hedged<C: Client>(
        &self,
        ticket: Ticket,
        after: Duration,
        client: &mut C,
        may: Repeat,
        tried: &mut Vec<u64>,
    ) -> (Attempt, Arc<Endpoint>) {
        let began = Instant::now();
        let mut endpoint = ticket.endpoint.clone();
        let mut ticket = Some(ticket);
        let answered = {
            let one = endpoint.clone();
            let mut first = pin!(self.asks(&one));
            let early = tokio::time::timeout(after, first.as_mut()).await;
            let second = if early.is_err() { self.second(&one) } else { None };
            match (early, second) {
                (Ok(answered), _) => {
                    self.learns(began, answered.is_ok());
                    answered
                }
                (Err(_), None) => {
                    let answered = first.await;
                    self.learns(began, answered.is_ok());
                    answered
                }
                (Err(_), Some(other)) => {
                    self.story.hedged.set(Some(Hedged::Lost));
                    let two = other.endpoint.clone();
                    let (is_second, answered) = self.first_good([&one, &two], first, self.asks(&two)).await;
                    // The first would have taken at least that long.
                    self.learns(began, true);
                    if is_second {
                        tried.push(one.number);
                        self.story.hedged.set(Some(Hedged::Won));
                        self.story.goes_by(&other);
                        // Who held the first ticket is told that there is no answer of that server.
                        ticket = Some(other);
                        endpoint = two;
                    } else {
                        tried.push(two.number);
                    }
                    answered
                }
            }
        };
        let further = may.further && tried.len() < self.pool.retries.attempts as usize;
        let attempt = match answered {
            Err(attempt) => attempt,
            Ok(Answering { by: By::Link(link), head }) => {
                self.passes_on(link, &endpoint, head, &mut ticket, client, (false, further)).await
            }
            Ok(Answering { by: By::Frames(exchange), head }) => {
                self.passes_frames_on(&exchange, head, &mut ticket, client, further).await
            }
        };
        (attempt, endpoint)
    }

    /// Asks a server, until it begins to answer.
    async fn asks(&self, endpoint: &Endpoint) -> Answered {
        match endpoint.protocol {
            Protocol::Http1 => {
                let (link, head) = self.asks_by_link(endpoint, true, false).await?;
                Ok(Answering { by: By::Link(link), head })
            }
            Protocol::H2 => {
                let (exchange, head) = Box::pin(self.asks_by_frames(endpoint, true)).await?;
                Ok(Answering { by: By::Frames(Box::new(exchange)), head })
            }
        }
    }

    /// A ticket to another server, if one may be asked now and has room.
    fn second(&self, first: &Endpoint) -> Option<Ticket> {
        let hedges = &self.worker.hedges;
        let ticket = hedges
            .may(self.place)
            .then(|| self.desk.ask_beside(self.request, self.asker.member, first.number, Instant::now()))??;
        hedges.spends(self.place);
        Some(ticket)
    }

    /// What the first of two servers answers that answers well, with whether that is the second; else what there is.
    async fn first_good(
        &self,
        endpoints: [&Endpoint; 2],
        mut first: impl Future<Output = Answered> + Unpin,
        second: impl Future<Output = Answered>,
    ) -> (bool, Answered) {
        let mut second = pin!(second);
        let mut held: Option<(bool, Answered)> = None;
        poll_fn(|context| {
            for is_second in [false, true] {
                if held.as_ref().is_some_and(|(other, _)| *other == is_second) {
                    continue;
                }
                let polled = if is_second { second.as_mut().poll(context) } else { pin!(&mut first).poll(context) };
                let Poll::Ready(answered) = polled else { continue };
                let Some((other, bad)) = held.take() else {
                    if is_good(&answered) {
                        return Poll::Ready((is_second, answered));
                    }
                    held = Some((is_second, answered));
                    continue;
                };
                // A reply that says what is wrong is better than none.
                let takes_new = is_good(&answered) || bad.is_err();
                let (chosen, left) = if takes_new {
                    ((is_second, answered), (other, bad))
                } else {
                    ((other, bad), (is_second, answered))
                };
                if blames_server(&left.1) {
                    self.desk.failed(endpoints[usize::from(left.0)].number, false, &self.pool.health.passive);
                }
                return Poll::Ready(chosen);
            }
            Poll::Pending
        })
        .await
    }

    /// Notes how long the first server took, or would have at least.
    fn learns(&self, began: Instant, is_answer: bool) {
        if is_answer && self.pool.hedge.as_ref().is_some_and(|hedge| hedge.percentile.is_some()) {
            self.worker.hedges.took(self.place, self.request.product, began.elapsed());
        }
    }
}
