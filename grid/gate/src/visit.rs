//! A client's connection and its requests, as the gate sees them: who it is, where each goes, what it is told.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::ahead::Ahead;
use crate::books::{self, Whose};
use crate::classify;
use crate::context::Asked;
use crate::desk::{Asker, Refusal};
use crate::exchange::{Client, Errand, Failure, Outcome, goes_on};
use crate::flow::{Limited, Source};
use crate::framing::Framing;
use crate::head::{Head, Version};
use crate::log::{self, Line};
use crate::reply::{Reply, reason};
use crate::route::{Found, Target};
use crate::running::Running;
use crate::story::{Hedged, Story};
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
    /// Requests at once, of HTTP/2.
    pub(crate) streams: u32,
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
    /// What the gate itself replies.
    own: RefCell<Option<(Reply, String)>>,
    /// Where it goes, once that is known.
    pool: Cell<Option<usize>>,
    story: Story,
    /// When it came, seconds since 1970 UTC, if that is to be told.
    time_s: f64,
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
        let limits = running.listen(self.listener).map(|listen| listen.limits.clone()).unwrap_or_default();
        Allowance {
            head_bytes: limits.head as usize,
            head_time: times.head,
            idle_time: times.keep_alive,
            linger_time: LINGER,
            streams: limits.streams,
        }
    }

    /// Whether the gate is about to end.
    pub(crate) fn drains(&self) -> bool {
        self.worker.drains()
    }

    /// What `work` comes to; nothing if the gate is about to end meanwhile.
    pub(crate) async fn unless_draining<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let mut drain = pin!(self.worker.drain_of_idle());
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
        let (reply, text) = own(status, why, None);
        books::open(&self.worker.books).malformed += 1;
        if let Some(format) = self.worker.log.format() {
            let id = self.worker.next_id();
            let line = Line {
                time_s: log::now_s(),
                client: self.peer,
                method: "-",
                host: "-",
                target: "-",
                protocol: "-",
                status,
                bytes: text.len() as u64,
                bytes_in: 0,
                referer: None,
                agent: None,
                pool: "-",
                server: "-",
                context: String::new(),
                class: "-",
                reason: "no-request",
                hit: None,
                waited_ms: 0.0,
                first_ms: None,
                whole_ms: 0.0,
                tries: 0,
                hedge: None,
                is_cut: false,
                id: &id,
            };
            self.worker.log.write(line.text(format));
        }
        (reply, text)
    }
}

impl<'a> Visit<'a> {
    pub(crate) fn new(visitor: &'a Visitor, head: &'a Head, framing: Framing) -> Self {
        visitor.requests.set(visitor.requests.get() + 1);
        let running = visitor.worker.running();
        visitor.running.replace(running.clone());
        Self {
            visitor,
            running,
            head,
            framing,
            id: visitor.worker.next_id(),
            own: RefCell::default(),
            pool: Cell::default(),
            story: Story::new(),
            time_s: if visitor.worker.log.format().is_some() { log::now_s() } else { 0.0 },
        }
    }

    /// Has it served.
    pub(crate) async fn run(&self, source: &mut impl Source, client: &mut impl Client) -> Outcome {
        let outcome = self.goes(source, client).await;
        match &outcome {
            Outcome::Failed(Failure::Refused(why)) => self.story.refused.set(Some(*why)),
            Outcome::Failed(_) | Outcome::Broken => self.story.is_cut.set(self.story.status.get() != 0),
            Outcome::Replied { .. } | Outcome::Tunnel => {}
        }
        outcome
    }

