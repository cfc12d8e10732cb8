//! An output file that appears under its name only when it is whole.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::FitsError;

/// Temporary files of this process that are not finished.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Removes the temporary files of all outputs that are not finished. For the moment before an interrupted process
/// ends; outputs that are still being written fail afterwards.
pub fn remove_unfinished() {
    let mut paths = UNFINISHED.lock().unwrap_or_else(|e| e.into_inner());
    for path in std::mem::take(&mut *paths) {
        // Nothing is left to be done about a file that cannot be removed.
        let _ = std::fs::remove_file(path);
    }
}

/// A file under a temporary name beside its target. Dropped unfinished, it is removed and the target untouched.
#[derive(Debug)]
pub struct Output {
    target: PathBuf,
    temporary: PathBuf,
    file: File,
    overwrite: bool,
    finished: bool,
}

impl Output {
    /// Makes the temporary file, named `.NAME.PID-N.part`, in the folder of `target`. A symbolic link is followed, so
    /// that what it points to is replaced.
    ///
    /// # Errors
    /// [`FitsError::Exists`] if the target is there and `overwrite` is false; [`FitsError::NotReplaceable`] if it is a
    /// folder or a device; [`FitsError::Io`] if the folder is missing or read-only.
    pub fn create(target: &Path, overwrite: bool) -> Result<Output, FitsError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let target = std::fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
        if let Ok(meta) = std::fs::metadata(&target) {
            let not = |found| FitsError::NotReplaceable { path: target.clone(), found };
            match meta.file_type() {
                t if t.is_dir() => return Err(not("a folder")),
                t if !t.is_file() => return Err(not("a device or pipe")),
                _ if !overwrite => return Err(FitsError::Exists { path: target }),
                _ => {}
            }
        }
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = target.with_file_name(format!(".{name}.{}-{number}.part", std::process::id()));
        let created = File::options().read(true).write(true).create_new(true).open(&temporary);
        let file = created.map_err(|e| FitsError::io(&target, "create the file", e))?;
        UNFINISHED.lock().unwrap_or_else(|e| e.into_inner()).insert(temporary.clone());
        Ok(Output { target, temporary, file, overwrite, finished: false })
    }

    /// The open temporary file, for reading and writing.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Path that the file will have.
    pub fn path(&self) -> &Path {
        &self.target
    }

    /// Makes the file `bytes` long and takes the room on the disk now, so that a full disk shows before the work.
    ///
    /// # Errors
    /// [`FitsError::NoRoom`].
    pub fn reserve(&self, bytes: u64) -> Result<(), FitsError> {
        let held = self.file.metadata().map_or(0, |m| m.len());
        let no_room = |free: Option<u64>, source: io::Error| FitsError::NoRoom {
            path: self.target.clone(),
            action: match free {
                Some(free) => format!("write {} ({} are free)", megabytes(bytes), megabytes(free)),
                None => format!("write {}", megabytes(bytes)),
            },
            source,
        };
        if let Ok(disk) = rustix::fs::fstatvfs(&self.file)
            && disk.f_blocks > 0
        {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            if bytes.saturating_sub(held) > free {
                return Err(no_room(Some(free), io::ErrorKind::StorageFull.into()));
            }
        }
        #[cfg(target_os = "linux")]
        {
            use rustix::io::Errno;
            let flags = rustix::fs::FallocateFlags::empty();
            // Not every file system can do this; on those the file grows as it is written.
            let taken = rustix::fs::fallocate(&self.file, flags, held, bytes.saturating_sub(held).max(1));
            if let Err(e @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) = taken {
                return Err(no_room(None, e.into()));
            }
        }
        self.file.set_len(bytes).map_err(|e| FitsError::io(&self.target, "set the size of the file", e))
    }

    /// Brings everything to the disk and gives the file its name.
    ///
    /// # Errors
    /// [`FitsError::Io`], [`FitsError::NoRoom`]; [`FitsError::Exists`] if another has made the target meanwhile. The
    /// temporary file is then removed.
    pub fn finish(mut self) -> Result<(), FitsError> {
        let io = |action, e| FitsError::io(&self.target, action, e);
        self.file.sync_all().map_err(|e| io("write the file to the disk", e))?;
        self.rename().map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => FitsError::Exists { path: self.target.clone() },
            _ => io("give the file its name", e),
        })?;
        self.finished = true;
        let folder = match self.target.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        if let Ok(folder) = File::open(folder) {
            // Some file systems cannot sync folders; the file itself is safe by now.
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Output {
    fn rename(&self) -> io::Result<()> {
        if self.overwrite {
            return std::fs::rename(&self.temporary, &self.target);
        }
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{CWD, RenameFlags, renameat_with};
            use rustix::io::Errno;
            match renameat_with(CWD, &self.temporary, CWD, &self.target, RenameFlags::NOREPLACE) {
                // Not every file system can refuse to replace.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
                done => return done.map_err(io::Error::from),
            }
        }
        if self.target.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        std::fs::rename(&self.temporary, &self.target)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        UNFINISHED.lock().unwrap_or_else(|e| e.into_inner()).remove(&self.temporary);
        if !self.finished {
            // Nothing is left to be done about a file that cannot be removed.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
