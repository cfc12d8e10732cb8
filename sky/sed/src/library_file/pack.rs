//! Writing a library file, block by block.

use sha2::{Digest, Sha256};

use super::block::encode;
use super::{BlockEntry, END, Hash, Index, LibraryFileError, MAGIC};
use crate::library::{Band, Library};

/// Makes the bytes of a library file in order: [`Packer::begin`], a [`Packer::block`] for each redshift, [`Packer::finish`].
#[derive(Debug)]
pub struct Packer {
    index: Index,
    at: u64,
}

impl Packer {
    /// A file of a library.
    ///
    /// - `source`: what the stars' spectra are, or which files the library was made from;
    /// - `seed`: of the random numbers, 0 where there were none.
    pub fn new(source: &str, seed: u64, bands: &[Band]) -> Packer {
        let index = Index { source: source.to_owned(), seed, bands: bands.to_vec(), blocks: Vec::new(), hash: [0; 32] };
        Packer { index, at: MAGIC.len() as u64 }
    }

    /// The first bytes of the file.
    pub fn begin(&self) -> Vec<u8> {
        MAGIC.to_vec()
    }

    /// The bytes of the models of one redshift; values are rounded to f32.
    ///
    /// # Errors
    /// [`LibraryFileError::Mixed`] for other bands, or a redshift that the file has already.
    pub fn block(&mut self, library: &Library) -> Result<Vec<u8>, LibraryFileError> {
        let mixed = |what: String| Err(LibraryFileError::Mixed { what });
        if library.bands != self.index.bands {
            return mixed(format!("the library at redshift {} has other bands", library.redshift));
        }
        if self.index.blocks.iter().any(|block| block.redshift == library.redshift) {
            return mixed(format!("redshift {} is there already", library.redshift));
        }
        let bytes = encode(library);
        self.index.blocks.push(BlockEntry {
            redshift: library.redshift,
            stellar: library.stellar.len() as u32,
            dust: library.dust.len() as u32,
            offset: self.at,
            length: bytes.len() as u64,
            hash: Hash::from(Sha256::digest(&bytes)),
        });
        self.at += bytes.len() as u64;
        Ok(bytes)
    }

    /// The last bytes of the file, and its index.
    pub fn finish(mut self) -> (Vec<u8>, Index) {
        self.index.blocks.sort_by(|a, b| a.redshift.total_cmp(&b.redshift));
        let mut bytes = self.index.encode();
        let hash = Hash::from(Sha256::digest(&bytes));
        self.index.hash = hash;
        let length = bytes.len() as u64;
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&hash);
        bytes.extend_from_slice(&END);
        (bytes, self.index)
    }
}
