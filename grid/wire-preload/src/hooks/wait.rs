//! poll, select, epoll.

use super::answer;
use crate::{
    caller, cancel,
    descriptors::{self, Kind},
    guard, kernel,
    next::next,
    poll as poller, set,
};
use libc::{c_int, epoll_event, fd_set, nfds_t, pollfd, sigset_t, timespec, timeval};

/// Looks up what stands behind the hooks.
pub(crate) fn prepare() {
    real::epoll_create::look_up();
    real::epoll_create1::look_up();
    real::epoll_ctl::look_up();
    real::epoll_wait::look_up();
    real::epoll_pwait::look_up();
    real::epoll_pwait2::look_up();
    real::poll::look_up();
    real::ppoll::look_up();
    real::select::look_up();
    real::pselect::look_up();
}

mod real {
    use super::*;
    next!(fn poll(fds: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int);
    next!(fn ppoll(fds: *mut pollfd, count: nfds_t, timeout: *const timespec, mask: *const sigset_t) -> c_int);
    next!(fn select(count: c_int, read: *mut fd_set, write: *mut fd_set, except: *mut fd_set, timeout: *mut timeval) -> c_int);
    next!(fn pselect(count: c_int, read: *mut fd_set, write: *mut fd_set, except: *mut fd_set, timeout: *const timespec, mask: *const sigset_t) -> c_int);
    next!(fn epoll_create(size: c_int) -> c_int);
    next!(fn epoll_create1(flags: c_int) -> c_int);
    next!(fn epoll_ctl(set: c_int, operation: c_int, fd: c_int, event: *mut epoll_event) -> c_int);
    next!(fn epoll_wait(set: c_int, events: *mut epoll_event, room: c_int, timeout: c_int) -> c_int);
    next!(fn epoll_pwait(set: c_int, events: *mut epoll_event, room: c_int, timeout: c_int, mask: *const sigset_t) -> c_int);
    next!(fn epoll_pwait2(set: c_int, events: *mut epoll_event, room: c_int, timeout: *const timespec, mask: *const sigset_t) -> c_int);
}

/// Polls. If another thread asks that this one end, it does, and `undo` is run.
pub(crate) fn sleep_by_poll(
    undo: &impl Fn(),
    fds: &mut [pollfd],
    timeout_ns: Option<u64>,
    mask: Option<&sigset_t>,
) -> Result<usize, i32> {
    if timeout_ns == Some(0) {
        return kernel::poll(fds, timeout_ns, mask);
    }
    if cancel::IN_KERNEL {
        return cancel::asleep(undo, || kernel::poll(fds, timeout_ns, mask));
    }
    let time = timeout_ns.map(|ns| timespec { tv_sec: (ns / 1_000_000_000) as _, tv_nsec: (ns % 1_000_000_000) as _ });
    let time = time.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    let mask = mask.map_or(core::ptr::null(), core::ptr::from_ref);
    // SAFETY: the slice, the time and the mask live through the call.
    let outcome = unsafe { real::ppoll::call(fds.as_mut_ptr(), fds.len() as nfds_t, time, mask) };
    usize::try_from(outcome).map_err(|_| caller::errno())
}

/// Waits on an epoll set in the kernel, as [`sleep_by_poll`] does.
///
/// # Safety
/// `events` is valid for writing `room` events, and `mask` is null or a signal mask.
pub(crate) unsafe fn sleep_by_epoll(
    undo: &impl Fn(),
    set: c_int,
    events: *mut epoll_event,
    room: c_int,
    timeout_ns: Option<u64>,
    mask: *const sigset_t,
) -> Result<usize, i32> {
    // SAFETY: the caller's promise.
    let in_kernel = || unsafe { kernel::epoll_wait(set, events, room, timeout_ns, mask) };
    if timeout_ns == Some(0) {
        return in_kernel();
    }
    if cancel::IN_KERNEL {
        return cancel::asleep(undo, in_kernel);
    }
    let time = timeout_ns.map_or(-1, |ns| ns.div_ceil(1_000_000).min(i32::MAX as u64) as c_int);
    // SAFETY: the caller's promise.
    let outcome = unsafe { real::epoll_pwait::call(set, events, room, time, mask) };
    usize::try_from(outcome).map_err(|_| caller::errno())
}

fn milliseconds(timeout: c_int) -> Option<u64> {
    u64::try_from(timeout).ok().map(|timeout| timeout * 1_000_000)
}

/// # Safety
/// `timeout` is null or a time.
unsafe fn nanoseconds(timeout: *const timespec) -> Option<u64> {
    // SAFETY: the caller's promise.
    let timeout = unsafe { timeout.as_ref() }?;
    Some((timeout.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(timeout.tv_nsec as u64))
}

/// Whether some of `fds` concern the library.
///
/// # Safety
/// `fds` is valid for `count` entries.
unsafe fn concerns(fds: *mut pollfd, count: nfds_t) -> bool {
    if count == 0 || count > 1 << 20 || !guard::is_there(fds, count as usize) {
        return false;
    }
    // SAFETY: the caller's promise.
    let fds = unsafe { core::slice::from_raw_parts(fds, count as usize) };
    let mut any = false;
    for one in fds {
        match descriptors::kind(one.fd) {
            Kind::Connection(_) | Kind::Stream => any = true,
            Kind::Set(number) => any |= set::is_polled(number),
            _ => {}
        }
    }
    any
}

/// poll(2).
///
/// # Safety
/// As poll asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn poll(fds: *mut pollfd, count: nfds_t, timeout: c_int) -> c_int {
    // SAFETY: what the program gave.
    if unsafe { concerns(fds, count) } {
        // SAFETY: what the program gave, and it is not empty.
        let slice = unsafe { core::slice::from_raw_parts_mut(fds, count as usize) };
        if let Some(outcome) = poller::poll(slice, milliseconds(timeout), None) {
            return answer(outcome) as c_int;
        }
    }
    // SAFETY: what the program gave.
    unsafe { real::poll::call(fds, count, timeout) }
}

/// poll(2), where the compiler knew the array's size.
///
/// # Safety
/// As poll asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn __poll_chk(fds: *mut pollfd, count: nfds_t, timeout: c_int, room: usize) -> c_int {
    if room / size_of::<pollfd>() < count as usize {
        // SAFETY: ends the process, as the check is there to do.
        unsafe { libc::abort() };
    }
    // SAFETY: what the program gave.
    unsafe { poll(fds, count, timeout) }
}

