//! The program's handlers, a word for each signal.

use core::ffi::c_int;
use core::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use crate::sys;

/// Signals, and one for none.
pub(super) const SIGNALS: usize = 65;

/// The handlers by signal.
pub(super) static TABLE: [Entry; SIGNALS] = [const { Entry::new() }; SIGNALS];

/// Takes three arguments. Addresses of a process have no such bit.
const THREE: u64 = 1 << 63;
/// Is called once (SA_RESETHAND).
const ONCE: u64 = 1 << 62;
/// Was called once.
const USED: u64 = 1 << 61;
/// Does not end calls (SA_RESTART).
const RESTARTS: u64 = 1 << 60;

/// Whether a handler's address leaves the bits free that a word needs beside it.
pub(super) fn fits(address: usize) -> bool {
    address as u64 & (THREE | ONCE | USED | RESTARTS) == 0
}

fn address(word: u64) -> usize {
    (word & !(THREE | ONCE | USED | RESTARTS)) as usize
}

/// The program's handler for one signal.
pub(super) struct Entry {
    word: AtomicU64,
    /// Process that changes the entry, or 0.
    changer: AtomicI32,
}

/// A handler, as the program gave it.
#[derive(Clone, Copy)]
pub(super) struct Handler {
    /// Its address.
    pub(super) address: usize,
    /// Installed with SA_SIGINFO.
    pub(super) three_arguments: bool,
    /// Installed with SA_RESETHAND.
    pub(super) once: bool,
    /// And was called.
    pub(super) used: bool,
    /// Installed with SA_RESTART.
    pub(super) restarts: bool,
}

impl Handler {
    /// The program has none.
    pub(super) const NONE: Self = Self { address: 0, three_arguments: false, once: false, used: true, restarts: false };

    /// The bits of sa_flags by which the program has installed it, if `ours` are those with which the wrapper was.
    pub(super) fn flags(self, ours: c_int) -> c_int {
        let mut flags = ours & !(libc::SA_SIGINFO | libc::SA_RESETHAND);
        if self.three_arguments {
            flags |= libc::SA_SIGINFO;
        }
        if self.once {
            flags |= libc::SA_RESETHAND;
        }
        flags
    }
}

/// What to do for a signal that came.
pub(super) enum Found {
    /// Call this.
    Handler(usize),
    /// Call this; no other thread does.
    Once(usize),
    /// It was to be called once, and has been.
    Used,
}

impl Entry {
    const fn new() -> Self {
        Self { word: AtomicU64::new(USED), changer: AtomicI32::new(0) }
    }

    /// The handler that was written last.
    pub(super) fn handler(&self) -> Handler {
        let word = self.word.load(Ordering::Acquire);
        Handler {
            address: address(word),
            three_arguments: word & THREE != 0,
            once: word & ONCE != 0,
            used: word & USED != 0,
            restarts: word & RESTARTS != 0,
        }
    }

    /// Writes the handler; whoever does so has begun a change.
    pub(super) fn write(&self, handler: Handler) {
        let bits = [
            (handler.three_arguments, THREE),
            (handler.once, ONCE),
            (handler.used, USED),
            (handler.restarts, RESTARTS),
        ];
        let word = bits.iter().fold(handler.address as u64, |word, (set, bit)| if *set { word | bit } else { word });
        self.word.store(word, Ordering::Release);
    }

    /// What to call for a signal that came.
    pub(super) fn find(&self) -> Found {
        loop {
            let word = self.word.load(Ordering::Acquire);
            if word & USED != 0 {
                return Found::Used;
            }
            if word & ONCE == 0 {
                return Found::Handler(address(word));
            }
            if self.word.compare_exchange(word, word | USED, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return Found::Once(address(word));
            }
        }
    }

    /// Begins to change the entry together with what the kernel does. All signals are blocked until the change is dropped: a
    /// handler that changes the same entry would wait for ever.
    pub(super) fn change(&self) -> Change<'_> {
        let mask = sys::set_signal_mask(!0);
        let pid = sys::getpid();
        loop {
            match self.changer.compare_exchange(0, pid, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Change { entry: self, mask },
                // A process from which this one was forked, in the middle of a change by another thread: there is none here.
                Err(other)
                    if other != pid
                        && self.changer.compare_exchange(other, pid, Ordering::Acquire, Ordering::Relaxed).is_ok() =>
                {
                    return Change { entry: self, mask };
                }
                Err(_) => sys::sched_yield(),
            }
        }
    }
}

/// A change that is under way.
pub(super) struct Change<'a> {
    entry: &'a Entry,
    mask: u64,
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.entry.changer.store(0, Ordering::Release);
        sys::set_signal_mask(self.mask);
    }
}
