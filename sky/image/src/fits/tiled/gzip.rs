//! GZIP_1 and GZIP_2: DEFLATE over big-endian pixels, for GZIP_2 with their bytes shuffled.
//!
//! Source: FITS standard 4.0, section 10.4.2; RFC 1952.

use super::TiledError;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use std::io::{Read, Write};

const CODEC: &str = "GZIP";

/// Inflates one tile. Reading stops at `limit` bytes, so a hostile tile cannot fill the memory.
///
/// Returns the big-endian bytes of the pixels (GZIP_1) or their planes (GZIP_2, see [`unshuffle`]).
///
/// # Errors
/// [`TiledError::Damaged`] when the stream is no gzip stream or fails its check sum; [`TiledError::WrongSize`] when it
/// inflates to more than `limit` bytes.
pub fn inflate(bytes: &[u8], limit: usize) -> Result<Vec<u8>, TiledError> {
    let mut out = Vec::with_capacity(limit.min(bytes.len().saturating_mul(1032)));
    let read = MultiGzDecoder::new(bytes).take(limit as u64 + 1).read_to_end(&mut out);
    read.map_err(|_| TiledError::Damaged {
        codec: CODEC,
        what: "the number of bytes before the stream breaks",
        found: out.len() as i64,
    })?;
    if out.len() > limit {
        return Err(TiledError::WrongSize { codec: CODEC, found: out.len(), wanted: limit });
    }
    Ok(out)
}

/// Deflates one tile into a gzip stream without time or name, so that equal pixels give equal bytes.
///
/// - `level`: 1 (fast, what CFITSIO uses) to 9.
pub fn deflate(bytes: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 2 + 64), Compression::new(level.clamp(1, 9)));
    // Writing to a vector cannot fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

/// Gathers the bytes of each significance: all first bytes, then all second bytes, and so on (GZIP_2 before deflating).
///
/// - `size`: bytes per pixel; bytes beyond a whole number of pixels are left where they are.
pub fn shuffle(bytes: &[u8], size: usize) -> Vec<u8> {
    let count = bytes.len().checked_div(size).unwrap_or(0);
    let mut out = bytes.to_vec();
    for (i, pixel) in bytes.chunks_exact(size.max(1)).enumerate() {
        for (k, &byte) in pixel.iter().enumerate() {
            out[k * count + i] = byte;
        }
    }
    out
}

/// Undoes [`shuffle`].
pub fn unshuffle(bytes: &[u8], size: usize) -> Vec<u8> {
    let count = bytes.len().checked_div(size).unwrap_or(0);
    let mut out = bytes.to_vec();
    for (i, pixel) in out.chunks_exact_mut(size.max(1)).enumerate() {
        for (k, byte) in pixel.iter_mut().enumerate() {
            *byte = bytes[k * count + i];
        }
    }
    out
}
