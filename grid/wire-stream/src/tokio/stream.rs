//! A connection.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use ::tokio::net::ToSocketAddrs;

use super::poll::Polled;
use super::split::{OwnedReadHalf, OwnedWriteHalf};
use crate::receive::Then;

/// A TCP connection, used as [`tokio::net::TcpStream`] is.
pub struct Stream {
    polled: Polled,
}

impl Stream {
    /// Connects to the first of the addresses that takes it.
    ///
    /// # Errors
    /// As of [`tokio::net::TcpStream::connect`].
    pub async fn connect(address: impl ToSocketAddrs) -> io::Result<Self> {
        Self::from_tokio(::tokio::net::TcpStream::connect(address).await?)
    }

    /// Takes over a socket of the standard library, which must have no other handles. To be called within a runtime.
    ///
    /// # Errors
    /// The system refuses.
    pub fn from_std(socket: TcpStream) -> io::Result<Self> {
        Polled::new(socket).map(|polled| Self { polled })
    }

    /// Takes over a socket of tokio's. To be called within a runtime.
    ///
    /// # Errors
    /// The system refuses.
    pub fn from_tokio(socket: ::tokio::net::TcpStream) -> io::Result<Self> {
        Self::from_std(socket.into_std()?)
    }

    /// A half that reads and one that writes, for different tasks. Dropping the one that writes shuts that direction.
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        let polled = Arc::new(self.polled);
        (OwnedReadHalf(Arc::clone(&polled)), OwnedWriteHalf(polled))
    }

    /// Receives without taking the bytes away.
    ///
    /// # Errors
    /// As of reading.
    pub async fn peek(&self, into: &mut [u8]) -> io::Result<usize> {
        std::future::poll_fn(|context| self.polled.poll_receive(context, into, Then::Leave)).await
    }

    /// Address of the other end.
    ///
    /// # Errors
    /// The connection is no more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.polled.connection().socket.peer_addr()
    }

    /// Address of this end.
    ///
    /// # Errors
    /// The system refuses.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.polled.connection().socket.local_addr()
    }

    /// Whether a task that waits for bytes looks for a while before it sleeps, as is so at first. That makes answers of one connection
    /// fast, and costs processor time that a program with many connections has better use for.
    pub fn set_eager(&self, eager: bool) {
        self.polled.is_eager.store(eager, Ordering::Relaxed);
    }

    /// Has the other end woken for what is sent only when the tasks of this runtime that are ready have run, once for all that they send
    /// to its process. That saves processor time of both where many connections lead there, and is for programs whose tasks never
    /// hold their thread for long.
    pub fn wake_later(&self) {
        let connection = self.polled.connection();
        connection.rings_later.get_or_init(|| self.polled.runtime.id());
    }

    /// Whether TCP sends small pieces at once. Memory always does.
    ///
    /// # Errors
    /// The system refuses.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.polled.connection().socket.set_nodelay(nodelay)
    }

    /// What [`Stream::set_nodelay`] set.
    ///
    /// # Errors
    /// The system refuses.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.polled.connection().socket.nodelay()
    }

    /// The error that the connection ended with, once.
    ///
    /// # Errors
    /// The system refuses.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.polled.connection().take_error()
    }

    /// Whether bytes have come that lie in memory, where [`Stream::peek_at_memory`] and [`Stream::hand_on`] find them.
    #[must_use]
    pub fn has_filled_memory(&self) -> bool {
        self.polled.connection().is_filled()
    }

    /// Copies bytes that lie in memory, which stay there; how many, 0 where none do. It does not wait, and looks at no socket.
    pub fn peek_at_memory(&self, into: &mut [u8]) -> usize {
        self.polled.connection().peek_at_ring(into)
    }

    /// Takes up to `most` bytes that lie in memory without a look at them; how many.
    pub fn pass_over(&self, most: usize) -> usize {
        self.polled.connection().pass_over(most)
    }

    /// Sends `before` and then bytes that lie in memory to another socket in one piece, from where they lie. How many bytes of both
    /// went, which are taken then; `None`, with nothing done, where none lie there. It does not wait.
    ///
    /// - `most`: bytes of this stream.
    ///
    /// # Errors
    /// Those of the other socket, [`io::ErrorKind::WouldBlock`] where it has no room; nothing is taken then.
    pub fn hand_on(&self, to: impl AsFd, before: &[u8], most: usize) -> io::Result<Option<usize>> {
        self.polled.connection().hand_on(to.as_fd(), before, most)
    }

    /// Whether what is written goes through memory by now.
    #[must_use]
    pub fn writes_to_memory(&self) -> bool {
        self.polled.connection().sends().is_some()
    }
}

pub(super) fn read(polled: &Polled, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
    polled.poll_receive(context, into.initialize_unfilled(), Then::Take).map_ok(|bytes| into.advance(bytes))
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        read(&self.polled, context, into)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.polled.poll_send(context, &[IoSlice::new(from)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.polled.poll_send(context, from)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.polled.end()
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.polled.connection().socket.as_fd()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.polled.connection().socket, formatter)
    }
}
