//! Bytes that lie in memory: looked at, and sent to another socket, from where they lie.

use std::io;
use std::os::fd::BorrowedFd;

use pogson_ring::{ending, switch};

use crate::connection::Connection;
use crate::memory::Ring;

impl Connection {
    /// The ring, if all that comes next comes by it and something has.
    fn filled(&self) -> Option<&Ring> {
        let ring = self.ring()?;
        let reads = ring.looks() && switch::by_ring(ring.entered()) && !self.is_to_go_back(ring);
        (reads && ring.rx().look().is_ok_and(|bytes| bytes > 0)).then_some(ring)
    }

    /// Whether bytes lie in the ring.
    pub(crate) fn is_filled(&self) -> bool {
        self.filled().is_some()
    }

    /// Has `with` see how many bytes lie in the ring, `most` at most, and takes as many as it says. 0, with nothing seen, where none do.
    fn take_with(&self, most: usize, with: impl FnOnce(&Ring, u32) -> io::Result<u32>) -> io::Result<usize> {
        let Some(ring) = self.filled() else { return Ok(0) };
        let rx = ring.rx();
        let (taken, wake) = {
            let _receiver = self.lock_receiver();
            let wanted = most.min(ring.size() as usize) as u32;
            let there = if switch::by_ring(ring.entered()) { rx.available(wanted).unwrap_or(0) } else { 0 };
            let there = there.min(wanted).min(ending::heard(ring.own()));
            if there == 0 {
                return Ok(0);
            }
            let taken = with(ring, there)?.min(there);
            rx.consume(taken);
            (taken, (taken > 0 && rx.worth_waking(taken)).then(|| rx.wake()))
        };
        if let Some(wake) = wake {
            ring.wake_writer(wake);
        }
        Ok(taken as usize)
    }

    /// Copies bytes of the ring, which stay there; how many.
    pub(crate) fn peek_at_ring(&self, into: &mut [u8]) -> usize {
        let mut seen = 0;
        let copied = self.take_with(into.len(), |ring, there| {
            seen = there as usize;
            ring.take(&mut into[..seen]);
            Ok(0)
        });
        copied.map_or(0, |_| seen)
    }

    /// Takes bytes out of the ring unread; how many.
    pub(crate) fn pass_over(&self, most: usize) -> usize {
        self.take_with(most, |_, there| Ok(there)).unwrap_or(0)
    }

    /// Sends `before` and what lies in the ring to another socket; how many bytes of both, `None` where none lie there.
    ///
    /// - `most`: bytes out of the ring.
    pub(crate) fn hand_on(&self, to: BorrowedFd<'_>, before: &[u8], most: usize) -> io::Result<Option<usize>> {
        let mut sent = None;
        self.take_with(most, |ring, there| {
            let length = ring.send_to(to, before, there)?;
            sent = Some(length);
            Ok(length.saturating_sub(before.len()) as u32)
        })?;
        Ok(sent)
    }
}
