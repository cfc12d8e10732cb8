//! Pipes of the kernel, through which bytes go from one socket to another without a copy in this process (splice(2)).

use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::OwnedFd;
use std::task::{Context, Poll, ready};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Bytes that a pipe is asked to hold; where the system allows less, it holds less.
const ROOM: usize = 256 << 10;
/// Pipes that a thread has at most: each is two descriptors, and memory where a client is slow. Further bodies are copied.
const MOST: usize = 256;
/// Empty pipes that are kept.
const KEPT: usize = 32;

/// A thread's pipes.
pub(crate) struct Pipes {
    /// Least bytes of a body for which one pays.
    least: Cell<Option<u64>>,
    idle: RefCell<Vec<Ends>>,
    open: Cell<usize>,
}

struct Ends {
    out: OwnedFd,
    into: OwnedFd,
}

/// A pipe in use. It goes back to the others if it is empty, and is closed if it is not.
pub(crate) struct Pipe<'a> {
    pipes: &'a Pipes,
    ends: Option<Ends>,
    held: usize,
}

impl Pipes {
    /// - `least`: as [`Pipes::pay_from`].
    pub(crate) fn new(least: Option<u64>) -> Self {
        let one = Self { least: Cell::default(), idle: RefCell::default(), open: Cell::new(0) };
        one.pay_from(least);
        one
    }

    /// Bodies of `least` bytes and more go through pipes; `None`: none does.
    pub(crate) fn pay_from(&self, least: Option<u64>) {
        // The library that stands in front of the C library's calls does not see those that are made past it.
        self.least.set(least.filter(|_| !wire::is_begun_by_run()));
    }

    /// Whether one pays for so many bytes.
    pub(crate) fn pay_for(&self, bytes: u64) -> bool {
        self.least.get().is_some_and(|least| bytes >= least)
    }

    /// How many there are, and how many of them are not in use.
    #[cfg(test)]
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.open.get(), self.idle.borrow().len())
    }

    /// An empty pipe; `None` where there are too many.
    pub(crate) fn take(&self) -> Option<Pipe<'_>> {
        let kept = self.idle.borrow_mut().pop();
        let ends = match kept {
            Some(ends) => ends,
            None if self.open.get() < MOST => {
                let (out, into) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
                // A smaller one serves, too.
                let _ = fcntl_setpipe_size(&into, ROOM);
                self.open.set(self.open.get() + 1);
                Ends { out, into }
            }
            None => return None,
        };
        Some(Pipe { pipes: self, ends: Some(ends), held: 0 })
    }
}

impl Drop for Pipe<'_> {
    fn drop(&mut self) {
        let mut idle = self.pipes.idle.borrow_mut();
        match self.ends.take() {
            Some(ends) if self.held == 0 && idle.len() < KEPT => idle.push(ends),
            _ => self.pipes.open.set(self.pipes.open.get() - 1),
        }
    }
}

impl Pipe<'_> {
    /// Bytes in it.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    /// Takes what has come, `most` bytes at most, while it is empty: so that it is the socket and not the pipe that is waited for.
    ///
    /// Returns how many came, 0 at the end of the stream.
    pub(crate) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        from: &TcpStream,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        let Some(ends) = &self.ends else { return Poll::Ready(Ok(0)) };
        loop {
            ready!(from.poll_read_ready(context))?;
            let moved = from.try_io(Interest::READABLE, || between(from, &ends.into, most.min(ROOM)));
            match moved {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                moved => {
                    self.held += *moved.as_ref().unwrap_or(&0);
                    return Poll::Ready(moved);
                }
            }
        }
    }

    /// Adds all that it holds to `to`.
    pub(crate) fn empty_into(&mut self, to: &mut Vec<u8>) -> io::Result<()> {
        let Some(ends) = &self.ends else { return Ok(()) };
        while self.held > 0 {
            let begin = to.len();
            to.resize(begin + self.held, 0);
            let read = rustix::io::retry_on_intr(|| rustix::io::read(&ends.out, &mut to[begin..]));
            to.truncate(begin + *read.as_ref().unwrap_or(&0));
            match read? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                length => self.held -= length.min(self.held),
            }
        }
        Ok(())
    }

    /// Sends of what it holds as much as goes; how many bytes.
    pub(crate) fn poll_drain(&mut self, context: &mut Context<'_>, to: &TcpStream) -> Poll<io::Result<usize>> {
        let Some(ends) = &self.ends else { return Poll::Ready(Ok(0)) };
        loop {
            ready!(to.poll_write_ready(context))?;
            let moved = to.try_io(Interest::WRITABLE, || between(&ends.out, to, self.held));
            match moved {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(length) => {
                    self.held -= length.min(self.held);
                    return Poll::Ready(Ok(length));
                }
                Err(why) => return Poll::Ready(Err(why)),
            }
        }
    }
}

/// Moves bytes from a socket to a pipe or from a pipe to a socket.
fn between(from: &impl std::os::fd::AsFd, to: &impl std::os::fd::AsFd, most: usize) -> io::Result<usize> {
    // Not SPLICE_F_MORE: what follows may be long in coming, and the kernel would keep the last bytes back for it.
    rustix::io::retry_on_intr(|| splice(from, None, to, None, most, SpliceFlags::MOVE | SpliceFlags::NONBLOCK))
        .map_err(io::Error::from)
}
