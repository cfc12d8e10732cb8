//! sendfile and splice: bytes of files and pipes straight into a ring.

use super::answer;
use crate::{caller, gather::Gather, kernel, next::next, receive, send, straight};
use core::sync::atomic::{AtomicPtr, Ordering};
use libc::{c_int, c_uint, loff_t, off_t, size_t, ssize_t};

/// Bytes moved at once.
const PIECE: usize = 64 << 10;

/// Looks up what stands behind the hooks.
pub(crate) fn prepare() {
    real::sendfile::look_up();
    real::sendfile64::look_up();
    real::splice::look_up();
}

mod real {
    use super::*;
    next!(fn sendfile(out: c_int, from: c_int, offset: *mut off_t, length: size_t) -> ssize_t);
    next!(fn sendfile64(out: c_int, from: c_int, offset: *mut off_t, length: size_t) -> ssize_t);
    next!(fn splice(from: c_int, from_at: *mut loff_t, to: c_int, to_at: *mut loff_t, length: size_t, flags: c_uint) -> ssize_t);
}

/// Memory for a call's bytes between a file and a ring.
struct Between(*mut u8);

/// One that the last call has left for the next: to map it anew costs more than to copy a small file. A thread that comes meanwhile
/// maps its own.
static KEPT: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());

impl Between {
    fn new() -> Result<Self, i32> {
        let kept = KEPT.swap(core::ptr::null_mut(), Ordering::Acquire);
        if !kept.is_null() {
            return Ok(Self(kept));
        }
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        kernel::map(PIECE, libc::PROT_READ | libc::PROT_WRITE, flags, -1).map(Self).ok_or(libc::ENOMEM)
    }
}

impl Drop for Between {
    fn drop(&mut self) {
        let none = core::ptr::null_mut();
        if KEPT.compare_exchange(none, self.0, Ordering::Release, Ordering::Relaxed).is_err() {
            // SAFETY: mapped by `new` and used by nobody else.
            unsafe { kernel::unmap(self.0, PIECE) };
        }
    }
}

/// # Safety
/// `offset` is null or valid.
unsafe fn sendfile_by(
    out: c_int,
    from: c_int,
    offset: *mut off_t,
    length: size_t,
    plain: impl Fn(usize) -> ssize_t,
) -> ssize_t {
    let mut done = 0;
    loop {
        let left = length - done;
        let outcome = match send::way(out) {
            send::Way::Plain => plain(left),
            send::Way::Tcp(permit) => {
                let wanted = left.min(permit.piece());
                let outcome = plain(wanted);
                permit.end(outcome);
                // Bit by bit, for the rest may go by the ring.
                if wanted < left && usize::try_from(outcome) == Ok(wanted) {
                    done += wanted;
                    continue;
                }
                outcome
            }
            send::Way::Ring(connection, ring) => {
                // SAFETY: the caller's promise.
                answer(unsafe { file_to_ring(connection, &ring, out, from, offset, left) })
            }
        };
        // A later call tells of a failure after some bytes.
        return if done > 0 { (done + outcome.max(0) as usize) as ssize_t } else { outcome };
    }
}

/// # Safety
/// `offset` is null or valid.
unsafe fn file_to_ring(
    connection: &crate::connection::Connection,
    ring: &crate::connection::Ring,
    out: c_int,
    from: c_int,
    offset: *mut off_t,
    length: usize,
) -> Result<usize, i32> {
    let mut at = if offset.is_null() {
        kernel::seek(from, 0, libc::SEEK_CUR)
            .map_err(|errno| if errno == libc::ESPIPE { libc::EINVAL } else { errno })? as i64
    } else {
        // SAFETY: the caller's promise.
        unsafe { *offset }
    };
    let mut done = 0;
    let outcome = loop {
        if done == length {
            break Ok(done);
        }
        if let Some(sent) = straight::send_file(out, from, at, length - done) {
            done += sent;
            at += sent as i64;
            continue;
        }
        let between = match Between::new() {
            Ok(between) => between,
            Err(errno) => break if done > 0 { Ok(done) } else { Err(errno) },
        };
        // A ring without room takes what is read here only once there is some, or never.
        let room = ring.size as usize - ring.tx().unread().unwrap_or(0) as usize;
        let wanted = (length - done).min(PIECE).min(room.max(1));
        // SAFETY: `between` has room for PIECE bytes.
        let read = match unsafe { kernel::read_at(from, between.0, wanted, at) } {
            Ok(0) => break Ok(done),
            Ok(read) => read,
            Err(errno) => break if done > 0 { Ok(done) } else { Err(errno) },
        };
        let part = libc::iovec { iov_base: between.0.cast(), iov_len: read };
        // SAFETY: the part lies in `between`.
        let mut bytes = unsafe { Gather::new(&raw const part, 1) }?;
        match send::by_ring(connection, ring, out, &mut bytes, 0) {
            Ok(sent) => {
                done += sent;
                at += sent as i64;
                if sent < read {
                    break Ok(done);
                }
            }
            Err(errno) => break if done > 0 { Ok(done) } else { Err(errno) },
        }
    };
    if outcome.is_ok() {
        if offset.is_null() {
            kernel::seek(from, at, libc::SEEK_SET)?;
        } else {
            // SAFETY: the caller's promise.
            unsafe { *offset = at };
        }
    }
    outcome
}

/// sendfile(2).
///
/// # Safety
/// As sendfile asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn sendfile(out: c_int, from: c_int, offset: *mut off_t, length: size_t) -> ssize_t {
    // SAFETY: what the program gave.
    unsafe { sendfile_by(out, from, offset, length, |length| real::sendfile::call(out, from, offset, length)) }
}

