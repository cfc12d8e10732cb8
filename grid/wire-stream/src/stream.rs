//! Streams whose calls wait.

use std::fmt;
use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::connection::Connection;
use crate::receive::Then;

/// A TCP connection, used as [`TcpStream`] is.
pub struct Stream {
    connection: Arc<Connection>,
}

impl Stream {
    /// Connects to the first of the addresses that takes it.
    ///
    /// # Errors
    /// As of [`TcpStream::connect`].
    pub fn connect(address: impl ToSocketAddrs) -> io::Result<Self> {
        TcpStream::connect(address).map(Self::from)
    }

    /// Connects, within a time.
    ///
    /// # Errors
    /// As of [`TcpStream::connect_timeout`].
    pub fn connect_timeout(address: &SocketAddr, time: Duration) -> io::Result<Self> {
        TcpStream::connect_timeout(address, time).map(Self::from)
    }

    /// Address of the other end.
    ///
    /// # Errors
    /// The connection is no more.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.connection.socket.peer_addr()
    }

    /// Address of this end.
    ///
    /// # Errors
    /// The system refuses.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.connection.socket.local_addr()
    }

    /// Ends one direction or both, for all handles of the connection.
    ///
    /// # Errors
    /// The connection is no more.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.connection.shutdown(how)
    }

    /// Another handle of the same connection.
    ///
    /// # Errors
    /// None: it is a [`io::Result`] as [`TcpStream::try_clone`]'s is.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { connection: Arc::clone(&self.connection) })
    }

    /// Receives without taking the bytes away.
    ///
    /// # Errors
    /// As of reading.
    pub fn peek(&self, into: &mut [u8]) -> io::Result<usize> {
        self.connection.receive(into, Then::Leave)
    }

    /// How long reading waits, `None` for ever.
    ///
    /// # Errors
    /// The time is zero.
    pub fn set_read_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.connection.socket.set_read_timeout(time)?;
        store(&self.connection.receive_timeout_us, time);
        Ok(())
    }

    /// How long writing waits, `None` for ever.
    ///
    /// # Errors
    /// The time is zero.
    pub fn set_write_timeout(&self, time: Option<Duration>) -> io::Result<()> {
        self.connection.socket.set_write_timeout(time)?;
        store(&self.connection.send_timeout_us, time);
        Ok(())
    }

    /// What [`Stream::set_read_timeout`] set.
    ///
    /// # Errors
    /// The system refuses.
    pub fn read_timeout(&self) -> io::Result<Option<Duration>> {
        self.connection.socket.read_timeout()
    }

    /// What [`Stream::set_write_timeout`] set.
    ///
    /// # Errors
    /// The system refuses.
    pub fn write_timeout(&self) -> io::Result<Option<Duration>> {
        self.connection.socket.write_timeout()
    }

    /// Whether calls fail with [`io::ErrorKind::WouldBlock`] instead of waiting.
    ///
    /// # Errors
    /// The system refuses.
    pub fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.connection.socket.set_nonblocking(nonblocking)?;
        self.connection.nonblocking.store(nonblocking, Ordering::Relaxed);
        Ok(())
    }

    /// Whether TCP sends small pieces at once. Memory always does.
    ///
    /// # Errors
    /// The system refuses.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.connection.socket.set_nodelay(nodelay)
    }

    /// What [`Stream::set_nodelay`] set.
    ///
    /// # Errors
    /// The system refuses.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.connection.socket.nodelay()
    }

    /// Hops that packets may take.
    ///
    /// # Errors
    /// The system refuses.
    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        self.connection.socket.set_ttl(hops)
    }

    /// What [`Stream::set_ttl`] set.
    ///
    /// # Errors
    /// The system refuses.
    pub fn ttl(&self) -> io::Result<u32> {
        self.connection.socket.ttl()
    }

    /// The error that the connection ended with, once.
    ///
    /// # Errors
    /// The system refuses.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.connection.take_error()
    }

    /// Whether what is written goes through memory by now.
    #[must_use]
    pub fn writes_to_memory(&self) -> bool {
        self.connection.sends().is_some()
    }
}

fn store(word: &AtomicU64, time: Option<Duration>) {
    // As the kernel rounds: no time that is set is none.
    let micros = time.map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(0).max(1));
    word.store(micros, Ordering::Relaxed);
}

impl From<TcpStream> for Stream {
    /// Takes over a socket. It must have no other handles; bytes may have gone over it.
    fn from(socket: TcpStream) -> Self {
        Self { connection: Connection::new(socket) }
    }
}

impl Read for &Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.connection.receive(into, Then::Take)
    }
}

impl Write for &Stream {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.connection.send(&[IoSlice::new(from)])
    }

    fn write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        self.connection.send(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        (&*self).read(into)
    }
}

impl Write for Stream {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        (&*self).write(from)
    }

    fn write_vectored(&mut self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(from)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.connection.socket.as_fd()
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        self.connection.socket.as_raw_fd()
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.connection.socket, formatter)
    }
}
