//! Whether the other end still lives. A process that is killed says nothing into the ring; the kernel closes its sockets.

use crate::{
    connection::{Connection, Ring, flag},
    kernel,
    slab::{PARTIES, Party, SLABS},
    tcp,
};
use core::sync::atomic::{AtomicBool, Ordering};
use pogson_ring::layout::fin;

/// Whether there may be connections whose other end has ended its stream and lives on: of its death the socket tells nothing.
static HALF_CLOSED: AtomicBool = AtomicBool::new(false);

/// A connection is such.
pub(crate) fn half_closed() {
    HALF_CLOSED.store(true, Ordering::Relaxed);
}

/// Whether there may be such connections.
pub(crate) fn some_half_closed() -> bool {
    HALF_CLOSED.load(Ordering::Relaxed)
}

/// There are none.
pub(crate) fn none_half_closed() {
    HALF_CLOSED.store(false, Ordering::Relaxed);
}

/// Asks the kernel, and notes in the slot if the other end is gone; whether there is news.
///
/// As long as the other end has not ended its stream, the kernel tells its death by the FIN or RST that the socket gets. After
/// that, and if the socket got its FIN then, only the process itself can tell.
#[cold]
pub(crate) fn check(connection: &Connection, ring: &Ring, fd: i32) -> bool {
    if ring.flags() & flag::GONE != 0 {
        return false;
    }
    let said = ring.rx().ended();
    if said & fin::CLOSED != 0 {
        return false;
    }
    let events = kernel::poll_now(fd, libc::POLLRDHUP);
    let reset = events & libc::POLLERR != 0;
    let gone = if events & (libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR | libc::POLLNVAL) == 0 {
        false
    } else if said & fin::END == 0 && ring.own.switching.entered.load(Ordering::Acquire) & 1 == 1 {
        // It may have said so between the two looks.
        ring.rx().ended() & fin::END == 0
    } else {
        reset || process_is_dead(connection) || fully_closed(fd)
    };
    if gone {
        ring.set_flags(flag::GONE);
    }
    gone
}

fn process_is_dead(connection: &Connection) -> bool {
    let slab = SLABS.get(connection.slab.load(Ordering::Relaxed));
    slab.and_then(|slab| PARTIES.get(slab.party.load(Ordering::Relaxed))).is_some_and(Party::is_dead)
}

fn fully_closed(fd: i32) -> bool {
    const CLOSED: u8 = 7;
    tcp::Info::of(fd).is_ok_and(|info| info.state() == CLOSED)
}
