//! read, write, send, recv.

use super::answer;
use crate::{
    block::stays,
    caller, cancel,
    descriptors::{self, Kind},
    gather::Gather,
    guard,
    next::next,
    receive, send,
    straight::{self, Received},
};
use core::sync::atomic::Ordering;
use libc::{c_int, c_void, iovec, size_t, sockaddr, socklen_t, ssize_t};

/// Hooks of the `next!` calls of this file.
pub(crate) fn prepare() {
    real::read::look_up();
    real::write::look_up();
    real::readv::look_up();
    real::writev::look_up();
    real::recv::look_up();
    real::send::look_up();
    real::recvfrom::look_up();
    real::sendto::look_up();
}

mod real {
    use super::*;
    next!(fn read(fd: c_int, buffer: *mut c_void, length: size_t) -> ssize_t);
    next!(fn write(fd: c_int, buffer: *const c_void, length: size_t) -> ssize_t);
    next!(fn readv(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t);
    next!(fn writev(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t);
    next!(fn recv(fd: c_int, buffer: *mut c_void, length: size_t, flags: c_int) -> ssize_t);
    next!(fn send(fd: c_int, buffer: *const c_void, length: size_t, flags: c_int) -> ssize_t);
    next!(fn recvfrom(fd: c_int, buffer: *mut c_void, length: size_t, flags: c_int, from: *mut sockaddr, room: *mut socklen_t) -> ssize_t);
    next!(fn sendto(fd: c_int, buffer: *const c_void, length: size_t, flags: c_int, to: *const sockaddr, bytes: socklen_t) -> ssize_t);
}

/// Receives by the way of `fd`; `plain` calls the C library.
///
/// # Safety
/// `parts` is what the program gave.
#[inline]
pub(super) unsafe fn receive_by(
    fd: c_int,
    parts: *const iovec,
    count: usize,
    flags: c_int,
    looked: Option<u32>,
    plain: impl Fn() -> ssize_t,
) -> ssize_t {
    if flags & libc::MSG_ERRQUEUE != 0 {
        // A vsock of older kernels overlooks the flag and gives bytes.
        if let Some(connection) = descriptors::connection(fd).filter(|connection| connection.is_vsock())
            && let Some(block) = connection.block()
        {
            block.stays.fetch_or(stays::UNSEEN, Ordering::AcqRel);
        }
        return plain();
    }
    match receive::way(fd) {
        receive::Way::Plain => plain(),
        receive::Way::Tcp(permit) => {
            let outcome = cancel::during(&|| permit.leave(), plain);
            permit.end(if flags & (libc::MSG_PEEK | libc::MSG_OOB) == 0 { outcome } else { 0 });
            outcome
        }
        receive::Way::Ring(connection, ring) => {
            // SAFETY: the caller's promise.
            let into = unsafe { Gather::new(parts, count) };
            answer(into.and_then(|mut into| receive::by_ring(connection, &ring, fd, &mut into, flags, looked)))
        }
    }
}

/// Receives into one buffer.
///
/// # Safety
/// The buffer is what the program gave.
#[inline]
unsafe fn receive_one(
    fd: c_int,
    buffer: *mut c_void,
    length: size_t,
    flags: c_int,
    plain: impl Fn() -> ssize_t,
) -> ssize_t {
    let mut looked = None;
    if flags == 0 && length > 0 {
        // SAFETY: the caller's promise.
        match unsafe { straight::receive(fd, buffer.cast(), length) } {
            Received::Bytes(bytes) => return bytes as ssize_t,
            Received::Not(so_far) => looked = so_far,
        }
    }
    apart(|| {
        // SAFETY: the caller's promise.
        unsafe { receive_by(fd, &one(buffer, length), 1, flags, looked, plain) }
    })
}

/// Sends out of one buffer.
///
/// # Safety
/// The buffer is what the program gave.
#[inline]
unsafe fn send_one(
    fd: c_int,
    buffer: *const c_void,
    length: size_t,
    flags: c_int,
    plain: impl Fn() -> ssize_t,
) -> ssize_t {
    if flags & !(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL | libc::MSG_MORE) == 0
        // SAFETY: the caller's promise.
        && let Some(bytes) = unsafe { straight::send(fd, buffer.cast(), length) }
    {
        return bytes as ssize_t;
    }
    apart(|| {
        // SAFETY: the caller's promise.
        unsafe { send_by(fd, &one(buffer, length), 1, flags, plain) }
    })
}

/// Does `act` in a function of its own, so that the caller's frame is small when it is not needed.
#[cold]
#[inline(never)]
fn apart(act: impl FnOnce() -> ssize_t) -> ssize_t {
    act()
}

/// Sends by the way of `fd`; `plain` calls the C library.
///
/// # Safety
/// `parts` is what the program gave.
#[inline]
pub(super) unsafe fn send_by(
    fd: c_int,
    parts: *const iovec,
    count: usize,
    flags: c_int,
    plain: impl Fn() -> ssize_t,
) -> ssize_t {
    match send::way(fd) {
        send::Way::Plain => plain(),
        send::Way::Tcp(permit) => {
            if flags & !(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL | libc::MSG_MORE) == 0
                // SAFETY: the caller's promise.
                && let Ok(mut from) = unsafe { Gather::new(parts, count) }
                && from.left() > permit.piece()
            {
                return answer(in_pieces(permit, fd, &mut from, flags));
            }
            let outcome = cancel::during(&|| permit.leave(), plain);
            permit.end(outcome);
            outcome
        }
        send::Way::Ring(connection, ring) => {
            // SAFETY: the caller's promise.
            let from = unsafe { Gather::new(parts, count) };
            answer(from.and_then(|mut from| send::by_ring(connection, &ring, fd, &mut from, flags)))
        }
    }
}

/// Sends much by TCP bit by bit, and the rest by the ring as soon as that can be. As far as the program sees it is one call.
fn in_pieces(mut permit: send::Permit, fd: c_int, from: &mut Gather, flags: c_int) -> Result<usize, i32> {
    let total = from.left();
    loop {
        let sent = total - from.left();
        // A later call tells of what ends the connection after some bytes.
        let flags = if sent > 0 { flags | libc::MSG_NOSIGNAL } else { flags };
        let piece = permit.piece();
        let mut entries = [one(core::ptr::null(), 0); 16];
        // SAFETY: a msghdr of zeros is valid.
        let mut message: libc::msghdr = unsafe { core::mem::zeroed() };
        message.msg_iovlen = from.entries(piece, &mut entries) as _;
        message.msg_iov = entries.as_mut_ptr();
        let wanted: usize = entries.iter().map(|entry| entry.iov_len).sum();
        let send = || {
            // SAFETY: the entries are the program's own, as it gave them to the call.
            unsafe { super::message::plain_sendmsg(fd, &raw const message, flags) }
        };
        let outcome = cancel::during(&|| permit.leave(), send);
        permit.end(outcome);
        let Ok(more) = usize::try_from(outcome) else {
            return if sent > 0 { Ok(sent) } else { Err(caller::errno()) };
        };
        from.skip(more);
        let sent = sent + more;
        if from.left() == 0 || more < wanted {
            return Ok(sent);
        }
        match send::way(fd) {
            send::Way::Plain => return Ok(sent),
            send::Way::Tcp(next) => permit = next,
            send::Way::Ring(connection, ring) => {
                let rest = send::by_ring(connection, &ring, fd, from, flags | libc::MSG_NOSIGNAL);
                return Ok(sent + rest.unwrap_or(0));
            }
        }
    }
}

fn one(buffer: *const c_void, length: size_t) -> iovec {
    iovec { iov_base: buffer.cast_mut(), iov_len: length.min(isize::MAX as usize) }
}

/// read(2).
///
/// # Safety
/// As read asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn read(fd: c_int, buffer: *mut c_void, length: size_t) -> ssize_t {
    if length == 0 {
        // Unlike recv, it waits for nothing.
        // SAFETY: what the program gave.
        return unsafe { real::read::call(fd, buffer, length) };
    }
    // SAFETY: what the program gave.
    unsafe { receive_one(fd, buffer, length, 0, || real::read::call(fd, buffer, length)) }
}

/// read(2), where the compiler knew the buffer's size.
///
/// # Safety
/// As read asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn __read_chk(fd: c_int, buffer: *mut c_void, length: size_t, room: size_t) -> ssize_t {
    fits(length, room);
    // SAFETY: what the program gave.
    unsafe { read(fd, buffer, length) }
}

