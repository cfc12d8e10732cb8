//! The disk as the spool sees it: a trait, so that tests can have one that forgets what was not synced, or that fails.

mod faulty;
mod forgetful;
mod real;

pub use faulty::{Fault, FaultyDisk};
pub use forgetful::ForgetfulDisk;
pub use real::RealDisk;

use std::io;
use std::path::Path;
use std::sync::Arc;

/// A file in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the folder.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// When it was last written, seconds of Unix time.
    pub modified: i64,
}

/// Files and folders. What a file holds is safe after [`DiskFile::sync`], under which name it is found after [`Disk::sync_folder`].
pub trait Disk: Send + Sync {
    /// Opens a file that is there: to read, and where that is allowed to write.
    ///
    /// # Errors
    /// The system's.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file to read and write, and makes it where there is none.
    ///
    /// # Errors
    /// The system's.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Files in a folder, in order of their names; folders and names that are no UTF-8 are left out.
    ///
    /// # Errors
    /// The system's.
    fn entries(&self, folder: &Path) -> io::Result<Vec<Entry>>;

    /// Size of a file; none where there is none.
    ///
    /// # Errors
    /// The system's.
    fn size(&self, path: &Path) -> io::Result<Option<u64>>;

    /// Makes a folder with those above it, where there is none.
    ///
    /// # Errors
    /// The system's.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;

    /// Gives a file another name; one of that name is replaced.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder safe.
    ///
    /// # Errors
    /// The system's.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Bytes that can still be written to the disk of a folder.
    ///
    /// # Errors
    /// The system's.
    fn free(&self, folder: &Path) -> io::Result<u64>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Reads at a place; fewer bytes than asked for only at the end.
    ///
    /// # Errors
    /// The system's.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all at a place.
    ///
    /// # Errors
    /// The system's; a part may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Cuts it off.
    ///
    /// # Errors
    /// The system's.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// Bytes in it.
    ///
    /// # Errors
    /// The system's.
    fn len(&self) -> io::Result<u64>;

    /// Whether there are none.
    ///
    /// # Errors
    /// The system's.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Makes its bytes safe.
    ///
    /// # Errors
    /// The system's; then nothing is known of what was written since the last time.
    fn sync(&self) -> io::Result<()>;
}
