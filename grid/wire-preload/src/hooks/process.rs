//! fork and its kin.

use crate::{
    alone, caller,
    connection::{CONNECTIONS, Connection, flag},
    kernel,
    next::next,
    session, set, slab, waiter,
};
use core::sync::atomic::Ordering;
use libc::{c_int, pid_t};

/// Looks up what stands behind the hooks.
pub(crate) fn prepare() {
    real::fork::look_up();
    real::_Fork::look_up();
}

mod real {
    use super::*;
    next!(fn fork() -> pid_t);
    next!(fn _Fork() -> pid_t);
}

fn connections() -> impl Iterator<Item = &'static Connection> {
    let all = (1..=CONNECTIONS.reach()).filter_map(|number| CONNECTIONS.get(number));
    all.filter(|connection| connection.descriptors.load(Ordering::Acquire) > 0)
}

fn fork_by(plain: impl FnOnce() -> pid_t) -> pid_t {
    alone::forks();
    // Before the child can run, so that neither leaves TCP while the other holds it.
    for block in connections().filter_map(Connection::block) {
        block.holders.fetch_add(1, Ordering::AcqRel);
    }
    if slab::some_far() {
        for ring in connections().filter_map(Connection::ring) {
            ring.set_flags(flag::BY_CHILDREN);
        }
    }
    let pid = plain();
    match pid {
        0 => begins(),
        1.. => {}
        _ => {
            for block in connections().filter_map(Connection::block) {
                block.holders.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
    pid
}

/// In the child: what belonged to threads that are no more is free, and the parent's session is not its own.
fn begins() {
    caller::forget_id();
    for connection in connections() {
        connection.registering.store(0, Ordering::Relaxed);
    }
    set::forget_locks();
    session::forget();
    waiter::forget();
}

/// fork(2).
///
/// # Safety
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn fork() -> pid_t {
    // SAFETY: as the program called it.
    fork_by(|| unsafe { real::fork::call() })
}

/// _Fork(3).
///
/// # Safety
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn _Fork() -> pid_t {
    // SAFETY: as the program called it.
    fork_by(|| unsafe { real::_Fork::call() })
}

/// daemon(3), whose fork would else go past the library.
///
/// # Safety
/// None is needed.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn daemon(keep_folder: c_int, keep_output: c_int) -> c_int {
    // SAFETY: as the program called it.
    match unsafe { fork() } {
        -1 => return -1,
        0 => {}
        // SAFETY: ends the parent, as daemon does.
        _ => unsafe { libc::_exit(0) },
    }
    // SAFETY: plain calls of the C library.
    if unsafe { libc::setsid() } == -1 {
        return -1;
    }
    if keep_folder == 0 {
        // SAFETY: the path is a C string.
        unsafe { libc::chdir(c"/".as_ptr()) };
    }
    if keep_output == 0 {
        // SAFETY: the path is a C string.
        let null = unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) };
        if null < 0 {
            return -1;
        }
        for fd in 0..3 {
            // SAFETY: plain descriptors.
            unsafe { super::descriptor::dup2(null, fd) };
        }
        if null > 2 {
            kernel::close(null);
        }
    }
    0
}
