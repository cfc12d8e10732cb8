//! A disk that fails when it is told to, and counts what it does.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use super::{Disk, DiskFile, Entry};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Writes end with `ENOSPC`, after half of the bytes were written.
    Full,
    /// Nothing can be written (`EROFS`).
    ReadOnly,
    /// Syncs end with `EIO`.
    SyncFails,
}

const FAULTS: [Fault; 4] = [Fault::None, Fault::Full, Fault::ReadOnly, Fault::SyncFails];

#[derive(Default)]
struct Switch {
    fault: AtomicU8,
    syncs: AtomicU64,
    free: AtomicU64,
}

impl Switch {
    fn fault(&self) -> Fault {
        FAULTS.get(usize::from(self.fault.load(Ordering::SeqCst))).copied().unwrap_or(Fault::None)
    }

    fn writable(&self) -> io::Result<()> {
        match self.fault() {
            Fault::ReadOnly => Err(rustix::io::Errno::ROFS.into()),
            _ => Ok(()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        if self.fault() == Fault::SyncFails { Err(rustix::io::Errno::IO.into()) } else { Ok(()) }
    }
}

/// Another disk, with faults on order.
#[derive(Clone)]
pub struct FaultyDisk {
    inner: Arc<dyn Disk>,
    switch: Arc<Switch>,
}

impl FaultyDisk {
    /// Over another disk, without a fault yet.
    pub fn new(inner: Arc<dyn Disk>) -> FaultyDisk {
        let switch = Switch::default();
        switch.free.store(u64::MAX, Ordering::SeqCst);
        FaultyDisk { inner, switch: Arc::new(switch) }
    }

    /// From now on goes wrong what is said here.
    pub fn set(&self, fault: Fault) {
        let number = FAULTS.iter().position(|other| *other == fault).unwrap_or(0);
        self.switch.fault.store(number as u8, Ordering::SeqCst);
    }

    /// From now on so many bytes at most are said to be free.
    pub fn set_free(&self, bytes: u64) {
        self.switch.free.store(bytes, Ordering::SeqCst);
    }

    /// Syncs of files so far.
    pub fn syncs(&self) -> u64 {
        self.switch.syncs.load(Ordering::SeqCst)
    }
}

struct FaultyFile {
    inner: Arc<dyn DiskFile>,
    switch: Arc<Switch>,
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(FaultyFile { inner: self.inner.open(path)?, switch: Arc::clone(&self.switch) }))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.switch.writable()?;
        Ok(Arc::new(FaultyFile { inner: self.inner.create(path)?, switch: Arc::clone(&self.switch) }))
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        self.inner.entries(folder)
    }

    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        self.inner.size(path)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        self.inner.create_folder(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.switch.writable()?;
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.switch.writable()?;
        self.inner.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.inner.sync_folder(folder)
    }

    fn free(&self, folder: &Path) -> io::Result<u64> {
        Ok(self.inner.free(folder)?.min(self.switch.free.load(Ordering::SeqCst)))
    }
}

impl DiskFile for FaultyFile {
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<usize> {
        self.inner.read_at(into, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.switch.writable()?;
        if self.switch.fault() == Fault::Full {
            self.inner.write_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(rustix::io::Errno::NOSPC.into());
        }
        self.inner.write_at(bytes, offset)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.switch.writable()?;
        self.inner.set_len(bytes)
    }

    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn sync(&self) -> io::Result<()> {
        self.switch.sync()?;
        self.inner.sync()
    }
}
