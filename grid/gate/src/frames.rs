//! Bodies that come and go in frames of HTTP/2, of clients and of servers.
//!
//! Room for more is given back to the other end only when what came before has gone on, so that at most a window of a body is in memory.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use h2::{Reason, RecvStream, SendStream};
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::chunk::{Trailers, may_trail};
use crate::flow::{Emit, Sink, Source};
use crate::framing::Framing;

/// Most fields after a body.
const TRAILERS: usize = 64;
/// Bytes that a stream may have on their way at once to this end.
pub(crate) const STREAM_WINDOW: u32 = 256 << 10;
/// Bytes that all streams of a connection may have on their way at once to this end.
pub(crate) const CONNECTION_WINDOW: u32 = 1 << 20;
/// Bytes of a stream that wait for the socket.
pub(crate) const SEND_BUFFER: usize = 128 << 10;
/// Largest frame that this end takes.
pub(crate) const FRAME: u32 = 64 << 10;

/// An error of HTTP/2 as one of a connection: `InvalidData` where the other end broke the rules.
pub(crate) fn broken(why: h2::Error) -> io::Error {
    let kind = match why.reason() {
        Some(Reason::PROTOCOL_ERROR) if !why.is_remote() => io::ErrorKind::InvalidData,
        _ => io::ErrorKind::ConnectionReset,
    };
    io::Error::new(kind, why)
}

