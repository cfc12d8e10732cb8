//! System calls made for the library itself, past all hooks. Each returns what the kernel returns: a number, or minus an errno.

use crate::sys::syscall6;
use core::sync::atomic::AtomicU32;

/// What a call gives: a number from 0 on, or an errno.
pub(crate) type Outcome = Result<usize, i32>;

macro_rules! call {
    ($number:ident) => { call!(@ $number, 0, 0, 0, 0, 0, 0) };
    ($number:ident, $a:expr) => { call!(@ $number, $a, 0, 0, 0, 0, 0) };
    ($number:ident, $a:expr, $b:expr) => { call!(@ $number, $a, $b, 0, 0, 0, 0) };
    ($number:ident, $a:expr, $b:expr, $c:expr) => { call!(@ $number, $a, $b, $c, 0, 0, 0) };
    ($number:ident, $a:expr, $b:expr, $c:expr, $d:expr) => { call!(@ $number, $a, $b, $c, $d, 0, 0) };
    ($number:ident, $a:expr, $b:expr, $c:expr, $d:expr, $e:expr) => { call!(@ $number, $a, $b, $c, $d, $e, 0) };
    ($number:ident, $a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr) => { call!(@ $number, $a, $b, $c, $d, $e, $f) };
    (@ $number:ident, $($argument:expr),*) => {{
        // SAFETY: each caller in this file passes arguments that the kernel checks or that are valid for the call.
        let answer = unsafe { syscall6(libc::$number, $($argument as usize),*) };
        if answer < 0 { Err(-answer as i32) } else { Ok(answer as usize) }
    }};
}

pub(crate) fn getpid() -> i32 {
    call!(SYS_getpid).unwrap_or(0) as i32
}

pub(crate) fn gettid() -> u32 {
    call!(SYS_gettid).unwrap_or(0) as u32
}

pub(crate) fn yield_now() {
    let _ = call!(SYS_sched_yield);
}

/// Whether the thread `tid` exists.
pub(crate) fn thread_lives(tid: u32) -> bool {
    call!(SYS_tkill, tid, 0) != Err(libc::ESRCH)
}

/// Sends `signal` to the calling thread.
pub(crate) fn raise(signal: i32) {
    let _ = call!(SYS_tgkill, getpid(), gettid(), signal);
}

/// Wakes all that sleep on `word`, in whatever process.
pub(crate) fn futex_wake(word: &AtomicU32) {
    let _ = call!(SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX);
}

/// Sleeps while `word` is `value`, for `nanoseconds` at most; interrupted by any handler.
pub(crate) fn futex_wait(word: &AtomicU32, value: u32, nanoseconds: u64) -> Outcome {
    let time = timespec(nanoseconds);
    call!(SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, value, &raw const time)
}

#[repr(C)]
struct FutexWaitV {
    value: u64,
    address: u64,
    flags: u32,
    reserved: u32,
}

/// Sleeps while `word` is `value`, until `until_ns` of the monotonic clock. Unlike [`futex_wait`], it goes on sleeping after a
/// handler that was installed with SA_RESTART.
pub(crate) fn futex_wait_restarting(word: &AtomicU32, value: u32, until_ns: u64) -> Outcome {
    const FUTEX_32: u32 = 2;
    let time = timespec(until_ns);
    let waiter = FutexWaitV { value: value.into(), address: word.as_ptr() as u64, flags: FUTEX_32, reserved: 0 };
    call!(SYS_futex_waitv, &raw const waiter, 1, 0, &raw const time, libc::CLOCK_MONOTONIC)
}

fn timespec(nanoseconds: u64) -> libc::timespec {
    libc::timespec { tv_sec: (nanoseconds / 1_000_000_000) as _, tv_nsec: (nanoseconds % 1_000_000_000) as _ }
}

