//! Writing files of one image.

use std::path::Path;

use super::error::FitsError;
use super::header::Header;
use super::image::Rect;
use super::pixel::Bitpix;
use super::write::{FitsWriter, Options};

/// Writes a file of one image, its pixels in any order and from several threads.
///
/// ```
/// use pogson_image::fits::{Bitpix, Header, ImageWriter, Options, Rect};
/// # fn main() -> Result<(), pogson_image::fits::FitsError> {
/// # let folder = std::env::temp_dir();
/// let path = folder.join("pogson-example.fits");
/// let options = Options { overwrite: true, ..Options::default() };
/// let writer = ImageWriter::create(&path, &Header::new(), &[4, 2], Bitpix::F32, options)?;
/// writer.write_rows_f32(0, 0, &[0.0; 4])?;
/// writer.write_rect_f32(0, Rect { x: 0, y: 1, width: 4, height: 1 }, &[1.0, 2.0, 3.0, 4.0])?;
/// writer.finish()?;
/// # std::fs::remove_file(path).ok();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ImageWriter(FitsWriter);

impl ImageWriter {
    /// Begins the file; see [`FitsWriter::create`] and [`FitsWriter::add_image`].
    ///
    /// # Errors
    /// As those.
    pub fn create(
        path: &Path,
        header: &Header,
        axes: &[usize],
        bitpix: Bitpix,
        options: Options,
    ) -> Result<ImageWriter, FitsError> {
        let mut file = FitsWriter::create(path, options)?;
        file.add_image(header, axes, bitpix)?;
        Ok(ImageWriter(file))
    }

    /// Writes whole rows of a plane, from row `first_row` on. May be called from several threads.
    ///
    /// # Errors
    /// As [`FitsWriter::write_rect_f32`].
    pub fn write_rows_f32(&self, plane: usize, first_row: usize, values: &[f32]) -> Result<(), FitsError> {
        self.0.write_rows_f32(0, plane, first_row, values)
    }

    /// Writes a rectangle of a plane, row by row. May be called from several threads.
    ///
    /// # Errors
    /// As [`FitsWriter::write_rect_f32`].
    pub fn write_rect_f32(&self, plane: usize, rect: Rect, values: &[f32]) -> Result<(), FitsError> {
        self.0.write_rect_f32(0, plane, rect, values)
    }

    /// As [`ImageWriter::write_rect_f32`], from double precision.
    ///
    /// # Errors
    /// As there.
    pub fn write_rect_f64(&self, plane: usize, rect: Rect, values: &[f64]) -> Result<(), FitsError> {
        self.0.write_rect_f64(0, plane, rect, values)
    }

    /// Writes integers as they are stored, but for the offset of the unsigned convention.
    ///
    /// # Errors
    /// As [`ImageWriter::write_rect_f32`].
    pub fn write_rect_i64(&self, plane: usize, rect: Rect, values: &[i64]) -> Result<(), FitsError> {
        self.0.write_rect_i64(0, plane, rect, values)
    }

    /// Copies what was written to a rectangle of a plane to the same plane of another image, of `rect`'s size and the same
    /// type of pixels.
    ///
    /// # Errors
    /// As [`FitsWriter::copy_rect`].
    pub fn copy_rect(&self, plane: usize, rect: Rect, to: &ImageWriter) -> Result<(), FitsError> {
        self.0.copy_rect(plane, rect, &to.0)
    }

    /// The header for last changes; see [`FitsWriter::header_mut`].
    pub fn header_mut(&mut self) -> Option<&mut Header> {
        self.0.header_mut(0)
    }

    /// Ends the file; see [`FitsWriter::finish`].
    ///
    /// # Errors
    /// As there.
    pub fn finish(self) -> Result<(), FitsError> {
        self.0.finish()
    }
}

/// Writes a file of one image of floats from memory.
///
/// - `axes`: NAXIS1 first; `values`: their product, in the order of the file.
///
/// # Errors
/// As [`ImageWriter`].
pub fn write_image_f32(
    path: &Path,
    header: &Header,
    axes: &[usize],
    values: &[f32],
    overwrite: bool,
) -> Result<(), FitsError> {
    let writer = ImageWriter::create(path, header, axes, Bitpix::F32, Options { overwrite, checksum: true })?;
    write_planes(axes, values, path, |plane, rect, piece| writer.write_rect_f32(plane, rect, piece))?;
    writer.finish()
}

/// Writes a file of one image of doubles from memory; see [`write_image_f32`].
///
/// # Errors
/// As [`ImageWriter`].
pub fn write_image_f64(
    path: &Path,
    header: &Header,
    axes: &[usize],
    values: &[f64],
    overwrite: bool,
) -> Result<(), FitsError> {
    let writer = ImageWriter::create(path, header, axes, Bitpix::F64, Options { overwrite, checksum: true })?;
    write_planes(axes, values, path, |plane, rect, piece| writer.write_rect_f64(plane, rect, piece))?;
    writer.finish()
}

fn write_planes<T>(
    axes: &[usize],
    values: &[T],
    path: &Path,
    mut write: impl FnMut(usize, Rect, &[T]) -> Result<(), FitsError>,
) -> Result<(), FitsError> {
    let wanted = if axes.is_empty() { 0 } else { axes.iter().product() };
    if values.len() != wanted {
        return Err(FitsError::WrongLength { path: path.into(), found: values.len(), wanted });
    }
    let width = axes.first().copied().unwrap_or(0);
    let height = axes.get(1).copied().unwrap_or(1);
    let rect = Rect { x: 0, y: 0, width, height };
    for (plane, piece) in values.chunks(rect.area().max(1)).enumerate() {
        write(plane, rect, piece)?;
    }
    Ok(())
}
