//! How a connection ends, as TCP would show it.
//!
//! The kernel's rules (tcp_reset, tcp_recvmsg, sk_stream_error, tcp_poll): a FIN ends reading with 0. A reset leaves an error that
//! the next call or SO_ERROR takes: EPIPE if the FIN had come before, else ECONNRESET; after it sending gives EPIPE and reading 0.
//! Bytes sent to an end that is closed are taken, and answered by a reset.

use crate::layout::{Slot, fin};
use crate::stream::Tx;
use crate::switch;
use crate::sync::Ordering;

/// Bits of [`crate::layout::Side::flags`].
pub mod flag {
    /// Calls do not block.
    pub const NONBLOCK: u32 = 1;
    /// The other end is gone without having said so: it was killed, or closed past those who know of the ring.
    pub const GONE: u32 = 2;
    /// A reset was told to the program.
    pub const RESET_TOLD: u32 = 4;
    /// Bytes were sent to an end that had closed: TCP would have answered with a reset.
    pub const SENT_IN_VAIN: u32 = 8;
    /// The program shut the receiving side.
    pub const NO_RECEIVING: u32 = 16;
    /// Closing is to reset.
    pub const LINGER_ZERO: u32 = 32;
    /// The other end wrote what cannot be.
    pub const BROKEN: u32 = 64;
    /// The program dissolved the connection.
    pub const DISSOLVED: u32 = 128;
}

/// The error that a reset leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// EPIPE.
    Pipe,
    /// ECONNRESET.
    Reset,
}

/// What has ended, seen from one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The other end's stream is complete.
    pub complete: bool,
    /// The connection was reset.
    pub reset: bool,
    /// Error that nobody took yet.
    pub error: Option<Broken>,
    /// This side has shut its sending.
    pub shut: bool,
    /// The other end takes no more bytes.
    pub unheard: bool,
}

impl Ending {
    /// What has ended. What it says of the stream's end holds for bytes that are looked for after this call.
    ///
    /// - `size`: bytes of a ring.
    #[must_use]
    pub fn of(own: &Slot, peer: &Slot, size: u32) -> Self {
        // What one that has gone back to TCP says of its end, it says there.
        let back = peer.switching.epoch.load(Ordering::Acquire) > 1;
        let said = if back { 0 } else { peer.sending.fin.load(Ordering::Acquire) };
        let flags = own.side.flags.load(Ordering::Acquire);
        let mine = own.sending.fin.load(Ordering::Acquire);
        let gone = flags & flag::GONE != 0;
        let sends = switch::by_ring(own.switching.epoch.load(Ordering::Acquire));
        let unread = gone && sends && Tx { own, peer, size }.unread().is_ok_and(|unread| unread > 0);
        let spoken_to = mine & fin::DEAF != 0
            && peer.sending.tail.load(Ordering::Acquire) != own.side.deaf_from.load(Ordering::Relaxed);
        let in_vain = flags & flag::SENT_IN_VAIN != 0;
        // Who closes says how. One that does not never came from this library, and would leave readers waiting for ever.
        let odd = said & (fin::CLOSED | fin::END) == fin::CLOSED;
        let broken = flags & (flag::DISSOLVED | flag::BROKEN) != 0;
        let reset = said & fin::RESET != 0 || odd || unread || spoken_to || in_vain || broken;
        let complete = said & fin::END != 0 || (gone && !unread);
        let error = match reset && flags & flag::RESET_TOLD == 0 {
            false => None,
            true if complete && !spoken_to => Some(Broken::Pipe),
            true => Some(Broken::Reset),
        };
        let unheard = said & (fin::CLOSED | fin::DEAF) != 0 || gone;
        Self { complete, reset, error, shut: mine & fin::END != 0, unheard }
    }

    /// Takes the error, so that nobody else is told.
    pub fn take_error(self, own: &Slot) -> Option<Broken> {
        if self.error.is_some() {
            own.side.flags.fetch_or(flag::RESET_TOLD, Ordering::AcqRel);
        }
        self.error
    }

    /// The same number for the same ending.
    #[must_use]
    pub fn digest(&self) -> u32 {
        let bits = [self.complete, self.reset, self.error.is_some(), self.shut, self.unheard];
        bits.into_iter().enumerate().map(|(at, bit)| u32::from(bit) << at).sum()
    }
}

/// Bytes that a side still hears: of one that has shut both ways, those that had come before.
#[must_use]
pub fn heard(own: &Slot) -> u32 {
    if own.sending.fin.load(Ordering::Acquire) & fin::DEAF == 0 {
        return u32::MAX;
    }
    let left = own.side.deaf_from.load(Ordering::Relaxed).wrapping_sub(own.receiving.head.load(Ordering::Relaxed));
    u32::try_from(left).unwrap_or(0)
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;

    fn seen(said: u32) -> Ending {
        let (own, peer) = (Slot::default(), Slot::default());
        peer.sending.fin.store(said, Ordering::Relaxed);
        Ending::of(&own, &peer, 1 << 16)
    }

    #[test]
    fn who_closes_without_saying_how_has_reset_the_connection() {
        let ending = seen(fin::CLOSED);
        assert!(ending.reset && ending.error == Some(Broken::Reset) && ending.unheard);
        assert!(!seen(fin::CLOSED | fin::END).reset);
        assert_eq!(seen(fin::CLOSED | fin::RESET).error, Some(Broken::Reset));
        assert_eq!(seen(fin::CLOSED | fin::RESET | fin::END).error, Some(Broken::Pipe));
    }
}
