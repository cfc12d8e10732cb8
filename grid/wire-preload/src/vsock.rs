//! What the kernel says of a vsock connection, and what it does otherwise than of a TCP one.
//!
//! The kernel's rules (af_vsock.c, virtio_transport_common.c): it counts no bytes and knows no resets. An end that closes, however,
//! or is killed, ends its stream behind its last byte. Who sends to an end that has closed, or has shut its receiving, gets EPIPE at
//! once. Who has shut its receiving reads nothing more, not even what had come. After an end of its own stream it is not writable.

use crate::{
    block::Block,
    connection::{Connection, Ring, flag},
    kernel,
};
use core::sync::atomic::Ordering;
use pogson_ring::layout::fin;

/// How long a sender looks on while the other end takes nothing, and at all.
const IDLE_NS: u64 = 2_000_000;
const BUSY_NS: u64 = 20_000_000;
/// How often it looks.
const LOOK_NS: u64 = 20_000;

/// Whether `fd` is a stream socket of vsock.
pub(crate) fn is_stream(fd: i32) -> bool {
    kernel::socket_option(fd, libc::SOL_SOCKET, libc::SO_DOMAIN, 0) == Ok(libc::AF_VSOCK)
        && kernel::socket_option(fd, libc::SOL_SOCKET, libc::SO_TYPE, 0) == Ok(libc::SOCK_STREAM)
}

/// Whether a stream socket is a connection, or if `early`, may become one.
pub(crate) fn is_connection(fd: i32, early: bool) -> bool {
    let listens = || kernel::socket_option(fd, libc::SOL_SOCKET, libc::SO_ACCEPTCONN, 0) != Ok(0);
    kernel::has_peer(fd) || (early && !listens())
}

/// A sending call is over: says how many bytes were sent by the socket.
pub(crate) fn claim(connection: &Connection, block: &Block) {
    if let Some(ring) = connection.ring()
        && !ring.sends()
    {
        ring.own.switching.claimed.store(block.sent.load(Ordering::Acquire), Ordering::Release);
    }
}

/// How many bytes the other end says that it has sent; to be asked before the socket is.
pub(crate) fn claimed(ring: &Ring) -> Option<u64> {
    ring.is_vsock().then(|| ring.peer.switching.claimed.load(Ordering::Acquire))
}

/// The socket was found empty after so many bytes, `claimed` having been asked before.
pub(crate) fn agree(ring: &Ring, claimed: Option<u64>, taken: u64) {
    if claimed == Some(taken) {
        ring.own.switching.agreed.store(taken + 1, Ordering::Release);
    }
}

/// Whether the other end has found the socket empty after all that this one has sent by it, each by its own count. Nothing else tells
/// that both have counted right: what went past the hooks of one end keeps them apart, and the connection on its socket.
///
/// A sender that has sent much since the last time waits a little for it.
pub(crate) fn is_taken(connection: &Connection, block: &Block, ring: &Ring) -> bool {
    if counts_agree(block, ring) {
        return true;
    }
    let sent = block.sent.load(Ordering::Relaxed);
    if sent < connection.patient_until.load(Ordering::Relaxed) {
        return false;
    }
    connection.patient_until.store(sent.saturating_mul(2), Ordering::Relaxed);
    let begun = kernel::now_ns();
    let (mut taken, mut since) = (0, begun);
    loop {
        kernel::nap(LOOK_NS);
        if counts_agree(block, ring) {
            return true;
        }
        let (now, before) = (kernel::now_ns(), taken);
        taken = ring.peer.receiver.by_tcp.load(Ordering::Relaxed);
        if taken != before {
            since = now;
        }
        if now - since > IDLE_NS || now - begun > BUSY_NS {
            return false;
        }
    }
}

/// The same, at once.
pub(crate) fn counts_agree(block: &Block, ring: &Ring) -> bool {
    ring.peer.switching.agreed.load(Ordering::Acquire) == block.sent.load(Ordering::Acquire) + 1
}

/// Whether the other end, which has not said that it ended, has. A socket that receives nothing more does not show it.
pub(crate) fn shows_end(ring: &Ring, fd: i32) -> Option<bool> {
    let silent = ring.flags() & flag::NO_RECEIVING != 0 || ring.rx().ended() & fin::END != 0;
    let end = libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR;
    // It may have said so between the two looks.
    (!silent).then(|| kernel::poll_now(fd, end) & end != 0 && ring.rx().ended() & fin::END == 0)
}

/// The errno of a send to an end that takes no more, or by one that sends no more. The kernel says it, with SIGPIPE or, as
/// older ones do, without.
pub(crate) fn refusal(fd: i32, flags: i32) -> i32 {
    // It may be a little behind the ring.
    for _ in 0..20 {
        match kernel::send_nothing(fd, flags & libc::MSG_NOSIGNAL) {
            Err(errno) => return errno,
            Ok(_) => kernel::nap(100_000),
        }
    }
    libc::EPIPE
}
