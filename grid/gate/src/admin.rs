//! The admin address: reports come in, and what can be seen goes out.

mod metrics;
mod secret;

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use pogson_report::{LARGEST_BODY, Malformed, Mark, Verdict};
use tokio::task::{JoinHandle, spawn_local};

use crate::clock::Clock;
use crate::desk::place_of;
use crate::flow::{FromLink, Source};
use crate::forward;
use crate::framing::{self, Framing};
use crate::head::{Head, Version};
use crate::link::Link;
use crate::listener::Accepting;
use crate::reply::{Reply, reason, says};
use crate::reports::{Heard, now_ms};
use crate::seen;
use crate::serve::{Hub, Socket};
use crate::stream::Stream;
pub(crate) use secret::Secret;

/// Connections at once.
const CONNECTIONS: usize = 256;
/// Bytes of a request's head.
const HEAD: usize = 16 << 10;
/// Time for a request to come, and for its answer to go.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time between requests of a connection.
const IDLE: Duration = Duration::from_secs(75);
/// Bytes of a request that are still taken after the answer.
const LINGER: usize = 1 << 20;
/// The page, which asks for `state` each second.
const PAGE: &str = include_str!("admin/page.html");
const SCRIPT: &str = include_str!("admin/page.js");
const STYLE: &str = include_str!("admin/page.css");
/// What the page may do: nothing but with what comes from where it came from.
const POLICY: &[u8] = b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Who listens at the admin address.
pub(crate) struct Admin {
    hub: Arc<Hub>,
    clock: Rc<Clock>,
    open: Option<(Arc<Socket>, JoinHandle<()>)>,
    connections: Rc<Cell<usize>>,
}

impl Admin {
    pub(crate) fn new(hub: Arc<Hub>, clock: Rc<Clock>) -> Self {
        Self { hub, clock, open: None, connections: Rc::default() }
    }

    /// Listens where the plan says now; nowhere while the gate ends, for another one may listen there.
    pub(crate) fn follow(&mut self) {
        let wanted = self.hub.plan().admin.filter(|_| !self.hub.drains());
        let same = match (&wanted, &self.open) {
            (Some(wanted), Some((open, _))) => Arc::ptr_eq(wanted, open),
            (None, None) => true,
            _ => false,
        };
        if same {
            return;
        }
        if let Some((_, task)) = self.open.take() {
            task.abort();
        }
        if let Some(socket) = wanted
            && let Ok(listener) = socket.1.accepting()
        {
            let task = spawn_local(accept(self.hub.clone(), self.clock.clone(), self.connections.clone(), listener));
            self.open = Some((socket, task));
        }
    }
}

