//! What a library file says of itself, and reading its blocks.

use sha2::{Digest, Sha256};

use super::block::decode;
use super::bytes::{Reader, put_text};
use super::{END, Hash, LibraryFileError, MAGIC, hex};
use crate::library::{Band, Library};

/// What a library file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Index {
    /// What the stars' spectra are, or which files the library was made from.
    pub source: String,
    /// Seed of the random numbers; 0 where there were none.
    pub seed: u64,
    /// Bands of all blocks.
    pub bands: Vec<Band>,
    /// Blocks, by redshift.
    pub blocks: Vec<BlockEntry>,
    /// SHA-256 of the index: the library's name.
    pub hash: Hash,
}

/// Place of a block in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockEntry {
    /// Redshift of the models.
    pub redshift: f64,
    /// Number of stellar models.
    pub stellar: u32,
    /// Number of dust models.
    pub dust: u32,
    /// First byte in the file.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
    /// Their SHA-256.
    pub hash: Hash,
}

impl Index {
    /// Reads the index at the end of a file's bytes; blocks are not touched.
    ///
    /// - `file`: what errors call it.
    ///
    /// # Errors
    /// Another kind of file, another version, a file that was cut off, a damaged index.
    pub fn read(bytes: &[u8], file: &str) -> Result<Index, LibraryFileError> {
        let name = || file.to_owned();
        let truncated = |what| LibraryFileError::Truncated { file: name(), what };
        let known = bytes.len() >= 8 && bytes[..7] == MAGIC[..7];
        if !known {
            return Err(LibraryFileError::Kind { file: name() });
        }
        if bytes[7] != MAGIC[7] {
            return Err(LibraryFileError::Version { file: name(), version: bytes[7] });
        }
        let Some((front, trailer)) = bytes.split_at_checked(bytes.len().wrapping_sub(48)) else {
            return Err(truncated("its end is missing"));
        };
        let mut trailer = Reader(trailer);
        let parts = (trailer.u64(), trailer.array::<32>(), trailer.array::<8>());
        let (Some(length), Some(hash), Some(END)) = parts else { return Err(truncated("its end is missing")) };
        let start = (front.len() as u64).checked_sub(length).filter(|&start| start >= 8);
        let Some(start) = start else { return Err(truncated("its index is missing")) };
        let index = &front[start as usize..];
        let damaged = || LibraryFileError::Damaged { file: name(), what: "index".into() };
        if Hash::from(Sha256::digest(index)) != hash {
            return Err(damaged());
        }
        let index = Index::decode(index, hash).ok_or_else(damaged)?;
        for block in &index.blocks {
            if block.offset < 8 || block.offset.checked_add(block.length).is_none_or(|end| end > start) {
                return Err(truncated("a block reaches beyond it"));
            }
        }
        Ok(index)
    }

    /// Reads the models of one block and checks their hash.
    ///
    /// - `bytes`: the whole file's, of which only the block is touched;
    /// - `block`: number in [`Index::blocks`];
    /// - `file`: what errors call it.
    ///
    /// # Errors
    /// A block that is damaged, or lies beyond the bytes.
    pub fn library(&self, bytes: &[u8], block: usize, file: &str) -> Result<Library, LibraryFileError> {
        let truncated = || LibraryFileError::Truncated { file: file.into(), what: "a block is missing" };
        let entry = self.blocks.get(block).ok_or_else(truncated)?;
        let range = entry.offset as usize..entry.offset.saturating_add(entry.length) as usize;
        let content = bytes.get(range).ok_or_else(truncated)?;
        let what = || format!("part for redshift {}", entry.redshift);
        let damaged = || LibraryFileError::Damaged { file: file.into(), what: what() };
        if Hash::from(Sha256::digest(content)) != entry.hash {
            return Err(damaged());
        }
        decode(content, &self.bands).ok_or_else(damaged)
    }

    /// Number of the block whose redshift is nearest to one, at most `within` away.
    ///
    /// # Errors
    /// None is so near.
    pub fn nearest(&self, redshift: f64, within: f64, file: &str) -> Result<usize, LibraryFileError> {
        let away = |k: usize| (self.blocks[k].redshift - redshift).abs();
        let nearest = (0..self.blocks.len()).min_by(|&a, &b| away(a).total_cmp(&away(b)));
        // A little more, for differences of decimal numbers.
        nearest.filter(|&k| away(k) <= within + 1e-12).ok_or_else(|| {
            let all: Vec<String> = self.blocks.iter().map(|block| block.redshift.to_string()).collect();
            LibraryFileError::Redshift { file: file.into(), redshift, available: all.join(", ") }
        })
    }

    /// The library's name: its hash in hexadecimal digits.
    pub fn name(&self) -> String {
        hex(&self.hash)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_text(&mut bytes, &self.source);
        bytes.extend_from_slice(&self.seed.to_le_bytes());
        bytes.extend_from_slice(&(self.bands.len() as u32).to_le_bytes());
        for band in &self.bands {
            put_text(&mut bytes, &band.name);
            bytes.extend_from_slice(&band.wavelength_um.to_le_bytes());
            bytes.extend_from_slice(&band.id.to_le_bytes());
        }
        bytes.extend_from_slice(&(self.blocks.len() as u32).to_le_bytes());
        for block in &self.blocks {
            bytes.extend_from_slice(&block.redshift.to_le_bytes());
            bytes.extend_from_slice(&block.stellar.to_le_bytes());
            bytes.extend_from_slice(&block.dust.to_le_bytes());
            bytes.extend_from_slice(&block.offset.to_le_bytes());
            bytes.extend_from_slice(&block.length.to_le_bytes());
            bytes.extend_from_slice(&block.hash);
        }
        bytes
    }

    fn decode(bytes: &[u8], hash: Hash) -> Option<Index> {
        let mut reader = Reader(bytes);
        let (source, seed) = (reader.text()?, reader.u64()?);
        let mut index = Index { source, seed, bands: Vec::new(), blocks: Vec::new(), hash };
        for _ in 0..reader.u32()? {
            let (name, wavelength_um, id) = (reader.text()?, reader.f64()?, reader.u32()?);
            index.bands.push(Band { name, wavelength_um, id });
        }
        for _ in 0..reader.u32()? {
            index.blocks.push(BlockEntry {
                redshift: reader.f64()?,
                stellar: reader.u32()?,
                dust: reader.u32()?,
                offset: reader.u64()?,
                length: reader.u64()?,
                hash: reader.array()?,
            });
        }
        reader.0.is_empty().then_some(index)
    }
}
