//! Receiving.

use std::io::{self, Read};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use pogson_ring::ending::{self, flag};
use pogson_ring::switch;
use rustix::net::RecvFlags;

use crate::connection::{Connection, broken};
use crate::memory::Ring;
use crate::tcp;

/// What becomes of bytes that a call was given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// They are taken.
    Take,
    /// They stay where they are.
    Leave,
}

/// What a look found.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Now {
    /// So many bytes, 0 at the end.
    Bytes(usize),
    /// Nothing yet.
    Nothing,
    /// Nothing, and what comes next comes by another way.
    LookAgain,
}

/// The end of a call that begins now and may take so many microseconds, 0 for any.
pub(crate) fn end_of_wait(micros: u64) -> Option<Instant> {
    (micros > 0).then(|| Instant::now().checked_add(Duration::from_micros(micros))).flatten()
}

impl Connection {
    /// Whether receiving calls look at a ring. Where they can begin to, they do.
    pub(crate) fn looks(&self) -> Option<&Ring> {
        match self.ring() {
            Some(ring) => {
                self.offer(ring);
                ring.looks().then_some(ring)
            }
            None => {
                self.step();
                None
            }
        }
    }

    /// Receives, and waits if the socket is one that blocks.
    pub(crate) fn receive(&self, into: &mut [u8], then: Then) -> io::Result<usize> {
        let mut until = None;
        loop {
            let Some(ring) = self.looks() else {
                match self.receive_by_tcp(into, then) {
                    Some(outcome) => return outcome,
                    None => continue,
                }
            };
            if self.is_to_go_back(ring) {
                // Who sends hears what came of it.
                let _ = self.go_back(ring);
            }
            match self.receive_now(ring, into, then)? {
                Now::Bytes(bytes) => return Ok(bytes),
                Now::LookAgain => {}
                Now::Nothing if self.nonblocking.load(Ordering::Relaxed) => return Err(would_block()),
                Now::Nothing => {
                    until = until.or_else(|| end_of_wait(self.receive_timeout_us.load(Ordering::Relaxed)));
                    if !self.wait_for_data(ring, until) {
                        return Err(would_block());
                    }
                }
            }
        }
    }

    /// Receives by a socket that nobody looks for a ring beside; `None` if somebody began to.
    pub(crate) fn receive_by_tcp(&self, into: &mut [u8], then: Then) -> Option<io::Result<usize>> {
        let Some(_inside) = self.receiving.enter() else {
            std::thread::yield_now();
            return None;
        };
        let outcome = match then {
            Then::Take => (&self.socket).read(into),
            Then::Leave => self.socket.peek(into),
        };
        if let Ok(bytes @ 1..) = outcome
            && then == Then::Take
        {
            self.has_received(bytes);
        }
        Some(outcome)
    }

    /// Takes what is there, first of the socket up to where the other end left it, then of the ring. Does not wait.
    pub(crate) fn receive_now(&self, ring: &Ring, into: &mut [u8], then: Then) -> io::Result<Now> {
        let (bytes, wake) = {
            let _receiver = self.lock_receiver();
            if !switch::by_ring(ring.entered())
                && let Some(now) = self.receive_up_to_boundary(ring, into, then)?
            {
                return Ok(now);
            }
            let rx = ring.rx();
            // Before the bytes: an end holds for all that was published earlier.
            let ending = ring.ending();
            let wanted = into.len().min(ring.size() as usize) as u32;
            let Ok(available) = rx.available(wanted.max(1)) else { return Err(impossible(ring)) };
            let bytes = available.min(wanted).min(ending::heard(ring.own()));
            if bytes == 0 {
                if let Some(boundary) = switch::boundary(ring.peer(), ring.entered())
                    && boundary.at == ring.own().receiving.head.load(Ordering::Relaxed)
                {
                    // The other end has gone back to TCP, and all is read that it had sent before.
                    switch::enter(ring.own(), boundary.epoch);
                    self.receiving.open();
                    return Ok(Now::LookAgain);
                }
                if ending.complete || (wanted == 0 && available > 0) {
                    return Ok(Now::Bytes(0));
                }
                return match ending.take_error(ring.own()) {
                    Some(told) => Err(broken(told)),
                    None if ending.reset || ring.flags() & flag::NO_RECEIVING != 0 => Ok(Now::Bytes(0)),
                    None => Ok(Now::Nothing),
                };
            }
            ring.take(&mut into[..bytes as usize]);
            if then == Then::Leave {
                return Ok(Now::Bytes(bytes as usize));
            }
            rx.consume(bytes);
            (bytes as usize, rx.worth_waking(bytes).then(|| rx.wake()))
        };
        if let Some(wake) = wake {
            ring.wake_writer(wake);
        }
        Ok(Now::Bytes(bytes))
    }

    /// Receives by TCP, no byte too many; `None` when the other end has left it there.
    fn receive_up_to_boundary(&self, ring: &Ring, into: &mut [u8], then: Then) -> io::Result<Option<Now>> {
        loop {
            let boundary = switch::boundary(ring.peer(), ring.entered());
            let received = self.received.load(Ordering::Acquire);
            let mut most = into.len();
            if let Some(boundary) = boundary {
                let Some(left) = boundary.at.checked_sub(received) else { return Err(impossible(ring)) };
                if left == 0 {
                    switch::enter(ring.own(), boundary.epoch);
                    return Ok(None);
                }
                most = most.min(usize::try_from(left).unwrap_or(usize::MAX));
            }
            let peeks = if then == Then::Leave { RecvFlags::PEEK } else { RecvFlags::empty() };
            let outcome = rustix::net::recv(&self.socket, &mut into[..most], RecvFlags::DONTWAIT | peeks);
            // Whoever has no more by TCP may have gone on by the ring in between.
            let news = || boundary.is_none() && switch::boundary(ring.peer(), ring.entered()).is_some();
            match outcome {
                Ok((_, 0)) if news() => {}
                Err(rustix::io::Errno::AGAIN) if news() => {}
                Err(rustix::io::Errno::AGAIN) => return Ok(Some(Now::Nothing)),
                Ok((_, bytes)) => {
                    if bytes > 0 && then == Then::Take {
                        self.has_received(bytes);
                        if ring.sends() {
                            tcp::acknowledge(&self.socket);
                        }
                    }
                    return Ok(Some(Now::Bytes(bytes)));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// There is nothing now.
pub(crate) fn would_block() -> io::Error {
    io::Error::from_raw_os_error(libc::EAGAIN)
}

/// The other side wrote what cannot be.
pub(crate) fn impossible(ring: &Ring) -> io::Error {
    ring.set_flags(flag::BROKEN | flag::RESET_TOLD);
    io::Error::from_raw_os_error(libc::ECONNRESET)
}
