//! Work by many threads whose results are taken in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What the threads share: results that wait for their turn.
struct Waiting<'a, T, E> {
    next: usize,
    held: BTreeMap<usize, T>,
    take: &'a mut (dyn FnMut(usize, T) -> Result<(), E> + Send),
    failed: Option<E>,
}

/// Does `work` for 0 to `count` with rayon's threads, and hands each result to `take` as soon as those before it were.
///
/// Returns whether all was done: false where `stop` became true first. What was begun then is still finished and taken.
///
/// # Errors
/// The first of `take`'s.
pub(super) fn in_order<T: Send, E: Send>(
    count: usize,
    work: &(dyn Fn(usize) -> T + Sync),
    take: &mut (dyn FnMut(usize, T) -> Result<(), E> + Send),
    stop: &AtomicBool,
) -> Result<bool, E> {
    let begun = AtomicUsize::new(0);
    let ended = AtomicBool::new(false);
    let waiting = Mutex::new(Waiting { next: 0, held: BTreeMap::new(), take, failed: None });
    let threads = rayon::current_num_threads().min(count).max(1);
    rayon::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|_| {
                while !stop.load(Ordering::Relaxed) && !ended.load(Ordering::Relaxed) {
                    let k = begun.fetch_add(1, Ordering::Relaxed);
                    if k >= count {
                        break;
                    }
                    let result = work(k);
                    if !hand_over(&waiting, k, result) {
                        ended.store(true, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let waiting = waiting.into_inner().unwrap_or_else(PoisonError::into_inner);
    match waiting.failed {
        Some(error) => Err(error),
        None => Ok(waiting.next == count),
    }
}

/// Puts a result in its place and takes all whose turn has come; false once taking has failed.
fn hand_over<T, E>(waiting: &Mutex<Waiting<'_, T, E>>, k: usize, result: T) -> bool {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.held.insert(k, result);
    while waiting.failed.is_none() {
        let next = waiting.next;
        let Some(result) = waiting.held.remove(&next) else { return true };
        match (waiting.take)(next, result) {
            Ok(()) => waiting.next += 1,
            Err(error) => waiting.failed = Some(error),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn pool(threads: usize) -> rayon::ThreadPool {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
    }

    #[test]
    fn results_come_in_order_for_any_number_of_threads() {
        for threads in [1, 2, 7] {
            let mut seen = Vec::new();
            // Early ones take longest.
            let work = |k: usize| {
                std::thread::sleep(std::time::Duration::from_micros(2000 / (k as u64 + 1)));
                k * k
            };
            let stop = AtomicBool::new(false);
            let mut take = |k: usize, square: usize| {
                seen.push((k, square));
                Ok::<(), ()>(())
            };
            let done = pool(threads).install(|| in_order(50, &work, &mut take, &stop));
            assert_eq!(done, Ok(true));
            assert_eq!(seen, (0..50).map(|k| (k, k * k)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_stopped_run_has_taken_a_beginning_without_gaps() {
        let stop = AtomicBool::new(false);
        let work = |k: usize| {
            if k == 20 {
                stop.store(true, Ordering::Relaxed);
            }
            k
        };
        let mut seen = Vec::new();
        let mut take = |k: usize, _: usize| {
            seen.push(k);
            Ok::<(), ()>(())
        };
        assert_eq!(pool(3).install(|| in_order(1000, &work, &mut take, &stop)), Ok(false));
        assert!(seen.len() > 20 && seen.len() < 1000);
        assert_eq!(seen, (0..seen.len()).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_failure_ends_the_work() {
        let stop = AtomicBool::new(false);
        let mut take = |k: usize, _: ()| if k == 5 { Err("full") } else { Ok(()) };
        assert_eq!(pool(2).install(|| in_order(1000, &|_| (), &mut take, &stop)), Err("full"));
        assert_eq!(in_order(0, &|_| (), &mut |_, ()| Err("none"), &stop), Ok(true));
    }
}
