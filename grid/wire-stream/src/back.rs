//! How this side goes back to TCP where the other end asks for it, because a program holds the socket there that knows of no rings.

use std::io;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

use pogson_ring::switch::{self, Boundary};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{SendFlags, sockopt};

use crate::connection::Connection;
use crate::memory::Ring;
use crate::wait::timespec;

/// How long an end that closes waits for room in the socket.
const CLOSING: Duration = Duration::from_secs(1);

impl Ring {
    /// Whether the other end takes nothing more out of the ring, and this one still sends by it.
    #[inline]
    pub(crate) fn is_recalled(&self) -> bool {
        switch::recalled(self.own(), self.peer())
    }

    /// Whether this side has sent by the ring and sends by TCP again.
    pub(crate) fn has_gone_back(&self) -> bool {
        self.own().switching.epoch.load(Ordering::Acquire) > 1
    }

    /// Whether the other side has: how its stream ends, TCP tells.
    pub(crate) fn peer_has_gone_back(&self) -> bool {
        self.peer().switching.epoch.load(Ordering::Acquire) > 1
    }
}

impl Connection {
    /// Whether going back is asked for and was not begun.
    pub(crate) fn is_to_go_back(&self, ring: &Ring) -> bool {
        ring.is_recalled() && !self.goes_back.load(Ordering::Acquire)
    }

    /// Goes back if that is asked for: sends by TCP what the other end left in the ring, as far as the socket has room. Whether this
    /// side sends by TCP now; an error where nothing can be sent any more.
    #[cold]
    pub(crate) fn go_back(&self, ring: &Ring) -> io::Result<bool> {
        {
            let _sender = self.lock_sender();
            if !ring.is_recalled() {
                return Ok(!ring.sends());
            }
            if !self.send_again(ring)? {
                return Ok(false);
            }
            let at = ring.peer().receiving.head.load(Ordering::Acquire);
            let epoch = ring.own().switching.epoch.load(Ordering::Relaxed).wrapping_add(1);
            switch::latch(ring.own(), Boundary { epoch, at });
            self.sending.open();
        }
        // Threads and tasks that wait for room look at the socket.
        self.rouse(ring);
        Ok(true)
    }

    fn send_again(&self, ring: &Ring) -> io::Result<bool> {
        let tail = ring.own().sending.tail.load(Ordering::Relaxed);
        let left = ring.tx().unread().map_err(|_| crate::receive::impossible(ring))?;
        // How much of that has gone by TCP in earlier calls.
        let mut done = self.sent_again.load(Ordering::Relaxed);
        if !self.goes_back.swap(true, Ordering::AcqRel) {
            // The socket is to take all of it at once, as far as the system allows, so that nobody waits for its reader.
            let room = sockopt::socket_send_buffer_size(&self.socket).unwrap_or(usize::MAX);
            if room < 2 * ring.size() as usize {
                let _ = sockopt::set_socket_send_buffer_size(&self.socket, ring.size() as usize);
            }
        }
        let mut bytes = vec![0; left as usize];
        ring.written_before(tail, &mut bytes);
        while let Some(rest @ [_, ..]) = bytes.get(done as usize..) {
            match rustix::net::send(&self.socket, rest, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(sent) => {
                    self.has_sent(sent);
                    done += sent as u32;
                    self.sent_again.store(done, Ordering::Relaxed);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// Waits for room in the socket to go on going back; whether there may be some, and not only the time is over.
    pub(crate) fn wait_for_socket(&self, until: Option<Instant>) -> bool {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) {
            return false;
        }
        let left = left.map(timespec);
        // Whatever came of it: the caller looks.
        let _ = rustix::event::poll(&mut [PollFd::new(&self.socket, PollFlags::OUT)], left.as_ref());
        true
    }

    /// Goes back before this side ends its stream, waiting for room if it has to. Whether nothing is left in the ring.
    pub(crate) fn finish_going_back(&self, ring: &Ring) -> bool {
        fence(Ordering::SeqCst);
        let until = Some(Instant::now() + CLOSING);
        while ring.is_recalled() {
            match self.go_back(ring) {
                Ok(true) => {}
                Ok(false) if self.wait_for_socket(until) => {}
                Ok(false) | Err(_) => return false,
            }
        }
        true
    }
}
