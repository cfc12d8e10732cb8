//! How a connection ends, in the system's numbers.

use crate::connection::Ring;
use pogson_ring::ending::{Broken, Ending};

/// What has ended. What it says of the stream's end holds for bytes that are looked for after this call.
#[inline]
pub(crate) fn of(ring: &Ring) -> Ending {
    Ending::of(ring.own, ring.peer, ring.size)
}

/// Takes the error that `ending` found.
pub(crate) fn take_error(ring: &Ring, ending: Ending) -> Option<i32> {
    ending.take_error(ring.own).map(|broken| match broken {
        Broken::Pipe => libc::EPIPE,
        Broken::Reset => libc::ECONNRESET,
    })
}
