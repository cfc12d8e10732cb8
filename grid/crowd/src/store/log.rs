//! SQLite's write-ahead log is brought to the database file beside the writer, so that no commit waits for it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::StoreError;

/// Bytes of the log from which it is brought over.
const SOME: u64 = 8 << 20;
/// Bytes from which it is to begin anew.
const LONG: u64 = 128 << 20;
/// How often its length is looked at.
const PAUSE: Duration = Duration::from_millis(500);
/// Commits between two looks by the writer.
const COMMITS: u32 = 64;

/// The thread that does it; it ends with the writer's connection.
pub(super) struct Log {
    path: PathBuf,
    commits: u32,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Log {
    /// Watches the log of a database.
    ///
    /// # Errors
    /// [`StoreError`]: no second connection, or no thread.
    pub(super) fn watch(database: &Path) -> Result<Log, StoreError> {
        let place = database.display().to_string();
        let failed = |cause: String| StoreError::Database { place: place.clone(), cause };
        let mut path = database.as_os_str().to_owned();
        path.push("-wal");
        let path = PathBuf::from(path);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(database, flags).map_err(|error| failed(error.to_string()))?;
        // The database file is synced before the log may be written over.
        connection.execute_batch("pragma synchronous = full").map_err(|error| failed(error.to_string()))?;
        let ending = Arc::new(AtomicBool::new(false));
        let (end, log) = (Arc::clone(&ending), path.clone());
        let thread = std::thread::Builder::new().name("checkpoint".to_owned()).spawn(move || {
            while !end.load(Ordering::Relaxed) {
                if length(&log) > SOME {
                    // Passive: it waits for nobody, and nobody for it. What it could not bring over it does the next time.
                    let _ = connection.execute_batch("pragma wal_checkpoint(passive)");
                }
                std::thread::park_timeout(PAUSE);
            }
        });
        let thread = thread.map_err(|error| failed(error.to_string()))?;
        Ok(Log { path, commits: 0, ending, thread: Some(thread) })
    }

    /// Whether the log should begin anew; looked at once in a while.
    pub(super) fn is_long(&mut self) -> bool {
        self.commits += 1;
        if self.commits < COMMITS {
            return false;
        }
        self.commits = 0;
        length(&self.path) > LONG
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It has nothing to say.
            let _ = thread.join();
        }
    }
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}
