//! The servers of a pool.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::{TcpStream, UnixStream};

use crate::back::tls::{self, ToServer};
use crate::config::{Protocol, ServerAddress};
use crate::link::Link;
use crate::stream::Stream;

/// Least time between two words about the TLS of a server.
const TELLS: Duration = Duration::from_secs(10);

/// A server.
#[derive(Debug)]
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
    pub(crate) trouble: Trouble,
}

/// Why the last connection to a server came to nothing.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    inner: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    now: Option<String>,
    /// What was said last of its TLS, and when.
    told: Option<(String, Instant)>,
}

impl Trouble {
    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As a sentence; `None` if a connection came about since.
    pub(crate) fn now(&self) -> Option<String> {
        self.lock().now.clone()
    }
}

impl Endpoint {
    /// A new connection to it.
    pub(crate) async fn open(&self) -> io::Result<Stream> {
        let opened = self.stream().await;
        match &opened {
            Ok(_) => self.trouble.lock().now = None,
            Err(why) => self.fails(why),
        }
        opened
    }

    /// A connection to it came to nothing. What is wrong with its TLS is said on standard error: it does not mend itself.
    pub(crate) fn fails(&self, why: &io::Error) {
        let of_tls = tls::sentence(why);
        let mut known = self.trouble.lock();
        if let Some(sentence) = &of_tls {
            let is_news = known.told.as_ref().is_none_or(|(last, at)| last != sentence || at.elapsed() >= 30 * TELLS);
            let is_time = known.told.as_ref().is_none_or(|(_, at)| at.elapsed() >= TELLS);
            if is_news && is_time {
                eprintln!("gate: the server {} ({}): {sentence}", self.name, self.address);
                known.told = Some((sentence.clone(), Instant::now()));
            }
        }
        known.now = Some(of_tls.unwrap_or_else(|| format!("no connection: {why}")));
    }

    /// Looks whether the server broke a connection by a word of TLS: with version 1.3 it looks at the gate's certificate when the gate takes
    /// the connection for open.
    pub(crate) fn broke(&self, link: &Link) {
        if let Some(why) = link.broke() {
            self.fails(&why);
        }
    }

    async fn stream(&self) -> io::Result<Stream> {
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
                stream.wake_later();
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
