//! One tile, compressed.

use super::codec::Codec;
use super::grid::TileBox;
use super::noise::FloatPixel;
use super::options::TiledOptions;
use super::pixels::Pixels;
use super::quantize::{EXACT_ZERO, NULL, Quantized, quantize};
use super::{TiledError, gzip, hcompress, plio, rice};
use crate::fits::Bitpix;

/// BLOCKSIZE of the tiles that are written.
pub(super) const BLOCK: usize = 32;
/// Effort of DEFLATE.
const LEVEL: u32 = 6;

/// The bytes of one tile for the heap, and its scaling.
#[derive(Debug, Default)]
pub(super) struct EncodedTile {
    /// For COMPRESSED_DATA; empty where the tile could not be quantised.
    pub(super) compressed: Vec<u8>,
    /// The tile without loss: for GZIP_COMPRESSED_DATA where it could not be quantised, for UNCOMPRESSED_DATA under
    /// NOCOMPRESS.
    pub(super) lossless: Vec<u8>,
    /// ZSCALE.
    pub(super) scale: f64,
    /// ZZERO.
    pub(super) zero: f64,
}

/// BYTEPIX of RICE_1 for an image of this type.
pub(super) fn rice_bytes(bitpix: Bitpix) -> usize {
    if bitpix.is_integer() { bitpix.bytes() } else { 4 }
}

/// Refuses what the codec cannot hold.
///
/// - `unsigned`: whether BZERO makes the integers unsigned.
///
/// # Errors
/// [`TiledError::BadSetting`] for a codec that does not fit the type of pixels, or a seed outside 1 to 10000.
pub(super) fn check(options: &TiledOptions, bitpix: Bitpix, unsigned: bool) -> Result<(), TiledError> {
    let bad =
        |setting, value, allowed| Err(TiledError::BadSetting { codec: options.codec.name(), setting, value, allowed });
    let bytes = matches!(options.codec, Codec::Gzip1 | Codec::Gzip2 | Codec::None);
    if bitpix == Bitpix::I64 && !bytes {
        return bad("BITPIX", 64, "8, 16 or 32, and floats; take GZIP_1 or GZIP_2");
    }
    if !bitpix.is_integer() && options.codec == Codec::Plio {
        return bad("BITPIX", bitpix.code(), "8, 16 or 32: it is for masks");
    }
    if unsigned && options.codec == Codec::Plio {
        // CFITSIO and astropy differ in what such a list means.
        return bad("BZERO", 1i64 << (bitpix.bytes() * 8 - 1), "0; take RICE_1, or store the mask as signed integers");
    }
    if !bitpix.is_integer() && options.level.is_none() && !bytes {
        return bad(
            "BITPIX",
            bitpix.code(),
            "quantised floats (give a level), or GZIP_1 or GZIP_2 for floats without loss",
        );
    }
    if !(1..=10_000).contains(&options.seed) {
        return bad("ZDITHER0", options.seed, "1 to 10000");
    }
    Ok(())
}

/// Compresses one tile.
///
/// - `row`: its row in the table, from 0.
/// # Errors
/// [`TiledError::Unrepresentable`] and [`TiledError::BadSetting`] where the codec cannot hold the tile.
pub(super) fn encode_tile(
    options: &TiledOptions,
    pixels: Pixels,
    at: &TileBox,
    row: usize,
) -> Result<EncodedTile, TiledError> {
    if options.codec == Codec::None && pixels.bitpix() != Bitpix::I64 {
        return Ok(EncodedTile { lossless: pixels.to_big_endian(), ..EncodedTile::default() });
    }
    let quantized = match &pixels {
        Pixels::F32(v) => options.level.map(|level| quantized(options, v, at, level, row)),
        Pixels::F64(v) => options.level.map(|level| quantized(options, v, at, level, row)),
        _ => None,
    };
    match quantized {
        None => Ok(EncodedTile { compressed: compress(options, pixels, at)?, ..EncodedTile::default() }),
        Some(None) => {
            Ok(EncodedTile { lossless: gzip::deflate(&pixels.to_big_endian(), LEVEL), ..EncodedTile::default() })
        }
        Some(Some(Quantized { values, scale, zero })) => {
            let compressed = compress(options, Pixels::I32(values), at)?;
            Ok(EncodedTile { compressed, lossless: Vec::new(), scale, zero })
        }
    }
}

/// The tile in steps, or nothing where it has to be stored without loss.
fn quantized<T: FloatPixel>(
    options: &TiledOptions,
    tile: &[T],
    at: &TileBox,
    level: f32,
    row: usize,
) -> Option<Quantized> {
    let quantized = quantize(tile, at.size[0], level, options.dither, row, options.seed)?;
    // A lossy transform would blur the marks of NaN and zero.
    let lossy = options.codec == Codec::Hcompress && options.hcompress_scale > 1;
    let marked = lossy && quantized.values.iter().any(|&value| value == NULL || value == EXACT_ZERO);
    (!marked).then_some(quantized)
}

fn compress(options: &TiledOptions, pixels: Pixels, at: &TileBox) -> Result<Vec<u8>, TiledError> {
    let size = pixels.bytes() / at.pixels().max(1);
    match (options.codec, pixels) {
        (Codec::Rice, Pixels::U8(v)) => rice::encode(&v, BLOCK),
        (Codec::Rice, Pixels::I16(v)) => rice::encode(&v, BLOCK),
        (Codec::Rice, other) => rice::encode(&other.into_i32(), BLOCK),
        (Codec::Gzip1, pixels) => Ok(gzip::deflate(&pixels.to_big_endian(), LEVEL)),
        (Codec::Gzip2, pixels) => Ok(gzip::deflate(&gzip::shuffle(&pixels.to_big_endian(), size), LEVEL)),
        (Codec::None, pixels) => Ok(pixels.to_big_endian()),
        (Codec::Plio, pixels) => Ok(plio::encode(&pixels.into_i32())?.into_iter().flat_map(i16::to_be_bytes).collect()),
        (Codec::Hcompress, pixels) => {
            let (width, height) = at.flat().ok_or(TiledError::BadSetting {
                codec: "HCOMPRESS_1",
                setting: "axes of a tile longer than 1",
                value: at.size.iter().filter(|&&n| n > 1).count() as i64,
                allowed: "2",
            })?;
            hcompress::encode(&pixels.into_i32(), width, height, options.hcompress_scale)
        }
    }
}