/// ppoll(2).
///
/// # Safety
/// As ppoll asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn ppoll(
    fds: *mut pollfd,
    count: nfds_t,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> c_int {
    // SAFETY: what the program gave.
    if unsafe { concerns(fds, count) } {
        // SAFETY: what the program gave, and it is not empty.
        let (slice, time, mask) =
            unsafe { (core::slice::from_raw_parts_mut(fds, count as usize), nanoseconds(timeout), mask.as_ref()) };
        if let Some(outcome) = poller::poll(slice, time, mask) {
            return answer(outcome) as c_int;
        }
    }
    // SAFETY: what the program gave.
    unsafe { real::ppoll::call(fds, count, timeout, mask) }
}

/// ppoll(2), where the compiler knew the array's size.
///
/// # Safety
/// As ppoll asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn __ppoll_chk(
    fds: *mut pollfd,
    count: nfds_t,
    timeout: *const timespec,
    mask: *const sigset_t,
    room: usize,
) -> c_int {
    if room / size_of::<pollfd>() < count as usize {
        // SAFETY: ends the process, as the check is there to do.
        unsafe { libc::abort() };
    }
    // SAFETY: what the program gave.
    unsafe { ppoll(fds, count, timeout, mask) }
}

/// The three sets of select as entries of poll.
struct Sets {
    sets: [*mut fd_set; 3],
}

const SELECT: [libc::c_short; 3] = [libc::POLLIN | libc::POLLRDHUP, libc::POLLOUT, libc::POLLPRI];

