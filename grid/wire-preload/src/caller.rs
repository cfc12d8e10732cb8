//! Who calls, and what it is told.

use crate::{kernel, thread};

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

/// Handlers that have run in this thread, all of them.
pub(crate) fn handled() -> u32 {
    // SAFETY: the thread's own words.
    unsafe { &(*thread::current()).handled }.get()
}

/// Those of them that end calls: without SA_RESTART.
pub(crate) fn interrupted() -> u32 {
    // SAFETY: the thread's own words.
    unsafe { &(*thread::current()).interrupted }.get()
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
