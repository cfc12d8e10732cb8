//! A disk that keeps in memory what was not synced: a process that is killed on it loses what a computer would that lost its power.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, DiskFile, Entry, RealDisk};

/// A name that was changed, and is not safe yet.
enum Renaming {
    /// The file has its name only in memory; on the disk it is another's.
    Created { real: PathBuf, name: PathBuf },
    /// From one name to the other.
    Renamed { from: PathBuf, to: PathBuf },
    /// Gone in memory.
    Removed { name: PathBuf },
}

impl Renaming {
    fn folder(&self) -> Option<&Path> {
        match self {
            Renaming::Created { name, .. } | Renaming::Removed { name } => name.parent(),
            Renaming::Renamed { to, .. } => to.parent(),
        }
    }
}

#[derive(Default)]
struct Names {
    /// Files that were opened or renamed, by the names that callers know; none for removed ones.
    known: HashMap<PathBuf, Option<Arc<ForgetfulFile>>>,
    pending: Vec<Renaming>,
    made: u64,
}

/// A disk over the computer's own, to be used by one process at a time, that forgets with it what was not synced.
#[derive(Clone, Default)]
pub struct ForgetfulDisk {
    names: Arc<Mutex<Names>>,
    deaf: Arc<AtomicBool>,
}

impl ForgetfulDisk {
    /// One that is told of each sync.
    pub fn new() -> ForgetfulDisk {
        ForgetfulDisk::default()
    }

    /// One on which no sync does anything: what survives on it by luck shows that a test tests nothing.
    pub fn deaf() -> ForgetfulDisk {
        let disk = ForgetfulDisk::default();
        disk.deaf.store(true, Ordering::SeqCst);
        disk
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, path: &Path) -> io::Result<Option<Arc<ForgetfulFile>>> {
        let mut names = self.names();
        if let Some(known) = names.known.get(path) {
            return Ok(known.clone());
        }
        if RealDisk.size(path)?.is_none() {
            return Ok(None);
        }
        let file = Arc::new(ForgetfulFile::over(RealDisk.open(path)?, Arc::clone(&self.deaf))?);
        names.known.insert(path.to_owned(), Some(Arc::clone(&file)));
        Ok(Some(file))
    }
}

impl Disk for ForgetfulDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        match self.find(path)? {
            Some(file) => Ok(file),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        if let Some(file) = self.find(path)? {
            return Ok(file);
        }
        let mut names = self.names();
        names.made += 1;
        let folder = path.parent().unwrap_or(Path::new("."));
        let real = folder.join(format!(".unsynced-{}-{}", std::process::id(), names.made));
        let file = Arc::new(ForgetfulFile::over(RealDisk.create(&real)?, Arc::clone(&self.deaf))?);
        names.known.insert(path.to_owned(), Some(Arc::clone(&file)));
        names.pending.push(Renaming::Created { real, name: path.to_owned() });
        Ok(file)
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let mut found: BTreeMap<String, Entry> = BTreeMap::new();
        for entry in RealDisk.entries(folder)? {
            if !entry.name.starts_with(".unsynced-") {
                found.insert(entry.name.clone(), entry);
            }
        }
        for (path, file) in &self.names().known {
            let name = path.file_name().and_then(|name| name.to_str());
            let (Some(name), true) = (name, path.parent() == Some(folder)) else { continue };
            match file {
                None => {
                    found.remove(name);
                }
                Some(file) => {
                    let modified = found.get(name).map_or(0, |entry| entry.modified);
                    found.insert(name.to_owned(), Entry { name: name.to_owned(), bytes: file.len()?, modified });
                }
            }
        }
        Ok(found.into_values().collect())
    }

    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        self.find(path)?.map(|file| file.len()).transpose()
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        RealDisk.create_folder(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let Some(file) = self.find(from)? else { return Err(io::ErrorKind::NotFound.into()) };
        let mut names = self.names();
        names.known.insert(from.to_owned(), None);
        names.known.insert(to.to_owned(), Some(file));
        names.pending.push(Renaming::Renamed { from: from.to_owned(), to: to.to_owned() });
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        if self.find(path)?.is_none() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut names = self.names();
        names.known.insert(path.to_owned(), None);
        names.pending.push(Renaming::Removed { name: path.to_owned() });
        Ok(())
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        if self.deaf.load(Ordering::SeqCst) {
            return Ok(());
        }
        let mut names = self.names();
        // A file that is to have a name elsewhere has its own first.
        let sources: Vec<PathBuf> = names
            .pending
            .iter()
            .filter(|change| change.folder() == Some(folder))
            .filter_map(|change| if let Renaming::Renamed { from, .. } = change { Some(from.clone()) } else { None })
            .collect();
        let due = |change: &Renaming| {
            let source = matches!(change, Renaming::Created { name, .. } if sources.contains(name));
            source || change.folder() == Some(folder)
        };
        let (now, later): (Vec<Renaming>, Vec<Renaming>) =
            std::mem::take(&mut names.pending).into_iter().partition(due);
        names.pending = later;
        for change in now {
            match change {
                Renaming::Created { real, name } => RealDisk.rename(&real, &name)?,
                Renaming::Renamed { from, to } => RealDisk.rename(&from, &to)?,
                Renaming::Removed { name } => RealDisk.remove(&name)?,
            }
        }
        RealDisk.sync_folder(folder)
    }

    fn free(&self, folder: &Path) -> io::Result<u64> {
        RealDisk.free(folder)
    }
}

