//! How a connection goes back to TCP, for a holder that knows of no rings: another program, or a process that gets its descriptor.
//!
//! The side that is handed on does at once what needs nobody else: its direction goes by TCP from the next byte on, and the ring that
//! it receives by is recalled where it has read up to. The other side sends by TCP what lay there unread, at its next call that
//! concerns the connection, or as soon as it is woken from one. Whoever holds the socket then reads the whole stream from it.

use crate::{
    block::stays,
    connection::{CONNECTIONS, Connection, Ring, flag},
    kernel,
    lock::lock,
    set, sleep,
};
use core::sync::atomic::{Ordering, fence};
use pogson_ring::{
    layout::fin,
    stream::Stretches,
    switch::{self, Boundary},
};

/// How long a side that is handed on waits for the other to send again what lies unread. It does so later, too.
const PATIENCE_NS: u64 = 200_000_000;
/// How long it waits for the other to begin to read the ring, without which it cannot leave it.
const ENTERED_PATIENCE_NS: u64 = 2_000_000_000;
/// The same, of an end that has ended its stream: it may be about to send again what it had written before.
const ENDED_PATIENCE_NS: u64 = 50_000_000;
/// How long an end that closes waits for room in the socket.
const CLOSING_NS: u64 = 1_000_000_000;
/// How often it is looked at.
const LOOK_NS: u64 = 200_000;

/// The one ring's epoch of a slot's use, and the one of TCP after it.
const RING: u32 = 1;
const BACK: u32 = 2;

/// Whether the other end takes nothing more out of the ring, and this one has not gone back.
#[inline]
pub(crate) fn is_wanted(ring: &Ring) -> bool {
    switch::recalled(ring.own, ring.peer) && ring.flags() & flag::LOST == 0
}

/// The same, as far as nothing was done about it.
pub(crate) fn is_news(ring: &Ring) -> bool {
    is_wanted(ring) && ring.flags() & flag::RETURNING == 0
}

/// Goes back as far as the socket has room, if that is wanted. Whether this side sends by TCP now.
#[cold]
pub(crate) fn go(connection: &Connection, ring: &Ring, fd: i32) -> bool {
    let before = ring.sends();
    let gone = go_by_set(connection, ring, fd);
    if before && gone {
        // Threads that wait for room, or for bytes, look at the socket.
        sleep::wake_own(connection, ring);
    }
    gone
}

/// The same, where a set is locked: that one's caller looks at the socket itself.
#[cold]
pub(crate) fn go_by_set(connection: &Connection, ring: &Ring, fd: i32) -> bool {
    {
        let _guard = lock(&ring.own.sender.lock);
        if !is_wanted(ring) {
            return !ring.sends();
        }
        if !send_again(connection, ring, fd) {
            return false;
        }
    }
    sleep::wake_own_sleepers(ring);
    true
}

/// Sends by TCP what lies unread in a ring that was recalled, as far as the socket has room; whether all of it, whereupon this side
/// is in TCP's epoch. The caller has the lock.
fn send_again(connection: &Connection, ring: &Ring, fd: i32) -> bool {
    let tx = ring.tx();
    if ring.flags() & flag::RETURNING == 0 {
        make_room(connection, fd, ring.size);
        ring.set_flags(flag::RETURNING);
        // Sets have to tell of room in the socket.
        set::hear_socket(connection);
    }
    while let Ok((from, left)) = tx.to_resend()
        && left > 0
    {
        match send(ring, fd, Stretches::at(from, left, ring.size)) {
            Ok(sent) => {
                tx.resent(from.wrapping_add(sent as u64));
                if let Some(block) = connection.block() {
                    block.sends(sent);
                }
            }
            Err(libc::EINTR) => {}
            Err(libc::EAGAIN) => return false,
            Err(errno) => {
                // Nothing can be sent any more, by any way. The kernel has told this call, not the program.
                let ended = errno == libc::EPIPE && ring.own.sending.fin.load(Ordering::Acquire) & fin::END != 0;
                ring.set_flags(if ended { flag::LOST } else { flag::LOST | flag::DISSOLVED });
                sleep::wake_own_sleepers(ring);
                return false;
            }
        }
    }
    latch(connection, ring, ring.peer.receiving.head.load(Ordering::Acquire));
    true
}

