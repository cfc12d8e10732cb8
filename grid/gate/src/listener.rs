//! Sockets that clients connect to.

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdTcp};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener as StdUnix, UnixStream as StdUnixStream};
use std::path::Path;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use crate::config::ListenAddress;
use crate::stream::Stream;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 4096;

/// A socket that is listened on; all copies of it, in whichever process, share what waits to be accepted.
#[derive(Debug)]
pub(crate) enum Listener {
    Tcp(StdTcp),
    Unix(StdUnix),
}

/// One that a thread accepts from.
pub(crate) enum Accepting {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Begins to listen.
    pub(crate) fn open(address: &ListenAddress) -> io::Result<Self> {
        let told = |why: io::Error| io::Error::new(why.kind(), format!("{address}: {why}"));
        match address {
            ListenAddress::Tcp(address) => open_tcp(*address).map(Self::Tcp).map_err(told),
            ListenAddress::Unix(path) => open_unix(path).map(Self::Unix).map_err(told),
        }
    }

    /// One that another process has opened.
    pub(crate) fn of(descriptor: OwnedFd) -> io::Result<Self> {
        let socket = Socket::from(descriptor);
        socket.set_nonblocking(true)?;
        match socket.domain()? {
            Domain::UNIX => Ok(Self::Unix(socket.into())),
            _ => Ok(Self::Tcp(socket.into())),
        }
    }

    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(socket) => socket.as_fd(),
            Self::Unix(socket) => socket.as_fd(),
        }
    }

    /// Where it listens, if that is an address of the network.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(socket) => socket.local_addr().ok(),
            Self::Unix(_) => None,
        }
    }

    /// Accepts from it in this thread.
    pub(crate) fn accepting(&self) -> io::Result<Accepting> {
        Ok(match self {
            Self::Tcp(socket) => Accepting::Tcp(TcpListener::from_std(socket.try_clone()?)?),
            Self::Unix(socket) => Accepting::Unix(UnixListener::from_std(socket.try_clone()?)?),
        })
    }
}

impl Accepting {
    /// The next connection, and who is at its other end.
    pub(crate) async fn accept(&self) -> io::Result<(Stream, Option<IpAddr>)> {
        match self {
            Self::Tcp(socket) => {
                let (stream, peer) = socket.accept().await?;
                // Without it replies would wait for more to send.
                let _ = stream.set_nodelay(true);
                Ok((Stream::Tcp(stream), Some(peer.ip())))
            }
            Self::Unix(socket) => Ok((Stream::Unix(socket.accept().await?.0), None)),
        }
    }
}

fn open_tcp(address: SocketAddr) -> io::Result<StdTcp> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Listens at a path; a socket that nobody listens on any more is replaced.
pub(crate) fn open_unix(path: &Path) -> io::Result<StdUnix> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|data| data.file_type().is_socket());
    if is_socket && StdUnixStream::connect(path).is_err_and(|why| why.kind() == io::ErrorKind::ConnectionRefused) {
        fs::remove_file(path)?;
    }
    let socket = StdUnix::bind(path)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
