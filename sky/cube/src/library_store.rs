//! Library files on disk: written whole, read mapped.

use std::io::Write;
use std::path::{Path, PathBuf};

use pogson_image::fits::output::Output;
use pogson_image::fits::{FitsError, MappedFile};
use pogson_sed::library::{Band, Library};
use pogson_sed::library_file::{Index, LibraryFileError, Packer};

/// Why a library file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FitsError),
    /// Its contents are not sound, or not what is wanted.
    #[error(transparent)]
    Content(#[from] LibraryFileError),
}

/// A library file that is open: mapped, so that only the redshifts that are asked for are read.
pub struct LibraryFile {
    path: PathBuf,
    bytes: MappedFile,
    index: Index,
}

impl LibraryFile {
    /// Opens a library and checks its index.
    ///
    /// # Errors
    /// A file that cannot be read, is none of Pogson's libraries, is cut off or damaged.
    pub fn open(path: &Path) -> Result<LibraryFile, StoreError> {
        let bytes = MappedFile::open(path)?;
        let index = Index::read(&bytes, &path.display().to_string())?;
        Ok(LibraryFile { path: path.to_owned(), bytes, index })
    }

    /// What the library is made of.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Number of bytes of the file.
    pub fn bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The models of the block whose redshift is nearest to one, at most `within` away.
    ///
    /// # Errors
    /// No block so near, a damaged block.
    pub fn nearest(&self, redshift: f64, within: f64) -> Result<Library, StoreError> {
        let block = self.index.nearest(redshift, within, &self.path.display().to_string())?;
        self.block(block)
    }

    /// The models of a block of [`LibraryFile::index`].
    ///
    /// # Errors
    /// A damaged block.
    pub fn block(&self, block: usize) -> Result<Library, StoreError> {
        Ok(self.index.library(&self.bytes, block, &self.path.display().to_string())?)
    }
}

/// A library file that is being written; it appears under its name when it is finished.
pub struct LibraryWriter {
    path: PathBuf,
    output: Output,
    packer: Packer,
    length: u64,
}

impl LibraryWriter {
    /// Begins a file.
    ///
    /// - `source`, `seed`: see [`Packer::new`];
    /// - `overwrite`: whether a file of the name may be replaced.
    ///
    /// # Errors
    /// A file that is there already, a folder that cannot be written.
    pub fn create(
        path: &Path,
        source: &str,
        seed: u64,
        bands: &[Band],
        overwrite: bool,
    ) -> Result<LibraryWriter, StoreError> {
        let packer = Packer::new(source, seed, bands);
        let output = Output::create(path, overwrite)?;
        let mut writer = LibraryWriter { path: path.to_owned(), output, packer, length: 0 };
        let begin = writer.packer.begin();
        writer.write(&begin)?;
        Ok(writer)
    }

    /// Writes the models of one redshift.
    ///
    /// # Errors
    /// Other bands, a redshift that is there already, a full disk.
    pub fn add(&mut self, library: &Library) -> Result<(), StoreError> {
        let block = self.packer.block(library)?;
        self.write(&block)
    }

    /// Writes the index and gives the file its name; returns the index and the number of bytes.
    ///
    /// # Errors
    /// A full disk.
    pub fn finish(self) -> Result<(Index, u64), StoreError> {
        let LibraryWriter { path, output, packer, length } = self;
        let (end, index) = packer.finish();
        let mut file = output.file();
        file.write_all(&end).map_err(|e| FitsError::io(&path, "write", e))?;
        output.finish()?;
        Ok((index, length + end.len() as u64))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let mut file = self.output.file();
        file.write_all(bytes).map_err(|e| FitsError::io(&self.path, "write", e))?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use pogson_sed::build::Builder;
    use pogson_sed::filter::find;
    use pogson_sed::ssp::embedded;

    use super::*;
    use crate::library::band_of;

    #[test]
    fn files_appear_when_they_are_whole_and_one_redshift_is_read_without_the_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.lib");
        let filter = find("SDSS_r").unwrap();
        let bands = [band_of(filter)];
        let library = |redshift: f64| {
            let builder = Builder::new(embedded(), &bands, &[filter], redshift, 3).unwrap();
            let (stellar, dust) = (builder.stellar(0..5), builder.dust(0..4));
            Library { redshift, bands: bands.to_vec(), stellar, dust }
        };
        let mut writer = LibraryWriter::create(&path, "s", 3, &bands, false).unwrap();
        writer.add(&library(0.0)).unwrap();
        writer.add(&library(0.1)).unwrap();
        assert!(!path.exists());
        let (index, length) = writer.finish().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), length);
        // The first block is damaged; the second is read all the same.
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[index.blocks[0].offset as usize + 30] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let file = LibraryFile::open(&path).unwrap();
        assert_eq!(file.nearest(0.097, 0.005).unwrap(), library(0.1));
        assert!(file.block(0).unwrap_err().to_string().contains("part for redshift 0 is damaged"));
        assert!(LibraryWriter::create(&path, "s", 3, &bands, false).is_err());
    }
}
