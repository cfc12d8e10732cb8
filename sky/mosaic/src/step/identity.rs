//! What an output was made of: a number in the output that tells whether it may stay when a run resumes.
//!
//! The number (keyword STEPKEY of images, `\stepkey` of tables) is a hash of the step's name, its science options, and
//! what its inputs hold. File times and paths do not count, so that files may be moved between machines.

use crate::error::MosaicError;
use crate::place::Target;
use pogson_image::fits::{FitsError, FitsFile, Header, checksum::Verdict};
use std::path::Path;

/// Keyword of the number in images and tables.
pub const KEY: &str = "STEPKEY";

/// A running hash of 64 bits; not meant to withstand an adversary.
#[derive(Debug, Clone)]
pub struct Identity(u64);

impl Identity {
    /// The start for a step; the version of the program counts.
    pub fn of_step(name: &str) -> Identity {
        let mut id = Identity(0xcbf2_9ce4_8422_2325);
        id.text(name).text(env!("CARGO_PKG_VERSION"));
        id
    }

    /// Adds bytes, eight at a time; each step is a bijection of the state, so that no single change is lost.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Identity {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.word(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.word(u64::from_le_bytes(last)).word(bytes.len() as u64)
    }

    fn word(&mut self, word: u64) -> &mut Identity {
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        self
    }

    /// Adds a text.
    pub fn text(&mut self, text: &str) -> &mut Identity {
        self.bytes(text.as_bytes())
    }

    /// Adds an output frame.
    pub fn grid(&mut self, target: &Target) -> &mut Identity {
        let mut grid = Header::new();
        target.wcs.write_to(&mut grid);
        self.bytes(&grid.to_bytes()).text(&format!("{} {}", target.width, target.height))
    }

    /// Adds what a file holds. Of an image that a step wrote, its own number and the sum of its data stand for it.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn file(&mut self, path: &Path) -> Result<&mut Identity, MosaicError> {
        if let Some((key, sum)) = written_by_step(path) {
            return Ok(self.text(&key).text(&sum));
        }
        let bytes = std::fs::read(path).map_err(|source| FitsError::Io {
            path: path.to_path_buf(),
            action: "read the file",
            source,
        })?;
        Ok(self.bytes(&bytes))
    }

    /// The number as text.
    pub fn key(&self) -> String {
        // A last mix, so that the last words move all bits.
        let h = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        format!("{:016x}", h ^ (h >> 32))
    }
}

fn written_by_step(path: &Path) -> Option<(String, String)> {
    let mut start = [0; 6];
    let mut file = std::fs::File::open(path).ok()?;
    std::io::Read::read_exact(&mut file, &mut start).ok()?;
    if &start != b"SIMPLE" {
        return None;
    }
    let file = FitsFile::open(path).ok()?;
    let header = file.hdu(0).ok()?.own_header();
    Some((header.str(KEY)?.to_string(), header.str("DATASUM")?.to_string()))
}

/// Whether an image is there, whole (its data agree with DATASUM) and was made from what `key` stands for.
pub fn image_stands(path: &Path, key: &str) -> bool {
    let Ok(file) = FitsFile::open(path) else { return false };
    let same = file.hdu(0).is_ok_and(|hdu| hdu.own_header().str(KEY) == Some(key));
    same && (0..file.hdus().len()).all(|hdu| matches!(file.verify(hdu), Ok((Verdict::Right, _))))
}

/// Whether a table is there and was made from what `key` stands for. Tables appear under their names whole.
pub fn table_stands(path: &Path, key: &str) -> bool {
    pogson_image::table::IpacTable::read(path).is_ok_and(|table| table.keyword(KEY) == Some(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_change_of_a_byte_or_of_a_boundary_changes_the_number() {
        let key = |parts: &[&str]| {
            let mut id = Identity::of_step("test");
            for part in parts {
                id.text(part);
            }
            id.key()
        };
        let base = key(&["abcdefgh", "ij"]);
        assert_eq!(base, key(&["abcdefgh", "ij"]));
        for other in [
            &["abcdefgi", "ij"][..],
            &["abcdefghi", "j"],
            &["abcdefgh", "ij", ""],
            &["abcdefghij"],
            &["abcdefgh", "ij\0"],
        ] {
            assert_ne!(base, key(other), "{other:?}");
        }
    }
}
