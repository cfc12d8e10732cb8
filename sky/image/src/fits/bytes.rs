//! The bytes of a file: mapped, or in memory.

use std::fs::File;
use std::io;
use std::path::Path;

use super::error::FitsError;

/// Mapped files from this size on let pages go that have been read, so that a file larger than memory (or than a batch
/// system's limit, which counts mapped pages) can be read through.
const LARGE: usize = 64 << 20;

/// Bytes of a file.
pub(super) enum Bytes {
    Mapped(memmap2::Mmap),
    Owned(Vec<u8>),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Owned(bytes) => bytes,
        }
    }
}

impl Bytes {
    /// Maps a file, which nobody may shorten while the map lives.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn map(file: &File) -> io::Result<Bytes> {
        // SAFETY: the map is only read; that nobody shortens the file meanwhile is asked for in the documentation of
        // `FitsFile`.
        #[allow(unsafe_code)]
        let map = unsafe { memmap2::Mmap::map(file) }?;
        Ok(Bytes::Mapped(map))
    }

    /// What lets go of pages.
    pub(super) fn pages(&self) -> Pages<'_> {
        match self {
            Bytes::Mapped(map) if map.len() >= LARGE => Pages { map: Some(map) },
            _ => Pages { map: None },
        }
    }
}

/// Lets go of the pages of a large mapped file; does nothing for others.
#[derive(Clone, Copy, Default)]
pub(crate) struct Pages<'a> {
    map: Option<&'a memmap2::Mmap>,
}

impl Pages<'_> {
    /// Whether letting go has any effect.
    pub(super) fn are_kept(&self) -> bool {
        self.map.is_some()
    }

    /// Takes the pages of `part`, a part of the file, out of the process's memory; they are read again if they are needed.
    pub(super) fn release(&self, part: &[u8]) {
        let Some(map) = self.map else { return };
        let Some(offset) = (part.as_ptr() as usize).checked_sub(map.as_ptr() as usize) else { return };
        // The page that the next part begins in stays; the one that this part begins in has been read.
        let page = rustix::param::page_size();
        let (start, end) = (offset / page * page, (offset + part.len()) / page * page);
        if end <= start || end > map.len() {
            return;
        }
        // SAFETY: the map is of a file and only read, so that pages let go come back with the same bytes.
        #[allow(unsafe_code)]
        // A refusal costs memory, nothing else.
        let _ = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, end - start) };
    }
}

/// A file of any kind, mapped: its bytes are read as they are looked at. Nobody may shorten the file meanwhile.
pub struct MappedFile(Bytes);

impl MappedFile {
    /// Maps a file; an empty one has no bytes.
    ///
    /// # Errors
    /// [`FitsError::Io`] for a file that cannot be opened or mapped.
    pub fn open(path: &Path) -> Result<MappedFile, FitsError> {
        let fail = |error| FitsError::io(path, "open", error);
        let file = File::open(path).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        if metadata.is_dir() {
            return Err(fail(io::ErrorKind::IsADirectory.into()));
        }
        // An empty file cannot be mapped.
        if metadata.len() == 0 {
            return Ok(MappedFile(Bytes::Owned(Vec::new())));
        }
        Bytes::map(&file).map(MappedFile).map_err(fail)
    }
}

impl std::ops::Deref for MappedFile {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}
