//! A listener.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use ::tokio::net::{TcpListener, ToSocketAddrs};

use super::stream::Stream;

/// Accepts connections, as [`tokio::net::TcpListener`] does.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
}

impl Listener {
    /// Listens at the first of the addresses that can be had.
    ///
    /// # Errors
    /// As of [`TcpListener::bind`].
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        TcpListener::bind(address).await.map(Self::from)
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// As of [`TcpListener::accept`].
    pub async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        let (socket, address) = self.socket.accept().await?;
        Ok((Stream::from_tokio(socket)?, address))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system refuses.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

impl From<TcpListener> for Listener {
    fn from(socket: TcpListener) -> Self {
        Self { socket }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