/// Bytes as callers see them, and which of them are not on the disk.
struct Seen {
    bytes: u64,
    /// Pieces that were written since the last sync, in order.
    unsynced: Vec<(u64, Vec<u8>)>,
    /// The shortest that the file was since then.
    shortest: u64,
}

/// A file whose unsynced bytes are in memory.
struct ForgetfulFile {
    inner: Arc<dyn DiskFile>,
    seen: Mutex<Seen>,
    deaf: Arc<AtomicBool>,
}

impl ForgetfulFile {
    fn over(inner: Arc<dyn DiskFile>, deaf: Arc<AtomicBool>) -> io::Result<ForgetfulFile> {
        let bytes = inner.len()?;
        Ok(ForgetfulFile { inner, seen: Mutex::new(Seen { bytes, unsynced: Vec::new(), shortest: bytes }), deaf })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DiskFile for ForgetfulFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        let seen = self.seen();
        let count = (seen.bytes.saturating_sub(offset)).min(into.len() as u64) as usize;
        let into = &mut into[..count];
        into.fill(0);
        let kept = seen.shortest.saturating_sub(offset).min(count as u64) as usize;
        self.inner.read_at(&mut into[..kept], offset)?;
        for (at, piece) in &seen.unsynced {
            let from = (*at).max(offset);
            let to = (at + piece.len() as u64).min(offset + count as u64);
            if from < to {
                let length = (to - from) as usize;
                let (here, there) = ((from - offset) as usize, (from - at) as usize);
                into[here..here + length].copy_from_slice(&piece[there..there + length]);
            }
        }
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut seen = self.seen();
        seen.unsynced.push((offset, bytes.to_vec()));
        seen.bytes = seen.bytes.max(offset + bytes.len() as u64);
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut seen = self.seen();
        seen.bytes = bytes;
        seen.shortest = seen.shortest.min(bytes);
        seen.unsynced.retain_mut(|(at, piece)| {
            piece.truncate(bytes.saturating_sub(*at).min(piece.len() as u64) as usize);
            !piece.is_empty()
        });
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.seen().bytes)
    }

    fn sync(&self) -> io::Result<()> {
        if self.deaf.load(Ordering::SeqCst) {
            return Ok(());
        }
        let mut seen = self.seen();
        if self.inner.len()? > seen.shortest {
            self.inner.set_len(seen.shortest)?;
        }
        for (at, piece) in std::mem::take(&mut seen.unsynced) {
            self.inner.write_at(&piece, at)?;
        }
        self.inner.set_len(seen.bytes)?;
        seen.shortest = seen.bytes;
        self.inner.sync()
    }
}
