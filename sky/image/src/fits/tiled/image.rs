//! An image in tiles: reading rectangles of it.

use super::TiledError;
use super::cache::TileCache;
use super::grid::TileGrid;
use super::image_header;
use super::layout::Layout;
use super::pixels::{Physical, Pixels};
use crate::fits::Header;
use std::ops::Range;
use std::sync::Arc;

/// An image that a binary table holds in compressed tiles. Reading a rectangle decodes the tiles that it touches.
#[derive(Debug)]
pub struct TiledImage<'a> {
    header: Header,
    layout: Layout<'a>,
    physical: Physical,
    cache: TileCache,
}

/// Whether a header is that of a table which holds an image in tiles.
pub fn is_tiled_image(header: &Header) -> bool {
    header.bool("ZIMAGE") == Some(true)
}

impl<'a> TiledImage<'a> {
    /// - `table`: header of the binary table, with ZIMAGE = T.
    /// - `data`: its data unit, cells and heap; it may be cut short, which shows when the lost tiles are read.
    ///
    /// # Errors
    /// [`TiledError::BadKeyword`] and [`TiledError::RowCount`] where keywords are missing or contradict each other.
    pub fn new(table: &Header, data: &'a [u8]) -> Result<TiledImage<'a>, TiledError> {
        let layout = Layout::read(table, data)?;
        let header = image_header::of_image(table, layout.columns.blank.is_some());
        let blank = if layout.bitpix > 0 { header.i64("BLANK") } else { None };
        let physical =
            Physical { scale: header.f64("BSCALE").unwrap_or(1.0), zero: header.f64("BZERO").unwrap_or(0.0), blank };
        Ok(TiledImage { header, layout, physical, cache: TileCache::default() })
    }

    /// The header of the uncompressed image.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Axis lengths, NAXIS1 first.
    pub fn axes(&self) -> &[usize] {
        self.layout.grid.axes()
    }

    /// The BITPIX of the uncompressed image.
    pub fn bitpix(&self) -> i64 {
        self.layout.bitpix
    }

    /// How the image is cut into tiles.
    pub fn grid(&self) -> &TileGrid {
        &self.layout.grid
    }

    /// Decodes the tile in row `row` of the table, `row < self.grid().tiles()`; stored numbers, before BSCALE and BZERO.
    ///
    /// # Errors
    /// [`TiledError::Tile`].
    pub fn tile(&self, row: usize) -> Result<Pixels, TiledError> {
        let unsigned16 = self.physical.zero == 32768.0 && self.physical.scale == 1.0;
        self.layout.decode_tile(row, self.physical.blank, unsigned16)
    }

    /// Reads a rectangle in single precision: BSCALE and BZERO applied, undefined pixels NaN.
    ///
    /// - `plane`: index over the axes after the second, NAXIS3 fastest.
    /// - `x`, `y`: 0-based pixels along the first two axes.
    /// - `out`: row-major, `x.len() * y.len()` values.
    ///
    /// # Errors
    /// [`TiledError::Outside`] where the rectangle leaves the image; [`TiledError::Tile`] for a damaged tile.
    pub fn read_f32(&self, plane: usize, x: Range<usize>, y: Range<usize>, out: &mut [f32]) -> Result<(), TiledError> {
        self.read(plane, x, y, out, |pixels, first, out| pixels.physical_f32(first, &self.physical, out))
    }

    /// Reads a rectangle in double precision, as [`TiledImage::read_f32`].
    ///
    /// # Errors
    /// As [`TiledImage::read_f32`].
    pub fn read_f64(&self, plane: usize, x: Range<usize>, y: Range<usize>, out: &mut [f64]) -> Result<(), TiledError> {
        self.read(plane, x, y, out, |pixels, first, out| pixels.physical_f64(first, &self.physical, out))
    }

    /// Reads a rectangle of stored integers plus `offset`, wrapping (BLANK is not looked at).
    ///
    /// # Errors
    /// As [`TiledImage::read_f32`].
    pub fn read_i64(
        &self,
        plane: usize,
        x: Range<usize>,
        y: Range<usize>,
        offset: i64,
        out: &mut [i64],
    ) -> Result<(), TiledError> {
        self.read(plane, x, y, out, |pixels, first, out| pixels.integers(first, offset, out))
    }

    fn read<T>(
        &self,
        plane: usize,
        x: Range<usize>,
        y: Range<usize>,
        out: &mut [T],
        copy: impl Fn(&Pixels, usize, &mut [T]),
    ) -> Result<(), TiledError> {
        let axes = self.axes();
        let (width, height) = (axes[0], axes.get(1).copied().unwrap_or(1));
        let planes: usize = axes.iter().skip(2).product();
        let size = x.len().checked_mul(y.len());
        if x.end > width || y.end > height || plane >= planes || size != Some(out.len()) {
            return Err(TiledError::Outside { plane, x, y, axes: axes.to_vec(), values: out.len() });
        }
        if out.is_empty() {
            return Ok(());
        }
        for index in self.layout.grid.touching(plane, x.clone(), y.clone()) {
            let at = self.layout.grid.tile_box(index);
            let (left, top) = (at.start[0], at.start.get(1).copied().unwrap_or(0));
            let (tile_width, tile_height) = (at.size[0], at.size.get(1).copied().unwrap_or(1));
            let columns = left.max(x.start)..(left + tile_width).min(x.end);
            let rows = top.max(y.start)..(top + tile_height).min(y.end);
            let plane_start = self.layout.grid.plane_offset(&at, plane);
            let used_up = columns.len() * rows.len() == at.pixels();
            let pixels: Arc<Pixels> = if used_up {
                self.cache.peek_or(index, || self.tile(index))?
            } else {
                self.cache.get_or(index, || self.tile(index))?
            };
            for row in rows {
                let first = plane_start + (row - top) * tile_width + columns.start - left;
                let line = &mut out[(row - y.start) * x.len() + columns.start - x.start..][..columns.len()];
                copy(&pixels, first, line);
            }
        }
        Ok(())
    }
}
