//! Files that come in pieces, and large ones: each is a file of its own until all of it is here.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use md5::{Digest, Md5};

use super::disk::DiskFile;
use super::store::{Shared, Spool, disk_error};
use super::{Location, SpoolError, check_name};

const BLOCK: usize = 1 << 20;

/// A file that is being sent. Only one connection at a time has it; what came stays when this goes.
pub struct Partial {
    shared: Arc<Shared>,
    name: String,
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    bytes: u64,
}

impl Spool {
    /// Bytes that are here of a file that comes in pieces; 0 where there are none.
    ///
    /// # Errors
    /// [`SpoolError::BadName`], [`SpoolError::Disk`].
    pub fn partial_size(&self, name: &str) -> Result<u64, SpoolError> {
        check_name(name)?;
        let path = self.shared.partial_path(name);
        Ok(self.shared.disk.size(&path).map_err(|error| disk_error(&path, &error))?.unwrap_or(0))
    }

    /// Begins to take a file, or the rest of one, from byte `offset` on; what was beyond it is dropped.
    ///
    /// # Errors
    /// [`SpoolError::Busy`], [`SpoolError::Gap`] where `offset` lies beyond what is here, [`SpoolError::NoSpace`], [`SpoolError::Disk`].
    pub fn partial(&self, name: &str, offset: u64) -> Result<Partial, SpoolError> {
        check_name(name)?;
        let shared = Arc::clone(&self.shared);
        if !shared.sending.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned()) {
            return Err(SpoolError::Busy(name.to_owned()));
        }
        let path = shared.partial_path(name);
        let opened = shared.disk.size(&path).and_then(|size| {
            let have = size.unwrap_or(0);
            if offset > have {
                return Ok(Err(have));
            }
            let file = shared.disk.create(&path)?;
            if offset < have {
                file.set_len(offset)?;
            }
            Ok(Ok(file))
        });
        let refusal = match opened {
            Ok(Ok(file)) => return Ok(Partial { shared, name: name.to_owned(), path, file, bytes: offset }),
            Ok(Err(have)) => SpoolError::Gap { name: name.to_owned(), have, offset },
            Err(error) => shared.write_error(&path, &error),
        };
        shared.let_go(name);
        Err(refusal)
    }

    /// Drops what is here of a file that comes in pieces.
    ///
    /// # Errors
    /// [`SpoolError::Busy`], [`SpoolError::Disk`].
    pub fn forget_partial(&self, name: &str) -> Result<(), SpoolError> {
        if self.partial_size(name)? == 0 {
            return Ok(());
        }
        self.partial(name, 0)?.discard()
    }

    /// Ends a file of which all bytes are here: its MD5 is compared, it is made safe and gets its place. Returns that and the MD5.
    ///
    /// `md5`: as it was announced; none is compared where none was.
    ///
    /// # Errors
    /// [`SpoolError::Incomplete`], and the pieces stay; [`SpoolError::WrongMd5`] or too many bytes, and they are dropped; others, and
    /// they stay.
    pub fn finish(
        &self,
        partial: Partial,
        bytes: u64,
        md5: Option<[u8; 16]>,
    ) -> Result<(Location, [u8; 16]), SpoolError> {
        if partial.bytes < bytes {
            return Err(SpoolError::Incomplete { name: partial.name.clone(), have: partial.bytes, bytes });
        }
        let sum = partial.md5()?;
        if partial.bytes > bytes || md5.is_some_and(|md5| md5 != sum) {
            let name = partial.name.clone();
            partial.discard()?;
            return Err(SpoolError::WrongMd5 { name });
        }
        if bytes <= self.large_bytes() {
            // A small file goes where small files go, so that it costs no file of its own.
            let mut data = vec![0; bytes as usize];
            partial.file.read_at(&mut data, 0).map_err(|error| partial.failed(&error))?;
            let location = self.append(&partial.name, sum, data)?;
            partial.discard()?;
            return Ok((location, sum));
        }
        let folder = self.shared.folder.join("whole");
        let disk = &self.shared.disk;
        // A file that is sent twice has two places, so that the one that is not recorded can go.
        let short: String = partial.name.chars().take(200).collect();
        let (mut own, mut to) = (String::new(), folder.clone());
        for n in 0u64.. {
            own = format!("{}-{n}-{short}", self.shared.process);
            to = folder.join(&own);
            if disk.size(&to).map_err(|error| disk_error(&to, &error))?.is_none() {
                break;
            }
        }
        partial
            .file
            .sync()
            .and_then(|()| disk.rename(&partial.path, &to))
            .and_then(|()| disk.sync_folder(&folder))
            .map_err(|error| self.shared.write_error(&to, &error))?;
        Ok((Location { segment: format!("whole/{own}"), offset: 0, bytes }, sum))
    }
}

impl Partial {
    /// Bytes that are here.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes a piece that follows on what is here.
    ///
    /// # Errors
    /// [`SpoolError::NoSpace`], [`SpoolError::Disk`]; the file is then as it was before the piece.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), SpoolError> {
        if let Err(error) = self.file.write_at(piece, self.bytes) {
            // Where it cannot be cut off, its MD5 tells in the end.
            let _ = self.file.set_len(self.bytes);
            return Err(self.shared.write_error(&self.path, &error));
        }
        self.bytes += piece.len() as u64;
        Ok(())
    }

    /// Drops the file.
    ///
    /// # Errors
    /// [`SpoolError::Disk`].
    pub fn discard(self) -> Result<(), SpoolError> {
        self.shared.disk.remove(&self.path).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> SpoolError {
        disk_error(&self.path, error)
    }

    fn md5(&self) -> Result<[u8; 16], SpoolError> {
        let mut hasher = Md5::new();
        let mut buffer = vec![0; BLOCK];
        let mut at = 0;
        loop {
            let read = self.file.read_at(&mut buffer, at).map_err(|error| self.failed(&error))?;
            if read == 0 {
                return Ok(hasher.finalize().into());
            }
            hasher.update(&buffer[..read]);
            at += read as u64;
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        self.shared.let_go(&self.name);
    }
}

impl Shared {
    fn partial_path(&self, name: &str) -> PathBuf {
        self.folder.join("partial").join(name)
    }

    fn let_go(&self, name: &str) {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}