fn bad(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// A body that comes in frames.
pub(crate) struct FromFrames {
    /// `None` where nothing came.
    stream: Option<RecvStream>,
    /// Whether a server sends it.
    is_reply: bool,
    /// Bytes that have to come; `None` if no length was said.
    left: Option<u64>,
    /// Bytes that came last, for which no room was given back.
    held: usize,
    trailers: Trailers,
    done: bool,
}

impl FromFrames {
    /// That of a request.
    pub(crate) fn new(stream: RecvStream, framing: Framing) -> Self {
        Self::of(Some(stream), framing, false)
    }

    /// No body.
    pub(crate) fn nothing() -> Self {
        Self::of(None, Framing::None, false)
    }

    /// That of a reply.
    pub(crate) fn of_reply(stream: Option<RecvStream>, framing: Framing) -> Self {
        Self::of(stream, framing, true)
    }

    fn of(stream: Option<RecvStream>, framing: Framing, is_reply: bool) -> Self {
        let left = if let Framing::Length(length) = framing { Some(length) } else { None };
        let done = framing == Framing::None;
        Self { stream, is_reply, left, held: 0, trailers: Trailers::new(), done }
    }

    fn give_back(&mut self) {
        let held = std::mem::take(&mut self.held);
        if let Some(stream) = &mut self.stream {
            // A stream that has ended wants nothing back.
            let _ = stream.flow_control().release_capacity(held);
        }
    }

    /// Whether an error is how a server says that it wants no more of a request to which it has replied whole
    /// (RFC 9113, section 8.1).
    fn is_end(&self, why: &h2::Error) -> bool {
        self.is_reply && why.is_reset() && why.is_remote() && why.reason() == Some(Reason::NO_ERROR)
    }
}

impl Source for FromFrames {
    fn done(&self) -> bool {
        self.done
    }

    fn has_some(&self) -> bool {
        false
    }

    fn poll_more(&mut self, context: &mut Context<'_>, emit: Emit<'_>) -> Poll<io::Result<()>> {
        // Whoever asks for more has sent on what came before.
        self.give_back();
        let next = match &mut self.stream {
            Some(stream) => ready!(stream.poll_data(context)),
            None => None,
        };
        if let Some(data) = next.filter(|data| !data.as_ref().is_err_and(|why| self.is_end(why))) {
            let data = data.map_err(broken)?;
            self.held = data.len();
            if let Some(left) = &mut self.left {
                *left = left.checked_sub(data.len() as u64).ok_or_else(|| bad("more bytes than were said"))?;
            }
            if !data.is_empty() {
                emit(context, &data);
            }
            return Poll::Ready(Ok(()));
        }
        let trailers = match &mut self.stream {
            Some(stream) => match ready!(stream.poll_trailers(context)) {
                Err(why) if self.is_end(&why) => None,
                trailers => trailers.map_err(broken)?,
            },
            None => None,
        };
        if self.left.is_some_and(|left| left > 0) {
            return Poll::Ready(Err(bad("fewer bytes than were said")));
        }
        if let Some(trailers) = trailers {
            if trailers.len() > TRAILERS {
                return Poll::Ready(Err(bad("too many trailers")));
            }
            let fields = trailers.iter().filter(|(name, _)| may_trail(name.as_str()));
            self.trailers = fields.map(|(name, value)| (name.as_str().into(), value.as_bytes().into())).collect();
        }
        self.done = true;
        Poll::Ready(Ok(()))
    }

    fn left(&self) -> Option<u64> {
        self.left
    }

    fn trailers(&mut self) -> io::Result<Trailers> {
        Ok(std::mem::take(&mut self.trailers))
    }
}

/// Bytes up to which pieces of a body that wait are put together.
const PIECE: usize = 16 << 10;

/// A body that goes in frames. Dropped before its end, it resets the stream, so that nobody takes a part for the whole.
pub(crate) struct ToFrames {
    /// `None` if there is no body.
    stream: Option<SendStream<Bytes>>,
    /// Bytes that have to go; `None` if no length was said.
    left: Option<u64>,
    waiting: VecDeque<Bytes>,
    /// What goes after them, as it grows.
    tail: BytesMut,
    /// Bytes of both.
    held: usize,
    /// What follows the body, once that is known.
    ending: Option<Trailers>,
    /// What is said where it has no end.
    abandoned: Reason,
}

impl ToFrames {
    /// That of a reply.
    ///
    /// - `stream`: of a head that did not end it; `None` if it did.
    pub(crate) fn new(stream: Option<SendStream<Bytes>>, framing: Framing) -> Self {
        let left = match framing {
            Framing::None => Some(0),
            Framing::Length(length) => Some(length),
            Framing::Chunked | Framing::UntilClose => None,
        };
        Self {
            stream,
            left,
            waiting: VecDeque::new(),
            tail: BytesMut::new(),
            held: 0,
            ending: None,
            abandoned: Reason::INTERNAL_ERROR,
        }
    }

    /// That of a request, which the gate may give up.
    pub(crate) fn of_request(stream: Option<SendStream<Bytes>>, framing: Framing) -> Self {
        let mut one = Self::new(stream, framing);
        one.abandoned = Reason::CANCEL;
        one
    }

    /// That of what follows where a client changed to another protocol.
    pub(crate) fn of_tunnel(stream: SendStream<Bytes>) -> Self {
        // What a connection that breaks is to a client (RFC 8441, section 5).
        Self::of_request(Some(stream), Framing::UntilClose)
    }

    /// Sends as much as there is room for; whether that was all.
    fn send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(stream) = &mut self.stream else { return Poll::Ready(Ok(())) };
        loop {
            if self.waiting.is_empty() && !self.tail.is_empty() {
                self.waiting.push_back(self.tail.split().freeze());
            }
            let Some(first) = self.waiting.front_mut() else { break };
            let room = stream.capacity();
            if room == 0 {
                match ready!(stream.poll_capacity(context)) {
                    Some(Ok(_)) => continue,
                    Some(Err(why)) => return Poll::Ready(Err(broken(why))),
                    None => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                }
            }
            let piece = if room < first.len() { first.split_to(room) } else { std::mem::take(first) };
            if first.is_empty() {
                self.waiting.pop_front();
            }
            self.held -= piece.len();
            let is_last = self.held == 0 && self.ending.as_ref().is_some_and(Vec::is_empty);
            stream.send_data(piece, is_last).map_err(broken)?;
            if is_last {
                self.stream = None;
                return Poll::Ready(Ok(()));
            }
        }
        match self.ending.take() {
            // The other end may go away while nothing is there to send.
            None => match stream.poll_reset(context) {
                Poll::Ready(_) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                Poll::Pending => return Poll::Ready(Ok(())),
            },
            Some(trailers) if trailers.is_empty() => stream.send_data(Bytes::new(), true).map_err(broken)?,
            Some(trailers) => {
                let fields = trailers.iter().filter_map(|(name, value)| {
                    Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?))
                });
                let mut map = HeaderMap::new();
                fields.for_each(|(name, value)| {
                    map.append(name, value);
                });
                stream.send_trailers(map).map_err(broken)?;
            }
        }
        self.stream = None;
        Poll::Ready(Ok(()))
    }
}

impl Sink for ToFrames {
    fn put(&mut self, context: &mut Context<'_>, data: &[u8]) -> io::Result<()> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(data.len() as u64).ok_or_else(|| bad("more bytes than were said"))?;
        }
        let Some(stream) = &mut self.stream else { return Ok(()) };
        self.held += data.len();
        stream.reserve_capacity(self.held);
        if self.waiting.is_empty() {
            self.waiting.push_back(Bytes::copy_from_slice(data));
        } else {
            // While nothing goes, many small ones become few.
            self.tail.extend_from_slice(data);
            if self.tail.len() >= PIECE {
                self.waiting.push_back(self.tail.split().freeze());
            }
        }
        match self.send(context) {
            Poll::Ready(Err(why)) => Err(why),
            _ => Ok(()),
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.send(context)
    }

    fn held(&self) -> usize {
        self.held
    }

    fn end(&mut self, trailers: Trailers) -> io::Result<()> {
        if self.left.is_some_and(|left| left > 0) {
            return Err(bad("fewer bytes than were said"));
        }
        self.ending = Some(trailers);
        Ok(())
    }
}

impl Drop for ToFrames {
    fn drop(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.send_reset(self.abandoned);
        }
    }
}
