//! Calls that make, copy, change and close descriptors.

use super::answer;
use crate::{
    block::stays,
    caller,
    connection::{Connection, Ring, flag},
    descriptors::{self, Kind},
    ending, kernel,
    next::next,
    process::borrows_memory,
    send, session, set, upgrade, vsock,
};
use core::sync::atomic::Ordering;
use libc::{c_int, c_uint, c_void, sockaddr, socklen_t};

/// Looks up what stands behind the hooks.
pub(crate) fn prepare() {
    real::socket::look_up();
    real::connect::look_up();
    real::accept::look_up();
    real::accept4::look_up();
    real::close::look_up();
    real::close_range::look_up();
    real::closefrom::look_up();
    real::dup::look_up();
    real::dup2::look_up();
    real::dup3::look_up();
    real::fcntl::look_up();
    real::fcntl64::look_up();
    real::ioctl::look_up();
    real::shutdown::look_up();
    real::getsockopt::look_up();
    real::setsockopt::look_up();
}

mod real {
    use super::*;
    next!(fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int);
    next!(fn connect(fd: c_int, address: *const sockaddr, bytes: socklen_t) -> c_int);
    next!(fn accept(fd: c_int, address: *mut sockaddr, room: *mut socklen_t) -> c_int);
    next!(fn accept4(fd: c_int, address: *mut sockaddr, room: *mut socklen_t, flags: c_int) -> c_int);
    next!(fn close(fd: c_int) -> c_int);
    next!(fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int);
    next!(fn closefrom(first: c_int) -> c_int, else 0);
    next!(fn dup(fd: c_int) -> c_int);
    next!(fn dup2(fd: c_int, to: c_int) -> c_int);
    next!(fn dup3(fd: c_int, to: c_int, flags: c_int) -> c_int);
    next!(fn fcntl(fd: c_int, command: c_int, argument: usize) -> c_int);
    next!(fn fcntl64(fd: c_int, command: c_int, argument: usize) -> c_int);
    next!(fn ioctl(fd: c_int, request: libc::c_ulong, argument: usize) -> c_int);
    next!(fn shutdown(fd: c_int, how: c_int) -> c_int);
    next!(fn getsockopt(fd: c_int, level: c_int, name: c_int, value: *mut c_void, length: *mut socklen_t) -> c_int);
    next!(fn setsockopt(fd: c_int, level: c_int, name: c_int, value: *const c_void, length: socklen_t) -> c_int);
}

/// socket(2).
///
/// # Safety
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int {
    // SAFETY: what the program gave.
    let fd = unsafe { real::socket::call(domain, kind, protocol) };
    if fd >= 0 && !borrows_memory() {
        let plain = kind & !(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC);
        let known = match domain {
            libc::AF_INET | libc::AF_INET6 => matches!(protocol, 0 | libc::IPPROTO_TCP),
            libc::AF_VSOCK => true,
            _ => false,
        };
        if known && plain == libc::SOCK_STREAM {
            descriptors::is_stream(fd);
        } else {
            descriptors::is_other(fd);
        }
    }
    fd
}

/// connect(2).
///
/// # Safety
/// As connect asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn connect(fd: c_int, address: *const sockaddr, bytes: socklen_t) -> c_int {
    // SAFETY: what the program gave.
    let outcome = unsafe { real::connect::call(fd, address, bytes) };
    if outcome == 0
        && let Some((connection, ring)) = ring_of(fd)
    {
        // SAFETY: the call that succeeded read an address there.
        let family = unsafe { (*address).sa_family };
        if i32::from(family) == libc::AF_UNSPEC {
            send::dissolve(connection, &ring);
        }
    }
    outcome
}

fn accepted(fd: c_int) -> c_int {
    if fd >= 0 && !borrows_memory() {
        let tcp = kernel::socket_option(fd, libc::SOL_SOCKET, libc::SO_PROTOCOL, 0) == Ok(libc::IPPROTO_TCP);
        if tcp || vsock::is_stream(fd) {
            descriptors::is_stream(fd);
        } else {
            descriptors::is_other(fd);
        }
    }
    fd
}

