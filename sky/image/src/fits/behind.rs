//! Bringing a file to the disk while it is being written, so that little is left to wait for at the end.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;

/// Bytes written between two calls to the disk.
const STEP: u64 = 16 << 20;

/// What was written, and the thread that waits for the disk, if one does.
#[derive(Debug, Default)]
pub(super) struct Behind {
    written: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    task: Option<JoinHandle<io::Result<()>>>,
    /// The system tells of a failed write once only, so that it must be kept for the end.
    failed: Option<io::Error>,
}

impl State {
    fn collect(&mut self) {
        if let Some(task) = self.task.take()
            && let Ok(Err(error)) = task.join()
        {
            self.failed.get_or_insert(error);
        }
    }
}

impl Behind {
    /// Counts bytes that were written; at each step, a thread brings them to the disk unless one still does.
    pub(super) fn wrote(&self, file: &File, bytes: u64) {
        let before = self.written.fetch_add(bytes, Ordering::Relaxed);
        if before / STEP == (before + bytes) / STEP {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.task.as_ref().is_some_and(|task| !task.is_finished()) {
            return;
        }
        state.collect();
        // Without a second handle or a thread the end has more to wait for, that is all.
        if let Ok(file) = file.try_clone() {
            let task = move || file.sync_data();
            state.task = std::thread::Builder::new().name("write-behind".to_owned()).spawn(task).ok();
        }
    }

    /// Waits for the thread and tells what failed.
    ///
    /// # Errors
    /// Those of the disk.
    pub(super) fn finish(&self) -> io::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.collect();
        state.failed.take().map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_disk_is_kept_for_the_end() {
        let behind = Behind::default();
        let fail = || Err(io::Error::other("the disk is gone"));
        behind.state.lock().unwrap().task = Some(std::thread::spawn(fail));
        while !behind.state.lock().unwrap().task.as_ref().unwrap().is_finished() {
            std::thread::yield_now();
        }
        let file = File::options().write(true).open("/dev/null").unwrap();
        behind.wrote(&file, STEP);
        assert_eq!(behind.finish().unwrap_err().to_string(), "the disk is gone");
        assert!(behind.finish().is_ok());
    }
}
