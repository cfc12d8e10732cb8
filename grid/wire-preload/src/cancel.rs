//! Threads that another asks to end (pthread_cancel). Calls that wait are where they may: the C library runs what the program has
//! registered, and unwinds the stack past the library's own frames, in which nothing else is run. So what a sleeper has told others
//! is taken back by a function that is registered with the C library while it sleeps.
//!
//! While a thread sleeps it may be ended at any instruction, as in the C library's own calls: else it would not wake up. A handler that
//! jumps out of a sleep does not leave it so: glibc runs what was registered then too. musl does not, so that nothing is registered
//! there; where it can sleep itself it does, else sleeps are short.

use crate::next::next;
use core::cell::Cell;
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicBool, Ordering};

/// Whether sleepers are ended in the middle of a call of the kernel that is made here, and not by the C library.
pub(crate) const IN_KERNEL: bool = cfg!(target_env = "gnu");

const ASYNCHRONOUS: c_int = 1;

/// What the C library keeps of a function to run, and links with others.
#[repr(C)]
pub(crate) struct Registered([usize; 4]);

pub(crate) type Routine = unsafe extern "C" fn(*mut c_void);

next!(fn pthread_testcancel() -> c_int, else 0);
next!(fn pthread_setcanceltype(kind: c_int, before: *mut c_int) -> c_int);
next!(fn _pthread_cleanup_push(place: *mut Registered, routine: Routine, argument: *mut c_void) -> c_int, else 0);
next!(fn _pthread_cleanup_pop(place: *mut Registered, run: c_int) -> c_int, else 0);
next!(fn pthread_cancel(thread: libc::pthread_t) -> c_int, else libc::ENOSYS);

/// Looks up what is called. Where the C library has its threads in a library of their own, programs without threads have none of it.
pub(crate) fn prepare() {
    pthread_testcancel::look_up();
    pthread_setcanceltype::look_up();
    _pthread_cleanup_push::look_up();
    _pthread_cleanup_pop::look_up();
    pthread_cancel::look_up();
}

static SOME: AtomicBool = AtomicBool::new(false);

/// Whether a thread was ever asked to end.
#[inline]
pub(crate) fn is_asked() -> bool {
    SOME.load(Ordering::Relaxed)
}

/// Ends the thread if another has asked for that. For calls that do not sleep; the caller holds nothing.
#[inline]
pub(crate) fn here() {
    if is_asked() {
        // SAFETY: takes nothing.
        unsafe { pthread_testcancel::call() };
    }
}

/// Does `act`, a call of the C library's that may end the thread. If it does, `undo` is run.
pub(crate) fn during<U: Fn(), R>(undo: &U, act: impl FnOnce() -> R) -> R {
    with(undo, false, act)
}

/// Sleeps by `sleep`, in which the thread may be ended. If it is, `undo` is run, as it is by glibc if a handler jumps out.
pub(crate) fn asleep<U: Fn(), R>(undo: &U, sleep: impl FnOnce() -> R) -> R {
    with(undo, true, sleep)
}

struct Sleeper<'a, U> {
    undo: &'a U,
    /// Type of cancellation before, if it was changed.
    before: Cell<Option<c_int>>,
}

unsafe extern "C" fn runs<U: Fn()>(argument: *mut c_void) {
    // SAFETY: `with` has given it, and its frame is there still.
    let sleeper = unsafe { &*argument.cast::<Sleeper<'_, U>>() };
    if let Some(before) = sleeper.before.get() {
        be(before);
    }
    (sleeper.undo)();
}

fn be(kind: c_int) -> c_int {
    let mut before = 0;
    // SAFETY: the place is this frame's.
    unsafe { pthread_setcanceltype::call(kind, &raw mut before) };
    before
}

#[inline]
fn with<U: Fn(), R>(undo: &U, asynchronous: bool, act: impl FnOnce() -> R) -> R {
    if !IN_KERNEL || !_pthread_cleanup_push::is_there() {
        return act();
    }
    let sleeper = Sleeper { undo, before: Cell::new(None) };
    let mut place = Registered([0; 4]);
    // SAFETY: both places are of this frame, which is not left before the function is taken out again, but by a jump.
    unsafe { _pthread_cleanup_push::call(&raw mut place, runs::<U>, (&raw const sleeper).cast_mut().cast()) };
    if asynchronous {
        sleeper.before.set(Some(be(ASYNCHRONOUS)));
    }
    let outcome = act();
    if let Some(before) = sleeper.before.get() {
        be(before);
    }
    // SAFETY: registered above.
    unsafe { _pthread_cleanup_pop::call(&raw mut place, 0) };
    outcome
}

/// Hook of pthread_cancel.
#[unsafe(no_mangle)]
extern "C" fn pthread_cancel(thread: libc::pthread_t) -> c_int {
    SOME.store(true, Ordering::Relaxed);
    // SAFETY: what the program gave.
    unsafe { pthread_cancel::call(thread) }
}
