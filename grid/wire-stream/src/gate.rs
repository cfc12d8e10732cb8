//! Calls that are under way on one direction of the bare socket.

use std::sync::atomic::{AtomicU32, Ordering};

const SHUT: u32 = 1 << 31;

/// Counts them, and shuts when none is.
#[derive(Default)]
pub(crate) struct Gate(AtomicU32);

/// A call that is under way.
pub(crate) struct Inside<'a>(&'a Gate);

impl Gate {
    /// Goes in, unless the gate is shut.
    pub(crate) fn enter(&self) -> Option<Inside<'_>> {
        let free = |now: u32| (now & SHUT == 0).then_some(now + 1);
        self.0.fetch_update(Ordering::Acquire, Ordering::Relaxed, free).ok().map(|_| Inside(self))
    }

    /// Shuts it if nobody is inside.
    pub(crate) fn shut(&self) -> bool {
        self.0.compare_exchange(0, SHUT, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Opens it again.
    pub(crate) fn open(&self) {
        self.0.fetch_and(!SHUT, Ordering::Release);
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Release);
    }
}
