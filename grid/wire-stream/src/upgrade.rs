//! How a connection leaves TCP: watched until it is busy, paired by the daemon, then each direction by [`pogson_ring::switch`]. And
//! how it ends.

use std::net::Shutdown;
use std::sync::Weak;
use std::sync::atomic::Ordering;

use pogson_ring::busy;
use pogson_ring::layout::fin;
use pogson_ring::switch::{self, Boundary};
use rustix::net::sockopt;

use crate::connection::{Connection, phase};
use crate::memory::Ring;
use crate::{session, tcp};

impl Connection {
    /// Looks whether a connection on TCP is worth asking the daemon about. Called by each call that moves its bytes.
    #[inline]
    pub(crate) fn step(&self) {
        if self.phase.load(Ordering::Relaxed) == phase::WATCHED {
            let messages = self.messages.load(Ordering::Relaxed);
            let bytes = self.sent.load(Ordering::Relaxed) + self.received.load(Ordering::Relaxed);
            if messages >= busy::MESSAGES || bytes >= busy::BYTES {
                self.ask(messages);
            }
        }
    }

    #[cold]
    fn ask(&self, messages: u32) {
        // After a failure again when as many calls have gone by as before.
        let asked_at = self.asked_at.load(Ordering::Relaxed);
        if messages / 2 < asked_at {
            return;
        }
        self.asked_at.store(messages.max(busy::MESSAGES / 2), Ordering::Relaxed);
        if self.stays.load(Ordering::Acquire) {
            self.phase.store(phase::ALONE, Ordering::Release);
            return;
        }
        session::register(self);
    }

    /// Offers to receive by the ring, if that can be done now. Called by a receiving call before it waits.
    pub(crate) fn offer(&self, ring: &Ring) {
        if ring.has_offered() || self.stays.load(Ordering::Acquire) || !switch::takes_part(ring.peer(), ring.generation)
        {
            return;
        }
        let Some(_receiver) = self.try_lock_receiver() else { return };
        if ring.has_offered() || !self.receiving.shut() {
            return;
        }
        if tcp::read(&self.socket) == Some(self.received.load(Ordering::Acquire)) {
            switch::offer(ring.own(), 1);
        } else {
            // Bytes went past this library, or the other end has ended.
            self.stays.store(true, Ordering::Release);
            self.receiving.open();
        }
    }

    /// Goes over to sending by the ring, if the other end offers it and no call sends by TCP now.
    pub(crate) fn latch(&self, ring: &Ring) {
        if !switch::takes_part(ring.peer(), ring.generation)
            || switch::next_epoch(ring.own(), ring.peer()) != Some(1)
            || self.stays.load(Ordering::Acquire)
        {
            return;
        }
        let wake = {
            let _sender = self.lock_sender();
            if ring.sends() || !self.sending.shut() {
                return;
            }
            let sent = self.sent.load(Ordering::Acquire);
            if tcp::written(&self.socket) != Some(sent) {
                self.stays.store(true, Ordering::Release);
                self.sending.open();
                return;
            }
            switch::latch(ring.own(), Boundary { epoch: 1, at: sent });
            ring.tx().wake()
        };
        ring.wake_reader(wake);
        tcp::acknowledge(&self.socket);
        if ring.is_recalled() {
            // What came of it is seen by who sends.
            let _ = self.go_back(ring);
        }
    }

    fn leave(&self, ring: &Ring) {
        let unread = switch::by_ring(ring.entered()) && ring.rx().look().is_ok_and(|bytes| bytes > 0);
        let resets = matches!(sockopt::socket_linger(&self.socket), Ok(Some(time)) if time.is_zero());
        let returned = self.finish_going_back(ring);
        let abrupt = unread || resets || !returned;
        if abrupt && (!ring.sends() || !returned) {
            // What the other end still gets comes by TCP, so that the reset must too.
            let _ = sockopt::set_socket_linger(&self.socket, Some(std::time::Duration::ZERO));
        }
        // One that has gone back ends by TCP.
        if !ring.has_gone_back() {
            ring.tx().end(if abrupt { fin::CLOSED | fin::RESET } else { fin::END | fin::CLOSED });
        }
        ring.wake_reader(ring.tx().wake());
        ring.wake_writer(ring.rx().wake());
        let counters = &ring.slab.home.page().counters;
        counters.bytes_ring.fetch_add(ring.own().sending.tail.load(Ordering::Relaxed), Ordering::Relaxed);
        ring.slab.occupy(ring.slot, Weak::new());
        switch::release(ring.own(), ring.generation);
    }
}

/// A slot was given for a connection that needs it no more.
pub(crate) fn decline(ring: &Ring) {
    switch::take_part(ring.own(), ring.generation);
    ring.tx().end(fin::END | fin::CLOSED);
    switch::release(ring.own(), ring.generation);
}

impl Drop for Connection {
    fn drop(&mut self) {
        match (self.ring(), self.phase.load(Ordering::Relaxed)) {
            (Some(ring), _) => self.leave(ring),
            (None, phase::ASKED) => {
                session::cancel(self.tag);
                // The daemon may hold a copy of the socket still, which would keep the FIN back. With bytes unread a close resets,
                // which a shutdown does not.
                if rustix::io::ioctl_fionread(&self.socket) == Ok(0) {
                    let _ = self.socket.shutdown(Shutdown::Both);
                }
            }
            _ => {}
        }
        session::tell_counts();
    }
}