/// accept(2).
///
/// # Safety
/// As accept asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn accept(fd: c_int, address: *mut sockaddr, room: *mut socklen_t) -> c_int {
    // SAFETY: what the program gave.
    accepted(unsafe { real::accept::call(fd, address, room) })
}

/// accept4(2).
///
/// # Safety
/// As accept4 asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn accept4(
    fd: c_int,
    address: *mut sockaddr,
    room: *mut socklen_t,
    flags: c_int,
) -> c_int {
    // SAFETY: what the program gave.
    accepted(unsafe { real::accept4::call(fd, address, room, flags) })
}

/// What has to be done before a descriptor is closed; whether the program may close it.
fn closes(fd: c_int) -> bool {
    match descriptors::kind(fd) {
        Kind::Ours => return false,
        Kind::Connection(connection) => {
            descriptors::take(fd);
            if connection.descriptors.fetch_sub(1, Ordering::AcqRel) == 1 {
                upgrade::close(connection, fd);
            }
        }
        Kind::Set(number) => {
            descriptors::take(fd);
            set::closed(number, fd);
        }
        Kind::Stream | Kind::Other => {
            descriptors::take(fd);
        }
    }
    true
}

/// close(2).
///
/// # Safety
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn close(fd: c_int) -> c_int {
    if descriptors::concerns(fd) && !borrows_memory() && !closes(fd) {
        return caller::fail(libc::EBADF) as c_int;
    }
    // SAFETY: what the program gave.
    unsafe { real::close::call(fd) }
}

/// Closes a range, leaving out what is the library's own.
fn close_all(first: c_uint, last: c_uint, flags: c_int) -> Result<usize, i32> {
    if first > last {
        return Err(libc::EINVAL);
    }
    if flags & libc::CLOSE_RANGE_CLOEXEC as c_int == 0 {
        descriptors::for_each(first, last, |fd, _| {
            closes(fd);
        });
    }
    let mut from = first;
    while let Some(ours) = descriptors::next_of_ours(from, last) {
        if ours > from {
            kernel::close_range(from, ours - 1, flags)?;
        }
        from = ours + 1;
    }
    if from <= last { kernel::close_range(from, last, flags) } else { Ok(0) }
}

/// close_range(2).
///
/// # Safety
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn close_range(first: c_uint, last: c_uint, flags: c_int) -> c_int {
    if borrows_memory() || flags & !(libc::CLOSE_RANGE_CLOEXEC as c_int) != 0 {
        // SAFETY: what the program gave.
        return unsafe { real::close_range::call(first, last, flags) };
    }
    answer(close_all(first, last, flags)) as c_int
}

/// closefrom(3).
///
/// # Safety
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn closefrom(first: c_int) {
    if borrows_memory() {
        // SAFETY: what the program gave.
        unsafe { real::closefrom::call(first) };
    } else if close_all(first.max(0) as c_uint, c_uint::MAX, 0).is_err() {
        // SAFETY: what the program gave, on a kernel without close_range.
        unsafe { real::closefrom::call(first) };
    }
}

fn copied(fd: c_int, copy: c_int) -> c_int {
    if copy >= 0 && copy != fd {
        if borrows_memory() {
            // A child of vfork hands the socket to the program that it is about to become.
            descriptors::leaves(fd);
        } else {
            descriptors::copied(fd, copy);
        }
    }
    copy
}

/// dup(2).
///
/// # Safety
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn dup(fd: c_int) -> c_int {
    if matches!(descriptors::kind(fd), Kind::Ours) {
        return caller::fail(libc::EBADF) as c_int;
    }
    // SAFETY: what the program gave.
    copied(fd, unsafe { real::dup::call(fd) })
}

