//! Models that loom runs through every order of steps and every value that a load may give. They are empty without it:
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p pogson-ring --release --test model
//! ```
//!
//! What each is about can be taken out of the sources by `tests/mutants.sh`, and the model finds it.
#![cfg(loom)]
#![allow(clippy::unwrap_used)]

#[path = "model/bell.rs"]
mod bell;
#[path = "model/ring.rs"]
mod ring;
#[path = "model/stream.rs"]
mod stream;
#[path = "model/switch.rs"]
mod switch;
#[path = "model/want.rs"]
mod want;

use loom::sync::atomic::{AtomicU32, Ordering};
use loom::sync::{Condvar, Mutex};

/// Runs a model; `preemptions` bounds how often a step of one thread may come between two of another that could go on.
fn explore(preemptions: usize, model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(model);
}

/// Sleep on a word until somebody wakes, as the kernel's futex: it looks at the word under a lock that who wakes takes too.
#[derive(Default)]
struct Futex {
    waiters: Mutex<()>,
    woken: Condvar,
}

impl Futex {
    /// Sleeps, if the word has still this value. May return for no reason.
    fn wait(&self, word: &AtomicU32, value: u32) {
        let waiters = self.waiters.lock().unwrap();
        if word.load(Ordering::Relaxed) == value {
            drop(self.woken.wait(waiters).unwrap());
        }
    }

    fn wake_all(&self) {
        let _waiters = self.waiters.lock().unwrap();
        self.woken.notify_all();
    }

    /// What would be too few: `tests/mutants.sh` puts it into `wake_all`'s place.
    #[allow(dead_code)]
    fn wake_one(&self) {
        let _waiters = self.waiters.lock().unwrap();
        self.woken.notify_one();
    }
}
