//! Stretches of code in which no signal handler of the program runs.
//!
//! Hooks hold locks that a handler of the program, by a call of its own on the same socket, would want too. A handler whose signal
//! comes in such a stretch is put off to its end: [`crate::signal`]. If none comes, a stretch costs a few instructions and no call
//! of the kernel.

use core::marker::PhantomData;
use core::sync::atomic::{Ordering, compiler_fence};

use crate::thread;

/// As long as one of these lives, the thread's signals are put off. Do not sleep in it.
pub(crate) struct Critical {
    /// It belongs to its thread.
    _thread: PhantomData<*mut ()>,
}

impl Critical {
    /// Begins a stretch; they may lie in each other.
    #[inline(always)]
    pub(crate) fn enter() -> Self {
        // SAFETY: the words are the thread's own; a handler that comes between leaves the depth as it was.
        let depth = unsafe { &(*thread::current()).depth };
        depth.set(depth.get() + 1);
        compiler_fence(Ordering::SeqCst);
        Self { _thread: PhantomData }
    }
}

impl Drop for Critical {
    #[inline(always)]
    fn drop(&mut self) {
        compiler_fence(Ordering::SeqCst);
        // SAFETY: as in `enter`.
        let thread = unsafe { &*thread::current() };
        let depth = thread.depth.get() - 1;
        thread.depth.set(depth);
        // A signal that comes from here on finds the depth 0, and is not put off.
        compiler_fence(Ordering::SeqCst);
        if depth == 0 && thread.put_off.get() != 0 {
            crate::signal::deliver(thread);
        }
    }
}
