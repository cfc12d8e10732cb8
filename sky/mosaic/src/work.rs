//! Work in parallel, in order: workers take the next item of a sweep, so that what is in use stays close together.

use crate::error::MosaicError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What a long job tells its user, and hears from him.
pub trait Watch: Sync {
    /// A stage begins; `total` is its number of steps.
    fn stage(&self, _name: &str, _total: usize) {}
    /// A step of the stage is done.
    fn step(&self) {}
    /// Something that the user should know of.
    fn warn(&self, _message: &str) {}
    /// Whether the job should end as soon as it can.
    fn stopped(&self) -> bool {
        false
    }
}

/// A watch that says nothing.
pub struct Silent;

impl Watch for Silent {}

/// Calls `act` for each of `0..count`, from `threads` threads, each taking the next number; results in order.
///
/// # Errors
/// The first error ends the work; [`MosaicError::Interrupted`] when the watch says stop.
pub fn sweep<T: Send>(
    threads: usize,
    count: usize,
    watch: &dyn Watch,
    act: impl Fn(usize) -> Result<T, MosaicError> + Sync,
) -> Result<Vec<T>, MosaicError> {
    let next = AtomicUsize::new(0);
    let halt = AtomicBool::new(false);
    let failure = Mutex::new(None);
    let worker = || {
        let mut done = Vec::new();
        while !halt.load(Ordering::Relaxed) {
            let item = next.fetch_add(1, Ordering::Relaxed);
            if item >= count {
                break;
            }
            let result = if watch.stopped() { Err(MosaicError::Interrupted) } else { act(item) };
            match result {
                Ok(value) => {
                    watch.step();
                    done.push((item, value));
                }
                Err(error) => {
                    halt.store(true, Ordering::Relaxed);
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                }
            }
        }
        done
    };
    let mut all: Vec<(usize, T)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(count)).map(|_| scope.spawn(worker)).collect();
        let mut all = worker();
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    all.sort_by_key(|(item, _)| *item);
    Ok(all.into_iter().map(|(_, value)| value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_from_any_number_of_threads() {
        for threads in [1, 2, 7] {
            let out = sweep(threads, 100, &Silent, |k| Ok(k * k)).unwrap();
            assert_eq!(out, (0..100).map(|k| k * k).collect::<Vec<_>>());
        }
    }

    #[test]
    fn an_error_ends_the_work() {
        let act = |k: usize| if k == 5 { Err(MosaicError::Interrupted) } else { Ok(k) };
        assert!(matches!(sweep(2, 1000, &Silent, act), Err(MosaicError::Interrupted)));
    }
}
