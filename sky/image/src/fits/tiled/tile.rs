//! One tile of a table, decoded.

use super::codec::Codec;
use super::layout::Layout;
use super::pixels::Pixels;
use super::quantize::TileScaling;
use super::{TiledError, gzip, hcompress, plio, rice};
use crate::fits::Bitpix;

impl Layout<'_> {
    /// The pixels of the tile in row `row`, in the type that ZBITPIX names.
    ///
    /// - `blank`: the image's BLANK, which undefined integers become.
    /// - `unsigned16`: whether the image holds unsigned 16-bit numbers by BZERO = 32768.
    ///
    /// # Errors
    /// [`TiledError::Tile`] names the tile and what is wrong with it.
    pub(super) fn decode_tile(&self, row: usize, blank: Option<i64>, unsigned16: bool) -> Result<Pixels, TiledError> {
        let at = self.grid.tile_box(row);
        let named = |source| TiledError::Tile { row, start: at.start.clone(), source: Box::new(source) };
        let count = at.pixels();
        let bytes = |column| match column {
            Some(column) => self.columns.array(column, row),
            None => Ok(&[][..]),
        };
        let float = !self.bitpix.is_integer();
        let compressed = bytes(self.columns.compressed).map_err(named)?;
        let mut pixels = if !compressed.is_empty() {
            let stored = self.decode(compressed, row, count).map_err(named)?;
            if float && !matches!(stored, Pixels::F32(_) | Pixels::F64(_)) {
                stored.restored(self.bitpix, &self.scaling(row), row)
            } else {
                stored
            }
        } else {
            let packed = bytes(self.columns.gzip).map_err(named)?;
            let raw = bytes(self.columns.raw).map_err(named)?;
            if !packed.is_empty() {
                let raw = gzip::inflate(packed, count.saturating_mul(8)).map_err(named)?;
                Pixels::from_big_endian("GZIP_1", &raw, count, float).map_err(named)?
            } else if !raw.is_empty() {
                Pixels::from_big_endian("UNCOMPRESSED_DATA", raw, count, float).map_err(named)?
            } else {
                return Err(named(TiledError::Truncated {
                    codec: self.codec.name(),
                    bytes: 0,
                    done: 0,
                    wanted: count,
                }));
            }
        };
        if self.codec == Codec::Plio && unsigned16 && self.bitpix == Bitpix::I16 {
            // CFITSIO stores such pixels in masks by their unsigned values, for a line list takes none below 0.
            pixels = pixels.in_type(Bitpix::I32);
            pixels.shift(-32768);
        }
        let mut pixels = pixels.in_type(self.bitpix);
        if let (Some(own), Some(blank)) = (self.tile_blank(row), blank)
            && own != blank
        {
            pixels.replace(own, blank);
        }
        Ok(pixels)
    }

    /// The integer of this tile that stands for an undefined pixel.
    fn tile_blank(&self, row: usize) -> Option<i64> {
        self.columns.blank.and_then(|column| self.columns.integer(column, row)).or(self.blank)
    }

    fn scaling(&self, row: usize) -> TileScaling {
        let number = |column: Option<_>, keyword: Option<f64>, usual| {
            column.and_then(|column| self.columns.number(column, row)).or(keyword).unwrap_or(usual)
        };
        TileScaling {
            scale: number(self.columns.scale, self.scale, 1.0),
            zero: number(self.columns.zero, self.zero, 0.0),
            blank: self.tile_blank(row),
            dither: self.dither,
            seed: self.seed,
        }
    }

    /// Whether floating-point pixels are stored as scaled integers.
    fn quantized(&self) -> bool {
        !self.bitpix.is_integer() && (self.columns.scale.is_some() || self.scale.is_some())
    }

    /// The numbers that the codec gives, before scaling.
    fn decode(&self, bytes: &[u8], row: usize, count: usize) -> Result<Pixels, TiledError> {
        let float = !self.bitpix.is_integer() && !self.quantized();
        match self.codec {
            Codec::Rice => self.decode_rice(bytes, count),
            Codec::Gzip1 => {
                Pixels::from_big_endian("GZIP_1", &gzip::inflate(bytes, count.saturating_mul(8))?, count, float)
            }
            Codec::Gzip2 => {
                let planes = gzip::inflate(bytes, count.saturating_mul(8))?;
                Pixels::from_big_endian("GZIP_2", &gzip::unshuffle(&planes, planes.len() / count), count, float)
            }
            Codec::None => Pixels::from_big_endian("NOCOMPRESS", bytes, count, float),
            Codec::Plio => {
                let words: Vec<i16> = bytes.chunks_exact(2).map(|b| i16::from_be_bytes([b[0], b[1]])).collect();
                let mut out = zeros(count)?;
                plio::decode(&words, &mut out)?;
                Ok(Pixels::I32(out))
            }
            Codec::Hcompress => {
                let (width, height) = self.grid.tile_box(row).flat().ok_or(TiledError::BadSetting {
                    codec: "HCOMPRESS_1",
                    setting: "axes of a tile longer than 1",
                    value: self.grid.tile().iter().filter(|&&n| n > 1).count() as i64,
                    allowed: "2",
                })?;
                let mut out = zeros(count)?;
                hcompress::decode(bytes, width, height, self.smooth, &mut out)?;
                Ok(Pixels::I32(out))
            }
        }
    }

    fn decode_rice(&self, bytes: &[u8], count: usize) -> Result<Pixels, TiledError> {
        // At most three blocks begin in a byte; a tile that cannot hold its pixels is not worth the memory.
        let most = bytes.len().saturating_mul(3).saturating_mul(self.block);
        if most < count {
            return Err(TiledError::Truncated { codec: "RICE_1", bytes: bytes.len(), done: 0, wanted: count });
        }
        match self.byte_pixels {
            1 => {
                let mut out = zeros(count)?;
                rice::decode(bytes, self.block, &mut out).map(|()| Pixels::U8(out))
            }
            2 => {
                let mut out = zeros(count)?;
                rice::decode(bytes, self.block, &mut out).map(|()| Pixels::I16(out))
            }
            4 => {
                let mut out = zeros(count)?;
                rice::decode(bytes, self.block, &mut out).map(|()| Pixels::I32(out))
            }
            value => Err(TiledError::BadSetting { codec: "RICE_1", setting: "BYTEPIX", value, allowed: "1, 2 or 4" }),
        }
    }
}

/// A vector of zeros, or an error where there is no memory for it.
fn zeros<T: Clone + Default>(count: usize) -> Result<Vec<T>, TiledError> {
    let mut out = Vec::new();
    out.try_reserve_exact(count).map_err(|_| TiledError::NoMemory { bytes: count.saturating_mul(size_of::<T>()) })?;
    out.resize(count, T::default());
    Ok(out)
}
