//! A request's way to one server, by HTTP/1.1 or 2.

use std::cell::Cell;

use pogson_dispatch::policy::class_of;

use super::{Client, Errand, Failure, Outcome, goes_on};
use crate::back::shared::Exchange;
use crate::desk::Ticket;
use crate::field::Known;
use crate::flow::{Source, ToLink};
use crate::forward::{self, Way};
use crate::frames::ToFrames;
use crate::framing::Framing;
use crate::link::Link;
use crate::pool::Endpoint;
use crate::reply::{Reply, says};

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
    /// The same, because it has much else to do from here.
    TooMuch,
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
        if self.framing == Framing::None {
            let upgrade = client.can_change() && self.wants_upgrade();
            let (link, head) = match self.asks_by_link(endpoint, twice, upgrade).await {
                Ok(asked) => asked,
                Err(attempt) => return attempt,
            };
            return self.passes_on(link, endpoint, head, &mut ticket, client, (upgrade, twice && may.further)).await;
        }
        let Ok(link) = self.worker.backs.connect(endpoint, self.pool.times.connect).await else {
            return Attempt::NoWay;
        };
        let framing = forward::framing_in_http1(self.head, self.framing);
        link.write(|output| forward::request(output, self.head, framing, &self.way(false), false));
        if !self.is_told && !goes_on(self.head, client).await {
            return Attempt::Done(Outcome::Broken);
        }
        let sent = Cell::new(false);
        let mut sink = ToLink::new(&link, framing);
        // As large as it is, a connection that waits for a request should not hold room for it.
        let both = Box::pin(self.both(&link, &mut sink, &mut ticket, source, client, &sent));
        let (attempt, keeps) = both.await;
        endpoint.broke(&link);
        self.put_back(endpoint, link, keeps);
        attempt
    }

    /// Sends a request without a body, and waits for the first head that says something.
    ///
    /// - `twice`: it may be sent again.
    ///
    /// # Errors
    /// What came instead.
    pub(super) async fn asks_by_link(
        &self,
        endpoint: &Endpoint,
        twice: bool,
        upgrade: bool,
    ) -> Result<(Link, Reply), Attempt> {
        let direct = self.lends && endpoint.direct && !upgrade;
        // A connection that was kept may be closed by its server in the moment in which it is used.
        if twice && let Some(link) = self.worker.backs.idle(endpoint) {
            match self.begins_to_answer(&link, upgrade, direct).await {
                Err(Attempt::Silent) => {}
                Err(attempt) => return Err(attempt),
                Ok(head) => return Ok((link, head)),
            }
        }
        let link = self.worker.backs.connect(endpoint, self.pool.times.connect).await.map_err(|_| Attempt::NoWay)?;
        let head = self.begins_to_answer(&link, upgrade, direct).await.inspect_err(|_| endpoint.broke(&link))?;
        Ok((link, head))
    }

    async fn begins_to_answer(&self, link: &Link, upgrade: bool, direct: bool) -> Result<Reply, Attempt> {
        link.write(|output| forward::request(output, self.head, self.framing, &self.way(direct), upgrade));
        link.flush().await.map_err(|_| Attempt::Silent)?;
        self.first_head(link).await
    }

    /// Passes on the reply that began with `head`, and keeps the connection if it is of further use.
    pub(super) async fn passes_on<C: Client>(
        &self,
        link: Link,
        endpoint: &Endpoint,
        head: Reply,
        ticket: &mut Option<Ticket>,
        client: &mut C,
        (upgrade, may_retry): (bool, bool),
    ) -> Attempt {
        let sent = Cell::new(true);
        let (attempt, keeps) = self.reply(&link, Some(head), ticket, client, (upgrade, may_retry), &sent).await;
        self.put_back(endpoint, link, keeps);
        attempt
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
        let twice = may.whole && may.idempotent;
        if self.framing == Framing::None {
            // Any other protocol may be left unspoken; of one that asks for a WebSocket nothing is left then.
            if self.wants_upgrade() && says(self.head.all(Known::Upgrade), "websocket") {
                return Attempt::Done(Outcome::Failed(Failure::NoWebSocket));
            }
            let (exchange, head) = match self.asks_by_frames(endpoint, twice).await {
                Ok(asked) => asked,
                Err(attempt) => return attempt,
            };
            return self.passes_frames_on(&exchange, head, &mut ticket, client, twice && may.further).await;
        }
        let (exchange, mut sink) = match self.begins(endpoint, &mut { OLD_CONNECTIONS }).await {
            Ok((exchange, sink, _)) => (exchange, sink),
            Err(attempt) => return attempt,
        };
        if !self.is_told && !goes_on(self.head, client).await {
            return Attempt::Done(Outcome::Broken);
        }
        let (attempt, _) = self.both(&exchange, &mut sink, &mut ticket, source, client, &Cell::new(false)).await;
        self.distrusts(&exchange, &attempt);
        match attempt {
            // A body that is half gone cannot be sent again.
            Attempt::Refused => Attempt::Silent,
            attempt => attempt,
        }
    }

    /// Sends the head of a request; with where its body goes, whether others used the connection before.
    ///
    /// - `left`: connections that may turn out to be closing.
    ///
    /// # Errors
    /// What came instead.
    async fn begins(&self, endpoint: &Endpoint, left: &mut u32) -> Result<(Exchange, ToFrames, bool), Attempt> {
        loop {
            let seat = self.worker.backs.seat(endpoint, &self.pool.times).await.map_err(|_| Attempt::NoWay)?;
            let is_old = seat.is_old;
            let Some(head) = forward::request_in_frames(self.head, self.framing, &self.way(false), &endpoint.address)
            else {
                return Err(Attempt::Done(Outcome::Failed(Failure::Unsendable)));
            };
            match seat.send(head, self.framing, self.worker.clock.timer()).await {
                Ok((exchange, sink)) => return Ok((exchange, sink, is_old)),
                Err(_) if is_old && *left > 0 => *left -= 1,
                Err(_) => return Err(Attempt::Refused),
            }
        }
    }

    /// Sends a request without a body, and waits for the first head that says something.
    ///
    /// - `twice`: it may be sent again.
    ///
    /// # Errors
    /// What came instead.
    pub(super) async fn asks_by_frames(&self, endpoint: &Endpoint, twice: bool) -> Result<(Exchange, Reply), Attempt> {
        let mut left = OLD_CONNECTIONS;
        loop {
            let (exchange, _, is_old) = self.begins(endpoint, &mut left).await?;
            let attempt = match self.first_head(&exchange).await {
                Ok(head) => return Ok((exchange, head)),
                Err(attempt) => attempt,
            };
            self.distrusts(&exchange, &attempt);
            // Servers close connections after some number of requests; one that crosses that goes by another connection.
            let crossed = matches!(attempt, Attempt::Refused) || matches!(attempt, Attempt::Silent) && twice;
            if !(is_old && crossed && left > 0) {
                return Err(attempt);
            }
            left -= 1;
        }
    }

    /// Passes on the reply that began with `head`.
    pub(super) async fn passes_frames_on<C: Client>(
        &self,
        exchange: &Exchange,
        head: Reply,
        ticket: &mut Option<Ticket>,
        client: &mut C,
        may_retry: bool,
    ) -> Attempt {
        let (attempt, _) = self.reply(exchange, Some(head), ticket, client, (false, may_retry), &Cell::new(true)).await;
        self.distrusts(exchange, &attempt);
        attempt
    }

    /// A connection on which nothing came in time may be one that leads nowhere any more.
    fn distrusts(&self, exchange: &Exchange, attempt: &Attempt) {
        if matches!(attempt, Attempt::Done(Outcome::Failed(Failure::TimedOut))) {
            exchange.distrust();
        }
    }

    /// Whether the client wants to go on with another protocol.
    pub(super) fn wants_upgrade(&self) -> bool {
        self.framing == Framing::None && forward::upgrades(self.head)
    }

    fn way(&self, direct: bool) -> Way<'_> {
        Way {
            peer: self.peer,
            trusted: self.trusted,
            scheme: self.scheme,
            id: self.id,
            target: self.target,
            class: (self.pool.policy == "context").then(|| class_of(self.request.context, self.pool.settings.classes)),
            direct,
            fields: self.fields[0],
        }
    }

    fn put_back(&self, endpoint: &Endpoint, link: Link, keeps: bool) {
        if keeps && !link.has_input() {
            self.worker.backs.keep(endpoint, link, self.pool.times.keep_alive);
        }
    }
}
