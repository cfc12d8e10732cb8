//! A client's connection of HTTP/2: requests side by side, each in a task of its own.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::ext::Protocol;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use http::header::{HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_local;

use crate::clock::Timer;
use crate::exchange::{Client, Outcome};
use crate::flow::Sink;
use crate::forward;
use crate::frames::{self, FromFrames, ToFrames};
use crate::framing::{self, Framing, Unframed};
use crate::head::{Head, Refused};
use crate::reply::Reply;
use crate::visit::{Visit, Visitor};
use crate::websocket::{self, Opening};

/// What a connection of HTTP/2 begins with (RFC 9113, section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Requests that a client may take back within a second. Who zooms through a map takes back what has left the screen; who takes back
/// more makes work on purpose.
const TAKEN_BACK: u32 = 200;
/// Streams that broke the rules, until the connection ends.
const WRONG: usize = 64;
/// Streams that ended in a reset, kept for what the client sent before it knew.
const RESET: usize = 64;

/// What a connection's streams share.
#[derive(Default)]
struct Streams {
    open: Cell<u32>,
    ended: Cell<Option<Instant>>,
    /// Requests taken back in the second that began then.
    taken_back: Cell<(Option<Instant>, u32)>,
}

impl Streams {
    fn is_taken_back(&self, now: Instant) {
        let (since, count) = self.taken_back.get();
        let is_new = since.is_none_or(|since| now.saturating_duration_since(since) >= Duration::from_secs(1));
        self.taken_back.set(if is_new { (Some(now), 1) } else { (since, count + 1) });
    }

    /// Whether nothing happened for a time.
    fn idle(&self, since: Instant, time: Duration) -> bool {
        let last = self.ended.get().map_or(since, |ended| ended.max(since));
        self.open.get() == 0 && last.elapsed() >= time
    }
}

/// A stream that is open, until this goes.
struct Open(Rc<Streams>);

impl Open {
    fn new(streams: &Rc<Streams>) -> Self {
        streams.open.set(streams.open.get() + 1);
        Self(streams.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.ended.set(Some(Instant::now()));
    }
}

/// Serves a connection until it ends.
pub(crate) async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, timer: Timer, visitor: Visitor) {
    let limits = visitor.limits();
    let mut builder = Builder::new();
    builder
        .initial_window_size(frames::STREAM_WINDOW)
        .initial_connection_window_size(frames::CONNECTION_WINDOW)
        .max_frame_size(frames::FRAME)
        .max_send_buffer_size(frames::SEND_BUFFER)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams)
        .max_concurrent_reset_streams(RESET)
        .max_pending_accept_reset_streams(RESET)
        .max_local_error_reset_streams(Some(WRONG))
        .enable_connect_protocol();
    let Ok(Ok(connection)) = timer.within(limits.head_time, builder.handshake(stream)).await else { return };
    Box::pin(run(connection, timer, Rc::new(visitor))).await;
}

async fn run(
    mut connection: Connection<impl AsyncRead + AsyncWrite + Unpin, Bytes>,
    timer: Timer,
    visitor: Rc<Visitor>,
) {
    let limits = visitor.limits();
    let streams = Rc::<Streams>::default();
    let mut last = Instant::now();
    let mut leaves = false;
    let drained = visitor.clone();
    let mut drain = pin!(drained.unless_draining(std::future::pending::<()>()));
    timer.set(limits.idle_time);
    loop {
        let next = poll_fn(|context| {
            let accepted = connection.poll_accept(context);
            if accepted.is_ready() {
                return accepted;
            }
            if streams.taken_back.get().1 > TAKEN_BACK {
                connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                // The word goes out with the next look at the connection, which ends it.
                context.waker().wake_by_ref();
                streams.taken_back.set((None, 0));
            }
            if !leaves && drain.as_mut().poll(context).is_ready() {
                leaves = true;
                connection.graceful_shutdown();
                context.waker().wake_by_ref();
            }
            while timer.poll(context).is_ready() {
                if !streams.idle(last, limits.idle_time) {
                    timer.set(limits.idle_time);
                } else if leaves {
                    return Poll::Ready(None);
                } else {
                    // The client has a moment to take the word, and to say what crossed it.
                    leaves = true;
                    connection.graceful_shutdown();
                    context.waker().wake_by_ref();
                    timer.set(limits.linger_time);
                }
            }
            Poll::Pending
        })
        .await;
        match next {
            Some(Ok((request, respond))) => {
                last = Instant::now();
                let open = Open::new(&streams);
                spawn_local(one(visitor.clone(), request, respond, open));
            }
            Some(Err(_)) | None => return,
        }
    }
}

