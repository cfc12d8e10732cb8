//! sendmsg, recvmsg and their plural forms.

use super::data::{receive_by, send_by};
use crate::{descriptors, guard, next::next};
use libc::{c_int, c_uint, mmsghdr, msghdr, ssize_t, timespec};

/// Looks up what stands behind the hooks.
pub(crate) fn prepare() {
    real::recvmsg::look_up();
    real::sendmsg::look_up();
    real::recvmmsg::look_up();
    real::sendmmsg::look_up();
}

mod real {
    use super::*;
    next!(fn recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t);
    next!(fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t);
    next!(fn recvmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int, timeout: *mut timespec) -> c_int);
    next!(fn sendmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int) -> c_int);
}

/// Whether a message and its list of parts can be looked at.
fn is_there(message: *const msghdr) -> bool {
    guard::is_there(message, 1) && {
        // SAFETY: the line above.
        let message = unsafe { &*message };
        guard::is_there(message.msg_iov, (message.msg_iovlen as usize).min(libc::UIO_MAXIOV as usize))
    }
}

/// The C library's sendmsg.
///
/// # Safety
/// As sendmsg asks.
pub(super) unsafe fn plain_sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t {
    // SAFETY: the caller's promise.
    unsafe { real::sendmsg::call(fd, message, flags) }
}

/// recvmsg(2).
///
/// # Safety
/// As recvmsg asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn recvmsg(fd: c_int, message: *mut msghdr, flags: c_int) -> ssize_t {
    if !is_there(message) {
        // SAFETY: what the program gave; the kernel says what is wrong with it.
        return unsafe { real::recvmsg::call(fd, message, flags) };
    }
    let plain = || {
        // SAFETY: what the program gave.
        unsafe { real::recvmsg::call(fd, message, flags) }
    };
    let by_socket = core::cell::Cell::new(false);
    // SAFETY: what the program gave.
    let (parts, count) = unsafe { ((*message).msg_iov, (*message).msg_iovlen as usize) };
    // SAFETY: what the program gave.
    let outcome = unsafe {
        receive_by(fd, parts, count, flags, None, || {
            by_socket.set(true);
            plain()
        })
    };
    if outcome >= 0 && !by_socket.get() {
        // SAFETY: what the program gave. As of TCP: no address, nothing beside.
        let message = unsafe { &mut *message };
        message.msg_namelen = 0;
        message.msg_controllen = 0;
        message.msg_flags = 0;
    } else if outcome >= 0 {
        // SAFETY: what the call that succeeded wrote.
        let message = unsafe { &*message };
        if message.msg_controllen > 0 && !message.msg_control.is_null() {
            each_passed(message, descriptors::found);
        }
    }
    outcome
}

/// sendmsg(2).
///
/// # Safety
/// As sendmsg asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn sendmsg(fd: c_int, message: *const msghdr, flags: c_int) -> ssize_t {
    if !is_there(message) {
        // SAFETY: what the program gave; the kernel says what is wrong with it.
        return unsafe { real::sendmsg::call(fd, message, flags) };
    }
    // SAFETY: what the program gave.
    let header = unsafe { &*message };
    if header.msg_controllen > 0 && !header.msg_control.is_null() {
        each_passed(header, descriptors::leaves);
    }
    if !header.msg_name.is_null() && header.msg_namelen > 0 && descriptors::is_vsock(fd) {
        // The kernel refuses it.
        // SAFETY: what the program gave.
        return unsafe { real::sendmsg::call(fd, message, flags) };
    }
    // SAFETY: what the program gave.
    unsafe {
        send_by(fd, header.msg_iov, header.msg_iovlen as usize, flags, || real::sendmsg::call(fd, message, flags))
    }
}

/// Calls `act` with each descriptor that lies beside a message.
fn each_passed(header: &msghdr, act: impl Fn(c_int)) {
    // SAFETY: the control messages, walked as their lengths say.
    let mut part = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !part.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR give headers that lie within.
        let one = unsafe { &*part };
        if one.cmsg_level == libc::SOL_SOCKET && one.cmsg_type == libc::SCM_RIGHTS {
            // SAFETY: the data follow the header.
            let (fds, empty) = unsafe { (libc::CMSG_DATA(part).cast::<c_int>(), libc::CMSG_LEN(0) as usize) };
            for at in 0..(one.cmsg_len as usize).saturating_sub(empty) / size_of::<c_int>() {
                // SAFETY: within the part's length.
                act(unsafe { fds.add(at).read_unaligned() });
            }
        }
        // SAFETY: as above.
        part = unsafe { libc::CMSG_NXTHDR(header, part) };
    }
}

/// recvmmsg(2).
///
/// # Safety
/// As recvmmsg asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn recvmmsg(
    fd: c_int,
    messages: *mut mmsghdr,
    count: c_uint,
    flags: c_int,
    timeout: *mut timespec,
) -> c_int {
    if descriptors::connection(fd).is_none() {
        // SAFETY: what the program gave.
        return unsafe { real::recvmmsg::call(fd, messages, count, flags, timeout) };
    }
    let mut flags = flags;
    let first_only = flags & libc::MSG_WAITFORONE != 0;
    flags &= !libc::MSG_WAITFORONE;
    for at in 0..count {
        // SAFETY: the program gave as many messages.
        let message = unsafe { &mut *messages.add(at as usize) };
        // SAFETY: the program's message.
        let outcome = unsafe { recvmsg(fd, &raw mut message.msg_hdr, flags) };
        if outcome < 0 {
            return if at > 0 { at as c_int } else { -1 };
        }
        message.msg_len = outcome as c_uint;
        if outcome == 0 {
            return at as c_int + 1;
        }
        if first_only {
            flags |= libc::MSG_DONTWAIT;
        }
    }
    count as c_int
}

/// sendmmsg(2).
///
/// # Safety
/// As sendmmsg asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn sendmmsg(fd: c_int, messages: *mut mmsghdr, count: c_uint, flags: c_int) -> c_int {
    if descriptors::connection(fd).is_none() {
        // SAFETY: what the program gave.
        return unsafe { real::sendmmsg::call(fd, messages, count, flags) };
    }
    for at in 0..count {
        // SAFETY: the program gave as many messages.
        let message = unsafe { &mut *messages.add(at as usize) };
        // SAFETY: the program's message.
        let outcome = unsafe { sendmsg(fd, &raw const message.msg_hdr, flags) };
        if outcome < 0 {
            return if at > 0 { at as c_int } else { -1 };
        }
        message.msg_len = outcome as c_uint;
    }
    count as c_int
}
