//! An image in tiles: reading rectangles of it.

use super::TiledError;
use super::cache::TileCache;
use super::grid::TileGrid;
use super::image_header;
use super::layout::Layout;
use super::pixels::Pixels;
use crate::fits::image::TiledPixels;
use crate::fits::{Bitpix, FitsError, Header, Image, Rect, Scaling};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An image that a binary table holds in compressed tiles. Reading a rectangle decodes the tiles that it touches.
#[derive(Debug)]
pub struct TiledImage<'a> {
    header: Header,
    layout: Layout<'a>,
    scaling: Scaling,
    cache: TileCache,
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
        let scaling = Scaling::of(&header, layout.bitpix);
        Ok(TiledImage { header, layout, scaling, cache: TileCache::default() })
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
    pub fn bitpix(&self) -> Bitpix {
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
        let unsigned16 = self.scaling.is_unsigned(Bitpix::I16);
        self.layout.decode_tile(row, self.scaling.blank, unsigned16)
    }

    /// Reads a rectangle in single precision: BSCALE and BZERO applied, undefined pixels NaN.
    ///
    /// - `plane`: index over the axes after the second, NAXIS3 fastest.
    /// - `out`: row-major, `rect.area()` values.
    ///
    /// # Errors
    /// [`TiledError::Outside`] where the rectangle leaves the image; [`TiledError::Tile`] for a damaged tile.
    pub fn read_f32(&self, plane: usize, rect: Rect, out: &mut [f32]) -> Result<(), TiledError> {
        self.read(plane, rect, out, |pixels, first, out| pixels.physical_f32(first, &self.scaling, out))
    }

    /// Reads a rectangle in double precision, as [`TiledImage::read_f32`].
    ///
    /// # Errors
    /// As [`TiledImage::read_f32`].
    pub fn read_f64(&self, plane: usize, rect: Rect, out: &mut [f64]) -> Result<(), TiledError> {
        self.read(plane, rect, out, |pixels, first, out| pixels.physical_f64(first, &self.scaling, out))
    }

    /// Reads a rectangle of stored integers, the offset of the unsigned convention applied; BLANK is not looked at.
    ///
    /// # Errors
    /// As [`TiledImage::read_f32`]; [`TiledError::Unrepresentable`] for an unsigned number from 2^63 up.
    pub fn read_i64(&self, plane: usize, rect: Rect, out: &mut [i64]) -> Result<(), TiledError> {
        let mut unfit = None;
        self.read(plane, rect, out, |pixels, first, out| {
            unfit = unfit.or(pixels.integers(first, &self.scaling, out).err());
        })?;
        match unfit {
            None => Ok(()),
            Some(value) => Err(TiledError::Unfit { value }),
        }
    }

    fn read<T>(
        &self,
        plane: usize,
        rect: Rect,
        out: &mut [T],
        mut copy: impl FnMut(&Pixels, usize, &mut [T]),
    ) -> Result<(), TiledError> {
        let axes = self.axes();
        let (width, height) = (axes[0], axes.get(1).copied().unwrap_or(1));
        let planes: usize = axes.iter().skip(2).product();
        if !rect.is_within(width, height) || plane >= planes || rect.area() != out.len() {
            return Err(TiledError::Outside { plane, rect, axes: axes.to_vec(), values: out.len() });
        }
        let (x, y) = (rect.x..rect.x + rect.width, rect.y..rect.y + rect.height);
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

/// The pixels of a tiled image, for [`Image`].
struct OfFile<'a> {
    path: PathBuf,
    hdu: usize,
    image: TiledImage<'a>,
}

impl OfFile<'_> {
    fn name(&self, error: TiledError) -> FitsError {
        name(&self.path, self.hdu, error)
    }
}

/// A tile's fault with its file.
pub(super) fn name(path: &Path, hdu: usize, error: TiledError) -> FitsError {
    let path = path.to_owned();
    match error {
        TiledError::Tile { row, source, .. } => {
            FitsError::Tile { path, hdu, tile: row + 1, problem: source.to_string() }
        }
        TiledError::Unfit { value } => {
            FitsError::Unfit { path, value: value as f64, wanted: "a signed integer of 64 bits".to_owned() }
        }
        TiledError::BadKeyword { keyword, found, allowed } => {
            FitsError::BadValue { path, hdu, key: keyword, found, wanted: allowed.to_owned() }
        }
        TiledError::BadSetting { codec, setting, value, allowed } => {
            let wanted = format!("{allowed} for {codec}");
            FitsError::BadValue { path, hdu, key: setting.to_owned(), found: value.to_string(), wanted }
        }
        TiledError::Unrepresentable { codec, value, range } => {
            FitsError::Unfit { path, value: value as f64, wanted: format!("{codec} ({range})") }
        }
        other => FitsError::Tile { path, hdu, tile: 0, problem: other.to_string() },
    }
}

impl TiledPixels for OfFile<'_> {
    fn read_f32(&self, plane: usize, rect: Rect, out: &mut [f32]) -> Result<(), FitsError> {
        self.image.read_f32(plane, rect, out).map_err(|e| self.name(e))
    }

    fn read_f64(&self, plane: usize, rect: Rect, out: &mut [f64]) -> Result<(), FitsError> {
        self.image.read_f64(plane, rect, out).map_err(|e| self.name(e))
    }

    fn read_i64(&self, plane: usize, rect: Rect, out: &mut [i64]) -> Result<(), FitsError> {
        self.image.read_i64(plane, rect, out).map_err(|e| self.name(e))
    }
}

/// The image that a table of a file holds.
///
/// - `table`, `data`: header and data unit of HDU `hdu`.
///
/// # Errors
/// [`FitsError::BadValue`] and [`FitsError::Tile`] where the keywords do not describe an image.
pub(crate) fn image_of_table<'a>(
    path: &'a Path,
    hdu: usize,
    table: &Header,
    data: &'a [u8],
) -> Result<Image<'a>, FitsError> {
    let image = TiledImage::new(table, data).map_err(|e| name(path, hdu, e))?;
    let (header, axes, bitpix) = (image.header.clone(), image.axes().to_vec(), image.bitpix());
    Ok(Image::tiled(path, hdu, header, axes, bitpix, Box::new(OfFile { path: path.to_owned(), hdu, image })))
}
