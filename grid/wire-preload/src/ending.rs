//! How a connection ends, in the system's numbers.

use crate::connection::{Ring, flag};
use core::sync::atomic::Ordering;
use pogson_ring::{
    ending::{Broken, Ending},
    layout::fin,
};

/// What has ended. What it says of the stream's end holds for bytes that are looked for after this call.
#[inline]
pub(crate) fn of(ring: &Ring) -> Ending {
    let flags = ring.flags();
    if flags & flag::VSOCK != 0 { of_vsock(ring, flags) } else { Ending::of(ring.own, ring.peer, ring.size) }
}

/// By the rules of [`crate::vsock`]; a reset is no end there, but a fault.
fn of_vsock(ring: &Ring, flags: u32) -> Ending {
    // What one that has gone back says of its end, it says by its socket.
    let said = if ring.peer_has_gone_back() { 0 } else { ring.rx().ended() };
    let gone = flags & flag::GONE != 0;
    let reset = flags & (flag::DISSOLVED | flag::BROKEN) != 0;
    Ending {
        complete: said & (fin::END | fin::CLOSED) != 0 || gone,
        reset,
        error: (reset && flags & flag::RESET_TOLD == 0).then_some(Broken::Reset),
        shut: ring.own.sending.fin.load(Ordering::Acquire) & fin::END != 0,
        unheard: said & (fin::CLOSED | fin::DEAF) != 0 || gone,
    }
}

/// Takes the error that `ending` found.
pub(crate) fn take_error(ring: &Ring, ending: Ending) -> Option<i32> {
    ending.take_error(ring.own).map(|broken| match broken {
        Broken::Pipe => libc::EPIPE,
        Broken::Reset => libc::ECONNRESET,
    })
}
