//! From a request to its reply: the server that it goes to, the way there and back, and what is done when that fails.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use pogson_dispatch::Request;
use pogson_dispatch::servers::Answer;

use crate::back::server::{NoReply, Server};
use crate::back::shared::Exchange;
use crate::config::{Fields, Pool, Protocol, RetryOn, Times};
use crate::desk::{Asked, Asker, Desk, Refusal, Ticket};
use crate::field::Known;
use crate::flow::{FromLink, Sink, Source, Stopped, ToLink, pump};
use crate::forward::{self, Way};
use crate::frames::ToFrames;
use crate::framing::Framing;
use crate::head::{Head, Version};
use crate::learned;
use crate::link::Link;
use crate::pool::Endpoint;
use crate::reply::Reply;
use crate::reports;
use crate::story::Story;
use crate::worker::Worker;

/// Replies of status 100 to 199 that a server may send before the one that counts.
const INTERIM: usize = 16;
/// Connections that a request may meet as their server closes them, before it counts as a failure.
const OLD_CONNECTIONS: u32 = 2;

/// A client, as an exchange sees it.
pub(crate) trait Client {
    /// Where a reply's body goes.
    type Body: Sink;
    /// Begins the reply.
    fn begin(&mut self, reply: &Reply, framing: Framing, length: Option<&[u8]>) -> io::Result<Self::Body>;
    /// Sends a reply that another one follows.
    fn interim(&mut self, reply: &Reply);
    /// Sends what was kept of the head.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Ready when the client has gone away.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()>;
    /// The client's link, if it is one that can become a tunnel.
    fn link(&self) -> Option<&Link>;
    /// Limit of time of the client's own.
    fn timer(&self) -> &crate::clock::Timer;
}

/// A request on its way.
pub(crate) struct Errand<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) desk: &'a Arc<Desk>,
    pub(crate) times: &'a Times,
    pub(crate) pool: &'a Pool,
    pub(crate) head: &'a Head,
    pub(crate) framing: Framing,
    pub(crate) request: Request,
    pub(crate) asker: Asker,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) trusted: bool,
    pub(crate) scheme: &'static str,
    pub(crate) id: &'a str,
    pub(crate) story: &'a Story,
    /// Path and query as the server gets them.
    pub(crate) target: &'a [u8],
    /// Fields that the route sets or removes, of requests and of replies.
    pub(crate) fields: [&'a Fields; 2],
    /// Whether a further try may be made now; counts it.
    pub(crate) may_retry: &'a dyn Fn() -> bool,
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The client has its reply.
    Replied {
        /// Its status.
        status: u16,
        /// Whether the request's body was taken whole.
        taken: bool,
    },
    /// It has none, and can be sent one.
    Failed(Failure),
    /// It has a part of it, or is gone; the connection is of no use.
    Broken,
    /// The connection was another protocol's from a point on, and that has ended.
    Tunnel,
}

/// Why there is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    Refused(Refusal),
    /// No server could be reached, or none said anything.
    Unreachable,
    /// A server's reply is not HTTP.
    Nonsense,
    /// A server was silent for too long.
    TimedOut,
    /// The gate replies itself.
    Own,
    /// The client's body has more bytes than it may.
    TooLarge,
    /// The client's body is not as it should be.
    BadBody,
    /// The client sent nothing for too long.
    ClientTimedOut,
    /// What the client wants has no form in the server's version of HTTP.
    Unsendable,
}

/// Whether a request may be sent again.
#[derive(Clone, Copy)]
struct Repeat {
    /// Nothing of its body is gone.
    whole: bool,
    /// To be sent twice changes nothing.
    idempotent: bool,
    /// There may be a further try after this one.
    further: bool,
}