/// What makes a descriptor readable, writable, exceptional in select.
const SELECTED: [libc::c_short; 3] = [
    libc::POLLIN | libc::POLLRDNORM | libc::POLLRDBAND | libc::POLLHUP | libc::POLLERR | libc::POLLRDHUP,
    libc::POLLOUT | libc::POLLWRNORM | libc::POLLWRBAND | libc::POLLERR,
    libc::POLLPRI,
];

impl Sets {
    /// # Safety
    /// Each set is null or valid for bit `fd`.
    unsafe fn wanted(&self, fd: c_int) -> libc::c_short {
        let bits = self.sets.iter().zip(SELECT).filter(|(set, _)| {
            // SAFETY: the caller's promise.
            !set.is_null() && unsafe { libc::FD_ISSET(fd, **set) }
        });
        bits.fold(0, |all, (_, events)| all | events)
    }

    /// # Safety
    /// As of [`Sets::wanted`].
    unsafe fn tell(&self, fd: c_int, wanted: libc::c_short, now: libc::c_short) -> c_int {
        let mut told = 0;
        for ((set, asked), counts) in self.sets.iter().zip(SELECT).zip(SELECTED) {
            if set.is_null() || wanted & asked != asked {
                continue;
            }
            if now & counts != 0 {
                told += 1;
            } else {
                // SAFETY: the caller's promise.
                unsafe { libc::FD_CLR(fd, *set) };
            }
        }
        told
    }
}

/// select by poll, where connections are among the descriptors; `None` where none is.
///
/// # Safety
/// The sets are null or valid for `count` bits, `mask` null or a signal mask.
unsafe fn select_by_poll(
    count: c_int,
    sets: [*mut fd_set; 3],
    timeout_ns: Option<u64>,
    mask: *const sigset_t,
) -> Option<c_int> {
    if !(1..=libc::FD_SETSIZE as c_int).contains(&count) {
        return None;
    }
    let sets = Sets { sets };
    let mut fds = [pollfd { fd: -1, events: 0, revents: 0 }; libc::FD_SETSIZE];
    let mut used = 0;
    let mut any = false;
    for fd in 0..count {
        // SAFETY: the caller's promise.
        let events = unsafe { sets.wanted(fd) };
        if events != 0 {
            fds[used] = pollfd { fd, events, revents: 0 };
            used += 1;
            match descriptors::kind(fd) {
                Kind::Connection(_) | Kind::Stream => any = true,
                Kind::Set(number) => any |= set::is_polled(number),
                _ => {}
            }
        }
    }
    if !any {
        return None;
    }
    let fds = &mut fds[..used];
    // SAFETY: the caller's promise.
    let mask = unsafe { mask.as_ref() };
    let outcome = poller::poll(fds, timeout_ns, mask).unwrap_or_else(|| kernel::poll(fds, timeout_ns, mask));
    if let Err(errno) = outcome {
        return Some(caller::fail(errno) as c_int);
    }
    if fds.iter().any(|one| one.revents & libc::POLLNVAL != 0) {
        return Some(caller::fail(libc::EBADF) as c_int);
    }
    // SAFETY: the caller's promise.
    Some(fds.iter().map(|one| unsafe { sets.tell(one.fd, one.events, one.revents) }).sum())
}

/// select(2).
///
/// # Safety
/// As select asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn select(
    count: c_int,
    read: *mut fd_set,
    write: *mut fd_set,
    except: *mut fd_set,
    timeout: *mut timeval,
) -> c_int {
    // SAFETY: what the program gave.
    let given = unsafe { timeout.as_mut() };
    let time = given.as_deref().map(|time| time.tv_sec as u64 * 1_000_000_000 + time.tv_usec as u64 * 1000);
    let start = kernel::now_ns();
    // SAFETY: what the program gave.
    match unsafe { select_by_poll(count, [read, write, except], time, core::ptr::null()) } {
        Some(outcome) => {
            // Of the C libraries musl leaves what the program gave.
            if let (Some(given), Some(time), false) = (given, time, cfg!(target_env = "musl")) {
                let left = time.saturating_sub(kernel::now_ns() - start);
                given.tv_sec = (left / 1_000_000_000) as _;
                given.tv_usec = (left % 1_000_000_000 / 1000) as _;
            }
            outcome
        }
        // SAFETY: what the program gave.
        None => unsafe { real::select::call(count, read, write, except, timeout) },
    }
}