/// Before `to` becomes a copy of `fd`.
fn makes_way(fd: c_int, to: c_int) {
    if borrows_memory() {
        return;
    }
    if fd == to || !kernel::is_open(fd) {
        return;
    }
    match descriptors::kind(to) {
        Kind::Ours => session::make_way(to),
        _ => {
            closes(to);
        }
    }
}

/// dup2(2).
///
/// # Safety
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn dup2(fd: c_int, to: c_int) -> c_int {
    if matches!(descriptors::kind(fd), Kind::Ours) {
        return caller::fail(libc::EBADF) as c_int;
    }
    makes_way(fd, to);
    // SAFETY: what the program gave.
    copied(fd, unsafe { real::dup2::call(fd, to) })
}

/// dup3(2).
///
/// # Safety
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn dup3(fd: c_int, to: c_int, flags: c_int) -> c_int {
    if matches!(descriptors::kind(fd), Kind::Ours) {
        return caller::fail(libc::EBADF) as c_int;
    }
    makes_way(fd, to);
    // SAFETY: what the program gave.
    copied(fd, unsafe { real::dup3::call(fd, to, flags) })
}

fn ring_of(fd: c_int) -> Option<(&'static Connection, Ring)> {
    match descriptors::kind(fd) {
        Kind::Connection(connection) => Some((connection, connection.ring()?)),
        _ => None,
    }
}

fn nonblocking(fd: c_int, is: bool) {
    if let Some((_, ring)) = ring_of(fd) {
        if is {
            ring.set_flags(flag::NONBLOCK);
        } else {
            ring.clear_flags(flag::NONBLOCK);
        }
    }
}

fn fcntl_by(fd: c_int, command: c_int, argument: usize, plain: impl FnOnce() -> c_int) -> c_int {
    if matches!(descriptors::kind(fd), Kind::Ours) {
        return caller::fail(libc::EBADF) as c_int;
    }
    let outcome = plain();
    if outcome >= 0 {
        match command {
            libc::F_DUPFD | libc::F_DUPFD_CLOEXEC => return copied(fd, outcome),
            libc::F_SETFL => nonblocking(fd, argument as c_int & libc::O_NONBLOCK != 0),
            _ => {}
        }
    }
    outcome
}

/// fcntl(2). The third argument is passed on whether there is one or not.
///
/// # Safety
/// As fcntl asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn fcntl(fd: c_int, command: c_int, argument: usize) -> c_int {
    // SAFETY: what the program gave.
    fcntl_by(fd, command, argument, || unsafe { real::fcntl::call(fd, command, argument) })
}

/// fcntl(2), as newer programs call it.
///
/// # Safety
/// As fcntl asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn fcntl64(fd: c_int, command: c_int, argument: usize) -> c_int {
    // SAFETY: what the program gave.
    fcntl_by(fd, command, argument, || unsafe { real::fcntl64::call(fd, command, argument) })
}

/// ioctl(2).
///
/// # Safety
/// As ioctl asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ioctl(fd: c_int, request: libc::c_ulong, argument: usize) -> c_int {
    // SAFETY: what the program gave.
    let outcome = unsafe { real::ioctl::call(fd, request, argument) };
    let Some((_, ring)) = ring_of(fd).filter(|_| outcome >= 0 && argument != 0) else { return outcome };
    let value = argument as *mut c_int;
    match request {
        // SAFETY: the call that succeeded read an int there.
        x if x == libc::FIONBIO as libc::c_ulong => nonblocking(fd, unsafe { *value } != 0),
        x if x == libc::FIONREAD as libc::c_ulong && ring.looks() => {
            let more = ring.rx().look().unwrap_or(0);
            // SAFETY: the call that succeeded wrote an int there: the socket's bytes.
            unsafe { *value = (*value).saturating_add(more as c_int) };
        }
        x if x == libc::TIOCOUTQ as libc::c_ulong && ring.sends() => {
            let more = ring.tx().unread().unwrap_or(0);
            // SAFETY: the call that succeeded wrote an int there: the socket's bytes.
            unsafe { *value = (*value).saturating_add(more as c_int) };
        }
        _ => {}
    }
    outcome
}

