//! A lock in memory that several processes may share, for a few instructions at a time. It names its holder, so that who waits can
//! tell that the holder is dead and take it over; what it guards is written so that a holder may stop at any instruction.

use crate::{alone, caller, critical::Critical, kernel};
use core::sync::atomic::{AtomicU32, Ordering, compiler_fence};

/// Held until dropped; no handler of the program runs meanwhile.
pub(crate) struct Guard<'a> {
    held: Held<'a>,
    critical: Critical,
}

impl Guard<'_> {
    /// Unlocks; still no handler runs until what is returned is dropped. For who has to wake others, which a handler that jumps
    /// away or waits for them would keep from it.
    #[inline(always)]
    pub(crate) fn unlock(self) -> Critical {
        drop(self.held);
        self.critical
    }
}

struct Held<'a>(&'a AtomicU32);

/// Takes the lock, which is free when 0.
#[inline(always)]
pub(crate) fn lock(word: &AtomicU32) -> Guard<'_> {
    let critical = Critical::enter();
    let me = caller::id();
    if alone::is_alone() && word.load(Ordering::Relaxed) == 0 {
        word.store(me, Ordering::Relaxed);
        // What the holder does is not done before; handlers do not run meanwhile.
        compiler_fence(Ordering::SeqCst);
    } else if word.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed).is_err() {
        wait(word, me);
    }
    Guard { held: Held(word), critical }
}

/// Takes the lock if nobody has it.
pub(crate) fn try_lock(word: &AtomicU32) -> Option<Guard<'_>> {
    let critical = Critical::enter();
    word.compare_exchange(0, caller::id(), Ordering::Acquire, Ordering::Relaxed).ok()?;
    Some(Guard { held: Held(word), critical })
}

/// Takes the lock if nobody has it, for a caller that gives it back by [`give_back`] and is in a critical section.
pub(crate) fn take_if_free(word: &AtomicU32) -> bool {
    word.compare_exchange(0, caller::id(), Ordering::Acquire, Ordering::Relaxed).is_ok()
}

/// Gives back what the thread has by [`take_if_free`]; a lock of others stays theirs.
pub(crate) fn give_back(word: &AtomicU32) {
    let _ = word.compare_exchange(caller::id(), 0, Ordering::Release, Ordering::Relaxed);
}

#[cold]
fn wait(word: &AtomicU32, me: u32) {
    for turn in 0_u32.. {
        let holder = word.load(Ordering::Relaxed);
        if holder == 0 {
            if word.compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return;
            }
        } else if turn < 64 {
            core::hint::spin_loop();
        } else if turn < 128 {
            kernel::yield_now();
        } else if turn % 64 == 0 && !kernel::thread_lives(holder) {
            if word.compare_exchange(holder, me, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                return;
            }
        } else {
            let _ = kernel::futex_wait(word, holder, 50_000);
        }
    }
}

impl Drop for Held<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}
