//! Library jobs on the user's screen: stages as progress bars, warnings, interruption.

use std::sync::{Mutex, PoisonError};

use pogson_mosaic::work::Watch;

use crate::output::Output;
use crate::progress::{self, Unit};

/// Shows a job's stages one after the other.
pub struct Progress<'a> {
    out: &'a Output,
    bar: Mutex<Option<progress::Progress>>,
}

impl<'a> Progress<'a> {
    /// A watch that writes where `out` says.
    pub fn new(out: &'a Output) -> Progress<'a> {
        Progress { out, bar: Mutex::new(None) }
    }
}

impl Watch for Progress<'_> {
    fn stage(&self, name: &str, total: usize) {
        let bar = self.out.progress(name, total as u64, Unit::Tiles);
        *self.bar.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar);
    }

    fn step(&self) {
        if let Some(bar) = &*self.bar.lock().unwrap_or_else(PoisonError::into_inner) {
            bar.add(1);
        }
    }

    fn warn(&self, message: &str) {
        self.out.warn(message);
    }

    fn stopped(&self) -> bool {
        self.out.go_on().is_err()
    }
}