/// The client of one exchange.
struct OnStream {
    respond: Rc<RefCell<SendResponse<Bytes>>>,
    begun: Rc<Cell<bool>>,
    timer: Timer,
    /// The WebSocket that the client asks for, and what it sends by it.
    socket: Option<(Opening, Option<RecvStream>)>,
}

/// A reply's head in HTTP/2.
fn head_of(reply: &Reply, framing: Framing, length: Option<&[u8]>) -> io::Result<http::Response<()>> {
    let wrong = |_| io::Error::from(io::ErrorKind::InvalidData);
    let mut response = http::Response::new(());
    *response.status_mut() = http::StatusCode::from_u16(reply.status()).map_err(|_| io::ErrorKind::InvalidData)?;
    let fields = response.headers_mut();
    forward::reply_fields(reply, |name, value| {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
            fields.append(name, value);
        }
    });
    let length = match framing {
        Framing::None => length.map(HeaderValue::from_bytes).transpose().map_err(wrong)?,
        Framing::Length(length) => Some(length.into()),
        Framing::Chunked | Framing::UntilClose => None,
    };
    if let Some(length) = length {
        fields.insert(http::header::CONTENT_LENGTH, length);
    }
    Ok(response)
}

impl Client for OnStream {
    type Body = ToFrames;
    type Tunnel = FromFrames;

    fn begin(&mut self, reply: &Reply, framing: Framing, length: Option<&[u8]>) -> io::Result<ToFrames> {
        if reply.status() == 101 {
            let kept = reply.fields().filter(|field| !field.name.eq_ignore_ascii_case(websocket::ACCEPT));
            let opened = Reply::of_parts(reply.version(), 200, kept.map(|field| (field.name, field.value)));
            let head = head_of(&opened, framing, None)?;
            self.begun.set(true);
            let stream = self.respond.borrow_mut().send_response(head, false).map_err(frames::broken)?;
            return Ok(ToFrames::of_tunnel(stream));
        }
        let head = head_of(reply, framing, length)?;
        let is_all = matches!(framing, Framing::None | Framing::Length(0));
        self.begun.set(true);
        let stream = self.respond.borrow_mut().send_response(head, is_all).map_err(frames::broken)?;
        Ok(ToFrames::new((!is_all).then_some(stream), framing))
    }

    fn interim(&mut self, reply: &Reply) {
        if let Ok(head) = head_of(reply, Framing::None, None) {
            // A client that is gone is noticed by the next thing that is sent.
            let _ = self.respond.borrow_mut().send_informational(head);
        }
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.respond.borrow_mut().poll_reset(context).map(|_| ())
    }

    fn can_change(&self) -> bool {
        self.socket.is_some()
    }

    fn tunnel(&mut self) -> Option<FromFrames> {
        let stream = self.socket.as_mut()?.1.take()?;
        Some(FromFrames::new(stream, Framing::UntilClose))
    }

    fn is_answered_by(&self, reply: &Reply) -> bool {
        self.socket.as_ref().is_none_or(|(opening, _)| opening.is_answered_by(reply))
    }

    fn timer(&self) -> &Timer {
        &self.timer
    }
}

/// Why a request is refused, with the status that says so.
fn refusal(why: Refused) -> (u16, String) {
    let status = match why {
        Refused::TooManyFields => 431,
        Refused::Connect => 405,
        Refused::Version => 505,
        Refused::Malformed(_) => 400,
    };
    (status, why.to_string())
}

/// What a client asks for that wants a WebSocket, if it does (RFC 8441, section 4).
fn opening(request: &Request<RecvStream>) -> Result<Option<Opening>, (u16, String)> {
    let Some(protocol) = request.extensions().get::<Protocol>() else { return Ok(None) };
    if !protocol.as_str().eq_ignore_ascii_case("websocket") {
        return Err((501, "no protocol but websocket is spoken here beside HTTP".to_owned()));
    }
    if request.body().is_end_stream() || request.headers().contains_key(http::header::CONTENT_LENGTH) {
        return Err((400, "a WebSocket has no length, and does not end with its head".to_owned()));
    }
    Ok(Some(Opening::new()))
}

