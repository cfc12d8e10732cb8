//! A client's connection and its requests, as the gate sees them: who it is, where each goes, what it is told.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use pogson_dispatch::Request;

use crate::desk::{Asker, Refusal};
use crate::exchange::{Client, Errand, Failure, Outcome};
use crate::flow::Source;
use crate::framing::Framing;
use crate::head::{Head, Version};
use crate::reply::{Reply, reason};
use crate::running::Running;
use crate::worker::Worker;

/// Time in which a client has to take what it is told last, before its connection goes.
const LINGER: Duration = Duration::from_secs(2);

/// What a connection may ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance {
    pub(crate) head_bytes: usize,
    pub(crate) head_time: Duration,
    pub(crate) idle_time: Duration,
    pub(crate) linger_time: Duration,
}

/// A client's connection.
pub(crate) struct Visitor {
    worker: Rc<Worker>,
    running: RefCell<Arc<Running>>,
    /// Which of the listeners it came to.
    listener: usize,
    peer: Option<IpAddr>,
    scheme: &'static str,
    requests: Cell<u64>,
}

/// One of its requests.
pub(crate) struct Visit<'a> {
    visitor: &'a Visitor,
    running: Arc<Running>,
    head: &'a Head,
    framing: Framing,
    id: String,
}

impl Visitor {
    pub(crate) fn new(worker: Rc<Worker>, listener: usize, peer: Option<IpAddr>, scheme: &'static str) -> Self {
        let running = worker.running().into();
        Self { worker, running, listener, peer, scheme, requests: Cell::new(0) }
    }

    pub(crate) fn worker(&self) -> &Worker {
        &self.worker
    }

    /// Requests that have begun.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.get()
    }

    pub(crate) fn limits(&self) -> Allowance {
        let running = self.running.borrow();
        let times = &running.config.times;
        let limits = running.config.listen.get(self.listener).map(|listen| listen.limits.clone()).unwrap_or_default();
        Allowance {
            head_bytes: limits.head as usize,
            head_time: times.head,
            idle_time: times.keep_alive,
            linger_time: LINGER,
        }
    }

    /// Whether the gate is about to end.
    pub(crate) fn drains(&self) -> bool {
        self.worker.drains()
    }

    /// What `work` comes to; nothing if the gate is about to end meanwhile.
    pub(crate) async fn unless_draining<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let mut drain = pin!(self.worker.drain());
        poll_fn(|context| {
            if let Poll::Ready(value) = work.as_mut().poll(context) {
                return Poll::Ready(Some(value));
            }
            drain.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    /// A reply to what is no request.
    pub(crate) fn refused(&self, status: u16, why: &str) -> (Reply, String) {
        own(status, why, None)
    }
}

impl<'a> Visit<'a> {
    pub(crate) fn new(visitor: &'a Visitor, head: &'a Head, framing: Framing) -> Self {
        visitor.requests.set(visitor.requests.get() + 1);
        let running = visitor.worker.running();
        visitor.running.replace(running.clone());
        Self { visitor, running, head, framing, id: visitor.worker.next_id() }
    }

    /// Has it served.
    pub(crate) async fn run(&self, source: &mut impl Source, client: &mut impl Client) -> Outcome {
        let Some((pool, desk)) =
            self.running.pools.first().map(|(pool, desk)| (&self.running.config.pool[*pool], desk))
        else {
            return Outcome::Failed(Failure::Refused(Refusal::NoServer));
        };
        let errand = Errand {
            worker: &self.visitor.worker,
            desk,
            times: &self.running.config.times,
            pool,
            head: self.head,
            framing: self.framing,
            request: Request { context: hash(self.head.target()), product: 0 },
            asker: Asker { level: 1, member: 0, weight: 1.0 },
            peer: self.visitor.peer,
            trusted: false,
            scheme: self.visitor.scheme,
            id: &self.id,
        };
        errand.run(source, client).await
    }

    /// What the client is told where nobody replied.
    pub(crate) fn failure(&self, why: Failure) -> (Reply, String) {
        let (status, text) = match why {
            Failure::Refused(Refusal::NoServer) => (503, "No server is there for this request now."),
            Failure::Refused(Refusal::Full | Refusal::Replaced) => (503, "There is more to do than the servers can."),
            Failure::Refused(Refusal::TooLong) => (503, "No server had room for this request in time."),
            Failure::Unreachable => (502, "No server could be reached."),
            Failure::Nonsense => (502, "The server's reply is not HTTP."),
            Failure::TimedOut => (504, "The server did not reply in time."),
            Failure::BadBody => (400, "The request's body is not as its head says."),
            Failure::ClientTimedOut => (408, "The request's body did not come in time."),
        };
        let retry = (status == 503).then(|| self.running.pools.first().map_or(1, |(_, desk)| desk.retry_after_s()));
        own(status, text, retry)
    }
}

/// A reply of the gate's own.
fn own(status: u16, text: &str, retry_after_s: Option<u64>) -> (Reply, String) {
    let retry = retry_after_s.map(|seconds| seconds.to_string());
    let fields = [("Content-Type", &b"text/plain; charset=utf-8"[..]), ("Cache-Control", b"no-store")];
    let retry = retry.as_ref().map(|seconds| ("Retry-After", seconds.as_bytes()));
    let reply = Reply::of_parts(Version::Http11, status, fields.into_iter().chain(retry));
    (reply, format!("{status} {}: {text}\n", reason(status)))
}

fn hash(text: &str) -> u64 {
    // FNV-1a.
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
