//! Pogson's own library files: compact, little-endian, one block for each redshift, named by a hash.
//!
//! ```text
//! "POGSLIB" 1        8 bytes; the last one counts versions of the form
//! block ...          one for each redshift, see `block`
//! index              what the library is made of, its bands, and place, length and SHA-256 of each block
//! length of index    u64
//! SHA-256 of index   32 bytes: the library's name
//! "GILSGOP" 1        8 bytes; a file without them was cut off
//! ```
//!
//! The index holds the blocks' hashes, so that its own hash names all that the file holds; each block is checked when it is
//! read, and one redshift is read without the others.

mod block;
mod bytes;
mod index;
mod pack;

pub use index::{BlockEntry, Index};
pub use pack::Packer;

/// First bytes of a file.
const MAGIC: [u8; 8] = *b"POGSLIB\x01";
/// Last bytes of a file.
const END: [u8; 8] = *b"GILSGOP\x01";

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Why a library file cannot be read or written.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LibraryFileError {
    /// Another kind of file.
    #[error(
        "{file}: is no library of Pogson's; make one with pogson library build, or convert MAGPHYS's with pogson library import"
    )]
    Kind {
        /// The file.
        file: String,
    },
    /// A later version of the form.
    #[error("{file}: is a library of version {version} of the form, this pogson reads version 1; use a later pogson")]
    Version {
        /// The file.
        file: String,
        /// The version.
        version: u8,
    },
    /// The end is missing.
    #[error("{file}: is cut off ({what}); copy or build it again")]
    Truncated {
        /// The file.
        file: String,
        /// What is missing.
        what: &'static str,
    },
    /// A hash that does not fit.
    #[error("{file}: its {what} is damaged (its SHA-256 is not the stated one); copy or build it again")]
    Damaged {
        /// The file.
        file: String,
        /// Which part.
        what: String,
    },
    /// No block of a redshift.
    #[error("{file}: has no models at redshift {redshift}; it has {available}")]
    Redshift {
        /// The file.
        file: String,
        /// The redshift that is wanted.
        redshift: f64,
        /// Those that it has.
        available: String,
    },
    /// Models that cannot be put into one file.
    #[error("{what}; put libraries of the same bands and of different redshifts into one file")]
    Mixed {
        /// What does not fit.
        what: String,
    },
}

/// A hash as 64 hexadecimal digits.
pub fn hex(hash: &Hash) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