fn latch(connection: &Connection, ring: &Ring, at: u64) {
    switch::latch(ring.own, Boundary { epoch: BACK, at });
    set::hear_socket(connection);
    if let Some(block) = connection.block() {
        block.sending.open();
    }
}

fn send(ring: &Ring, fd: i32, stretches: Stretches) -> kernel::Outcome {
    // SAFETY: the stretches lie within the ring.
    let first = unsafe { ring.own_bytes.add(stretches.offset) };
    let mut parts = [
        libc::iovec { iov_base: first.cast(), iov_len: stretches.first },
        libc::iovec { iov_base: ring.own_bytes.cast(), iov_len: stretches.second },
    ];
    // SAFETY: a msghdr of zeros is valid.
    let mut message: libc::msghdr = unsafe { core::mem::zeroed() };
    message.msg_iov = parts.as_mut_ptr();
    message.msg_iovlen = parts.len() as _;
    // SAFETY: the ring is mapped, and the parts live through the call.
    unsafe { kernel::send_message(fd, &raw const message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) }
}

/// Lets the socket take a ring's worth at once, as far as the system allows, so that nobody has to wait for its reader.
fn make_room(connection: &Connection, fd: i32, bytes: u32) {
    if connection.held_for.swap(0, Ordering::Relaxed) != 0 {
        kernel::set_socket_option(fd, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, &0_u32);
    }
    let wanted = i32::try_from(bytes).unwrap_or(i32::MAX / 2);
    let now: i32 = kernel::socket_option(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, 0).unwrap_or(i32::MAX);
    // The kernel doubles what it is told, for its own needs.
    if now < wanted.saturating_mul(2) {
        kernel::set_socket_option(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, &wanted);
    }
}

/// Goes back before this side ends its stream, waiting for room if it has to. Whether nothing is left in the ring.
pub(crate) fn finish(connection: &Connection, ring: &Ring, fd: i32) -> bool {
    finish_until(connection, ring, fd, kernel::now_ns() + CLOSING_NS)
}

fn finish_until(connection: &Connection, ring: &Ring, fd: i32, until: u64) -> bool {
    fence(Ordering::SeqCst);
    while is_wanted(ring) && !go(connection, ring, fd) {
        let left = until.saturating_sub(kernel::now_ns());
        let mut one = [libc::pollfd { fd, events: libc::POLLOUT, revents: 0 }];
        if left == 0 || matches!(kernel::poll(&mut one, Some(left), None), Err(errno) if errno != libc::EINTR) {
            return false;
        }
    }
    !switch::recalled(ring.own, ring.peer)
}

/// All connections, when the process is about to end.
pub(crate) fn finish_all() {
    let until = kernel::now_ns() + CLOSING_NS;
    crate::descriptors::for_each(0, u32::MAX, |fd, kind| {
        if let crate::descriptors::Kind::Connection(connection) = kind
            && let Some(ring) = connection.ring()
            && is_wanted(&ring)
            && !finish_until(connection, &ring, fd, until)
        {
            reset(&ring, fd);
        }
    });
}

/// The other end has left the ring, and this side has read all that lay there: it reads TCP from here on.
pub(crate) fn enter(connection: &Connection, ring: &Ring) {
    switch::enter(ring.own, BACK);
    set::hear_socket(connection);
    if let Some(block) = connection.block() {
        block.receiving.open();
    }
}

/// The socket is about to be held by somebody who knows of no rings; what can be done at once is. [`settle`] is called after it.
fn begin(connection: &Connection, fd: i32) {
    let Some(block) = connection.block() else { return };
    block.stays.fetch_or(stays::INHERITED, Ordering::AcqRel);
    let Some(ring) = connection.ring() else { return };
    receive_by_tcp(connection, &ring);
    send_by_tcp(connection, &ring, fd);
    sleep::wake_own(connection, &ring);
}

