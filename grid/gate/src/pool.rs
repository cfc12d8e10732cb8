//! The servers of a pool.

use std::io;

use tokio::net::{TcpStream, UnixStream};

use crate::config::{Protocol, ServerAddress};
use crate::stream::Stream;

/// A server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// What it goes by in this process, for as long as it is known.
    pub(crate) number: u64,
    /// What it goes by in logs, metrics and reports.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) address: ServerAddress,
    /// What is spoken to it.
    pub(crate) protocol: Protocol,
}

impl Endpoint {
    /// A new connection to it.
    pub(crate) async fn open(&self) -> io::Result<Stream> {
        match &self.address {
            ServerAddress::Http(host, port) => {
                let stream = TcpStream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            ServerAddress::Wire(host, port) => {
                let stream = wire::tokio::Stream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Wire(Box::new(stream)))
            }
            ServerAddress::Unix(path) => Ok(Stream::Unix(UnixStream::connect(path).await?)),
            ServerAddress::Https(..) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// How many requests go to a server at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// At most.
    pub(crate) most: u32,
    /// Whether the number is learned from its answers.
    pub(crate) learns: bool,
}
