//! What a stream and its halves do when they are polled.

#![allow(unsafe_code, reason = "a descriptor is promised to stay")]

use std::io::{self, ErrorKind, IoSlice};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use ::tokio::io::unix::AsyncFd;
use ::tokio::runtime::Handle;
use ::tokio::task::coop::poll_proceed;
use pogson_ring::want;

use super::bell::{self, READER, WRITER};
use crate::connection::{Connection, lock};
use crate::memory::Ring;
use crate::receive::{Now, Then};
use crate::wait::Looks;

/// A connection in a runtime.
pub(super) struct Polled {
    io: AsyncFd<Socket>,
    pub(super) runtime: Handle,
    looks: Mutex<Looks>,
    /// Whether tasks look before they sleep.
    pub(super) is_eager: AtomicBool,
}

pub(super) struct Socket(pub(super) Arc<Connection>);

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.socket.as_raw_fd()
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.socket.as_fd()
    }
}

fn is_none_yet<T>(outcome: &io::Result<T>) -> bool {
    outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

impl Polled {
    pub(super) fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let socket = Socket(Connection::new(socket));
        // SAFETY: the connection keeps its socket, the same one, as long as it lives.
        let io = unsafe { AsyncFd::register(socket) }?;
        Ok(Self { io, runtime: Handle::current(), looks: Mutex::default(), is_eager: AtomicBool::new(true) })
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.io.get_ref().0
    }

    /// Has the task woken when something of the ring changes that it waits for.
    fn wants(&self, ring: &Ring, which: usize, context: &Context<'_>) -> io::Result<()> {
        bell::listen(&ring.slab.home, &self.runtime)?;
        let mut wakers = lock(&self.connection().wakers);
        match &mut wakers[which] {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        drop(wakers);
        let waiting = &ring.own().waiting;
        want::want_bell_once(if which == READER { &waiting.data } else { &waiting.space });
        Ok(())
    }

    pub(super) fn poll_receive(
        &self,
        context: &mut Context<'_>,
        into: &mut [u8],
        then: Then,
    ) -> Poll<io::Result<usize>> {
        let budget = ready!(poll_proceed(context));
        let outcome = ready!(self.poll_receive_freely(context, into, then));
        budget.made_progress();
        Poll::Ready(outcome)
    }

    fn poll_receive_freely(&self, context: &mut Context<'_>, into: &mut [u8], then: Then) -> Poll<io::Result<usize>> {
        let connection = self.connection();
        loop {
            if let Some(ring) = connection.looks() {
                if connection.is_to_go_back(ring) {
                    // Who sends hears what came of it.
                    let _ = connection.go_back(ring);
                }
                match connection.receive_now(ring, into, then)? {
                    Now::Bytes(bytes) => {
                        lock(&self.looks).end(connection);
                        return Poll::Ready(Ok(bytes));
                    }
                    Now::LookAgain => continue,
                    Now::Nothing => {}
                }
                if self.is_eager.load(Ordering::Relaxed) && lock(&self.looks).go_on(connection) {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                self.wants(ring, READER, context)?;
                if connection.data_is_there(ring) {
                    continue;
                }
            }
            let mut guard = ready!(self.io.poll_read_ready(context))?;
            if let Some(ring) = connection.looks() {
                // The socket tells of an end too.
                connection.check_life(ring);
                match connection.receive_now(ring, into, then)? {
                    Now::Bytes(bytes) => return Poll::Ready(Ok(bytes)),
                    Now::LookAgain => {}
                    Now::Nothing => guard.clear_ready(),
                }
                continue;
            }
            match connection.receive_by_tcp(into, then) {
                Some(outcome) if is_none_yet(&outcome) => guard.clear_ready(),
                Some(outcome) => return Poll::Ready(outcome),
                None => {}
            }
        }
    }

    pub(super) fn poll_send(&self, context: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let budget = ready!(poll_proceed(context));
        let outcome = ready!(self.poll_send_freely(context, from));
        budget.made_progress();
        Poll::Ready(outcome)
    }

    fn poll_send_freely(&self, context: &mut Context<'_>, from: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let connection = self.connection();
        loop {
            if let Some(ring) = connection.sends()
                && ring.is_recalled()
            {
                if !connection.go_back(ring)? {
                    let mut guard = ready!(self.io.poll_write_ready(context))?;
                    if !connection.go_back(ring)? {
                        guard.clear_ready();
                    }
                }
                continue;
            }
            if let Some(ring) = connection.sends() {
                let outcome = connection.send_now(ring, from, 0);
                if !is_none_yet(&outcome) {
                    return Poll::Ready(outcome);
                }
                self.wants(ring, WRITER, context)?;
                if connection.room_is_there(ring) {
                    continue;
                }
                return Poll::Pending;
            }
            let mut guard = ready!(self.io.poll_write_ready(context))?;
            match connection.send_by_tcp(from) {
                Some(outcome) if is_none_yet(&outcome) => guard.clear_ready(),
                Some(outcome) => return Poll::Ready(outcome),
                None => {}
            }
        }
    }

    pub(super) fn end(&self) -> Poll<io::Result<()>> {
        match self.connection().shutdown(Shutdown::Write) {
            // The other end was faster.
            Err(error) if error.kind() == ErrorKind::NotConnected => Poll::Ready(Ok(())),
            outcome => Poll::Ready(outcome),
        }
    }
}
