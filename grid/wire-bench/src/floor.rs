//! What the machine can do at best.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::end::pin;

/// Round trips of a cache line.
const TRIPS: u64 = 20_000;

/// Nanoseconds that a cache line takes to the other processor and back, both threads looking all the time; `None` with one
/// processor only.
#[must_use]
pub fn cache_line_ns(cpus: (usize, usize)) -> Option<f64> {
    if cpus.0 == cpus.1 {
        return None;
    }
    let line = Arc::new((AtomicU64::new(0), [0_u64; 15]));
    let other = {
        let line = Arc::clone(&line);
        thread::spawn(move || {
            let pinned = pin(Some(cpus.1)).is_ok();
            for trip in 0..TRIPS {
                while line.0.load(Ordering::Acquire) != 2 * trip + 1 {
                    std::hint::spin_loop();
                }
                line.0.store(2 * trip + 2, Ordering::Release);
            }
            pinned
        })
    };
    let timed = thread::spawn(move || {
        let pinned = pin(Some(cpus.0)).is_ok();
        let start = Instant::now();
        for trip in 0..TRIPS {
            line.0.store(2 * trip + 1, Ordering::Release);
            while line.0.load(Ordering::Acquire) != 2 * trip + 2 {
                std::hint::spin_loop();
            }
        }
        (pinned, start.elapsed().as_nanos() as f64 / TRIPS as f64)
    });
    let (pinned, ns) = timed.join().ok()?;
    (other.join().ok()? && pinned).then_some(ns)
}

/// Bytes a second that one processor copies twice, as a ring does: from memory to `middle` bytes that stay in its cache, and from there
/// to memory, with buffers of `size` bytes that go around within `around`.
#[must_use]
pub fn two_copies(size: usize, around: usize, middle: usize) -> f64 {
    let from: Vec<u8> = (0..around).map(|at| at as u8).collect();
    let mut to = vec![1_u8; around];
    let mut between = vec![0_u8; middle];
    let mut done = 0_usize;
    let start = Instant::now();
    for (from, to) in from.chunks_exact(size).zip(to.chunks_exact_mut(size)) {
        for (from, to) in from.chunks(middle).zip(to.chunks_mut(middle)) {
            between[..from.len()].copy_from_slice(from);
            to.copy_from_slice(std::hint::black_box(&between[..from.len()]));
        }
        done += size;
    }
    std::hint::black_box(&to);
    done as f64 / start.elapsed().as_secs_f64()
}
