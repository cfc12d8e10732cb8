//! From a request to its reply: the server that it goes to, the way there and back, and what is done when that fails.
//!
//! An [`Errand`] is tried at one server after the other until one replies: `attempt` is the way to one of them, `hedged` that to two,
//! `reply` the way back, `reading` how the client takes it, `direct` a body's that does not pass the gate, `tunnel` what follows where
//! both ends change to another protocol.

mod attempt;
mod direct;
mod hedged;
mod reading;
mod reply;
mod tunnel;

use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use pogson_dispatch::Request;

use self::attempt::{Attempt, Repeat};
use crate::config::{Fields, Pool, Protocol, RetryOn, Times};
use crate::desk::{Asked, Asker, Desk, Refusal, Ticket};
use crate::field::Known;
use crate::flow::{Sink, Source, Stopped};
use crate::framing::Framing;
use crate::head::{Head, Version};
use crate::reply::Reply;
use crate::story::Story;
use crate::worker::Worker;

/// A client, as an exchange sees it.
pub(crate) trait Client {
    /// Where a reply's body goes.
    type Body: Sink;
    /// Where bytes come from once the client changed to another protocol.
    type Tunnel: Source;
    /// Begins the reply.
    fn begin(&mut self, reply: &Reply, framing: Framing, length: Option<&[u8]>) -> io::Result<Self::Body>;
    /// Sends a reply that another one follows.
    fn interim(&mut self, reply: &Reply);
    /// Sends what was kept of the head.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Ready when the client has gone away.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()>;
    /// Whether the client can change to another protocol.
    fn can_change(&self) -> bool;
    /// What the client sends after that; `None` if it cannot.
    fn tunnel(&mut self) -> Option<Self::Tunnel>;
    /// Whether a body can be written to its connection by another program.
    fn lends(&self) -> bool {
        false
    }
    /// Whether a server's reply is one to what the client asked for.
    fn is_answered_by(&self, _reply: &Reply) -> bool {
        true
    }
    /// Limit of time of the client's own.
    fn timer(&self) -> &crate::clock::Timer;
}

/// A request on its way.
pub(crate) struct Errand<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) desk: &'a Arc<Desk>,
    pub(crate) times: &'a Times,
    pub(crate) pool: &'a Pool,
    /// The pool's place in the configuration.
    pub(crate) place: usize,
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
    /// Whether the client's connection can be lent to a server.
    pub(crate) lends: bool,
    /// Whether the client was told to send its body.
    pub(crate) is_told: bool,
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
    /// The server opens no WebSocket, and says so in no way that a client of HTTP/2 would understand.
    Unopened,
    /// The client asks for a WebSocket, and the server speaks HTTP/2.
    NoWebSocket,
}

impl Outcome {
    /// What becomes of a request whose body did not get through; `None` if the server took no more of it, and may have replied.
    pub(crate) fn of_stopped(why: &Stopped) -> Option<Self> {
        Some(match why {
            Stopped::To => return None,
            Stopped::NothingWent => Self::Failed(Failure::TimedOut),
            Stopped::NothingCame => Self::Failed(Failure::ClientTimedOut),
            Stopped::From(why) if why.kind() == io::ErrorKind::FileTooLarge => Self::Failed(Failure::TooLarge),
            Stopped::From(why) if why.kind() == io::ErrorKind::InvalidData => Self::Failed(Failure::BadBody),
            Stopped::From(_) => Self::Broken,
        })
    }
}

/// Tells a client that waits for that to send its body; whether it is still there.
pub(crate) async fn goes_on(head: &Head, client: &mut impl Client) -> bool {
    if crate::reply::says(head.all(Known::Expect), "100-continue") && head.version() >= Version::Http11 {
        client.interim(&Reply::of_parts(Version::Http11, 100, std::iter::empty()));
        return poll_fn(|context| client.poll_flush(context)).await.is_ok();
    }
    true
}

impl Errand<'_> {
    /// Carries it out.
    pub(crate) async fn run<C: Client>(&self, source: &mut impl Source, client: &mut C) -> Outcome {
        let idempotent = matches!(self.head.method(), "GET" | "HEAD" | "OPTIONS" | "TRACE" | "PUT" | "DELETE");
        let (mut tried, mut tries) = (Vec::new(), 0);
        // Those of them that are in order but have much else to do.
        let mut busy = Vec::new();
        loop {
            let not = [&tried[..], &busy[..]].concat();
            let ticket = match self.admitted(client, &not).await {
                Ok(Some(ticket)) => ticket,
                Ok(None) => return Outcome::Broken,
                Err(Refusal::NoServer) if !busy.is_empty() => {
                    busy.clear();
                    continue;
                }
                Err(Refusal::NoServer) if !tried.is_empty() => return Outcome::Failed(Failure::Unreachable),
                Err(why) => return Outcome::Failed(Failure::Refused(why)),
            };
            self.story.goes(&ticket);
            let mut endpoint = ticket.endpoint.clone();
            let may = Repeat {
                // Nothing of a body has been taken.
                whole: self.framing == Framing::None,
                idempotent,
                further: tries < self.pool.retries.attempts,
            };
            let attempt = match (self.hedges_after(tried.len()), endpoint.protocol) {
                (Some(after), _) => {
                    let hedged = Box::pin(self.hedged(ticket, after, client, may, &mut tried));
                    let (attempt, replied) = hedged.await;
                    endpoint = replied;
                    attempt
                }
                (None, Protocol::Http1) => self.by_link(&endpoint, ticket, source, client, may).await,
                // What this way needs lies apart, so that requests of the other one do not carry it.
                (None, Protocol::H2) => Box::pin(self.by_frames(&endpoint, ticket, source, client, may)).await,
            };
            if attempt.blames_server() {
                let turned_away = matches!(attempt, Attempt::Done(Outcome::Replied { status: 503, .. }));
                self.desk.failed(endpoint.number, turned_away, &self.pool.health.passive);
            }
            let again = match attempt {
                Attempt::Done(outcome) => return outcome,
                Attempt::Unable | Attempt::TooMuch => true,
                Attempt::NoWay | Attempt::Refused => self.again(RetryOn::Connect, tries),
                Attempt::Silent => may.whole && idempotent && self.again(RetryOn::Reset, tries),
            };
            if !again {
                return Outcome::Failed(Failure::Unreachable);
            }
            tries += 1;
            let failed = if matches!(attempt, Attempt::TooMuch) { &mut busy } else { &mut tried };
            failed.push(endpoint.number);
        }
    }

    /// Whether the request is sent again after this.
    fn again(&self, after: RetryOn, tries: u32) -> bool {
        let retries = &self.pool.retries;
        // Where no connection came about no server had work with it.
        let is_free = after == RetryOn::Connect;
        retries.on.contains(&after) && tries < retries.attempts && (is_free || (self.may_retry)())
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
}
