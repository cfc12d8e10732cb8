//! The servers of a pool.

use std::io;

use tokio::net::{TcpStream, UnixStream};

use crate::back::tls::ToServer;
use crate::config::{Protocol, ServerAddress};
use crate::stream::Stream;

/// A server.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// What it goes by in this process, for as long as it is known.
    pub(crate) number: u64,
    /// What it goes by in logs, metrics and reports.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) address: ServerAddress,
    /// What is spoken to it.
    pub(crate) protocol: Protocol,
    /// Whether it may be lent clients' connections, to write bodies to them itself.
    pub(crate) direct: bool,
    /// TLS to it, of one of `https://`.
    pub(crate) tls: Option<ToServer>,
}

impl Endpoint {
    /// A new connection to it.
    pub(crate) async fn open(&self) -> io::Result<Stream> {
        match &self.address {
            ServerAddress::Http(host, port) => tcp(host, *port).await,
            ServerAddress::Https(host, port) => match &self.tls {
                Some(tls) => tls.connect(tcp(host, *port).await?, self.protocol).await,
                None => Err(io::Error::new(io::ErrorKind::Unsupported, "TLS to this server cannot be set up")),
            },
            ServerAddress::Wire(host, port) => {
                let stream = wire::tokio::Stream::connect((host.as_str(), *port)).await?;
                stream.set_nodelay(true)?;
                // While one waits, others have work.
                stream.set_eager(false);
                Ok(Stream::Wire(Box::new(stream)))
            }
            ServerAddress::Unix(path) => Ok(Stream::Unix(UnixStream::connect(path).await?)),
        }
    }
}

async fn tcp(host: &str, port: u16) -> io::Result<Stream> {
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    Ok(Stream::Tcp(stream))
}

/// How many requests go to a server at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// At most.
    pub(crate) most: u32,
    /// Those beside whose clients do not take what there is for them, at most.
    pub(crate) laggards: u32,
    /// Whether the number is learned from its answers.
    pub(crate) learns: bool,
}
