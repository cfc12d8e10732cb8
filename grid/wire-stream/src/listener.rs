//! Listeners whose calls wait.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use crate::stream::Stream;

/// Accepts connections, as [`TcpListener`] does.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
}

/// Connections that come, without end.
#[derive(Debug)]
pub struct Incoming<'a> {
    listener: &'a Listener,
}

impl Listener {
    /// Listens at the first of the addresses that can be had.
    ///
    /// # Errors
    /// As of [`TcpListener::bind`].
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        TcpListener::bind(address).map(Self::from)
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// As of [`TcpListener::accept`].
    pub fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        self.socket.accept().map(|(socket, address)| (socket.into(), address))
    }

    /// Connections that come, without end.
    #[must_use]
    pub fn incoming(&self) -> Incoming<'_> {
        Incoming { listener: self }
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system refuses.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Whether [`Listener::accept`] fails with [`io::ErrorKind::WouldBlock`] instead of waiting.
    ///
    /// # Errors
    /// The system refuses.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.socket.set_nonblocking(nonblocking)
    }

    /// Another handle.
    ///
    /// # Errors
    /// The system has no descriptors left.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.socket.try_clone().map(Self::from)
    }

    /// The error that the socket has, once.
    ///
    /// # Errors
    /// The system refuses.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }
}

impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self { socket }
    }
}

impl Iterator for Incoming<'_> {
    type Item = io::Result<Stream>;

    fn next(&mut self) -> Option<io::Result<Stream>> {
        Some(self.listener.accept().map(|(stream, _)| stream))
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}
