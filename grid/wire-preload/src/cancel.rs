//! Threads that another asks to end (pthread_cancel).

use crate::next::next;

next!(fn pthread_testcancel() -> core::ffi::c_int, else 0);

/// Looks up what is called. Where the C library has its threads in a library of their own, programs without threads have none of it.
pub(crate) fn prepare() {
    pthread_testcancel::look_up();
}

/// Ends the thread if another has asked for that, as any call that waits does. The caller holds no lock.
pub(crate) fn here() {
    if pthread_testcancel::is_there() {
        // SAFETY: takes nothing.
        unsafe { pthread_testcancel::call() };
    }
}
