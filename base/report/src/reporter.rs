//! A thread that pushes reports every so often.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::post::{PushError, Target};
use crate::report::Report;
use crate::sender::{Sender, now_ms};

/// Wait after the first failure; it doubles with each that follows.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Longest wait after failures, where reports go more often.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// How pushes go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Reports that were taken.
    pub sent: u64,
    /// Reports that were not.
    pub failed: u64,
    /// Failures in a row, until now.
    pub failing: u64,
    /// Why the last one failed, as long as none was taken since.
    pub error: Option<PushError>,
}

/// Pushes reports until it is dropped. What it asks for a report and the network are waited for in a thread of its own, so that the
/// server waits for neither; a report that fails is not kept: the next one is newer.
#[derive(Debug)]
pub struct Reporter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    over: bool,
    at_once: bool,
    standing: Standing,
}

impl Reporter {
    /// Pushes what `read` says to `target` each `every`. `told` hears of each push that goes otherwise than the one before it: `None`
    /// when all is well (again).
    ///
    /// # Errors
    /// The system's, where no thread can be begun.
    pub fn start(
        sender: Sender,
        mut target: Target,
        every: Duration,
        mut read: impl FnMut() -> Report + Send + 'static,
        mut told: impl FnMut(Option<&PushError>) + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let own = shared.clone();
        let thread = std::thread::Builder::new().name("reports".into()).spawn(move || {
            let mut next = Instant::now();
            while own.wait(next) {
                let began = Instant::now();
                let outcome = target.push(&sender.push(&read(), now_ms()));
                let mut inner = own.lock();
                let standing = &mut inner.standing;
                let before = (standing.sent + standing.failed > 0).then(|| standing.error.clone());
                match &outcome {
                    Ok(()) => (standing.sent, standing.failing) = (standing.sent + 1, 0),
                    Err(_) => (standing.failed, standing.failing) = (standing.failed + 1, standing.failing + 1),
                }
                standing.error = outcome.err();
                let (failing, now) = (standing.failing, standing.error.clone());
                drop(inner);
                if before.as_ref() != Some(&now) {
                    told(now.as_ref());
                }
                next = after(began, every, failing);
            }
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Pushes a report now, for example because the server begins to drain.
    pub fn at_once(&self) {
        self.shared.lock().at_once = true;
        self.shared.changed.notify_all();
    }

    /// How pushes go.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.shared.lock().standing.clone()
    }
}

impl Drop for Reporter {
    /// Waits for the push under way, which ends in time.
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of what it was given to call was shown when it happened.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `until`, or until a report is wanted at once; says whether to go on.
    fn wait(&self, until: Instant) -> bool {
        let mut inner = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if inner.over || inner.at_once || left.is_zero() {
                inner.at_once = false;
                return !inner.over;
            }
            inner = self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// When the next report is due after one that began at `began`.
fn after(began: Instant, every: Duration, failing: u64) -> Instant {
    if failing == 0 {
        return began + every;
    }
    let wait = FIRST_WAIT * 2_u32.pow(failing.min(10) as u32 - 1);
    // From now, for a push that timed out has waited already.
    Instant::now() + wait.min(every.max(LONGEST_WAIT))
}
