//! Whether the other end still lives. A process that is killed says nothing into the ring; the kernel closes its sockets.

use crate::{
    connection::{Connection, Ring, flag},
    party::{PARTIES, Party},
    slab::SLABS,
    tcp, vsock,
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
    let said = ring.rx().ended();
    if ring.peer_has_gone_back() || ring.flags() & flag::GONE != 0 || said & (fin::CLOSED | fin::RESET) != 0 {
        return false;
    }
    let over = ring.own.sending.fin.load(Ordering::Acquire) & fin::END != 0;
    if ring.is_vsock() {
        let gone = vsock::shows_end(ring, fd).unwrap_or_else(|| process_is_dead(connection));
        if gone {
            ring.set_flags(flag::GONE);
        }
        return gone;
    }
    let gone = match tcp::Info::of(fd).map(|info| info.state()) {
        // With both ends shut the socket is closed although they may read on.
        Ok(_) if said & fin::END != 0 && over => process_is_dead(connection),
        Ok(tcp::CLOSED) => true,
        Ok(_) if said & fin::END != 0 => process_is_dead(connection),
        // A connection that was shut before it had its slot has none. It may have said so between the two looks.
        Ok(state) if tcp::got_fin(state) => ring.rx().ended() & fin::END == 0,
        Ok(_) => false,
        Err(_) => true,
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