fn receive_by_tcp(connection: &Connection, ring: &Ring) {
    let wake = {
        let _guard = lock(&ring.own.receiver.lock);
        if !ring.looks() {
            return;
        }
        switch::recall(ring.own, RING);
        set::hear_socket(connection);
        if let Some(block) = connection.block() {
            block.receiving.open();
        }
        ring.rx().wake()
    };
    sleep::wake_writer(connection, ring, wake);
    // Who waits for bytes, or looks at its sets, is to know of it too.
    let wake = {
        let _guard = lock(&ring.own.sender.lock);
        ring.tx().wake()
    };
    sleep::wake_reader(connection, ring, wake);
}

/// Leaves the ring, if the other end reads it by now. Whether this side sends by TCP, or nothing any more.
pub(crate) fn send_by_tcp(connection: &Connection, ring: &Ring, fd: i32) -> bool {
    let wake = {
        let _guard = lock(&ring.own.sender.lock);
        if !ring.sends() || ring.own.sending.fin.load(Ordering::Acquire) & fin::END != 0 {
            return true;
        }
        if is_wanted(ring) {
            return send_again(connection, ring, fd);
        }
        if switch::next_epoch(ring.own, ring.peer) != Some(BACK) {
            return false;
        }
        latch(connection, ring, ring.own.sending.tail.load(Ordering::Relaxed));
        let wake = ring.tx().wake();
        if switch::was_recalled(ring.peer, RING) {
            // Both are handed on at once: nobody reads the ring any more.
            if !send_again(connection, ring, fd) {
                reset(ring, fd);
            }
        }
        wake
    };
    sleep::wake_reader(connection, ring, wake);
    true
}

/// Waits for what the other end has to do before the socket is handed on: not for long, as it may be busy elsewhere and do it later.
/// A connection whose bytes can't come any more is reset, so that it is not taken for one that has ended.
fn settle(connection: &Connection, fd: i32, begun_ns: u64) {
    let Some(ring) = connection.ring() else { return };
    loop {
        let waited = kernel::now_ns().saturating_sub(begun_ns);
        let sent = send_by_tcp(connection, &ring, fd);
        let received = has_come_back(&ring);
        // Who was handed on before has nobody left who could send again.
        let ended = ring.peer_has_gone_back()
            || ring.rx().ended() & (fin::END | fin::CLOSED) != 0
            || ring.flags() & flag::GONE != 0
            || crate::liveness::check(connection, &ring, fd);
        if sent && received {
            return;
        }
        if (!received && ended && waited > ENDED_PATIENCE_NS) || (!sent && waited > ENTERED_PATIENCE_NS) {
            return reset(&ring, fd);
        }
        if sent && waited > PATIENCE_NS {
            return;
        }
        kernel::nap(LOOK_NS);
    }
}

/// Nobody takes it for a stream that has ended.
pub(crate) fn reset(ring: &Ring, fd: i32) {
    ring.set_flags(flag::DISSOLVED);
    if ring.is_vsock() {
        // There is nothing harder.
        let _ = kernel::shutdown(fd, libc::SHUT_RDWR);
    } else {
        kernel::dissolve(fd);
    }
}

/// Whether all that this side has not read comes by TCP.
fn has_come_back(ring: &Ring) -> bool {
    let head = ring.own.receiving.head.load(Ordering::Acquire);
    ring.own.switching.recall.load(Ordering::Acquire) == 0
        || switch::is_back(ring.peer, RING, head)
        || ring.rx().look() == Ok(0)
}

/// Hands on `connection`, whose socket `fd` is about to be held by somebody else too.
pub(crate) fn hand_on(connection: &Connection, fd: i32) {
    begin(connection, fd);
    settle(connection, fd, kernel::now_ns());
}

/// Hands on all connections of this process, or of the child of vfork that runs, which a program begun by exec would get.
pub(crate) fn hand_on_inheritable() {
    if CONNECTIONS.reach() == 0 {
        return;
    }
    let begun = kernel::now_ns();
    for act in [false, true] {
        crate::descriptors::for_each(0, u32::MAX, |fd, kind| match kind {
            crate::descriptors::Kind::Connection(connection) if kernel::is_inherited(fd) => {
                if act {
                    settle(connection, fd, begun);
                } else {
                    begin(connection, fd);
                }
            }
            _ => {}
        });
    }
}
