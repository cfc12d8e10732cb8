//! Names of what goes into a fit: SHA-256 of its contents, so that runs that belong together are known by them.

use pogson_sed::library::Library;
use pogson_sed::library_file::{LibraryFileError, Packer, hex};
use sha2::{Digest, Sha256};

/// The name of some bytes.
pub fn name_of_bytes<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize().into())
}

/// The name of a library in memory: that of the file which would hold it alone.
///
/// - `source`, `seed`: see [`Packer::new`].
///
/// # Errors
/// A library whose columns do not go together.
pub fn name_of_library(library: &Library, source: &str, seed: u64) -> Result<String, LibraryFileError> {
    let mut packer = Packer::new(source, seed, &library.bands);
    packer.block(library)?;
    Ok(packer.finish().1.name())
}
