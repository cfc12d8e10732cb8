//! Receiving.

use crate::{
    back,
    block::Block,
    caller, cancel,
    connection::{Connection, Ring, flag},
    descriptors, ending,
    gather::Gather,
    heels, kernel, leave, liveness,
    lock::lock,
    poll,
    sleep::{self, Which, Woken},
    upgrade, vsock,
};
use core::sync::atomic::Ordering;
use pogson_ring::switch;

/// Bytes that are received together or not at all.
const PIECE: u32 = 64 << 10;

/// How a call goes on.
pub(crate) enum Way {
    /// By the C library's own function.
    Plain,
    /// By it too, and noted.
    Tcp(Permit),
    /// By the socket or the ring, whatever has bytes.
    Ring(&'static Connection, Ring),
}

/// A call that receives by TCP, or waits for it, is under way.
pub(crate) struct Permit {
    block: &'static Block,
    /// The socket, if it is TCP's and this side sends by the ring already.
    answers_by_ring: Option<i32>,
}

impl Permit {
    /// The call is over and took bytes; `outcome` is what it returned.
    pub(crate) fn end(self, outcome: isize) {
        if outcome > 0 {
            self.block.receives(outcome as usize);
            if let Some(fd) = self.answers_by_ring {
                kernel::acknowledge(fd);
            }
        }
    }

    /// The call ends with its thread.
    pub(crate) fn leave(&self) {
        self.block.receiving.leave();
    }

