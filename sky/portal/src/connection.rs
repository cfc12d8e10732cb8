//! Connections of clients: how many there may be, and how long the portal waits for slow ones.
//!
//! A worker never waits for a client: it hands its answer over and goes on. What slow clients can take is connections and the memory of
//! answers that they have not read; both are bounded here.

use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready as or_pending};
use std::time::Duration;

use axum::body::Bytes;
use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, Sleep, sleep};

/// What clients may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time; one more is told 503 and closed.
    pub connections: usize,
    /// How long a request's head may take, the wait for a further request on a connection included.
    pub head: Duration,
    /// How long a client may read nothing of an answer.
    pub stall: Duration,
    /// Bytes a second that a client has to read beyond that.
    pub slowest: u32,
    /// Bytes of answers that clients have not read. From half of it on the portal waits for slow ones a tenth as long, and when it is
    /// reached nothing more is made.
    pub unread: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        let half_a_minute = Duration::from_secs(30);
        Limits { connections: 4096, head: half_a_minute, stall: half_a_minute, slowest: 16 << 10, unread: 1 << 30 }
    }
}

/// How often it is looked at whether a client that does not read may be waited for.
const LOOK: Duration = Duration::from_millis(500);
/// The answer to one connection too many.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// All clients together.
#[derive(Debug)]
pub(crate) struct Clients {
    limits: Limits,
    connections: AtomicUsize,
    unread: AtomicUsize,
}

impl Clients {
    pub(crate) fn new(limits: Limits) -> Arc<Clients> {
        Arc::new(Clients { limits, connections: AtomicUsize::new(0), unread: AtomicUsize::new(0) })
    }

    /// Connections now.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// What each may take.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// A connection that counts; nothing where there is one too many, which is told so.
    pub(crate) fn enters<S: TryWrite>(self: &Arc<Self>, stream: S) -> Option<Connection<S>> {
        let before = self.connections.fetch_add(1, Relaxed);
        let clients = Counted(Arc::clone(self));
        if before >= self.limits.connections {
            // Nothing waits for it to be read: what does not fit now is lost.
            let _ = stream.try_write(FULL);
            return None;
        }
        Some(Connection { stream, clients, writing: None })
    }

    /// Whether answers that nobody reads take all the memory that they may.
    pub(crate) fn are_full(&self) -> bool {
        self.unread.load(Relaxed) >= self.limits.unread
    }

    /// Bytes of an answer, counted until they are sent.
    pub(crate) fn hold(self: &Arc<Self>, body: Vec<u8>) -> Bytes {
        self.unread.fetch_add(body.len(), Relaxed);
        Bytes::from_owner(Held { clients: Arc::clone(self), body })
    }

    /// Until when a client has to have gone on that has read `bytes` since `began`.
    fn deadline(&self, began: Instant, bytes: u64) -> Instant {
        let limits = &self.limits;
        let patience = limits.stall + Duration::from_secs_f64(bytes as f64 / f64::from(limits.slowest.max(1)));
        began + if self.unread.load(Relaxed) > limits.unread / 2 { patience / 10 } else { patience }
    }
}

struct Held {
    clients: Arc<Clients>,
    body: Vec<u8>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.body
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.clients.unread.fetch_sub(self.body.len(), Relaxed);
    }
}

/// Takes connections as long as there is room.
#[derive(Clone)]
pub(crate) struct Door(pub(crate) Arc<Clients>);

impl<S> Accept<TcpStream, S> for Door {
    type Stream = Connection<TcpStream>;
    type Service = S;
    type Future = Ready<io::Result<(Connection<TcpStream>, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let no_delay = stream.set_nodelay(true);
        let entered = self.0.enters(stream).ok_or_else(|| io::Error::other("too many connections"));
        ready(no_delay.and(entered).map(|connection| (connection, service)))
    }
}

/// A socket that takes bytes at once or not at all.
pub(crate) trait TryWrite {
    /// Sends what has room.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
}

impl TryWrite for TcpStream {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        TcpStream::try_write(self, bytes)
    }
}

impl TryWrite for UnixStream {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        UnixStream::try_write(self, bytes)
    }
}

struct Counted(Arc<Clients>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }
}

/// A connection that fails when its client does not read.
pub(crate) struct Connection<S> {
    stream: S,
    clients: Counted,
    writing: Option<Writing>,
}

/// From when the client first had no room until all is written.
struct Writing {
    began: Instant,
    bytes: u64,
    look: Pin<Box<Sleep>>,
}

impl<S> Connection<S> {
    pub(crate) fn stream(&self) -> &S {
        &self.stream
    }

    /// Another one, of the same clients, beside this.
    pub(crate) fn beside<T>(&self, stream: T) -> Connection<T> {
        let clients = Arc::clone(&self.clients.0);
        clients.connections.fetch_add(1, Relaxed);
        Connection { stream, clients: Counted(clients), writing: None }
    }

    /// The outcome of a write, or the end of patience.
    fn waited(&mut self, outcome: Poll<io::Result<usize>>, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(written) = outcome {
            if let (Ok(written), Some(writing)) = (&written, &mut self.writing) {
                writing.bytes += *written as u64;
            }
            return Poll::Ready(written);
        }
        let begin = || Writing { began: Instant::now(), bytes: 0, look: Box::pin(sleep(LOOK)) };
        let writing = self.writing.get_or_insert_with(begin);
        loop {
            or_pending!(writing.look.as_mut().poll(context));
            let (now, deadline) = (Instant::now(), self.clients.0.deadline(writing.began, writing.bytes));
            if now >= deadline {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            writing.look.as_mut().reset(deadline.min(now + LOOK));
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let own = self.get_mut();
        let outcome = Pin::new(&mut own.stream).poll_write(context, bytes);
        own.waited(outcome, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let own = self.get_mut();
        let outcome = Pin::new(&mut own.stream).poll_write_vectored(context, bytes);
        own.waited(outcome, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// What was to be written is with the system: the next answer begins its own time.
    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let own = self.get_mut();
        own.writing = None;
        Pin::new(&mut own.stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}
