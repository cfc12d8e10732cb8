//! Sending.

use std::io::{self, ErrorKind, IoSlice, Write};
use std::sync::atomic::Ordering;

use pogson_ring::ending::flag;
use pogson_ring::layout::fin;
use pogson_ring::want::Wake;

use crate::connection::{Connection, broken};
use crate::memory::Ring;
use crate::receive::{end_of_wait, impossible, would_block};
use crate::wait::Which;

/// Bytes that are shown to the other end at once, so that it copies while this end does.
const PIECE: usize = 64 << 10;

impl Connection {
    /// Whether this side sends by a ring. Where it can begin to, it does.
    pub(crate) fn sends(&self) -> Option<&Ring> {
        match self.ring() {
            Some(ring) => {
                if !ring.sends() {
                    self.latch(ring);
                }
                ring.sends().then_some(ring)
            }
            None => {
                self.step();
                None
            }
        }
    }

    /// Sends; all of it if the socket is one that blocks.
    pub(crate) fn send(&self, from: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut until = None;
        let mut sent = 0;
        let total: usize = from.iter().map(|part| part.len()).sum();
        loop {
            let Some(ring) = self.sends() else {
                if sent > 0 {
                    return Ok(sent);
                }
                match self.send_by_tcp(from) {
                    Some(outcome) => return outcome,
                    None => continue,
                }
            };
            if ring.is_recalled() {
                if sent > 0 {
                    return Ok(sent);
                }
                if !self.go_back(ring)? {
                    if self.nonblocking.load(Ordering::Relaxed) {
                        return Err(would_block());
                    }
                    until = until.or_else(|| end_of_wait(self.send_timeout_us.load(Ordering::Relaxed)));
                    if !self.wait_for_socket(until) {
                        return Err(would_block());
                    }
                }
                continue;
            }
            match self.send_now(ring, from, sent) {
                Ok(bytes) => sent += bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock && !self.nonblocking.load(Ordering::Relaxed) => {
                    until = until.or_else(|| end_of_wait(self.send_timeout_us.load(Ordering::Relaxed)));
                    if !self.wait(ring, Which::Space, until, || self.room_is_there(ring)) {
                        return if sent > 0 { Ok(sent) } else { Err(error) };
                    }
                }
                Err(_) if sent > 0 => return Ok(sent),
                Err(error) => return Err(error),
            }
            if sent == total {
                return Ok(sent);
            }
        }
    }

    /// Sends by the socket; `None` if somebody is about to leave it.
    pub(crate) fn send_by_tcp(&self, from: &[IoSlice<'_>]) -> Option<io::Result<usize>> {
        let Some(_inside) = self.sending.enter() else {
            std::thread::yield_now();
            return None;
        };
        let outcome = match from {
            [one] => (&self.socket).write(one),
            many => (&self.socket).write_vectored(many),
        };
        if let Ok(bytes @ 1..) = outcome {
            self.has_sent(bytes);
        }
        Some(outcome)
    }

    /// Puts what fits of `from`, of which `skip` bytes are sent already, into the ring. Does not wait.
    pub(crate) fn send_now(&self, ring: &Ring, from: &[IoSlice<'_>], skip: usize) -> io::Result<usize> {
        let mut skip = skip;
        let mut sent = 0;
        for part in from {
            let passed = skip.min(part.len());
            skip -= passed;
            for piece in part[passed..].chunks(PIECE) {
                match self.send_piece(ring, piece) {
                    Ok(bytes) => {
                        sent += bytes;
                        if bytes < piece.len() {
                            return Ok(sent);
                        }
                    }
                    Err(_) if sent > 0 => return Ok(sent),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(sent)
    }

    fn wake_reader(&self, ring: &Ring, wake: Wake) {
        #[cfg(feature = "tokio")]
        if let (false, true, Some(runtime)) = (wake.futex, wake.bell, self.rings_later.get()) {
            ring.slab.note(ring.slot);
            return crate::tokio::ring_later(&ring.slab, *runtime);
        }
        ring.wake_reader(wake);
    }

    fn send_piece(&self, ring: &Ring, piece: &[u8]) -> io::Result<usize> {
        let tx = ring.tx();
        let (bytes, wake) = {
            let _sender = self.lock_sender();
            if ring.is_recalled() || !ring.sends() {
                return Err(would_block());
            }
            let ending = ring.ending();
            if ending.shut || ending.reset {
                return Err(ending
                    .take_error(ring.own())
                    .map_or_else(|| io::Error::from_raw_os_error(libc::EPIPE), broken));
            }
            if ending.unheard || (ending.complete && self.check_life(ring)) {
                // TCP takes the bytes and finds out by the answer.
                ring.set_flags(flag::SENT_IN_VAIN);
                // One that lives but has shut both ways is reset by them.
                let deaf = ring.rx().ended() & (fin::DEAF | fin::CLOSED) == fin::DEAF;
                tx.publish(u32::from(deaf).min(tx.room(1).unwrap_or(0)));
                (piece.len(), tx.wake())
            } else {
                let Ok(room) = tx.room(piece.len() as u32) else { return Err(impossible(ring)) };
                let bytes = piece.len().min(room as usize);
                if bytes == 0 {
                    return Err(would_block());
                }
                ring.put(&piece[..bytes]);
                tx.publish(bytes as u32);
                (bytes, tx.wake())
            }
        };
        self.wake_reader(ring, wake);
        if ring.is_recalled() {
            // It may have come before the bytes. What becomes of it is seen by the next call.
            let _ = self.go_back(ring);
        }
        Ok(bytes)
    }
}
