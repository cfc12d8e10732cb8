//! An image brought to the size of a picture.

use std::sync::Mutex;

use pogson_image::fits::{FitsError, Image, Rect};

use crate::reduce::{CellValue, Cells, reduce};

/// An image averaged over square cells, so that it fits a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaled {
    /// Means of the cells, row by row from the bottom as in FITS; NaN where a cell has no value.
    pub pixels: Vec<f32>,
    /// Cells across.
    pub width: usize,
    /// Rows of cells.
    pub height: usize,
    /// Side of a cell in pixels of the image, at least 1.
    pub factor: f64,
}

impl Scaled {
    /// Averages an image that is read by rows until neither side is longer than `max_side` pixels (0 counts as 1).
    ///
    /// `size` is (width, height) in pixels; `read(first, rows, out)` fills `out` with whole rows and is called from
    /// several threads, so that the whole image never lies in memory.
    ///
    /// # Errors
    /// What `read` says.
    pub fn from_rows<E: Send>(
        size: (usize, usize),
        max_side: usize,
        read: impl Fn(usize, usize, &mut [f32]) -> Result<(), E> + Sync,
    ) -> Result<Scaled, E> {
        let longest = size.0.max(size.1) as f64;
        let factor = (longest / max_side.max(1) as f64).max(1.0);
        let (width, height) = (Cells::new(size.0, factor).count(), Cells::new(size.1, factor).count());
        let pixels = Mutex::new(vec![f32::NAN; width * height]);
        reduce(size, factor, CellValue::Mean, read, |first, rows| {
            let mut pixels = pixels.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            pixels[first * width..first * width + rows.len()].copy_from_slice(rows);
            Ok(())
        })?;
        let pixels = pixels.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
        Ok(Scaled { pixels, width, height, factor })
    }

    /// As [`Scaled::from_rows`] for a plane (0-based) of a FITS image.
    ///
    /// # Errors
    /// What reading says.
    pub fn from_image(image: &Image<'_>, plane: usize, max_side: usize) -> Result<Scaled, FitsError> {
        let (width, height) = (image.width(), image.height());
        Scaled::from_rows((width, height), max_side, |first, rows, out| {
            image.read_f32(plane, Rect { x: 0, y: first, width, height: rows }, out)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_image_fits_the_side_asked_for_and_keeps_its_mean() {
        let (width, height) = (1000, 310);
        let scaled = Scaled::from_rows((width, height), 97, |first, _, out: &mut [f32]| {
            for (i, v) in out.iter_mut().enumerate() {
                *v = ((first + i / width) * 3 + i % width) as f32;
            }
            Ok::<(), ()>(())
        })
        .unwrap();
        assert_eq!((scaled.width, scaled.height), (97, 31));
        assert!((scaled.factor - 1000.0 / 97.0).abs() < 1e-12);
        // Columns 0 to 9 whole and 0.309 of column 10, the same for rows: the mean of 3 y + x over the first cell.
        let part = scaled.factor - 10.0;
        let mean = part.mul_add(10.0, 45.0) / scaled.factor;
        assert!((f64::from(scaled.pixels[0]) - 4.0 * mean).abs() < 1e-5);
    }

    #[test]
    fn a_small_image_stays_as_it_is() {
        let scaled = Scaled::from_rows((3, 1), 100, |_, _, out: &mut [f32]| {
            out.copy_from_slice(&[1.0, 2.0, f32::NAN]);
            Ok::<(), ()>(())
        })
        .unwrap();
        assert_eq!((scaled.factor, scaled.width), (1.0, 3));
        assert_eq!(scaled.pixels[..2], [1.0, 2.0]);
    }
}
