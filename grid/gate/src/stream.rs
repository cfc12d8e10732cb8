//! Connections of all kinds, as one.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A connection.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Wire(Box<wire::tokio::Stream>),
}

macro_rules! each {
    ($stream:expr, $one:ident => $what:expr) => {
        match $stream {
            Stream::Tcp($one) => $what,
            Stream::Unix($one) => $what,
            Stream::Wire($one) => $what,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(&mut *self, one => Pin::new(one).poll_read(context, into))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        each!(&mut *self, one => Pin::new(one).poll_write(context, from))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut *self, one => Pin::new(one).poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut *self, one => Pin::new(one).poll_shutdown(context))
    }
}