/// Nanoseconds of the monotonic clock.
pub(crate) fn now_ns() -> u64 {
    let mut time = timespec(0);
    // SAFETY: `time` is valid for writing; the C library's function reads the vDSO and is no hook of ours.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Has bytes that came by TCP acknowledged at once. The kernel waits for an answer to acknowledge them with, 40 ms, and Nagle's
/// algorithm at the other end for the acknowledgement; but the answer goes by the ring.
pub(crate) fn acknowledge(fd: i32) {
    set_socket_option(fd, libc::IPPROTO_TCP, libc::TCP_QUICKACK, &1_i32);
}

/// A socket option of plain data.
pub(crate) fn socket_option<T: Copy>(fd: i32, level: i32, name: i32, mut value: T) -> Result<T, i32> {
    let mut length = size_of::<T>() as libc::socklen_t;
    call!(SYS_getsockopt, fd, level, name, &raw mut value, &raw mut length).map(|_| value)
}

/// Whether closing the socket would reset the connection whatever lies in it.
pub(crate) fn resets_on_close(fd: i32) -> bool {
    let none = libc::linger { l_onoff: 0, l_linger: 0 };
    let linger = socket_option(fd, libc::SOL_SOCKET, libc::SO_LINGER, none).unwrap_or(none);
    linger.l_onoff != 0 && linger.l_linger == 0
}

/// The kernel's name of a socket, which copies share; 0 for none.
pub(crate) fn cookie(fd: i32) -> u64 {
    const SO_COOKIE: i32 = 57;
    socket_option(fd, libc::SOL_SOCKET, SO_COOKIE, 0_u64).unwrap_or(0)
}

/// Bytes that wait in the socket to be received; 1 for any where the kernel does not count them, as older ones of a vsock.
pub(crate) fn unread(fd: i32) -> Result<u64, i32> {
    let mut bytes = 0_i32;
    match call!(SYS_ioctl, fd, libc::FIONREAD, &raw mut bytes) {
        Ok(_) => Ok(bytes as u64),
        Err(libc::ENOTTY) => {
            let mut byte = 0_u8;
            match call!(SYS_recvfrom, fd, &raw mut byte, 1, libc::MSG_PEEK | libc::MSG_DONTWAIT, 0, 0) {
                Ok(bytes) => Ok(bytes as u64),
                Err(libc::EAGAIN) => Ok(0),
                Err(errno) => Err(errno),
            }
        }
        Err(errno) => Err(errno),
    }
}

/// Whether the socket is connected.
pub(crate) fn has_peer(fd: i32) -> bool {
    // SAFETY: a sockaddr_storage of zeros is valid.
    let mut address: libc::sockaddr_storage = unsafe { core::mem::zeroed() };
    let mut length = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    call!(SYS_getpeername, fd, &raw mut address, &raw mut length).is_ok()
}

/// Sends a message of no bytes, which fails as any would.
pub(crate) fn send_nothing(fd: i32, flags: i32) -> Outcome {
    call!(SYS_sendto, fd, 0, 0, flags | libc::MSG_DONTWAIT, 0, 0)
}

/// Bytes in the socket that the other end has not acknowledged.
pub(crate) fn unacknowledged(fd: i32) -> Result<u64, i32> {
    let mut bytes = 0_i32;
    call!(SYS_ioctl, fd, libc::TIOCOUTQ, &raw mut bytes).map(|_| bytes as u64)
}

pub(crate) fn status_flags(fd: i32) -> Outcome {
    call!(SYS_fcntl, fd, libc::F_GETFL)
}

/// Whether the descriptor is open.
pub(crate) fn is_open(fd: i32) -> bool {
    call!(SYS_fcntl, fd, libc::F_GETFD).is_ok()
}

/// Whether a program that is begun by exec gets the descriptor.
pub(crate) fn is_inherited(fd: i32) -> bool {
    call!(SYS_fcntl, fd, libc::F_GETFD).is_ok_and(|flags| flags as i32 & libc::FD_CLOEXEC == 0)
}

/// Whether the descriptor is of a pipe.
pub(crate) fn is_pipe(fd: i32) -> bool {
    call!(SYS_fcntl, fd, libc::F_GETPIPE_SZ).is_ok()
}

/// A copy of `fd` that is not less than `least`, closed on exec.
pub(crate) fn duplicate_above(fd: i32, least: i32) -> Outcome {
    call!(SYS_fcntl, fd, libc::F_DUPFD_CLOEXEC, least)
}

pub(crate) fn close(fd: i32) {
    let _ = call!(SYS_close, fd);
}

/// Closes descriptors `first` to `last`, with the flags of close_range.
pub(crate) fn close_range(first: u32, last: u32, flags: i32) -> Outcome {
    call!(SYS_close_range, first, last, flags)
}

pub(crate) fn shutdown(fd: i32, how: i32) -> Outcome {
    call!(SYS_shutdown, fd, how)
}

/// What `fd` is ready for now, of `events` and the ends that are always told.
pub(crate) fn poll_now(fd: i32, events: i16) -> i16 {
    let mut one = libc::pollfd { fd, events, revents: 0 };
    match poll(core::slice::from_mut(&mut one), Some(0), None) {
        Ok(1..) => one.revents,
        _ => 0,
    }
}

/// Polls; `timeout_ns` of `None` is for ever.
pub(crate) fn poll(fds: &mut [libc::pollfd], timeout_ns: Option<u64>, mask: Option<&libc::sigset_t>) -> Outcome {
    let mut time = timespec(timeout_ns.unwrap_or(0));
    let time = timeout_ns.map_or(core::ptr::null_mut(), |_| &raw mut time);
    let mask = mask.map_or(core::ptr::null(), core::ptr::from_ref);
    call!(SYS_ppoll, fds.as_mut_ptr(), fds.len(), time, mask, SIGSET_BYTES)
}

/// Bytes of the kernel's own signal set.
pub(crate) const SIGSET_BYTES: usize = 8;

pub(crate) fn epoll_create() -> Outcome {
    call!(SYS_epoll_create1, libc::EPOLL_CLOEXEC)
}

pub(crate) fn epoll_ctl(set: i32, operation: i32, fd: i32, event: Option<libc::epoll_event>) -> Outcome {
    let event = event.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    call!(SYS_epoll_ctl, set, operation, fd, event)
}

/// Waits on an epoll set; `timeout_ns` of `None` is for ever.
///
/// # Safety
/// `events` is valid for writing `room` events.
pub(crate) unsafe fn epoll_wait(
    set: i32,
    events: *mut libc::epoll_event,
    room: i32,
    timeout_ns: Option<u64>,
    mask: *const libc::sigset_t,
) -> Outcome {
    // In milliseconds, upwards: a call that ends early would be made again at once.
    let milliseconds = timeout_ns.map_or(-1, |ns| ns.div_ceil(1_000_000).min(i32::MAX as u64) as i32);
    call!(SYS_epoll_pwait, set, events, room, milliseconds as isize, mask, SIGSET_BYTES)
}

/// Rings the eventfd `fd`.
pub(crate) fn ring(fd: i32) {
    let one = 1_u64;
    let _ = call!(SYS_write, fd, &raw const one, 8);
}

/// # Safety
/// `message` is valid, with all that it points to, as recvmsg wants it.
pub(crate) unsafe fn receive_message(fd: i32, message: *mut libc::msghdr, flags: i32) -> Outcome {
    call!(SYS_recvmsg, fd, message, flags)
}

/// # Safety
/// `message` is valid, with all that it points to, as sendmsg wants it.
pub(crate) unsafe fn send_message(fd: i32, message: *const libc::msghdr, flags: i32) -> Outcome {
    call!(SYS_sendmsg, fd, message, flags)
}

/// # Safety
/// `address` is valid for `length` bytes.
pub(crate) unsafe fn connect(fd: i32, address: *const libc::sockaddr_un, length: u32) -> Outcome {
    call!(SYS_connect, fd, address, length)
}

/// Resets a connection: both ends are told so.
pub(crate) fn dissolve(fd: i32) {
    // SAFETY: a sockaddr of zeros is valid, and AF_UNSPEC is zero.
    let nowhere: libc::sockaddr = unsafe { core::mem::zeroed() };
    let _ = call!(SYS_connect, fd, &raw const nowhere, size_of::<libc::sockaddr>());
}

/// Sleeps for so long, or until a handler runs.
pub(crate) fn nap(nanoseconds: u64) {
    let _ = poll(&mut [], Some(nanoseconds), None);
}

/// Whether the process may begin the program at `path`, a C string.
///
/// # Safety
/// `path` is a C string.
pub(crate) unsafe fn may_begin(path: *const core::ffi::c_char) -> bool {
    call!(SYS_faccessat, libc::AT_FDCWD as isize, path, libc::X_OK).is_ok()
}

pub(crate) fn socket(domain: i32, kind: i32) -> Outcome {
    call!(SYS_socket, domain, kind, 0)
}

/// Maps `length` bytes of `fd`, or of nothing for -1; the address, or `None`.
pub(crate) fn map(length: usize, protection: i32, flags: i32, fd: i32) -> Option<*mut u8> {
    map_part(length, protection, flags, fd, 0)
}

/// Maps `length` bytes of `fd` from `offset` on.
pub(crate) fn map_part(length: usize, protection: i32, flags: i32, fd: i32, offset: u64) -> Option<*mut u8> {
    call!(SYS_mmap, 0, length, protection, flags, fd as isize, offset).ok().map(|address| address as *mut u8)
}

/// Maps `length` bytes of `fd` from `offset` on in place of what is mapped at `address`; whether it did.
///
/// # Safety
/// Whoever uses what is mapped there takes what comes.
pub(crate) unsafe fn map_over(
    address: *mut u8,
    length: usize,
    protection: i32,
    flags: i32,
    fd: i32,
    offset: u64,
) -> bool {
    call!(SYS_mmap, address, length, protection, flags | libc::MAP_FIXED, fd as isize, offset).is_ok()
}

/// # Safety
/// Nobody uses the mapping any more.
pub(crate) unsafe fn unmap(address: *mut u8, length: usize) {
    let _ = call!(SYS_munmap, address, length);
}

/// Moves a mapping to where another one of the same length is, which is no more; whether it could be. Nobody sees a gap between.
///
/// # Safety
/// Nobody uses the mapping at `from`, and what uses the one at `to` finds the same there.
pub(crate) unsafe fn put_in_place(from: *mut u8, length: usize, to: *mut u8) -> bool {
    call!(SYS_mremap, from, length, length, libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED, to).is_ok()
}

/// Reads `length` bytes of a file into the memory of the caller.
///
/// # Safety
/// `buffer` is valid for writing `length` bytes.
pub(crate) unsafe fn read_at(fd: i32, buffer: *mut u8, length: usize, offset: i64) -> Outcome {
    call!(SYS_pread64, fd, buffer, length, offset)
}

/// Reads what is in memory of a file already, into `parts`; EAGAIN where it would have to wait for a disk.
///
/// # Safety
/// The parts are valid for writing.
pub(crate) unsafe fn read_what_is_there(fd: i32, parts: &[libc::iovec], offset: i64) -> Outcome {
    // The upper half of the offset is a word of its own, which processors of 64 bits leave alone.
    call!(SYS_preadv2, fd, parts.as_ptr(), parts.len(), offset, 0, libc::RWF_NOWAIT)
}

/// # Safety
/// `buffer` is valid for writing `length` bytes.
pub(crate) unsafe fn read(fd: i32, buffer: *mut u8, length: usize) -> Outcome {
    call!(SYS_read, fd, buffer, length)
}

/// # Safety
/// `buffer` is valid for reading `length` bytes.
pub(crate) unsafe fn write(fd: i32, buffer: *const u8, length: usize) -> Outcome {
    call!(SYS_write, fd, buffer, length)
}

/// Moves the position of a file as lseek does.
pub(crate) fn seek(fd: i32, offset: i64, whence: i32) -> Outcome {
    call!(SYS_lseek, fd, offset as isize, whence)
}

/// Processors that this thread may run on.
pub(crate) fn processors() -> u32 {
    let mut mask = [0_u64; 16];
    match call!(SYS_sched_getaffinity, 0, size_of_val(&mask), mask.as_mut_ptr()) {
        Ok(_) => mask.iter().map(|word| word.count_ones()).sum(),
        Err(_) => 1,
    }
}

/// Sets a socket option of plain data.
pub(crate) fn set_socket_option<T: Copy>(fd: i32, level: i32, name: i32, value: &T) {
    let _ = call!(SYS_setsockopt, fd, level, name, core::ptr::from_ref(value), size_of::<T>());
}
