//! Who calls, and what it is told.

use crate::{kernel, thread};
use core::cell::Cell;

/// The kernel's number of this thread.
#[inline]
pub(crate) fn id() -> u32 {
    // SAFETY: the thread's own words.
    let id = unsafe { &(*thread::current()).id };
    if id.get() == 0 {
        id.set(kernel::gettid());
    }
    id.get()
}

/// Whether a handler has run in this thread that ends calls, since this was set to 0.
pub(crate) fn interrupted() -> &'static Cell<u32> {
    // SAFETY: the thread's own words, which the caller uses while the thread runs.
    unsafe { &(*thread::current()).interrupted }
}

/// In a new process the thread has another number.
pub(crate) fn forget_id() {
    // SAFETY: the thread's own words.
    unsafe { &(*thread::current()).id }.set(0);
}

/// Sets errno and gives -1.
pub(crate) fn fail(errno: i32) -> isize {
    // SAFETY: the C library's errno of this thread.
    unsafe { *libc::__errno_location() = errno };
    -1
}

/// errno of the last call of the C library.
pub(crate) fn errno() -> i32 {
    // SAFETY: the C library's errno of this thread.
    unsafe { *libc::__errno_location() }
}