    async fn goes(&self, source: &mut impl Source, client: &mut impl Client) -> Outcome {
        let running = &*self.running;
        let path = match running.routes.path(self.head) {
            Ok(path) => path,
            Err(why) => return self.reply(400, &why.to_string()),
        };
        let route = match running.routes.find(self.head, &path) {
            Found::Route(route, _) => route,
            Found::Nothing => return self.reply(404, "Nothing is served at this address."),
            Found::NotMethod(methods) => {
                let allow = methods.join(", ");
                return self.answer(
                    405,
                    "text/plain",
                    "This address is not served by this method.\n",
                    Some(("Allow", allow.as_bytes())),
                );
            }
        };
        let pool = match &route.target {
            Target::Pool(pool) => *pool,
            Target::Respond(respond) => return self.answer(respond.status, &respond.kind, &respond.body, None),
            Target::Redirect(_) => {
                let mut location = Vec::new();
                let status = route.write_location(self.head, &path, &mut location).unwrap_or(302);
                return self.answer(status, "text/plain", "", Some(("Location", &location)));
            }
        };
        self.pool.set(Some(pool));
        if matches!(self.framing, Framing::Length(length) if length > route.body_limit) {
            return Outcome::Failed(Failure::TooLarge);
        }
        let visitor = self.visitor;
        let peer = visitor.peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let believed = running.trusted(visitor.listener);
        let client_address = believed.map_or(peer, |trusted| trusted.client(peer, self.head));
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let class = running.classes.of(classify::Asker { head: self.head, path: &path, client: client_address, now_s });
        let story = &self.story;
        story.client.set(visitor.peer.map(|_| client_address));
        story.class.set(Some(class.index));
        story.level.set(class.level as usize);
        story.token.set(class.refused);
        let mut asked = Asked::new(self.head, &path);
        let mut source = Ahead::new(source);
        let wanted = if self.framing == Framing::None { None } else { running.contexts.body_bytes(&asked) };
        if let Some(bytes) = wanted {
            let most = bytes as usize;
            if !goes_on(self.head, client).await {
                return Outcome::Broken;
            }
            let timer = visitor.worker.clock.timer();
            let enough = |begun: &[u8]| running.contexts.settled(&Asked { body: Some(begun), whole: false, ..asked });
            let read = Box::pin(source.read(most, &timer, running.config.times.body_idle, enough));
            if let Err(why) = read.await {
                return Outcome::of_stopped(&why).unwrap_or(Outcome::Broken);
            }
            let (begun, whole) = source.begun(most);
            asked = Asked { body: Some(begun), whole, ..asked };
        }
        let context = running.contexts.of(&asked);
        let context = story.context.get_or_init(|| context);
        let mut target = Vec::with_capacity(self.head.target().len() + 1);
        route.write_target(self.head, &path, &mut target);
        let config = &running.config.pool[pool];
        visitor.worker.earns(pool, config.retries.budget);
        if let Some(hedge) = &config.hedge {
            visitor.worker.hedges.earns(pool, hedge.budget);
        }
        let errand = Errand {
            worker: &visitor.worker,
            desk: &running.desks[pool],
            times: &running.config.times,
            pool: config,
            place: pool,
            head: self.head,
            framing: self.framing,
            request: context.request,
            asker: Asker { level: class.level as usize, member: class.member, weight: class.weight },
            peer: visitor.peer,
            trusted: believed.is_some_and(|trusted| trusted.has(peer)),
            scheme: visitor.scheme,
            id: &self.id,
            story,
            target: &target,
            fields: [&route.request, &route.response],
            lends: self.framing == Framing::None && self.head.method() == "GET" && client.lends(),
            is_told: wanted.is_some(),
            may_retry: &|| visitor.worker.spends(pool),
        };
        if self.framing == Framing::None {
            return errand.run(&mut source, client).await;
        }
        errand.run(&mut Limited { source: &mut source, left: route.body_limit }, client).await
    }

    fn reply(&self, status: u16, text: &str) -> Outcome {
        self.own.replace(Some(own(status, text, None)));
        Outcome::Failed(Failure::Own)
    }

    fn answer(&self, status: u16, kind: &str, body: &str, field: Option<(&str, &[u8])>) -> Outcome {
        let fields = [("Content-Type", kind.as_bytes())];
        let reply = Reply::of_parts(Version::Http11, status, fields.into_iter().chain(field));
        self.own.replace(Some((reply, body.to_owned())));
        Outcome::Failed(Failure::Own)
    }

    /// What the client is told where no server replied.
    pub(crate) fn failure(&self, why: Failure) -> (Reply, String) {
        let (reply, text) = self.words(why);
        self.story.status.set(reply.status());
        self.story.is_cut.set(false);
        if self.head.method() != "HEAD" {
            self.story.gave(text.len());
        }
        (reply, text)
    }

