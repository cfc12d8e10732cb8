//! How a connection ends, as TCP would show it.
//!
//! The kernel's rules (tcp_reset, tcp_recvmsg, sk_stream_error, tcp_poll): a FIN ends reading with 0. A reset leaves an error that
//! the next call or SO_ERROR takes: EPIPE if the FIN had come before, else ECONNRESET; after it sending gives EPIPE and reading 0.
//! Bytes sent to an end that is closed are taken, and answered by a reset.

use crate::connection::{Ring, flag};
use core::sync::atomic::Ordering;
use pogson_ring::layout::fin;

/// What has ended, seen from this side.
#[derive(Clone, Copy)]
pub(crate) struct Ending {
    /// The other end's stream is complete.
    pub(crate) complete: bool,
    /// The connection was reset.
    pub(crate) reset: bool,
    /// Error that nobody took yet, or 0.
    pub(crate) error: i32,
    /// This side has shut its sending.
    pub(crate) shut: bool,
    /// The other end takes no more bytes.
    pub(crate) unheard: bool,
}

impl Ending {
    /// The same number for the same ending.
    pub(crate) fn digest(&self) -> u32 {
        let bits = [self.complete, self.reset, self.error != 0, self.shut, self.unheard];
        bits.into_iter().enumerate().map(|(at, bit)| u32::from(bit) << at).sum()
    }
}

/// What has ended. What it says of the stream's end holds for bytes that are looked for after this call.
pub(crate) fn of(ring: &Ring) -> Ending {
    // What one that has gone back says of its end, it says by TCP.
    let said = if ring.peer_has_gone_back() { 0 } else { ring.rx().ended() };
    let flags = ring.flags();
    let own = ring.own.sending.fin.load(Ordering::Acquire);
    let gone = flags & flag::GONE != 0;
    let unread = gone && ring.sends() && ring.tx().unread().is_ok_and(|unread| unread > 0);
    let spoken_to = own & fin::DEAF != 0
        && ring.peer.sending.tail.load(Ordering::Acquire) != ring.own.side.deaf_from.load(Ordering::Relaxed);
    let in_vain = flags & flag::SENT_IN_VAIN != 0;
    let reset =
        said & fin::RESET != 0 || unread || spoken_to || in_vain || flags & (flag::DISSOLVED | flag::BROKEN) != 0;
    let complete = said & fin::END != 0 || (gone && !unread);
    let error = match reset && flags & flag::RESET_TOLD == 0 {
        false => 0,
        true if complete && !spoken_to => libc::EPIPE,
        true => libc::ECONNRESET,
    };
    let unheard = said & (fin::CLOSED | fin::DEAF) != 0 || gone;
    Ending { complete, reset, error, shut: own & fin::END != 0, unheard }
}

/// Takes the error that `ending` found.
pub(crate) fn take_error(ring: &Ring, ending: Ending) -> Option<i32> {
    if ending.error == 0 {
        return None;
    }
    ring.set_flags(flag::RESET_TOLD);
    Some(ending.error)
}
