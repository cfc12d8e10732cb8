//! The two halves of a connection.

use std::fmt;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use ::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::poll::Polled;
use super::stream;

/// Reads a connection.
pub struct OwnedReadHalf(pub(super) Arc<Polled>);

/// Writes to a connection. Dropping it shuts that direction.
pub struct OwnedWriteHalf(pub(super) Arc<Polled>);

impl OwnedReadHalf {
    /// Address of the other end.
    ///
    /// # Errors
    /// The connection is no more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.connection().socket.peer_addr()
    }
}

impl OwnedWriteHalf {
    /// Address of the other end.
    ///
    /// # Errors
    /// The connection is no more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.connection().socket.peer_addr()
    }
}

impl AsyncRead for OwnedReadHalf {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        stream::read(&self.0, context, into)
    }
}

impl AsyncWrite for OwnedWriteHalf {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_send(context, &[IoSlice::new(from)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_send(context, from)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.end()
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        // One that is over already needs it no more.
        let _ = self.0.connection().shutdown(Shutdown::Write);
    }
}

impl fmt::Debug for OwnedReadHalf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.connection().socket, formatter)
    }
}

impl fmt::Debug for OwnedWriteHalf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.connection().socket, formatter)
    }
}