/// write(2).
///
/// # Safety
/// As write asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn write(fd: c_int, buffer: *const c_void, length: size_t) -> ssize_t {
    // SAFETY: what the program gave.
    unsafe { send_one(fd, buffer, length, 0, || real::write::call(fd, buffer, length)) }
}

/// readv(2).
///
/// # Safety
/// As readv asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn readv(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t {
    if count == 0 || !guard::is_there(parts, count as usize) {
        // Unlike recvmsg, it waits for nothing. Or the kernel says what is wrong.
        // SAFETY: what the program gave.
        return unsafe { real::readv::call(fd, parts, count) };
    }
    // SAFETY: what the program gave.
    unsafe { receive_by(fd, parts, count as usize, 0, None, || real::readv::call(fd, parts, count)) }
}

/// writev(2).
///
/// # Safety
/// As writev asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn writev(fd: c_int, parts: *const iovec, count: c_int) -> ssize_t {
    let plain = || {
        // SAFETY: what the program gave.
        unsafe { real::writev::call(fd, parts, count) }
    };
    if !guard::is_there(parts, count as usize) {
        return plain();
    }
    // SAFETY: what the program gave.
    unsafe { send_by(fd, parts, count as usize, 0, plain) }
}

/// recv(2).
///
/// # Safety
/// As recv asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn recv(fd: c_int, buffer: *mut c_void, length: size_t, flags: c_int) -> ssize_t {
    // SAFETY: what the program gave.
    unsafe { receive_one(fd, buffer, length, flags, || real::recv::call(fd, buffer, length, flags)) }
}