/// shutdown(2).
///
/// # Safety
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn shutdown(fd: c_int, how: c_int) -> c_int {
    if let Some((connection, ring)) = ring_of(fd) {
        if matches!(how, libc::SHUT_WR | libc::SHUT_RDWR) {
            send::end(connection, &ring, fd, how == libc::SHUT_RDWR);
        }
        if matches!(how, libc::SHUT_RD | libc::SHUT_RDWR) {
            ring.set_flags(flag::NO_RECEIVING);
            if how == libc::SHUT_RD && ring.is_vsock() {
                send::hear_no_more(connection, &ring);
            }
            crate::sleep::wake_own(connection, &ring);
        }
    } else if let Kind::Connection(connection) = descriptors::kind(fd)
        && let Some(block) = connection.block()
    {
        // The other side of a slot takes it that an end which was not told there is a death.
        block.stays.fetch_or(stays::REFUSED, Ordering::AcqRel);
    }
    // SAFETY: what the program gave.
    let outcome = unsafe { real::shutdown::call(fd, how) };
    if outcome == 0 && matches!(descriptors::kind(fd), Kind::Stream) && vsock::is_stream(fd) {
        // The kernel does not say any more that it is connected.
        descriptors::is_other(fd);
    }
    outcome
}

/// getsockopt(2).
///
/// # Safety
/// As getsockopt asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn getsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *mut c_void,
    length: *mut socklen_t,
) -> c_int {
    // SAFETY: what the program gave.
    let outcome = unsafe { real::getsockopt::call(fd, level, name, value, length) };
    if level == libc::SOL_SOCKET
        && name == libc::SO_ERROR
        && outcome == 0
        && let Some((_, ring)) = ring_of(fd).filter(|(_, ring)| ring.sends() && ring.looks())
    {
        // What befell the bare socket since is not the program's concern.
        let error = ending::take_error(&ring, ending::of(&ring)).unwrap_or(0);
        // SAFETY: the call that succeeded wrote an int there.
        unsafe { *value.cast::<c_int>() = error };
    }
    outcome
}

/// setsockopt(2).
///
/// # Safety
/// As setsockopt asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn setsockopt(
    fd: c_int,
    level: c_int,
    name: c_int,
    value: *const c_void,
    length: socklen_t,
) -> c_int {
    let connection = match descriptors::kind(fd) {
        Kind::Connection(connection) => Some(connection),
        _ => None,
    };
    let beyond_rings = level == libc::IPPROTO_TCP && matches!(name, libc::TCP_ULP | libc::TCP_REPAIR)
        || level == libc::SOL_SOCKET
            && matches!(name, libc::SO_ATTACH_FILTER | libc::SO_ATTACH_BPF | libc::SO_ZEROCOPY);
    if let Some(connection) = connection.filter(|_| beyond_rings) {
        if connection.ring().is_some_and(|ring| ring.looks() || ring.sends()) {
            return caller::fail(libc::ENOPROTOOPT) as c_int;
        }
        if let Some(block) = connection.block() {
            block.stays.fetch_or(stays::REFUSED, Ordering::AcqRel);
        }
    }
    // SAFETY: what the program gave.
    let outcome = unsafe { real::setsockopt::call(fd, level, name, value, length) };
    if outcome == 0
        && level == libc::SOL_SOCKET
        && let Some(ring) = connection.and_then(Connection::ring)
    {
        match name {
            libc::SO_RCVTIMEO | libc::SO_SNDTIMEO | libc::SO_RCVLOWAT | libc::SO_LINGER => upgrade::settle(&ring, fd),
            _ => {}
        }
    }
    outcome
}
