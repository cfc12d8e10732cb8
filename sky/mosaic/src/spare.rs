//! Buffers of pixels that wait to be used again: fresh memory costs the system more than the work on it.

use std::sync::{Mutex, PoisonError};

/// Floats kept at most: 32 MiB.
const MOST: usize = 8 << 20;

static SPARE: Mutex<Vec<Vec<f32>>> = Mutex::new(Vec::new());

/// A buffer of `length` values that may be anything.
pub(crate) fn take(length: usize) -> Vec<f32> {
    if length == 0 {
        return Vec::new();
    }
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    let fitting = spare.iter().position(|b| b.capacity() >= length && b.capacity() <= 2 * length);
    let buffer = fitting.map(|at| spare.swap_remove(at));
    drop(spare);
    match buffer {
        Some(mut buffer) => {
            buffer.resize(length, 0.0);
            buffer
        }
        None => vec![0.0; length],
    }
}

/// Keeps a buffer for another [`take`], or frees it when enough are kept.
pub(crate) fn give(buffer: Vec<f32>) {
    if buffer.capacity() == 0 {
        return;
    }
    let mut spare = SPARE.lock().unwrap_or_else(PoisonError::into_inner);
    if spare.iter().map(Vec::capacity).sum::<usize>() + buffer.capacity() <= MOST {
        spare.push(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_has_the_length_asked_for_and_what_is_kept_is_bounded() {
        give(vec![1.0; 1000]);
        assert_eq!(take(700).len(), 700);
        assert_eq!(take(5).len(), 5);
        give(Vec::with_capacity(MOST + 1));
        assert!(SPARE.lock().unwrap().iter().map(Vec::capacity).sum::<usize>() <= MOST);
    }
}
