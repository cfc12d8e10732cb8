//! Connections of HTTP/2 to servers: a thread has one or a few to each, and requests share them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, RecvStream};
use http::Request;
use tokio::task::spawn_local;

use super::server::{NoReply, REPLY_HEAD, Server};
use crate::clock::{Clock, Timer};
use crate::config::PoolTimes;
use crate::frames::{self, FromFrames, ToFrames};
use crate::framing::{self, Framing, Unframed};
use crate::head::Version;
use crate::link::Link;
use crate::pool::Endpoint;
use crate::reply::Reply;

/// Requests at once on a connection, unless the server wants fewer.
const STREAMS: usize = 100;
/// Bytes that may be on their way on a connection: as many as all of its streams may have, so that a client that takes nothing holds
/// up no other one.
const WINDOW: u32 = STREAMS as u32 * frames::STREAM_WINDOW;

/// A connection that requests share.
struct Shared {
    requests: SendRequest<Bytes>,
    of: Rc<Use>,
}

/// What a connection is used for.
struct Use {
    open: Cell<usize>,
    last: Cell<Instant>,
    /// Time for which it stays without a request.
    unused: Duration,
    /// It gets no more requests.
    leaves: Cell<bool>,
}

/// A request's place on a connection, until this goes.
struct Inside(Rc<Use>);

impl Inside {
    fn new(of: &Rc<Use>) -> Self {
        of.open.set(of.open.get() + 1);
        Self(of.clone())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.last.set(Instant::now());
    }
}

/// A place for one request.
pub(crate) struct Seat {
    requests: SendRequest<Bytes>,
    inside: Inside,
    /// Whether others used the connection before.
    pub(crate) is_old: bool,
}

/// A request on a connection that others share.
pub(crate) struct Exchange {
    response: RefCell<ResponseFuture>,
    body: RefCell<Option<RecvStream>>,
    timer: Timer,
    inside: Inside,
}

/// The connections of one thread.
#[derive(Default)]
pub(crate) struct Connections {
    of_servers: RefCell<HashMap<u64, Vec<Shared>>>,
    /// Who opens a connection to a server holds its lock, so that those who come meanwhile share that one.
    opening: RefCell<HashMap<u64, Rc<tokio::sync::Mutex<()>>>>,
}

impl Connections {
    /// A place on a connection that is open; those that are no more are forgotten.
    pub(crate) fn seat(&self, endpoint: &Endpoint) -> Option<Seat> {
        let mut of_servers = self.of_servers.borrow_mut();
        let all = of_servers.get_mut(&endpoint.number)?;
        let mut context = Context::from_waker(Waker::noop());
        all.retain_mut(|one| {
            !one.of.leaves.get() && !matches!(one.requests.poll_ready(&mut context), Poll::Ready(Err(_)))
        });
        let has_room = |one: &&Shared| one.of.open.get() < STREAMS.min(one.requests.current_max_send_streams().max(1));
        let one = all.iter().find(has_room)?;
        Some(Seat { requests: one.requests.clone(), inside: Inside::new(&one.of), is_old: true })
    }

    /// A place on a connection that is open, or on a new one.
    pub(crate) async fn enter(&self, endpoint: &Endpoint, clock: &Rc<Clock>, times: &PoolTimes) -> io::Result<Seat> {
        if let Some(seat) = self.seat(endpoint) {
            return Ok(seat);
        }
        let lock = self.opening.borrow_mut().entry(endpoint.number).or_default().clone();
        let opens = async {
            let _one = lock.lock().await;
            match self.seat(endpoint) {
                Some(seat) => Ok(seat),
                None => self.open(endpoint, times.keep_alive).await,
            }
        };
        let seat = clock.timer().within(times.connect, opens).await;
        seat.map_err(|_| super::timed_out(endpoint))?
    }