    /// A call that waits, or only looks at bytes, on `block`.
    pub(crate) fn to_wait(block: &'static Block) -> Option<Self> {
        block.receiving.enter().then(|| Self { block, answers_by_ring: None })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The way of a receiving call on `fd`.
#[inline]
pub(crate) fn way(fd: i32) -> Way {
    let Some(connection) = descriptors::connection(fd) else { return Way::Plain };
    if let Some(ring) = connection.ring()
        && ring.looks()
    {
        cancel::here();
        return Way::Ring(connection, ring);
    }
    tcp_way(connection, fd)
}

fn tcp_way(connection: &'static Connection, fd: i32) -> Way {
    let Some(block) = connection.block() else { return Way::Plain };
    loop {
        match connection.ring() {
            Some(ring) => {
                if leave::is_wanted(connection) {
                    leave::step(connection, &ring, fd);
                }
                upgrade::offer(connection, &ring, fd);
                if ring.looks() {
                    return Way::Ring(connection, ring);
                }
            }
            None => {
                upgrade::step(connection, block, fd);
                // The answer may have just come.
                if connection.ring().is_some() {
                    continue;
                }
            }
        }
        if let Some(mut permit) = Permit::to_wait(block) {
            let by_ring = connection.ring().is_some_and(|ring| ring.sends()) && !connection.is_vsock();
            permit.answers_by_ring = by_ring.then_some(fd);
            return Way::Tcp(permit);
        }
        kernel::yield_now();
    }
}

/// Receives into `into`; the number of bytes, 0 at the end, or an errno.
///
/// - `looked`: the thread has looked as long as that may pay; [`caller::interrupted`] when the call began.
pub(crate) fn by_ring(
    connection: &Connection,
    ring: &Ring,
    fd: i32,
    into: &mut Gather,
    flags: i32,
    looked: Option<u32>,
) -> Result<usize, i32> {
    let vsock = connection.is_vsock();
    if flags & libc::MSG_OOB != 0 {
        return Err(if vsock { libc::EOPNOTSUPP } else { libc::EINVAL });
    }
    // A vsock does not wait to receive nothing, drops no bytes, and waits for some bytes only to look at them.
    let flags = if vsock { flags & !libc::MSG_TRUNC } else { flags };
    let serial = connection.serial.load(Ordering::Relaxed);
    let total = into.left();
    if vsock && total == 0 {
        return Ok(0);
    }
    let peeks_at_all = !vsock && flags & libc::MSG_PEEK != 0 && flags & libc::MSG_WAITALL != 0;
    let wait_for_all = flags & libc::MSG_WAITALL != 0 && flags & libc::MSG_PEEK == 0;
    let mut until_ns = None;
    let since = looked.unwrap_or_else(caller::interrupted);
    let mut looks = looked.is_none();
    loop {
        if back::is_wanted(ring) && connection.serial.load(Ordering::Relaxed) == serial {
            back::go(connection, ring, fd);
        }
        if leave::is_wanted(connection) && connection.serial.load(Ordering::Relaxed) == serial {
            leave::step(connection, ring, fd);
        }
        let step = {
            let _guard = lock(&ring.own.receiver.lock);
            if connection.serial.load(Ordering::Relaxed) != serial {
                return Err(libc::EBADF);
            }
            once(connection, ring, fd, into, flags)
        };
        let got = total - into.left();
        match step {
            Step::Moved => {}
            Step::End => return Ok(got),
            Step::Failed(errno) if got == 0 => return Err(errno),
            Step::Failed(_) => return Ok(got),
            Step::Nothing => {}
        }
        if total > 0 && into.left() == 0 {
            return Ok(got);
        }
        let low = if peeks_at_all { total.min(ring.size as usize) } else { low_water(ring, total) };
        if peeks_at_all && got < low && matches!(step, Step::Moved) && flags & libc::MSG_DONTWAIT == 0 && !over(ring) {
            // Looked at, not taken: it is looked at again when there is more.
            into.start_again();
            match wait(connection, ring, fd, until_ns, low, since, true) {
                Woken::Look => continue,
                _ => return Ok(got),
            }
        }
        if matches!(step, Step::Moved) && (flags & libc::MSG_PEEK != 0 || (got >= low && !wait_for_all)) {
            return Ok(got);
        }
        if flags & libc::MSG_DONTWAIT != 0 || ring.flags() & flag::NONBLOCK != 0 {
            if got > 0 {
                return Ok(got);
            }
            if !empty_for_good(connection, ring, fd) {
                return Err(libc::EAGAIN);
            }
            continue;
        }
        let timeout_us = ring.own.side.receive_timeout_us.load(Ordering::Relaxed);
        if timeout_us > 0 && until_ns.is_none() {
            until_ns = Some(kernel::now_ns() + timeout_us * 1000);
        }
        let low = if got == 0 { low } else { 1 };
        let errno = match wait(connection, ring, fd, until_ns, low, since, core::mem::replace(&mut looks, true)) {
            Woken::Look => continue,
            Woken::Late => libc::EAGAIN,
            Woken::Interrupted => libc::EINTR,
        };
        return if got > 0 { Ok(got) } else { Err(errno) };
    }
}

/// Whether no more bytes will come.
fn over(ring: &Ring) -> bool {
    let ending = ending::of(ring);
    ending.complete || ending.reset
}

/// SO_RCVLOWAT, as far as it bears on a call for `total` bytes.
fn low_water(ring: &Ring, total: usize) -> usize {
    (ring.low_water() as usize).min(total).max(1)
}

enum Step {
    Moved,
    Nothing,
    End,
    Failed(i32),
}

/// Takes what is there, first of the socket up to where the other end left it, then of the ring. The caller has the lock.
fn once(connection: &Connection, ring: &Ring, fd: i32, into: &mut Gather, flags: i32) -> Step {
    let before = into.left();
    if connection.is_vsock() && ring.flags() & flag::NO_RECEIVING != 0 {
        return Step::End;
    }
    if ring.is_read() {
        back::enter(connection, ring);
    }
    if !switch::by_ring(ring.entered()) {
        match by_tcp(ring, fd, into, flags) {
            Tcp::Through => {}
            Tcp::Step(step) => return step,
        }
    }
    let rx = ring.rx();
    let wanted = into.left().min(ring.size as usize) as u32;
    let known = rx.known();
    // Before the bytes: an end holds for all that was published earlier. Where enough bytes are known of it does not matter yet,
    // and the sender's words are left alone.
    let looks = !known.is_ok_and(|known| known >= wanted.max(1));
    let ending = looks.then(|| {
        heels::fall_back(connection);
        ending::of(ring)
    });
    let (Ok(known), Ok(available)) = (known, rx.available(wanted.max(1))) else {
        ring.set_flags(flag::BROKEN);
        return Step::Failed(libc::ECONNRESET);
    };
    if looks {
        heels::found(connection, ring, available.saturating_sub(known));
    }
    let mut bytes = available.min(wanted).min(pogson_ring::ending::heard(ring.own));
    if bytes > 0 {
        if flags & libc::MSG_TRUNC != 0 {
            into.skip(bytes as usize);
        } else {
            // SAFETY: the ring is mapped, and the stretches lie within it.
            while !unsafe { into.copy_from(ring.peer_bytes, rx.next(bytes)) } {
                // As by TCP, whose pieces are not longer: what comes before one that has no place is received.
                if bytes <= PIECE {
                    return Step::Failed(libc::EFAULT);
                }
                bytes = PIECE;
            }
        }
        if flags & libc::MSG_PEEK == 0 {
            rx.consume(bytes);
            if rx.worth_waking(bytes) {
                sleep::wake_writer(connection, ring, rx.wake());
            }
        }
        return Step::Moved;
    }
    if into.left() < before {
        return Step::Moved;
    }
    if wanted == 0 && available > 0 {
        return Step::End;
    }
    if ring.is_read() {
        // The other end has gone back in between: the socket is next.
        return once(connection, ring, fd, into, flags);
    }
    let ending = ending.unwrap_or_else(|| ending::of(ring));
    if ending.complete {
        return Step::End;
    }
    if let Some(errno) = ending::take_error(ring, ending) {
        return Step::Failed(errno);
    }
    if ending.reset || ring.flags() & flag::NO_RECEIVING != 0 { Step::End } else { Step::Nothing }
}

enum Tcp {
    /// All bytes of the socket are taken (or looked at): the ring is next.
    Through,
    Step(Step),
}

fn by_tcp(ring: &Ring, fd: i32, into: &mut Gather, flags: i32) -> Tcp {
    loop {
        let boundary = switch::boundary(ring.peer, ring.entered());
        let taken = ring.own.receiver.by_tcp.load(Ordering::Relaxed);
        let mut most = into.left();
        if let Some(boundary) = boundary {
            let Some(left) = boundary.at.checked_sub(taken) else {
                ring.set_flags(flag::BROKEN);
                return Tcp::Step(Step::Failed(libc::ECONNRESET));
            };
            if left == 0 {
                switch::enter(ring.own, boundary.epoch);
                return Tcp::Through;
            }
            most = most.min(usize::try_from(left).unwrap_or(usize::MAX));
        }
        let mut entries = [libc::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 }; 16];
        let count = into.entries(most, &mut entries);
        // SAFETY: a msghdr of zeros is valid.
        let mut message: libc::msghdr = unsafe { core::mem::zeroed() };
        message.msg_iov = entries.as_mut_ptr();
        message.msg_iovlen = count as _;
        let claimed = vsock::claimed(ring);
        let plain = flags & (libc::MSG_PEEK | libc::MSG_TRUNC) | libc::MSG_DONTWAIT;
        // SAFETY: the entries are the program's own, as it gave them to the call.
        match unsafe { kernel::receive_message(fd, &raw mut message, plain) } {
            Ok(0) if most == 0 && kernel::unread(fd) == Ok(0) => return Tcp::Step(Step::Nothing),
            // Whoever ended by TCP may have gone on by the ring in between.
            Ok(0) if boundary.is_none() && switch::boundary(ring.peer, ring.entered()).is_some() => {}
            Ok(0) => return Tcp::Step(Step::End),
            Ok(bytes) => {
                into.skip(bytes);
                if flags & libc::MSG_PEEK != 0 {
                    let all = boundary.is_some_and(|boundary| boundary.at - taken == bytes as u64);
                    return if all { Tcp::Through } else { Tcp::Step(Step::Moved) };
                }
                ring.own.receiver.by_tcp.store(taken + bytes as u64, Ordering::Relaxed);
                if claimed == Some(taken + bytes as u64) && kernel::unread(fd) == Ok(0) {
                    vsock::agree(ring, claimed, taken + bytes as u64);
                }
                if ring.sends() && !ring.is_vsock() {
                    kernel::acknowledge(fd);
                }
                if into.left() == 0 || boundary.is_none_or(|boundary| boundary.at > taken + bytes as u64) {
                    return Tcp::Step(Step::Moved);
                }
            }
            Err(libc::EAGAIN) if boundary.is_none() && switch::boundary(ring.peer, ring.entered()).is_some() => {}
            Err(libc::EAGAIN) => {
                vsock::agree(ring, claimed, taken);
                return Tcp::Step(Step::Nothing);
            }
            Err(errno) => return Tcp::Step(Step::Failed(errno)),
        }
    }
}

/// Whether a receiver that waits for `low` bytes may go on, or has to know of an end. Only for the ring's part.
pub(crate) fn has_bytes(ring: &Ring, low: usize) -> bool {
    if ring.rx().look().map_or(true, |bytes| bytes as usize >= low)
        || switch::boundary(ring.peer, ring.entered()).is_some()
        || !switch::by_ring(ring.entered())
        || back::is_news(ring)
    {
        return true;
    }
    let ending = ending::of(ring);
    ending.complete || ending.reset || ring.flags() & flag::NO_RECEIVING != 0
}

/// Whether a receiver of which some bytes may come by TCP still has something new in the ring.
pub(crate) fn may_go_on(ring: &Ring, low: usize) -> bool {
    let boundary = switch::boundary(ring.peer, ring.entered());
    boundary.is_some_and(|boundary| boundary.at == ring.own.receiver.by_tcp.load(Ordering::Relaxed))
        && has_bytes(ring, low)
}

fn wait(
    connection: &Connection,
    ring: &Ring,
    fd: i32,
    until_ns: Option<u64>,
    low: usize,
    since: u32,
    looks: bool,
) -> Woken {
    if !switch::by_ring(ring.entered()) {
        return poll::wait_for_both(ring, fd, until_ns, low);
    }
    let ready = || has_bytes(ring, low);
    looks
        .then(|| sleep::look(connection, since, ready))
        .flatten()
        .unwrap_or_else(|| sleep::wait(connection, ring, fd, Which::Data, until_ns, since, ready))
}

/// Nothing is there and the call does not wait. Whether there is something new after all.
fn empty_for_good(connection: &Connection, ring: &Ring, fd: i32) -> bool {
    let looks = connection.idle_looks.fetch_add(1, Ordering::Relaxed);
    looks % 64 == 63 && liveness::check(connection, ring, fd)
}