/// recv(2), where the compiler knew the buffer's size.
///
/// # Safety
/// As recv asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn __recv_chk(
    fd: c_int,
    buffer: *mut c_void,
    length: size_t,
    room: size_t,
    flags: c_int,
) -> ssize_t {
    fits(length, room);
    // SAFETY: what the program gave.
    unsafe { recv(fd, buffer, length, flags) }
}

/// send(2).
///
/// # Safety
/// As send asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn send(fd: c_int, buffer: *const c_void, length: size_t, flags: c_int) -> ssize_t {
    // SAFETY: what the program gave.
    unsafe { send_one(fd, buffer, length, flags, || real::send::call(fd, buffer, length, flags)) }
}

/// recvfrom(2).
///
/// # Safety
/// As recvfrom asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn recvfrom(
    fd: c_int,
    buffer: *mut c_void,
    length: size_t,
    flags: c_int,
    from: *mut sockaddr,
    room: *mut socklen_t,
) -> ssize_t {
    let plain = || {
        // SAFETY: what the program gave.
        unsafe { real::recvfrom::call(fd, buffer, length, flags, from, room) }
    };
    // SAFETY: what the program gave.
    let outcome = unsafe { receive_one(fd, buffer, length, flags, plain) };
    if outcome >= 0 && !from.is_null() && !room.is_null() && matches!(descriptors::kind(fd), Kind::Connection(_)) {
        // As of TCP: there is no address.
        // SAFETY: what the program gave.
        unsafe { *room = 0 };
    }
    outcome
}

/// recvfrom(2), where the compiler knew the buffer's size.
///
/// # Safety
/// As recvfrom asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn __recvfrom_chk(
    fd: c_int,
    buffer: *mut c_void,
    length: size_t,
    size: size_t,
    flags: c_int,
    from: *mut sockaddr,
    room: *mut socklen_t,
) -> ssize_t {
    fits(length, size);
    // SAFETY: what the program gave.
    unsafe { recvfrom(fd, buffer, length, flags, from, room) }
}

/// sendto(2).
///
/// # Safety
/// As sendto asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn sendto(
    fd: c_int,
    buffer: *const c_void,
    length: size_t,
    flags: c_int,
    to: *const sockaddr,
    bytes: socklen_t,
) -> ssize_t {
    let plain = || {
        // SAFETY: what the program gave.
        unsafe { real::sendto::call(fd, buffer, length, flags, to, bytes) }
    };
    if !to.is_null() && bytes > 0 && descriptors::is_vsock(fd) {
        // The kernel refuses it.
        return plain();
    }
    // SAFETY: what the program gave. TCP leaves `to` alone too.
    unsafe { send_one(fd, buffer, length, flags, plain) }
}

/// What the C library does when a buffer is smaller than what is asked for.
fn fits(length: size_t, room: size_t) {
    if length > room {
        // SAFETY: ends the process, as the check is there to do.
        unsafe { libc::abort() };
    }
}