/// pselect(2).
///
/// # Safety
/// As pselect asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn pselect(
    count: c_int,
    read: *mut fd_set,
    write: *mut fd_set,
    except: *mut fd_set,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> c_int {
    // SAFETY: what the program gave.
    match unsafe { select_by_poll(count, [read, write, except], nanoseconds(timeout), mask) } {
        Some(outcome) => outcome,
        // SAFETY: what the program gave.
        None => unsafe { real::pselect::call(count, read, write, except, timeout, mask) },
    }
}

/// epoll_create(2).
///
/// # Safety
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn epoll_create(size: c_int) -> c_int {
    // SAFETY: what the program gave.
    let fd = unsafe { real::epoll_create::call(size) };
    if fd >= 0 {
        set::created(fd);
    }
    fd
}

/// epoll_create1(2).
///
/// # Safety
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn epoll_create1(flags: c_int) -> c_int {
    // SAFETY: what the program gave.
    let fd = unsafe { real::epoll_create1::call(flags) };
    if fd >= 0 {
        set::created(fd);
    }
    fd
}

/// epoll_ctl(2).
///
/// # Safety
/// As epoll_ctl asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn epoll_ctl(epoll: c_int, operation: c_int, fd: c_int, event: *mut epoll_event) -> c_int {
    if operation == libc::EPOLL_CTL_DEL || !event.is_null() {
        // SAFETY: what the program gave.
        let given = unsafe { event.as_ref() }.copied();
        if let Some(outcome) = set::control(epoll, operation, fd, given) {
            return answer(outcome) as c_int;
        }
    }
    // SAFETY: what the program gave.
    unsafe { real::epoll_ctl::call(epoll, operation, fd, event) }
}

/// epoll_wait(2).
///
/// # Safety
/// As epoll_wait asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn epoll_wait(
    epoll: c_int,
    events: *mut epoll_event,
    room: c_int,
    timeout: c_int,
) -> c_int {
    match descriptors::kind(epoll) {
        Kind::Set(number) => {
            // SAFETY: what the program gave.
            answer(unsafe { set::wait(number, events, room, milliseconds(timeout), core::ptr::null()) }) as c_int
        }
        // SAFETY: what the program gave.
        _ => unsafe { real::epoll_wait::call(epoll, events, room, timeout) },
    }
}

/// epoll_pwait(2).
///
/// # Safety
/// As epoll_pwait asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn epoll_pwait(
    epoll: c_int,
    events: *mut epoll_event,
    room: c_int,
    timeout: c_int,
    mask: *const sigset_t,
) -> c_int {
    match descriptors::kind(epoll) {
        // SAFETY: what the program gave.
        Kind::Set(number) => answer(unsafe { set::wait(number, events, room, milliseconds(timeout), mask) }) as c_int,
        // SAFETY: what the program gave.
        _ => unsafe { real::epoll_pwait::call(epoll, events, room, timeout, mask) },
    }
}

/// epoll_pwait2(2).
///
/// # Safety
/// As epoll_pwait2 asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn epoll_pwait2(
    epoll: c_int,
    events: *mut epoll_event,
    room: c_int,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> c_int {
    match descriptors::kind(epoll) {
        // SAFETY: what the program gave.
        Kind::Set(number) => answer(unsafe { set::wait(number, events, room, nanoseconds(timeout), mask) }) as c_int,
        // SAFETY: what the program gave.
        _ => unsafe { real::epoll_pwait2::call(epoll, events, room, timeout, mask) },
    }
}