/// sendfile(2), with wide offsets.
///
/// # Safety
/// As sendfile asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn sendfile64(out: c_int, from: c_int, offset: *mut off_t, length: size_t) -> ssize_t {
    // SAFETY: what the program gave.
    unsafe { sendfile_by(out, from, offset, length, |length| real::sendfile64::call(out, from, offset, length)) }
}

/// splice(2).
///
/// # Safety
/// As splice asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn splice(
    from: c_int,
    from_at: *mut loff_t,
    to: c_int,
    to_at: *mut loff_t,
    length: size_t,
    flags: c_uint,
) -> ssize_t {
    let plain = || {
        // SAFETY: what the program gave.
        unsafe { real::splice::call(from, from_at, to, to_at, length, flags) }
    };
    let dont_wait = if flags & libc::SPLICE_F_NONBLOCK != 0 { libc::MSG_DONTWAIT } else { 0 };
    match (receive::way(from), send::way(to)) {
        (receive::Way::Ring(..), send::Way::Plain) if !kernel::is_pipe(to) => caller::fail(libc::EINVAL),
        (receive::Way::Plain, send::Way::Ring(..)) if !kernel::is_pipe(from) => caller::fail(libc::EINVAL),
        (receive::Way::Ring(..), send::Way::Plain) if !from_at.is_null() => caller::fail(libc::EINVAL),
        (receive::Way::Plain, send::Way::Ring(..)) if !to_at.is_null() => caller::fail(libc::EINVAL),
        (receive::Way::Ring(connection, ring), send::Way::Plain) => {
            answer(ring_to_pipe(connection, &ring, from, to, length, dont_wait))
        }
        (receive::Way::Plain, send::Way::Ring(connection, ring)) => {
            answer(pipe_to_ring(connection, &ring, from, to, length, dont_wait))
        }
        (receive::Way::Tcp(permit), send::Way::Plain) => {
            let outcome = plain();
            permit.end(outcome);
            outcome
        }
        (receive::Way::Plain, send::Way::Tcp(permit)) => {
            let outcome = plain();
            permit.end(outcome);
            outcome
        }
        (receive::Way::Plain, send::Way::Plain) => plain(),
        // One of the two has to be a pipe.
        _ => caller::fail(libc::EINVAL),
    }
}

/// Free bytes of a pipe, as far as that can be told; at least what is sure to fit when poll says that it is writable.
const SURE: usize = 4096;

fn ring_to_pipe(
    connection: &crate::connection::Connection,
    ring: &crate::connection::Ring,
    from: c_int,
    to: c_int,
    length: usize,
    flags: c_int,
) -> Result<usize, i32> {
    if kernel::poll_now(to, libc::POLLOUT) & libc::POLLOUT == 0 {
        if flags != 0 {
            return Err(libc::EAGAIN);
        }
        let mut one = [libc::pollfd { fd: to, events: libc::POLLOUT, revents: 0 }];
        kernel::poll(&mut one, None, None)?;
    }
    let between = Between::new()?;
    let part = libc::iovec { iov_base: between.0.cast(), iov_len: length.min(SURE) };
    // SAFETY: the part lies in `between`.
    let mut into = unsafe { Gather::new(&raw const part, 1) }?;
    let bytes = receive::by_ring(connection, ring, from, &mut into, flags, None)?;
    let mut written = 0;
    while written < bytes {
        // SAFETY: the bytes lie in `between`.
        match unsafe { kernel::write(to, between.0.wrapping_add(written), bytes - written) } {
            Ok(more) => written += more,
            Err(libc::EAGAIN | libc::EINTR) => kernel::yield_now(),
            Err(errno) => return Err(errno),
        }
    }
    Ok(bytes)
}

fn pipe_to_ring(
    connection: &crate::connection::Connection,
    ring: &crate::connection::Ring,
    from: c_int,
    to: c_int,
    length: usize,
    flags: c_int,
) -> Result<usize, i32> {
    let room = ring.size as usize - ring.tx().unread().unwrap_or(0) as usize;
    if room == 0 && (flags != 0 || ring.flags() & crate::connection::flag::NONBLOCK != 0) {
        let nothing = libc::iovec { iov_base: core::ptr::null_mut(), iov_len: 0 };
        // SAFETY: no bytes.
        let mut none = unsafe { Gather::new(&raw const nothing, 1) }?;
        send::by_ring(connection, ring, to, &mut none, flags)?;
        return Err(libc::EAGAIN);
    }
    if flags != 0 && kernel::poll_now(from, libc::POLLIN) == 0 {
        return Err(libc::EAGAIN);
    }
    let between = Between::new()?;
    let most = length.min(PIECE).min(room.max(1));
    // SAFETY: `between` has room for PIECE bytes.
    let read = unsafe { kernel::read(from, between.0, most) }?;
    let part = libc::iovec { iov_base: between.0.cast(), iov_len: read };
    let mut sent = 0;
    while sent < read {
        let rest = libc::iovec { iov_base: part.iov_base.wrapping_byte_add(sent), iov_len: read - sent };
        // SAFETY: the part lies in `between`.
        let mut bytes = unsafe { Gather::new(&raw const rest, 1) }?;
        match send::by_ring(connection, ring, to, &mut bytes, flags) {
            Ok(more) => sent += more,
            // The pipe has given its bytes: they must go, and there was room a moment ago.
            Err(libc::EAGAIN | libc::EINTR) => kernel::yield_now(),
            Err(errno) => return Err(errno),
        }
    }
    Ok(read)
}
