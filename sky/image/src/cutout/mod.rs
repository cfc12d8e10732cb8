//! A rectangle of an image as an image of its own: pixels as they are stored, coordinates moved along.

mod header;

pub use header::move_origin;

use crate::fits::{FitsError, FitsFile, FitsWriter, Header, Image, Rect};

/// Values that are read and written at once.
const BLOCK: usize = 1 << 20;

/// Which pixels of an image are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cutout {
    /// Columns and rows, 0-based, within the image.
    pub rect: Rect,
    /// Planes, 0-based, within the image; the third axis fastest.
    pub planes: std::ops::Range<usize>,
}

impl Cutout {
    /// Lengths of the axes of the result.
    ///
    /// A part of the planes of a cube of more than three axes becomes one axis.
    pub fn axes(&self, image: &Image<'_>) -> Vec<usize> {
        let mut axes = vec![self.rect.width, self.rect.height];
        if self.planes == (0..image.planes()) {
            axes.extend(image.axes().iter().skip(2));
        } else if self.planes.len() > 1 {
            axes.push(self.planes.len());
        }
        axes.truncate(image.axes().len().max(2));
        axes
    }

    /// The header of the result: that of the image with its coordinates moved.
    pub fn header(&self, image: &Image<'_>) -> Header {
        let mut header = image.header().clone();
        move_origin(&mut header, self.rect.x, self.rect.y);
        if self.planes != (0..image.planes()) && image.axes().len() == 3 {
            header::move_axis(&mut header, 3, self.planes.start);
        }
        if !image.bitpix().is_integer() {
            // Floats are written as values, so that their scaling is done with.
            for key in ["BSCALE", "BZERO", "BLANK"] {
                header.remove(key);
            }
        }
        header
    }

    /// Adds the cutout to a file that is being written, with whatever look-up tables of distortion its header names.
    ///
    /// - `file`: where the image is from;
    /// - `header`: [`Cutout::header`], perhaps with more in it;
    /// - `between`: called with the number of pixels done since the last call; what it returns ends the work.
    ///
    /// Integers keep their stored values, floats and doubles theirs.
    ///
    /// # Errors
    /// As reading and writing; what `between` returns.
    pub fn copy<E: From<FitsError>>(
        &self,
        file: &FitsFile,
        image: &Image<'_>,
        header: &Header,
        writer: &mut FitsWriter,
        mut between: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<(), E> {
        let hdu = writer.add_image(header, &self.axes(image), image.bitpix())?;
        let rows = (BLOCK / self.rect.width.max(1)).max(1);
        for (out_plane, plane) in self.planes.clone().enumerate() {
            for first in (0..self.rect.height).step_by(rows) {
                let height = rows.min(self.rect.height - first);
                let from = Rect { y: self.rect.y + first, height, ..self.rect };
                let to = Rect { x: 0, y: first, width: self.rect.width, height };
                copy_block(image, plane, from, writer, hdu, out_plane, to)?;
                between(to.area())?;
            }
        }
        header::copy_lookup_tables(file, image, self.rect, writer)?;
        Ok(())
    }
}

fn copy_block(
    image: &Image<'_>,
    plane: usize,
    from: Rect,
    writer: &FitsWriter,
    hdu: usize,
    out_plane: usize,
    to: Rect,
) -> Result<(), FitsError> {
    match (image.bitpix().is_integer(), image.bitpix().bytes()) {
        (true, _) => {
            let mut values = vec![0i64; from.area()];
            image.read_i64(plane, from, &mut values)?;
            writer.write_rect_i64(hdu, out_plane, to, &values)
        }
        (false, 4) => {
            let mut values = vec![0f32; from.area()];
            image.read_f32(plane, from, &mut values)?;
            writer.write_rect_f32(hdu, out_plane, to, &values)
        }
        (false, _) => {
            let mut values = vec![0f64; from.area()];
            image.read_f64(plane, from, &mut values)?;
            writer.write_rect_f64(hdu, out_plane, to, &values)
        }
    }
}

#[cfg(test)]
mod tests;
