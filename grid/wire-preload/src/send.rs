//! Sending.

use crate::{
    back,
    block::Block,
    caller, cancel,
    connection::{Connection, Ring, flag},
    critical::Critical,
    descriptors, ending,
    gather::Gather,
    kernel, leave, liveness,
    lock::lock,
    session,
    sleep::{self, Which, Woken},
    upgrade, vsock,
};
use core::sync::atomic::Ordering;
use pogson_ring::{layout::fin, want};

/// Bytes that are shown to the other end at once, so that it copies while this end does.
const PIECE: u32 = 64 << 10;

/// How a call goes on.
pub(crate) enum Way {
    /// By the C library's own function.
    Plain,
    /// By it too, and noted.
    Tcp(Permit),
    /// By the ring.
    Ring(&'static Connection, Ring),
}

/// A call that sends by TCP is under way.
pub(crate) struct Permit(&'static Connection, &'static Block);

impl Permit {
    /// Bytes that are best sent by one call; what is left after them may go by the ring.
    pub(crate) fn piece(&self) -> usize {
        if upgrade::may_leave_soon(self.0, self.1) { PIECE as usize } else { usize::MAX }
    }

    /// The call ends with its thread.
    pub(crate) fn leave(&self) {
        self.1.sending.leave();
    }

    /// The call is over; `outcome` is what it returned.
    pub(crate) fn end(self, outcome: isize) {
        if outcome > 0 {
            self.1.sends(outcome as usize);
            session::count_bytes(outcome as u64);
            if self.0.is_vsock() {
                vsock::claim(self.0, self.1);
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The way of a sending call on `fd`.
#[inline]
pub(crate) fn way(fd: i32) -> Way {
    let Some(connection) = descriptors::connection(fd) else { return Way::Plain };
    if let Some(ring) = connection.ring()
        && ring.sends()
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
                upgrade::latch(connection, &ring, fd);
                if ring.sends() {
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
        upgrade::hold_no_longer(connection, block, fd);
        if block.sending.enter() {
            return Way::Tcp(Permit(connection, block));
        }
        kernel::yield_now();
    }
}

/// Sends `from` by the ring; the number of bytes or an errno.
pub(crate) fn by_ring(
    connection: &Connection,
    ring: &Ring,
    fd: i32,
    from: &mut Gather,
    flags: i32,
) -> Result<usize, i32> {
    if flags & libc::MSG_OOB != 0 {
        return Err(libc::EOPNOTSUPP);
    }
    let serial = connection.serial.load(Ordering::Relaxed);
    let total = from.left();
    let tx = ring.tx();
    let mut until_ns = None;
    let since = caller::interrupted();
    loop {
        let sent = total - from.left();
        if connection.serial.load(Ordering::Relaxed) != serial {
            return ended_by(sent, libc::EBADF);
        }
        if !ring.sends() {
            return rest_by_tcp(connection, fd, from, flags, sent);
        }
        if leave::is_wanted(connection) {
            leave::step(connection, ring, fd);
        }
        if back::is_wanted(ring) && !back::go(connection, ring, fd) && back::is_wanted(ring) {
            if flags & libc::MSG_DONTWAIT != 0 || ring.flags() & flag::NONBLOCK != 0 {
                return ended_by(sent, libc::EAGAIN);
            }
            match wait_for_socket(fd, deadline(ring, &mut until_ns)) {
                Woken::Look => continue,
                Woken::Late => return ended_by(sent, libc::EAGAIN),
                Woken::Interrupted => return ended_by(sent, libc::EINTR),
            }
        }
        let wake = {
            let guard = lock(&ring.own.sender.lock);
            if !ring.sends() || back::is_wanted(ring) {
                continue;
            }
            if connection.serial.load(Ordering::Relaxed) != serial {
                return Err(libc::EBADF);
            }
            let ending = ending::of(ring);
            if connection.is_vsock() {
                let over = ending.shut || ending.reset || ending.unheard;
                if over || (ending.complete && liveness::check(connection, ring, fd)) {
                    drop(guard);
                    return if sent > 0 { Ok(sent) } else { Err(vsock::refusal(fd, flags)) };
                }
            } else if ending.shut || ending.reset {
                let errno = ending::take_error(ring, ending).unwrap_or(libc::EPIPE);
                drop(guard);
                return ended(sent, errno, flags);
            } else if ending.unheard || (ending.complete && liveness::check(connection, ring, fd)) {
                // TCP takes the bytes and finds out by the answer.
                ring.set_flags(flag::SENT_IN_VAIN);
                // One that lives but has shut both ways is reset by them.
                let deaf = ring.rx().ended() & (fin::DEAF | fin::CLOSED) == fin::DEAF;
                tx.publish(u32::from(deaf && from.left() > 0).min(tx.room(1).unwrap_or(0)));
                let wake = tx.wake();
                let _critical = guard.unlock();
                sleep::wake_reader(connection, ring, wake);
                return Ok(total);
            }
            let wanted = from.left().min(PIECE as usize) as u32;
            let Ok(room) = tx.room(wanted) else {
                ring.set_flags(flag::BROKEN);
                return ended_by(sent, libc::ECONNRESET);
            };
            let bytes = room.min(wanted);
            if bytes > 0 {
                // SAFETY: the ring is mapped for writing, and the stretches lie within it.
                if !unsafe { from.copy_into(ring.own_bytes, tx.next(bytes)) } {
                    return ended_by(sent, libc::EFAULT);
                }
                tx.publish(bytes);
                Some((tx.wake(), guard.unlock()))
            } else if total == 0 {
                return Ok(0);
            } else {
                None
            }
        };
        if let Some((wake, critical)) = wake {
            sleep::wake_reader(connection, ring, wake);
            drop(critical);
            if from.left() == 0 {
                if back::is_wanted(ring) {
                    back::go(connection, ring, fd);
                }
                return Ok(total);
            }
            continue;
        }
        if flags & libc::MSG_DONTWAIT != 0 || ring.flags() & flag::NONBLOCK != 0 {
            if !full_for_good(connection, ring, fd) {
                return ended_by(sent, libc::EAGAIN);
            }
            continue;
        }
        let until_ns = deadline(ring, &mut until_ns);
        let woken = sleep::look(connection, since, || has_room(ring))
            .unwrap_or_else(|| sleep::wait(connection, ring, fd, Which::Space, until_ns, since, || has_room(ring)));
        match woken {
            Woken::Look => {}
            Woken::Late => return ended_by(sent, libc::EAGAIN),
            Woken::Interrupted => return ended_by(sent, libc::EINTR),
        }
    }
}

/// When a call that waits gives up, which is counted from its first wait.
fn deadline(ring: &Ring, until_ns: &mut Option<u64>) -> Option<u64> {
    let timeout_us = ring.own.side.send_timeout_us.load(Ordering::Relaxed);
    if timeout_us > 0 && until_ns.is_none() {
        *until_ns = Some(kernel::now_ns() + timeout_us * 1000);
    }
    *until_ns
}

/// Waits until the socket takes bytes.
fn wait_for_socket(fd: i32, until_ns: Option<u64>) -> Woken {
    let left = until_ns.map(|until| until.saturating_sub(kernel::now_ns()));
    let mut one = [libc::pollfd { fd, events: libc::POLLOUT, revents: 0 }];
    match kernel::poll(&mut one, left, None) {
        Ok(0) => Woken::Late,
        Err(libc::EINTR) => Woken::Interrupted,
        _ => Woken::Look,
    }
}

/// The rest of a call whose connection has gone back to TCP, after `sent` bytes by the ring.
fn rest_by_tcp(connection: &Connection, fd: i32, from: &mut Gather, flags: i32, sent: usize) -> Result<usize, i32> {
    let mut sent = sent;
    let vsock = connection.is_vsock();
    loop {
        // Whether there is a signal, the kernel knows of a vsock.
        let quiet = if vsock && sent == 0 { 0 } else { libc::MSG_NOSIGNAL };
        let mut entries = [libc::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 }; 16];
        let count = from.entries(usize::MAX, &mut entries);
        let wanted: usize = entries.iter().take(count).map(|entry| entry.iov_len).sum();
        // SAFETY: a msghdr of zeros is valid.
        let mut message: libc::msghdr = unsafe { core::mem::zeroed() };
        message.msg_iov = entries.as_mut_ptr();
        message.msg_iovlen = count as _;
        // SAFETY: the entries are the program's own, as it gave them to the call.
        match unsafe { kernel::send_message(fd, &raw const message, flags | quiet) } {
            Ok(bytes) => {
                from.skip(bytes);
                sent += bytes;
                if let Some(block) = connection.block() {
                    block.sends(bytes);
                }
                if bytes < wanted || from.left() == 0 {
                    return Ok(sent);
                }
            }
            Err(errno) if vsock => return ended_by(sent, errno),
            Err(errno) => return ended(sent, errno, flags),
        }
    }
}

/// Whether a sender that waits for room may go on, or has to know of an end.
fn has_room(ring: &Ring) -> bool {
    let ending = ending::of(ring);
    ring.tx().unread().map_or(true, |unread| unread < ring.size)
        || !ring.sends()
        || back::is_news(ring)
        || ending.unheard
        || ending.shut
        || ending.reset
}

/// The ring is full and the call does not wait: the program is told by its epoll set when there is room. Whether there is
/// something new after all.
fn full_for_good(connection: &Connection, ring: &Ring, fd: i32) -> bool {
    want::want_bell_once(&ring.own.waiting.space);
    if has_room(ring) {
        return true;
    }
    let looks = connection.idle_looks.fetch_add(1, Ordering::Relaxed);
    looks % 64 == 63 && liveness::check(connection, ring, fd)
}

/// What a call returns that was ended by `errno` after `sent` bytes, with the signal that goes with it.
fn ended(sent: usize, errno: i32, flags: i32) -> Result<usize, i32> {
    if sent > 0 {
        return Ok(sent);
    }
    if errno == libc::EPIPE && flags & libc::MSG_NOSIGNAL == 0 {
        kernel::raise(libc::SIGPIPE);
    }
    Err(errno)
}

fn ended_by(sent: usize, errno: i32) -> Result<usize, i32> {
    if sent > 0 { Ok(sent) } else { Err(errno) }
}

/// shutdown of a connection's sending side, before that of the socket. `both`: the receiving side is shut too.
pub(crate) fn end(connection: &Connection, ring: &Ring, fd: i32, both: bool) {
    back::finish(connection, ring, fd);
    if ring.has_gone_back() {
        return;
    }
    let _critical = Critical::enter();
    let (to_reader, to_writer) = {
        let _guard = lock(&ring.own.sender.lock);
        if both {
            ring.own.side.deaf_from.store(ring.peer.sending.tail.load(Ordering::Acquire), Ordering::Relaxed);
        }
        ring.tx().end(if both { fin::END | fin::DEAF } else { fin::END });
        (ring.tx().wake(), both.then(|| ring.rx().wake()))
    };
    sleep::wake_reader(connection, ring, to_reader);
    if let Some(wake) = to_writer {
        sleep::wake_writer(connection, ring, wake);
    }
    // It may have been recalled meanwhile; the socket is not shut yet.
    if !back::finish(connection, ring, fd) {
        back::reset(ring, fd);
    }
}

/// shutdown of a vsock's receiving side, of which the other end hears as the kernel tells it.
pub(crate) fn hear_no_more(connection: &Connection, ring: &Ring) {
    let _critical = Critical::enter();
    let (to_reader, to_writer) = {
        let _guard = lock(&ring.own.sender.lock);
        ring.tx().end(fin::DEAF);
        (ring.tx().wake(), ring.rx().wake())
    };
    sleep::wake_reader(connection, ring, to_reader);
    sleep::wake_writer(connection, ring, to_writer);
}

/// connect(AF_UNSPEC): both ends are reset.
pub(crate) fn dissolve(connection: &Connection, ring: &Ring) {
    let _critical = Critical::enter();
    let (to_reader, to_writer) = {
        let _guard = lock(&ring.own.sender.lock);
        ring.set_flags(flag::DISSOLVED);
        ring.tx().end(fin::CLOSED | fin::RESET);
        (ring.tx().wake(), ring.rx().wake())
    };
    sleep::wake_reader(connection, ring, to_reader);
    sleep::wake_writer(connection, ring, to_writer);
}
