//! How an image is compressed.

use super::codec::Codec;
use super::dither::Dither;

/// How an image is cut into tiles and compressed.
#[derive(Debug, Clone, PartialEq)]
pub struct TiledOptions {
    /// The codec.
    pub codec: Codec,
    /// Tile lengths, first axis first; axes that are missing get 1. Empty for the usual: rows, and for HCOMPRESS_1
    /// about 16 of them.
    pub tile: Vec<usize>,
    /// For floating-point images: steps of the quantisation per standard deviation of a tile's noise; negative, its
    /// amount is the step in the unit of the image; `None` stores them without loss, which GZIP_1, GZIP_2 and
    /// NOCOMPRESS can.
    pub level: Option<f32>,
    /// How the quantisation is dithered.
    pub dither: Dither,
    /// ZDITHER0, 1 to 10000: where the dithering begins in the sequence of random numbers.
    pub seed: i64,
    /// SCALE of HCOMPRESS_1: 0 or 1 lossless; above, coefficients are rounded to its multiples.
    pub hcompress_scale: i32,
    /// SMOOTH of HCOMPRESS_1: whether readers are to smooth lossy tiles.
    pub smooth: bool,
}

impl Default for TiledOptions {
    /// RICE_1 by rows; floats in steps of a sixteenth of the noise, which adds 0.02 % to it, exact zeros kept.
    fn default() -> Self {
        TiledOptions {
            codec: Codec::Rice,
            tile: Vec::new(),
            level: Some(16.0),
            dither: Dither::Subtractive2,
            seed: 1,
            hcompress_scale: 0,
            smooth: false,
        }
    }
}

impl TiledOptions {
    /// The tile lengths for an image of these axes.
    pub(super) fn tile_of(&self, axes: &[usize]) -> Vec<usize> {
        if !self.tile.is_empty() || self.codec != Codec::Hcompress {
            let usual = axes.first().copied().unwrap_or(1);
            return if self.tile.is_empty() { vec![usual] } else { self.tile.clone() };
        }
        // No tile may have fewer than 4 rows, so the last one decides; the order is CFITSIO's.
        const ROWS: [usize; 9] = [16, 24, 20, 30, 28, 26, 22, 18, 14];
        let height = axes.get(1).copied().unwrap_or(1);
        let rows = if height <= 30 {
            height
        } else {
            ROWS.into_iter().find(|rows| height % rows == 0 || height % rows > 3).unwrap_or(17)
        };
        vec![axes.first().copied().unwrap_or(1), rows]
    }
}
