//! Images of a file: pixels by plane and rectangle.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::bytes::Pages;
use super::decode::{Real, decode_i64};
use super::error::{FitsError, axes_text};
use super::header::Header;
use super::pixel::{Bitpix, Scaling};

/// A rectangle of pixels, 0-based: columns `x .. x + width` along NAXIS1, rows `y .. y + height` along NAXIS2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rect {
    /// First column.
    pub x: usize,
    /// First row.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Rect {
    /// Number of pixels.
    pub fn area(&self) -> usize {
        self.width.saturating_mul(self.height)
    }

    /// Whether it lies within `width` x `height` pixels.
    pub fn is_within(&self, width: usize, height: usize) -> bool {
        let end = |start: usize, size: usize| start.checked_add(size);
        end(self.x, self.width).is_some_and(|e| e <= width) && end(self.y, self.height).is_some_and(|e| e <= height)
    }
}

impl fmt::Display for Rect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the rectangle of {} x {} pixels at ({}, {})", self.width, self.height, self.x, self.y)
    }
}

/// Pixels of a tile-compressed image, uncompressed when they are asked for.
///
/// [`Image`] has checked before each call that the rectangle is within the image and the buffer fits it.
pub trait TiledPixels: Send + Sync {
    /// Physical values as f32, row-major; undefined pixels are NaN.
    ///
    /// # Errors
    /// [`FitsError::Tile`] if a tile cannot be decoded.
    fn read_f32(&self, plane: usize, rect: Rect, out: &mut [f32]) -> Result<(), FitsError>;
    /// Physical values as f64.
    ///
    /// # Errors
    /// [`FitsError::Tile`] if a tile cannot be decoded.
    fn read_f64(&self, plane: usize, rect: Rect, out: &mut [f64]) -> Result<(), FitsError>;
    /// Stored integers, the offset of the unsigned convention applied.
    ///
    /// # Errors
    /// [`FitsError::Tile`] if a tile cannot be decoded.
    fn read_i64(&self, plane: usize, rect: Rect, out: &mut [i64]) -> Result<(), FitsError>;
}

/// Pixels of a compressed image after which its bytes are let go of.
const MANY_PIXELS: usize = 64 << 20;

