//! A request's way to one server, by HTTP/1.1 or 2.

use std::cell::Cell;
use std::future::poll_fn;
use std::time::Instant;

use super::{Client, Errand, Failure, Outcome};
use crate::back::shared::Exchange;
use crate::desk::Ticket;
use crate::field::Known;
use crate::flow::{Source, ToLink};
use crate::forward::{self, Way};
use crate::frames::ToFrames;
use crate::framing::Framing;
use crate::head::Version;
use crate::link::Link;
use crate::pool::Endpoint;
use crate::reply::Reply;

/// Connections that a request may meet as their server closes them, before it counts as a failure.
const OLD_CONNECTIONS: u32 = 2;

/// Whether a request may be sent again.
#[derive(Clone, Copy)]
pub(super) struct Repeat {
    /// Nothing of its body is gone.
    pub(super) whole: bool,
    /// To be sent twice changes nothing.
    pub(super) idempotent: bool,
    /// There may be a further try after this one.
    pub(super) further: bool,
}

/// How far an attempt came.
pub(super) enum Attempt {
    Done(Outcome),
    /// There is no connection to be had.
    NoWay,
    /// The server says that it did nothing with the request.
    Refused,
    /// Nothing came back.
    Silent,
    /// The server says that it cannot now.
    Unable,
}

impl Attempt {
    /// Whether it came to nothing by the server's fault.
    pub(super) fn blames_server(&self) -> bool {
        matches!(
            self,
            Self::NoWay
                | Self::Refused
                | Self::Silent
                | Self::Unable
                | Self::Done(Outcome::Failed(Failure::Nonsense | Failure::TimedOut))
        ) || matches!(self, Self::Done(Outcome::Replied { status: 502..=504, .. }))
    }
}

impl Errand<'_> {
    /// Sends the request to a server that speaks HTTP/1.1.
    pub(super) async fn by_link<C: Client>(
        &self,
        endpoint: &Endpoint,
        ticket: Ticket,
        source: &mut impl Source,
        client: &mut C,
        may: Repeat,
    ) -> Attempt {
        let mut ticket = Some(ticket);
        let twice = may.whole && may.idempotent;
        // A connection that was kept may be closed by its server in the moment in which it is used.
        if twice && let Some(link) = self.worker.backs.idle(endpoint) {
            let attempt = self.attempt(link, endpoint, &mut ticket, source, client, may.further).await;
            if !matches!(attempt, Attempt::Silent) {
                return attempt;
            }
        }
        let Ok(link) = self.worker.backs.connect(endpoint, self.pool.times.connect).await else {
            return Attempt::NoWay;
        };
        self.attempt(link, endpoint, &mut ticket, source, client, twice && may.further).await
    }

    /// Sends the request to a server that speaks HTTP/2.
    pub(super) async fn by_frames<C: Client>(
        &self,
        endpoint: &Endpoint,
        ticket: Ticket,
        source: &mut impl Source,
        client: &mut C,
        may: Repeat,
    ) -> Attempt {
        let mut ticket = Some(ticket);
        let mut left = OLD_CONNECTIONS;
        loop {
            let Ok(seat) = self.worker.backs.seat(endpoint, self.pool.times.connect).await else {
                return Attempt::NoWay;
            };
            let is_old = seat.is_old;
            let Some(head) = forward::request_in_frames(self.head, self.framing, &self.way(), &endpoint.address) else {
                return Attempt::Done(Outcome::Failed(Failure::Unsendable));
            };
            let timer = self.worker.clock.timer();
            let (attempt, whole) = match seat.send(head, self.framing, timer).await {
                Ok((exchange, sink)) => {
                    let further = may.whole && may.idempotent && may.further;
                    (self.exchange(&exchange, sink, &mut ticket, source, client, further).await, may.whole)
                }
                Err(_) => (Attempt::Refused, true),
            };
            let attempt = match attempt {
                // A body that is half gone cannot be sent again.
                Attempt::Refused if !whole => Attempt::Silent,
                attempt => attempt,
            };
            // Servers close connections after some number of requests; one that crosses that goes by another connection.
            let crossed = matches!(attempt, Attempt::Refused)
                || matches!(attempt, Attempt::Silent) && may.whole && may.idempotent;
            if !(is_old && crossed && left > 0) {
                return attempt;
            }
            left -= 1;
        }
    }

    /// Sends the body of a request whose head has gone, and takes the reply.
    async fn exchange<C: Client>(
        &self,
        exchange: &Exchange,
        mut sink: ToFrames,
        ticket: &mut Option<Ticket>,
        source: &mut impl Source,
        client: &mut C,
        may_retry: bool,
    ) -> Attempt {
        let (attempt, _) = if self.framing == Framing::None {
            self.reply(exchange, ticket, client, (false, may_retry), &Cell::new(true)).await
        } else {
            if !self.goes_on(client).await {
                return Attempt::Done(Outcome::Broken);
            }
            self.both(exchange, &mut sink, ticket, source, client, &Cell::new(false)).await
        };
        if matches!(attempt, Attempt::Done(Outcome::Failed(Failure::TimedOut))) {
            // The connection may be one that leads nowhere any more.
            exchange.distrust();
        }
        attempt
    }

    /// Sends the request by a connection, and its reply to the client.
    async fn attempt<C: Client>(
        &self,
        link: Link,
        endpoint: &Endpoint,
        ticket: &mut Option<Ticket>,
        source: &mut impl Source,
        client: &mut C,
        may_retry: bool,
    ) -> Attempt {
        let upgrade = self.framing == Framing::None && client.link().is_some() && forward::upgrades(self.head);
        link.write(|output| forward::request(output, self.head, self.framing, &self.way(), upgrade));
        if source.done() {
            if link.flush().await.is_err() {
                return Attempt::Silent;
            }
            let (attempt, keeps) = self.reply(&link, ticket, client, (upgrade, may_retry), &Cell::new(true)).await;
            self.put_back(endpoint, link, keeps);
            return attempt;
        }
        if !self.goes_on(client).await {
            return Attempt::Done(Outcome::Broken);
        }
        let sent = Cell::new(false);
        let mut sink = ToLink::new(&link, self.framing);
        let (attempt, keeps) = self.both(&link, &mut sink, ticket, source, client, &sent).await;
        self.put_back(endpoint, link, keeps);
        attempt
    }

    fn way(&self) -> Way<'_> {
        Way {
            peer: self.peer,
            trusted: self.trusted,
            scheme: self.scheme,
            id: self.id,
            target: self.target,
            fields: self.fields[0],
        }
    }

    /// Tells a client that waits for that to send its body; whether it is still there.
    async fn goes_on(&self, client: &mut impl Client) -> bool {
        if crate::reply::says(self.head.all(Known::Expect), "100-continue") && self.head.version() >= Version::Http11 {
            client.interim(&Reply::of_parts(Version::Http11, 100, std::iter::empty()));
            return poll_fn(|context| client.poll_flush(context)).await.is_ok();
        }
        true
    }

    fn put_back(&self, endpoint: &Endpoint, link: Link, keeps: bool) {
        if keeps && !link.has_input() {
            self.worker.backs.keep(endpoint, link, Instant::now());
        }
    }
}