async fn accept(hub: Arc<Hub>, clock: Rc<Clock>, connections: Rc<Cell<usize>>, listener: Accepting) {
    loop {
        match listener.accept().await {
            Ok(_) if connections.get() >= CONNECTIONS => {}
            Ok((stream, peer)) => {
                let inside = Inside::new(&connections);
                spawn_local(serve(hub.clone(), clock.clone(), stream, peer.map(|peer| peer.to_canonical()), inside));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

/// A connection that is counted.
struct Inside(Rc<Cell<usize>>);

impl Inside {
    fn new(connections: &Rc<Cell<usize>>) -> Self {
        connections.set(connections.get() + 1);
        Self(connections.clone())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// An answer.
struct Answer {
    status: u16,
    kind: &'static str,
    body: String,
    /// A further field.
    field: Option<(&'static str, &'static [u8])>,
}

impl Answer {
    fn new(status: u16, kind: &'static str, body: String) -> Self {
        Self { status, kind, body, field: None }
    }

    fn text(status: u16, sentence: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", format!("{status} {}: {sentence}\n", reason(status)))
    }
}

async fn serve(hub: Arc<Hub>, clock: Rc<Clock>, stream: Stream, peer: Option<IpAddr>, _inside: Inside) {
    let link = Link::new(stream, clock.timer());
    loop {
        let came = link.timer.within(IDLE, link.comes()).await;
        if !matches!(came, Ok(Ok(true))) {
            return;
        }
        let Ok(Ok(Some(head))) = link.timer.within(PATIENCE, link.head(HEAD, Head::parse)).await else {
            put(&link, &Answer::text(400, "This is no request of HTTP."), Version::Http11, false, false);
            break;
        };
        let body = match framing::of_request(&head, false) {
            Ok(framing) => link.timer.within(PATIENCE, body(&link, framing)).await,
            Err(_) => break,
        };
        let (answer, whole) = match body {
            Ok(Ok(Some(body))) => (answer(&hub, &head, &body, peer), true),
            Ok(Ok(None)) => {
                let why = Malformed::TooLarge { what: "report", bytes: LARGEST_BODY + 1, most: LARGEST_BODY };
                (Answer::text(413, &why.to_string()), false)
            }
            Ok(Err(_)) | Err(_) => return,
        };
        let keeps = match head.version() {
            Version::Http10 => says(head.all(crate::field::Known::Connection), "keep-alive"),
            _ => !says(head.all(crate::field::Known::Connection), "close"),
        };
        // Whoever reports goes on to the gate that takes over.
        let keeps = keeps && whole && !hub.drains();
        put(&link, &answer, head.version(), keeps, head.method() == "HEAD");
        if !matches!(link.timer.within(PATIENCE, link.flush()).await, Ok(Ok(()))) {
            return;
        }
        if !keeps {
            break;
        }
    }
    // Whoever takes none of it in that time is gone.
    let _ = link.timer.within(PATIENCE, link.close(LINGER)).await;
}

fn put(link: &Link, answer: &Answer, version: Version, keeps: bool, to_head: bool) {
    let fields = [
        ("Content-Type", answer.kind.as_bytes()),
        ("Cache-Control", b"no-store"),
        ("X-Content-Type-Options", b"nosniff"),
    ];
    let reply = Reply::of_parts(Version::Http11, answer.status, fields.into_iter().chain(answer.field));
    let framing = if answer.status == 204 { Framing::None } else { Framing::Length(answer.body.len() as u64) };
    link.write(|output| {
        forward::reply(output, &reply, version, framing, keeps, None);
        if !to_head && answer.status != 204 {
            output.extend_from_slice(answer.body.as_bytes());
        }
    });
}

/// A request's body; `None` if it is longer than any report.
async fn body(link: &Link, framing: Framing) -> io::Result<Option<Vec<u8>>> {
    if matches!(framing, Framing::Length(length) if length > LARGEST_BODY as u64) {
        return Ok(None);
    }
    let mut source = FromLink::new(link, framing);
    let mut body = Vec::new();
    while !source.done() {
        poll_fn(|context| source.poll_more(context, &mut |_, data| body.extend_from_slice(data))).await?;
        if body.len() > LARGEST_BODY {
            return Ok(None);
        }
    }
    source.trailers()?;
    Ok(Some(body))
}

fn answer(hub: &Hub, head: &Head, body: &[u8], peer: Option<IpAddr>) -> Answer {
    let path = head.path();
    let reads = matches!(head.method(), "GET" | "HEAD");
    match path {
        "/reports" if head.method() == "POST" => return report(hub, head, body),
        "/reports" => return not_method(b"POST"),
        "/" | "/page.js" | "/page.css" | "/state" | "/metrics" if !reads => return not_method(b"GET, HEAD"),
        "/" | "/page.js" | "/page.css" | "/state" | "/metrics" => {}
        _ => return Answer::text(404, "There is /, /state, /metrics and, for reports, /reports."),
    }
    if let Some(refused) = refused(hub, head, peer) {
        return refused;
    }
    match path {
        "/" => {
            let page = Answer::new(200, "text/html; charset=utf-8", PAGE.into());
            Answer { field: Some(("Content-Security-Policy", POLICY)), ..page }
        }
        "/page.js" => Answer::new(200, "text/javascript; charset=utf-8", SCRIPT.into()),
        "/page.css" => Answer::new(200, "text/css; charset=utf-8", STYLE.into()),
        "/metrics" => Answer::new(200, "text/plain; version=0.0.4; charset=utf-8", metrics::text(hub)),
        _ => Answer::new(200, "application/json", serde_json::to_string(&seen::state(hub)).unwrap_or_default()),
    }
}

fn not_method(allow: &'static [u8]) -> Answer {
    Answer { field: Some(("Allow", allow)), ..Answer::text(405, "This address is not served by this method.") }
}

/// Why somebody may not see the pages, if so. Those who know the secret word may, and those on this machine: by the name of this machine,
/// so that no page of elsewhere whose name was made to lead here reads them.
fn refused(hub: &Hub, head: &Head, peer: Option<IpAddr>) -> Option<Answer> {
    let running = hub.plan().running;
    if running.token.as_ref().is_some_and(|token| token.is_brought(head)) {
        return None;
    }
    let host = head.host();
    let name = host
        .rsplit_once(':')
        .map_or(host, |(name, port)| if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host });
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_here = address.is_ok_and(|address| address.is_loopback()) || name.eq_ignore_ascii_case("localhost");
    if peer.is_none_or(|peer| peer.is_loopback() && is_here) {
        return None;
    }
    if running.token.is_none() {
        return Some(Answer::text(403, "From other machines this is read with a secret word; set admin.token_file."));
    }
    let field = Some(("WWW-Authenticate", &b"Basic realm=\"gate\", charset=\"UTF-8\""[..]));
    Some(Answer { field, ..Answer::text(401, "Give the secret word, as a bearer token or as a password.") })
}

/// A server says how it is.
fn report(hub: &Hub, head: &Head, body: &[u8]) -> Answer {
    let mark = head.get(pogson_report::MARK_HEADER).unwrap_or_default();
    let heard = heard(hub, mark, body);
    let (status, text) = heard.answer();
    Answer::new(status, "text/plain; charset=utf-8", text)
}

fn heard(hub: &Hub, mark: &[u8], body: &[u8]) -> Heard<u64> {
    let stranger = match Mark::parse(mark) {
        Err(why) => Verdict::Malformed(why),
        Ok((parsed, ..)) => {
            let running = hub.plan().running;
            let pools = running.pools().filter(|(_, desk)| desk.has_reporter(&parsed.name));
            let mut all = pools.map(|(_, desk)| desk.pushed(mark, body, now_ms())).collect::<Vec<_>>();
            // A server may stand in several pools, each with a key of its own.
            let news = all.iter().position(|heard| matches!(heard, Heard::News(..)));
            if !all.is_empty() {
                return all.swap_remove(news.unwrap_or(0));
            }
            Verdict::UnknownSender(parsed.name)
        }
    };
    let heard = Heard::Refused(stranger);
    hub.watch.strangers.lock().unwrap_or_else(PoisonError::into_inner)[place_of(&heard)] += 1;
    heard
}