    async fn open(&self, endpoint: &Endpoint, unused: Duration) -> io::Result<Seat> {
        let stream = endpoint.open().await?;
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(frames::STREAM_WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_frame_size(frames::FRAME)
            .max_send_buffer_size(frames::SEND_BUFFER)
            .max_header_list_size(REPLY_HEAD as u32);
        let (requests, connection) = builder.handshake(stream).await.map_err(frames::broken)?;
        let (open, last, leaves) = (Cell::new(0), Cell::new(Instant::now()), Cell::new(false));
        let of = Rc::new(Use { open, last, unused, leaves });
        let ends = of.clone();
        spawn_local(async move {
            // What went wrong is told to each of its requests.
            let _ = connection.await;
            ends.leaves.set(true);
        });
        let seat = Seat { requests: requests.clone(), inside: Inside::new(&of), is_old: false };
        self.of_servers.borrow_mut().entry(endpoint.number).or_default().push(Shared { requests, of });
        Ok(seat)
    }

    /// Closes what nobody has used for its time.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        let mut of_servers = self.of_servers.borrow_mut();
        of_servers.retain(|_, all| {
            all.retain(|Shared { of, .. }| {
                !of.leaves.get() && (of.open.get() > 0 || now.saturating_duration_since(of.last.get()) < of.unused)
            });
            !all.is_empty()
        });
        self.opening.borrow_mut().retain(|number, lock| of_servers.contains_key(number) || Rc::strong_count(lock) > 1);
    }
}

impl Seat {
    /// Sends the head of a request; with the exchange, where its body goes.
    ///
    /// # Errors
    /// Why nothing was sent.
    pub(crate) async fn send(
        mut self,
        head: Request<()>,
        framing: Framing,
        timer: Timer,
    ) -> Result<(Exchange, ToFrames), NoReply> {
        let is_all = framing == Framing::None;
        let ready = poll_fn(|context| self.requests.poll_ready(context)).await;
        let sent = ready.and_then(|()| self.requests.send_request(head, is_all));
        let (response, stream) = sent.map_err(|_| {
            self.inside.0.leaves.set(true);
            NoReply::Refused
        })?;
        let exchange = Exchange { response: response.into(), body: RefCell::default(), timer, inside: self.inside };
        Ok((exchange, ToFrames::of_request((!is_all).then_some(stream), framing)))
    }
}

impl Exchange {
    /// The connection gets no more requests.
    pub(crate) fn distrust(&self) {
        self.inside.0.leaves.set(true);
    }

    fn no_reply(&self, why: &h2::Error) -> NoReply {
        match why.reason() {
            // What a server has not begun when it goes, or when it says so, it has not done (RFC 9113, section 8.7).
            _ if why.is_go_away() && why.is_remote() => {
                self.distrust();
                NoReply::Refused
            }
            Some(Reason::REFUSED_STREAM) if why.is_remote() => NoReply::Refused,
            Some(_) if !why.is_remote() => NoReply::Nonsense,
            _ => NoReply::Silent,
        }
    }
}

fn reply_of<T>(response: &http::Response<T>) -> Reply {
    let fields = response.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    Reply::of_parts(Version::Http2, response.status().as_u16(), fields)
}

impl Server for Exchange {
    type Body<'a> = FromFrames;

    fn timer(&self) -> &Timer {
        &self.timer
    }

    async fn head(&self) -> Result<Reply, NoReply> {
        poll_fn(|context| {
            let mut response = self.response.borrow_mut();
            match response.poll_informational(context) {
                Poll::Ready(Some(Ok(interim))) => return Poll::Ready(Ok(reply_of(&interim))),
                Poll::Ready(Some(Err(why))) => return Poll::Ready(Err(self.no_reply(&why))),
                Poll::Ready(None) | Poll::Pending => {}
            }
            let response = match ready!(Pin::new(&mut *response).poll(context)) {
                Ok(response) => response,
                Err(why) => return Poll::Ready(Err(self.no_reply(&why))),
            };
            let reply = reply_of(&response);
            self.body.replace(Some(response.into_body()));
            Poll::Ready(Ok(reply))
        })
        .await
    }

    fn framing(&self, reply: &Reply, to_head: bool) -> Result<Framing, Unframed> {
        let has_ended = self.body.borrow().as_ref().is_none_or(RecvStream::is_end_stream);
        Ok(match framing::of_reply(reply, to_head)? {
            Framing::UntilClose if has_ended => Framing::Length(0),
            // Frames say where the body ends.
            Framing::UntilClose => Framing::Chunked,
            framing => framing,
        })
    }

    fn body(&self, framing: Framing) -> FromFrames {
        FromFrames::of_reply(self.body.take(), framing)
    }

    fn link(&self) -> Option<&Link> {
        None
    }
}