enum Source<'a> {
    Plain(&'a [u8]),
    Tiled(Box<dyn TiledPixels + 'a>),
}

/// An image of a [`FitsFile`](super::FitsFile), plain or tile-compressed.
///
/// Reading takes `&self` and may be done from several threads. Plain images are read from the mapped file directly.
pub struct Image<'a> {
    path: &'a Path,
    hdu: usize,
    header: Cow<'a, Header>,
    axes: Vec<usize>,
    bitpix: Bitpix,
    scaling: Scaling,
    source: Source<'a>,
    pages: Pages<'a>,
    /// Of a compressed image: its bytes in the file, and pixels read since they were let go of.
    compressed: (&'a [u8], AtomicUsize),
}

impl<'a> Image<'a> {
    /// `bytes` holds all pixels that `axes` and `bitpix` promise.
    pub(crate) fn plain(
        path: &'a Path,
        hdu: usize,
        header: &'a Header,
        axes: Vec<usize>,
        bitpix: Bitpix,
        bytes: &'a [u8],
    ) -> Image<'a> {
        let scaling = Scaling::of(header, bitpix);
        let source = Source::Plain(bytes);
        let header = Cow::Borrowed(header);
        Image {
            path,
            hdu,
            header,
            axes,
            bitpix,
            scaling,
            source,
            pages: Pages::default(),
            compressed: Default::default(),
        }
    }

    /// A compressed image: `header`, `axes` and `bitpix` are those of the uncompressed one.
    pub fn tiled(
        path: &'a Path,
        hdu: usize,
        header: Header,
        axes: Vec<usize>,
        bitpix: Bitpix,
        pixels: Box<dyn TiledPixels + 'a>,
    ) -> Image<'a> {
        let scaling = Scaling::of(&header, bitpix);
        let source = Source::Tiled(pixels);
        let header = Cow::Owned(header);
        Image {
            path,
            hdu,
            header,
            axes,
            bitpix,
            scaling,
            source,
            pages: Pages::default(),
            compressed: Default::default(),
        }
    }

    /// The same, of a file whose pages are let go of as they are read.
    pub(super) fn with_pages(mut self, pages: Pages<'a>) -> Image<'a> {
        self.pages = pages;
        self
    }

    /// The same, of compressed pixels that stand in these bytes.
    pub(super) fn over(mut self, bytes: &'a [u8]) -> Image<'a> {
        self.compressed.0 = bytes;
        self
    }

    /// Lets go of what was read of a large file.
    fn release(&self, plane: usize, rect: Rect) {
        if !self.pages.are_kept() || rect.area() == 0 {
            return;
        }
        match &self.source {
            Source::Plain(bytes) => {
                let size = self.bitpix.bytes();
                let first = (plane * self.height() + rect.y) * self.width() + rect.x;
                let last = first + (rect.height - 1) * self.width() + rect.width;
                self.pages.release(&bytes[first * size..last * size]);
            }
            Source::Tiled(_) => {
                // Which bytes were read is the codec's affair: all go, now and then.
                let read = self.compressed.1.fetch_add(rect.area(), Ordering::Relaxed) + rect.area();
                if read >= MANY_PIXELS {
                    self.compressed.1.store(0, Ordering::Relaxed);
                    self.pages.release(self.compressed.0);
                }
            }
        }
    }

    /// The header; of a compressed image, that of the uncompressed one; with the primary's keywords where INHERIT
    /// asks for them.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Path of the file.
    pub fn path(&self) -> &'a Path {
        self.path
    }

    /// Index of the HDU in its file, 0 for the primary.
    pub fn hdu(&self) -> usize {
        self.hdu
    }

    /// Lengths of the axes in pixels, NAXIS1 first; at least one.
    pub fn axes(&self) -> &[usize] {
        &self.axes
    }

    /// NAXIS1.
    pub fn width(&self) -> usize {
        self.axes.first().copied().unwrap_or(0)
    }

    /// NAXIS2; 1 for a one-dimensional image.
    pub fn height(&self) -> usize {
        self.axes.get(1).copied().unwrap_or(1)
    }

    /// Number of planes: the product of NAXIS3 and all further axes, the third running fastest.
    pub fn planes(&self) -> usize {
        self.axes.iter().skip(2).fold(1, |product, n| product.saturating_mul(*n))
    }

    /// The whole of a plane.
    pub fn rect(&self) -> Rect {
        Rect { x: 0, y: 0, width: self.width(), height: self.height() }
    }

    /// Type of the stored pixels.
    pub fn bitpix(&self) -> Bitpix {
        self.bitpix
    }

    /// How stored numbers become values (applied already by `read_f32` and `read_f64`).
    pub fn scaling(&self) -> Scaling {
        self.scaling
    }

    /// Reads a rectangle of a plane as f32, row by row, BSCALE and BZERO applied, BLANK as NaN.
    ///
    /// - `plane`: from 0, below [`Image::planes`].
    /// - `out`: exactly `rect.area()` values.
    ///
    /// # Errors
    /// [`FitsError::OutOfBounds`], [`FitsError::WrongLength`]; [`FitsError::Tile`] for a corrupt compressed tile.
    pub fn read_f32(&self, plane: usize, rect: Rect, out: &mut [f32]) -> Result<(), FitsError> {
        self.check(plane, rect, out.len())?;
        match &self.source {
            Source::Plain(bytes) => self.read_plain(bytes, plane, rect, out),
            Source::Tiled(pixels) => pixels.read_f32(plane, rect, out)?,
        }
        self.release(plane, rect);
        Ok(())
    }

    /// As [`Image::read_f32`], in double precision.
    ///
    /// # Errors
    /// As [`Image::read_f32`].
    pub fn read_f64(&self, plane: usize, rect: Rect, out: &mut [f64]) -> Result<(), FitsError> {
        self.check(plane, rect, out.len())?;
        match &self.source {
            Source::Plain(bytes) => self.read_plain(bytes, plane, rect, out),
            Source::Tiled(pixels) => pixels.read_f64(plane, rect, out)?,
        }
        self.release(plane, rect);
        Ok(())
    }

    /// Reads stored integers. The offset of the unsigned convention is applied, other BSCALE and BZERO are not, and
    /// BLANK stays the number it is.
    ///
    /// # Errors
    /// As [`Image::read_f32`]; [`FitsError::WrongKind`] for an image of floats; [`FitsError::Unfit`] for an unsigned
    /// number from 2^63 up.
    pub fn read_i64(&self, plane: usize, rect: Rect, out: &mut [i64]) -> Result<(), FitsError> {
        self.check(plane, rect, out.len())?;
        if !self.bitpix.is_integer() {
            let found = format!("an image of floats (BITPIX {})", self.bitpix.code());
            return Err(FitsError::WrongKind { path: self.path.into(), hdu: self.hdu, found, wanted: "of integers" });
        }
        let bytes = match &self.source {
            Source::Plain(bytes) => bytes,
            Source::Tiled(pixels) => return pixels.read_i64(plane, rect, out),
        };
        if rect.area() == 0 {
            return Ok(());
        }
        for (src, row) in self.rows(bytes, plane, rect).zip(out.chunks_exact_mut(rect.width)) {
            decode_i64(self.bitpix, &self.scaling, src, row).map_err(|value| FitsError::Unfit {
                path: self.path.into(),
                value: value as f64,
                wanted: "a signed integer of 64 bits".into(),
            })?;
        }
        self.release(plane, rect);
        Ok(())
    }

    fn read_plain<T: Real>(&self, bytes: &[u8], plane: usize, rect: Rect, out: &mut [T]) {
        if rect.area() == 0 {
            return;
        }
        if rect.width == self.width() {
            // Whole rows lie together.
            let size = self.bitpix.bytes();
            let start = (plane * self.height() + rect.y) * rect.width * size;
            T::decode(self.bitpix, &self.scaling, &bytes[start..start + rect.area() * size], out);
            return;
        }
        for (src, row) in self.rows(bytes, plane, rect).zip(out.chunks_exact_mut(rect.width)) {
            T::decode(self.bitpix, &self.scaling, src, row);
        }
    }

    /// The stored bytes of each row of a rectangle that has been checked.
    fn rows<'b>(&self, bytes: &'b [u8], plane: usize, rect: Rect) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        let (width, height, size) = (self.width(), self.height(), self.bitpix.bytes());
        (rect.y..rect.y + rect.height).map(move |y| {
            let start = ((plane * height + y) * width + rect.x) * size;
            &bytes[start..start + rect.width * size]
        })
    }

    fn check(&self, plane: usize, rect: Rect, len: usize) -> Result<(), FitsError> {
        if plane >= self.planes() || !rect.is_within(self.width(), self.height()) {
            let axes = axes_text(&self.axes);
            return Err(FitsError::OutOfBounds { path: self.path.into(), rect, plane, axes });
        }
        if len != rect.area() {
            return Err(FitsError::WrongLength { path: self.path.into(), found: len, wanted: rect.area() });
        }
        Ok(())
    }
}

impl fmt::Debug for Image<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Image({}[{}], {}, {:?})", self.path.display(), self.hdu, axes_text(&self.axes), self.bitpix)
    }
}