/// A request's head, and how its body ends. One for a WebSocket is as in HTTP/1.1: GET, and no body.
fn read(request: &Request<RecvStream>, opening: Option<&Opening>) -> Result<(Head, Framing), (u16, String)> {
    let uri = request.uri();
    let cookie = http::header::COOKIE;
    // Clients send cookies in pieces, which are one field elsewhere (RFC 9113, section 8.2.3).
    let cookies: Vec<&[u8]> = request.headers().get_all(&cookie).iter().map(HeaderValue::as_bytes).collect();
    let cookies = cookies.join(&b"; "[..]);
    let kept = |name: &HeaderName| *name != cookie && (opening.is_none() || Opening::keeps(name.as_str()));
    let fields = request.headers().iter().filter(|(name, _)| kept(name));
    let fields = fields.map(|(name, value)| (name.as_str(), value.as_bytes()));
    let joined = (!cookies.is_empty()).then_some(("cookie", &cookies[..]));
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let host = uri.authority().map(|authority| authority.as_str());
    let has_version = request.headers().contains_key("sec-websocket-version");
    let added = opening.into_iter().flat_map(|opening| opening.fields(has_version));
    let method = if opening.is_some() { "GET" } else { request.method().as_str() };
    let head = Head::of_parts(method, target, host, fields.chain(joined).chain(added)).map_err(refusal)?;
    if opening.is_some() {
        return Ok((head, Framing::None));
    }
    let framing = framing::of_request(&head, request.body().is_end_stream()).map_err(|why| {
        let status = if why == Unframed::Coding { 501 } else { 400 };
        (status, why.to_string())
    })?;
    Ok((head, framing))
}

/// Serves one request.
async fn one(visitor: Rc<Visitor>, request: Request<RecvStream>, respond: SendResponse<Bytes>, open: Open) {
    let respond = Rc::new(RefCell::new(respond));
    let begun = Rc::new(Cell::new(false));
    let timer = visitor.worker().clock.timer();
    let mut client = OnStream { respond: respond.clone(), begun: begun.clone(), timer, socket: None };
    let read = opening(&request).and_then(|opening| Ok((read(&request, opening.as_ref())?, opening)));
    let ((head, framing), opening) = match read {
        Ok(read) => read,
        Err((status, why)) => return own(&mut client, visitor.refused(status, &why), false, &visitor).await,
    };
    let mut source = match opening {
        None => FromFrames::new(request.into_body(), framing),
        Some(opening) => {
            client.socket = Some((opening, Some(request.into_body())));
            FromFrames::nothing()
        }
    };
    let visit = Visit::new(&visitor, &head, framing);
    let outcome = {
        let mut run = pin!(visit.run(&mut source, &mut client));
        poll_fn(|context| {
            // What nobody waits for any more is not asked for any longer.
            if !begun.get() && respond.borrow_mut().poll_reset(context).is_ready() {
                open.0.is_taken_back(Instant::now());
                return Poll::Ready(Outcome::Broken);
            }
            run.as_mut().poll(context)
        })
        .await
    };
    match outcome {
        Outcome::Failed(why) if !begun.get() => {
            own(&mut client, visit.failure(why), head.method() == "HEAD", &visitor).await;
        }
        Outcome::Replied { .. } | Outcome::Tunnel | Outcome::Broken | Outcome::Failed(_) => {}
    }
}

/// Sends a reply of the gate's own.
async fn own(client: &mut OnStream, (reply, text): (Reply, String), to_head: bool, visitor: &Visitor) {
    let length = text.len().to_string();
    let has_length = !matches!(reply.status(), 204 | 304);
    let has_body = has_length && !to_head;
    let framing = if has_body { Framing::Length(text.len() as u64) } else { Framing::None };
    let Ok(mut body) = client.begin(&reply, framing, has_length.then_some(length.as_bytes())) else { return };
    if !has_body {
        return;
    }
    let put = poll_fn(|context| Poll::Ready(body.put(context, text.as_bytes()).and_then(|()| body.end(Vec::new()))));
    if put.await.is_ok() {
        let sends = poll_fn(|context| body.poll_flush(context));
        // Whoever takes none of it in that time is gone.
        let _ = client.timer.within(visitor.limits().linger_time, sends).await;
    }
}