/// How far an attempt came.
enum Attempt {
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
    fn blames_server(&self) -> bool {
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
    /// Carries it out.
    pub(crate) async fn run<C: Client>(&self, source: &mut impl Source, client: &mut C) -> Outcome {
        let idempotent = matches!(self.head.method(), "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE");
        let mut tried = Vec::new();
        loop {
            let ticket = match self.admitted(client, &tried).await {
                Ok(Some(ticket)) => ticket,
                Ok(None) => return Outcome::Broken,
                Err(Refusal::NoServer) if !tried.is_empty() => return Outcome::Failed(Failure::Unreachable),
                Err(why) => return Outcome::Failed(Failure::Refused(why)),
            };
            self.story.goes(&ticket);
            let endpoint = ticket.endpoint.clone();
            let may = Repeat {
                // Nothing of a body has been taken.
                whole: source.done() || self.framing == Framing::None,
                idempotent,
                further: tried.len() < self.pool.retries.attempts as usize,
            };
            let attempt = match endpoint.protocol {
                Protocol::Http1 => self.by_link(&endpoint, ticket, source, client, may).await,
                // What this way needs lies apart, so that requests of the other one do not carry it.
                Protocol::H2 => Box::pin(self.by_frames(&endpoint, ticket, source, client, may)).await,
            };
            if attempt.blames_server() {
                self.fails(&endpoint);
            }
            let again = match attempt {
                Attempt::Done(outcome) => return outcome,
                Attempt::Unable => true,
                Attempt::NoWay | Attempt::Refused => self.again(RetryOn::Connect, tried.len()),
                Attempt::Silent => may.whole && idempotent && self.again(RetryOn::Reset, tried.len()),
            };
            if !again {
                return Outcome::Failed(Failure::Unreachable);
            }
            tried.push(endpoint.number);
        }
    }

    /// Sends the request to a server that speaks HTTP/1.1.
    async fn by_link<C: Client>(
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
    async fn by_frames<C: Client>(
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

    /// Counts a failure of a server.
    fn fails(&self, endpoint: &Endpoint) {
        self.desk.failed(endpoint.number, &self.pool.health.passive);
    }

    /// Whether the request is sent again after this.
    fn again(&self, after: RetryOn, tries: usize) -> bool {
        let retries = &self.pool.retries;
        // Where no connection came about no server had work with it.
        let is_free = after == RetryOn::Connect;
        retries.on.contains(&after) && tries < retries.attempts as usize && (is_free || (self.may_retry)())
    }

    /// A ticket to a server; `None` if the client went away first.
    async fn admitted(&self, client: &mut impl Client, not: &[u64]) -> Result<Option<Ticket>, Refusal> {
        let mut place = match self.desk.ask(self.request, self.asker, not, Instant::now()) {
            Asked::Goes(ticket) => return Ok(Some(ticket)),
            Asked::Refused(why) => return Err(why),
            Asked::Waits(place) => place,
        };
        let timer = self.worker.clock.timer();
        let called = timer.within(
            self.pool.queue.timeout,
            poll_fn(|context| {
                if let Poll::Ready(called) = pin!(&mut place.call).poll(context) {
                    return Poll::Ready(Some(called.unwrap_or(Err(Refusal::NoServer))));
                }
                client.poll_gone(context).map(|()| None)
            }),
        );
        match called.await {
            Ok(Some(Ok(ticket))) => Ok(Some(ticket)),
            Ok(Some(Err(why))) => Err(why),
            Ok(None) => Ok(None),
            Err(_) => Err(Refusal::TooLong),
        }
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
        let upgrade = self.framing == Framing::None
            && client.link().is_some()
            && crate::reply::says(self.head.all(Known::Connection), "upgrade")
            && self.head.all(Known::Upgrade).next().is_some();
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

    /// Sends a request's body and takes the reply, which may begin before that has gone.
    async fn both<S: Server, C: Client>(
        &self,
        server: &S,
        sink: &mut impl Sink,
        ticket: &mut Option<Ticket>,
        source: &mut impl Source,
        client: &mut C,
        sent: &Cell<bool>,
    ) -> (Attempt, bool) {
        let timer = self.worker.clock.timer();
        let idle = [self.times.body_idle, self.pool.times.response_idle];
        let mut upload = pin!(pump(source, sink, &timer, idle, |length| self.story.took(length)));
        let mut download = pin!(self.reply(server, ticket, client, (false, false), sent));
        let mut uploads = true;
        let over = |outcome| Poll::Ready((Attempt::Done(outcome), false));
        poll_fn(|context| {
            if uploads && let Poll::Ready(result) = upload.as_mut().poll(context) {
                uploads = false;
                match result {
                    Ok(()) => sent.set(true),
                    // The server may have replied before it closed.
                    Err(Stopped::To) => {}
                    Err(Stopped::NothingWent) => return over(Outcome::Failed(Failure::TimedOut)),
                    Err(Stopped::NothingCame) => return over(Outcome::Failed(Failure::ClientTimedOut)),
                    Err(Stopped::From(why)) if why.kind() == io::ErrorKind::FileTooLarge => {
                        return over(Outcome::Failed(Failure::TooLarge));
                    }
                    Err(Stopped::From(why)) if why.kind() == io::ErrorKind::InvalidData => {
                        return over(Outcome::Failed(Failure::BadBody));
                    }
                    Err(Stopped::From(_)) => return over(Outcome::Broken),
                }
            }
            download.as_mut().poll(context)
        })
        .await
    }

    fn put_back(&self, endpoint: &Endpoint, link: Link, keeps: bool) {
        if keeps && !link.has_input() {
            self.worker.backs.keep(endpoint, link, Instant::now());
        }
    }

    /// Takes the reply from a server and sends it on; with it, whether the connection is of further use.
    async fn reply<S: Server, C: Client>(
        &self,
        server: &S,
        ticket: &mut Option<Ticket>,
        client: &mut C,
        (upgrade, may_retry): (bool, bool),
        sent: &Cell<bool>,
    ) -> (Attempt, bool) {
        let failed = |why| (Attempt::Done(Outcome::Failed(why)), false);
        let mut interim = 0;
        let reply = loop {
            let head = server.timer().within(self.pool.times.response_head, server.head()).await;
            match head {
                // While the request still goes, its own limit counts.
                Err(_) if !sent.get() => continue,
                Err(_) => return failed(Failure::TimedOut),
                Ok(Err(NoReply::Silent)) => return (Attempt::Silent, false),
                Ok(Err(NoReply::Refused)) => return (Attempt::Refused, false),
                Ok(Err(NoReply::Nonsense)) => return failed(Failure::Nonsense),
                Ok(Ok(reply)) if reply.status() == 101 && upgrade => break reply,
                Ok(Ok(reply)) if reply.status() < 200 => {
                    interim += 1;
                    if interim > INTERIM || reply.status() == 101 {
                        return failed(Failure::Nonsense);
                    }
                    if reply.status() != 100 && self.head.version() >= Version::Http11 {
                        client.interim(&reply);
                        if poll_fn(|context| client.poll_flush(context)).await.is_err() {
                            return (Attempt::Done(Outcome::Broken), false);
                        }
                    }
                }
                Ok(Ok(reply)) => break reply,
            }
        };
        let Ok(framing) = server.framing(&reply, self.head.method() == "HEAD") else {
            return failed(Failure::Nonsense);
        };
        if may_retry && matches!(reply.status(), 502..=504) && self.again(RetryOn::ServerError, 0) {
            return (Attempt::Unable, false);
        }
        let mut answer = learned::answer(&reply);
        if let Some(ticket) = ticket
            && reply.all(Known::Report).next().is_some()
        {
            let (service_s, hit) = self.desk.said_in_reply(ticket.endpoint.number, &reply, reports::now_ms());
            answer = Answer { service_s: answer.service_s.or(service_s), hit: answer.hit.or(hit) };
        }
        self.story.replies(reply.status(), answer.hit);
        let changed;
        let reply = if self.fields[1] == &Fields::default() {
            &reply
        } else {
            changed = forward::with_fields(&reply, self.fields[1]);
            &changed
        };
        // One that has no body by its status has no length either (RFC 9110, section 8.6).
        let length = reply.all(Known::ContentLength).next().filter(|_| reply.status() != 204);
        let Ok(mut body) = client.begin(reply, framing, length) else {
            return (Attempt::Done(Outcome::Broken), false);
        };
        if reply.status() == 101 {
            drop(body);
            return (self.tunnel(server.link(), ticket, client, answer).await, false);
        }
        // It may go on for hours, and is no work.
        if learned::is_event_stream(reply)
            && let Some(ticket) = ticket.take()
        {
            ticket.answered(answer);
        }
        let timer = client.timer();
        let mut source = server.body(framing);
        let idle = [self.pool.times.response_idle, self.times.write_idle];
        let gave = |length| self.story.gave(length);
        if pump(&mut source, &mut body, timer, idle, gave).await.is_err() {
            return (Attempt::Done(Outcome::Broken), false);
        }
        if let Some(ticket) = ticket.take() {
            ticket.answered(answer);
        }
        let keeps = sent.get()
            && reply.version() == Version::Http11
            && framing != Framing::UntilClose
            && !reply.connection_says("close");
        (Attempt::Done(Outcome::Replied { status: reply.status(), taken: sent.get() }), keeps)
    }

    /// Passes bytes both ways until both have ended.
    async fn tunnel<C: Client>(
        &self,
        link: Option<&Link>,
        ticket: &mut Option<Ticket>,
        client: &C,
        answer: Answer,
    ) -> Attempt {
        if let Some(ticket) = ticket.take() {
            ticket.answered(answer);
        }
        if let (Some(client_link), Some(link)) = (client.link(), link) {
            let idle = [self.times.upgraded_idle; 2];
            let (mut from, mut to) =
                (FromLink::new(client_link, Framing::UntilClose), ToLink::new(link, Framing::UntilClose));
            let (mut back, mut forth) =
                (FromLink::new(link, Framing::UntilClose), ToLink::new(client_link, Framing::UntilClose));
            let timer = self.worker.clock.timer();
            let mut there = pin!(pump(&mut from, &mut to, &timer, idle, |length| self.story.took(length)));
            let mut here = pin!(pump(&mut back, &mut forth, client.timer(), idle, |length| self.story.gave(length)));
            poll_fn(|context| {
                // Either end closes both: WebSockets say good-bye before they do.
                if there.as_mut().poll(context).is_ready() {
                    return Poll::Ready(());
                }
                here.as_mut().poll(context).map(|_| ())
            })
            .await;
        }
        Attempt::Done(Outcome::Tunnel)
    }
}
