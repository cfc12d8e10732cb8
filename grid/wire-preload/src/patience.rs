//! Looking before sleeping, as long as that pays: first by looking all the time, which pays when the other end runs on another
//! processor, then by letting others run in between, which pays when it waits for this one.

use crate::{kernel, session};
use core::sync::atomic::{AtomicU32, Ordering};

/// Longest time that a thread looks before it sleeps, unless POGSON_WIRE_SPIN_US says another.
const LONGEST_NS: u32 = 50_000;
/// Longest time that it may say, microseconds.
const MOST_US: u32 = 10_000;
/// Waits after which something that was in vain is tried anew; twice as many each time that it is in vain again.
const RETRY_WAITS: u32 = 64;
/// Times that it is twice as many.
const DOUBLINGS: u32 = 6;
/// A thread that looks all the time and sees this much go by was pushed aside by another.
const PUSHED_ASIDE_NS: u64 = 20_000;
/// Times in a row that others are let run.
const TURNS: u32 = 2;
/// What a wait that paid is worth: so many that let others run in vain, or a quarter as many that looked in vain.
const CREDIT: u32 = 8;
/// Others that take so long have work of their own: who wakes up from sleep is let in earlier.
const TOO_LONG_NS: u64 = 100_000;

/// Longest time that a thread looks, nanoseconds; 0 for not at all.
static LOOKS_NS: AtomicU32 = AtomicU32::new(0);
/// Whether threads let others run before they sleep.
static YIELDS: AtomicU32 = AtomicU32::new(0);

/// Asks once how many processors there are, and how long threads may look.
pub(crate) fn open() {
    let asked = session::environment::number(c"POGSON_WIRE_SPIN_US").map(|us| us.min(MOST_US) * 1000);
    let alone = kernel::processors() < 2;
    LOOKS_NS.store(if alone { 0 } else { asked.unwrap_or(LONGEST_NS) }, Ordering::Relaxed);
    YIELDS.store(u32::from(asked != Some(0)), Ordering::Relaxed);
}

/// What is remembered of earlier waits.
pub(crate) struct Patience {
    /// Waits that may still look, 0 where it was in vain.
    looks: AtomicU32,
    looking: Trial,
    /// Waits that may still let others run, 0 where it was in vain.
    yields: AtomicU32,
    yielding: Trial,
}

/// When something is tried anew that was in vain.
struct Trial {
    waits: AtomicU32,
    in_vain: AtomicU32,
}

impl Trial {
    fn is_due(&self) -> bool {
        let every = RETRY_WAITS << self.in_vain.load(Ordering::Relaxed);
        self.waits.fetch_add(1, Ordering::Relaxed).is_multiple_of(every)
    }

    fn was_in_vain(&self, times: u32) {
        let before = self.in_vain.load(Ordering::Relaxed);
        self.in_vain.store((before + times).min(DOUBLINGS), Ordering::Relaxed);
    }

    /// One that was in vain before has paid.
    fn paid(&self) {
        let before = self.in_vain.load(Ordering::Relaxed);
        self.in_vain.store(before.saturating_sub(1), Ordering::Relaxed);
    }

    fn forget(&self) {
        self.waits.store(0, Ordering::Relaxed);
        self.in_vain.store(0, Ordering::Relaxed);
    }
}

impl Patience {
    /// Makes it new.
    pub(crate) fn forget(&self) {
        self.looks.store(0, Ordering::Relaxed);
        self.looking.forget();
        self.yields.store(0, Ordering::Relaxed);
        self.yielding.forget();
    }

    /// Looks for a while, if that may pay. Whether it is ready.
    pub(crate) fn look(&self, ready: impl Fn() -> bool) -> bool {
        self.look_all_the_time(&ready) || self.let_others_run(&ready)
    }

    fn look_all_the_time(&self, ready: &impl Fn() -> bool) -> bool {
        let longest = LOOKS_NS.load(Ordering::Relaxed);
        let credit = self.looks.load(Ordering::Relaxed);
        if longest == 0 || (credit == 0 && !self.looking.is_due()) {
            return false;
        }
        let start = kernel::now_ns();
        let mut before = start;
        loop {
            for _ in 0..16 {
                if ready() {
                    if credit == 0 {
                        self.looking.paid();
                    }
                    self.looks.store(CREDIT, Ordering::Relaxed);
                    return true;
                }
                core::hint::spin_loop();
            }
            let now = kernel::now_ns();
            // Somebody else needed the processor meanwhile: looking takes it from those that one waits for.
            let pushed_aside = now - before > PUSHED_ASIDE_NS;
            if pushed_aside || now - start > u64::from(longest) {
                let left = credit.saturating_sub(if pushed_aside { CREDIT / 2 } else { CREDIT / 4 });
                self.looks.store(left, Ordering::Relaxed);
                if left == 0 {
                    self.looking.was_in_vain(1);
                }
                return ready();
            }
            before = now;
        }
    }

    fn let_others_run(&self, ready: &impl Fn() -> bool) -> bool {
        let credit = self.yields.load(Ordering::Relaxed);
        if YIELDS.load(Ordering::Relaxed) == 0 || (credit == 0 && !self.yielding.is_due()) {
            return false;
        }
        let start = kernel::now_ns();
        for _ in 0..TURNS {
            kernel::yield_now();
            let is_ready = ready();
            let took = kernel::now_ns() - start;
            if took > TOO_LONG_NS {
                self.yields.store(0, Ordering::Relaxed);
                self.yielding.was_in_vain(2);
                return is_ready;
            }
            if is_ready {
                self.yields.store(CREDIT, Ordering::Relaxed);
                if credit == 0 {
                    self.yielding.paid();
                }
                return true;
            }
        }
        self.yields.store(credit.saturating_sub(CREDIT / 2), Ordering::Relaxed);
        if credit <= CREDIT / 2 {
            self.yielding.was_in_vain(1);
        }
        false
    }
}