    fn words(&self, why: Failure) -> (Reply, String) {
        let (status, text) = match why {
            Failure::Own => match self.own.take() {
                Some(own) => return own,
                None => (500, "The gate lost its own reply."),
            },
            Failure::Refused(Refusal::NoServer) => (503, "No server is there for this request now."),
            Failure::Refused(Refusal::Full | Refusal::Replaced) => (503, "There is more to do than the servers can."),
            Failure::Refused(Refusal::TooLong) => (503, "No server had room for this request in time."),
            Failure::Unreachable => (502, "No server could be reached."),
            Failure::Nonsense => (502, "The server's reply is not HTTP."),
            Failure::TimedOut => (504, "The server did not reply in time."),
            Failure::TooLarge => (413, "The request's body has more bytes than it may have here."),
            Failure::BadBody => (400, "The request's body is not as its head says."),
            Failure::Unopened => (502, "The server opens no WebSocket at this address."),
            Failure::NoWebSocket => (501, "WebSockets are not passed on to servers that are spoken to in HTTP/2."),
            Failure::Unsendable => (400, "The request cannot be sent on in HTTP/2."),
            Failure::ClientTimedOut => (408, "The request's body did not come in time."),
        };
        let desk = self.pool.get().and_then(|pool| self.running.desks.get(pool));
        own(status, text, desk.filter(|_| status == 503).map(|desk| desk.retry_after_s()))
    }
}

impl Visit<'_> {
    /// It is over: it is counted, and told to the log.
    pub(crate) fn ends(&self) {
        if !self.story.ends() {
            return;
        }
        let (story, running, worker) = (&self.story, &*self.running, &self.visitor.worker);
        let whole = story.began.elapsed();
        let first = story.first.get().map(|first| first.saturating_duration_since(story.began));
        let server = story.server.borrow();
        let class = story.class.get();
        let refused = story.refused.get();
        let context = story.context.get();
        let entry = books::Entry {
            key: books::Key {
                running: running.number,
                pool: self.pool.get(),
                class: class.unwrap_or(usize::MAX),
                server: server.as_ref().map_or(0, |server| server.number),
            },
            status: story.status.get(),
            is_cut: story.is_cut.get(),
            choice: story.choice.get(),
            hit: story.hit.get(),
            expected_hit: story.expected_hit.get(),
            tries: story.tries.get(),
            hedged: story.hedged.get(),
            bytes: [story.bytes[0].get(), story.bytes[1].get()],
            refused: refused.map(|why| (story.level.get(), why)),
            token: story.token.get(),
            waited: Duration::from_secs_f64(story.waited_s.get()),
            first,
            whole,
            context: context.map(|context| (context, &running.contexts)),
        };
        let pool = self.pool.get().and_then(|pool| running.config.pool.get(pool)).map_or("-", |pool| &pool.name);
        let class = class.and_then(|class| running.classes.names().get(class)).map_or("-", |class| class);
        let server = server.as_ref().map_or("-", |server| &server.name);
        let whose = || Whose { pool: pool.into(), server: server.into(), class: class.into() };
        books::open(&worker.books).note(&entry, whose);
        let Some(format) = worker.log.format() else { return };
        let milliseconds = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1000.0;
        let line = Line {
            time_s: self.time_s,
            client: story.client.get().or(self.visitor.peer),
            method: self.head.method(),
            host: self.head.host(),
            target: self.head.target(),
            protocol: match self.head.version() {
                Version::Http10 => "HTTP/1.0",
                Version::Http11 => "HTTP/1.1",
                Version::Http2 => "HTTP/2.0",
            },
            status: if entry.status == 0 { 499 } else { entry.status },
            bytes: entry.bytes[1],
            bytes_in: entry.bytes[0],
            referer: Line::field(self.head, "referer"),
            agent: Line::field(self.head, "user-agent"),
            pool,
            server,
            context: context.map_or(String::new(), |context| running.contexts.readable(context).to_string()),
            class,
            reason: match (refused, entry.choice) {
                (Some(why), _) => why.word(),
                (None, Some(choice)) => choice.word(),
                (None, None) => "-",
            },
            hit: entry.hit,
            waited_ms: milliseconds(entry.waited),
            first_ms: first.map(milliseconds),
            whole_ms: milliseconds(whole),
            tries: entry.tries,
            hedge: entry.hedged.map(Hedged::word),
            is_cut: entry.is_cut,
            id: &self.id,
        };
        worker.log.write(line.text(format));
    }
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.ends();
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
