//! A data set's image, and copies of it halved again and again.

use std::path::Path;

use pogson_healpix::Cell;
use pogson_image::fits::{FitsFile, Options, Rect};
use pogson_image::sphere::{Frame, Vectors};
use pogson_image::wcs::Wcs;
use pogson_view::CellValue;
use pogson_view::shrink::{ShrinkError, shrink};

use crate::cache::Block;
use crate::error::PortalError;

/// An image in a file.
pub(crate) struct Level {
    file: FitsFile,
    hdu: usize,
    pub(crate) wcs: Wcs,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// Pixels around a cell that a block holds, too: what kernels and their filters reach, and the mending of undefined pixels.
pub(crate) const REACH: usize = 40;
/// What is added to that for rounding.
const SPARE: f64 = 4.0;
/// Points along each side of the grid over a cell that is followed to the image.
const POINTS: usize = 9;

impl Level {
    /// The image of an HDU.
    pub(crate) fn open(path: &Path, hdu: usize) -> Result<Level, PortalError> {
        let file = FitsFile::open(path)?;
        let wcs = Wcs::from_hdu(&file, hdu).map_err(|source| PortalError::Wcs { path: path.into(), source })?;
        let image = file.image(hdu)?;
        let (width, height) = (image.width(), image.height());
        drop(image);
        Ok(Level { file, hdu, wcs, width, height })
    }

    /// The file's bytes are of this one.
    pub(crate) fn file(&self) -> &FitsFile {
        &self.file
    }

    /// A copy of half the width and height, written to `path`; means of the pixels that have values.
    pub(crate) fn halved(&self, path: &Path) -> Result<Level, PortalError> {
        let image = self.file.image(self.hdu)?;
        let options = Options { overwrite: true, checksum: false };
        shrink::<ShrinkError>(&image, path, (2.0, CellValue::Mean), &[], options, |_| Ok(()))?;
        Level::open(path, 0)
    }

    /// The whole image.
    pub(crate) fn rect(&self) -> Rect {
        Rect { x: 0, y: 0, width: self.width, height: self.height }
    }

    /// Reads a rectangle.
    pub(crate) fn read(&self, rect: Rect) -> Result<Block, PortalError> {
        let mut pixels = vec![0.0; rect.area()];
        self.file.image(self.hdu)?.read_f32(0, rect, &mut pixels)?;
        Ok(Block { rect, pixels })
    }

    /// The rectangle that holds a cell and what kernels reach around it; none where the cell lies off the image.
    pub(crate) fn rect_of(&self, cell: Cell) -> Option<Rect> {
        let (mut lon, mut lat) = (Vec::with_capacity(POINTS * POINTS), Vec::with_capacity(POINTS * POINTS));
        for j in 0..POINTS {
            for i in 0..POINTS {
                let (l, b) = cell.point(i as f64 / (POINTS - 1) as f64, j as f64 / (POINTS - 1) as f64);
                lon.push(l);
                lat.push(b);
            }
        }
        let mut places = Vectors::from_lonlat(&lon, &lat);
        Frame::Icrs.convert(self.wcs.frame(), &mut places);
        let (mut x, mut y) = (vec![0.0; lon.len()], vec![0.0; lon.len()]);
        self.wcs.vectors_to_pix(&places, &mut x, &mut y);
        let span = |values: &[f64]| {
            values
                .iter()
                .filter(|v| v.is_finite())
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)))
        };
        let ((x0, x1), (y0, y1)) = (span(&x), span(&y));
        // Sides of a cell bulge between the points by less than this share of it.
        let pad = REACH as f64 + SPARE + 0.01 * (x1 - x0).max(y1 - y0);
        cut((x0 - pad, x1 + pad), (y0 - pad, y1 + pad), self.rect())
    }

    /// The cell under the middle of a pixel, if that is on the sky.
    pub(crate) fn cell_at(&self, order: u8, x: usize, y: usize) -> Option<Cell> {
        let place = self.wcs.pix_to_sky(x as f64, y as f64)?;
        let place = self.wcs.frame().convert_one(&Frame::Icrs, place);
        Some(Cell::containing(order, place.lon_deg, place.lat_deg))
    }
}

/// The whole pixels between two columns and two rows that lie within `whole`.
pub(crate) fn cut((x0, x1): (f64, f64), (y0, y1): (f64, f64), whole: Rect) -> Option<Rect> {
    let side = |low: f64, high: f64, size: usize| {
        let first = low.floor().max(0.0);
        let end = (high.ceil() + 1.0).min(size as f64);
        (end > first).then(|| (first as usize, end as usize - first as usize))
    };
    let ((x, width), (y, height)) = (side(x0, x1, whole.width)?, side(y0, y1, whole.height)?);
    Some(Rect { x, y, width, height })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pogson_image::fits::{Header, write_image_f32};

    /// A TAN image about a place, pixels of 10 seconds of arc.
    fn level(folder: &Path, ra: f64, dec: f64) -> Level {
        let header = Header::from_text(&format!(
            "CTYPE1  = 'RA---TAN'\nCTYPE2  = 'DEC--TAN'\nCRPIX1  = 200.5\nCRPIX2  = 150.5\nCRVAL1  = {ra:.1}\nCRVAL2  = {dec:.1}\n\
             CDELT1  = -0.0027777777\nCDELT2  = 0.0027777777"
        ))
        .expect("a header");
        let path = folder.join("level.fits");
        let values: Vec<f32> = (0..400 * 300).map(|k| k as f32).collect();
        write_image_f32(&path, &header, &[400, 300], &values, true).expect("an image");
        Level::open(&path, 0).expect("an image with coordinates")
    }

    #[test]
    fn every_pixel_lies_well_within_the_rectangle_of_its_cell() {
        let folder = tempfile::tempdir().expect("a folder");
        for (ra, dec) in [(275.0, -16.0), (0.0, 0.0), (10.0, 89.9), (180.0, -41.8)] {
            let level = level(folder.path(), ra, dec);
            for (x, y) in [(0, 0), (399, 299), (200, 150), (17, 290), (380, 3), (123, 45)] {
                let cell = level.cell_at(8, x, y).expect("on the sky");
                let rect = level.rect_of(cell).expect("on the image");
                let within = |at: usize, first: usize, size: usize, whole: usize| {
                    at >= first + if first > 0 { REACH } else { 0 }
                        && at + if first + size < whole { REACH } else { 0 } < first + size
                };
                assert!(
                    within(x, rect.x, rect.width, 400) && within(y, rect.y, rect.height, 300),
                    "{ra} {dec} {x} {y} {rect}"
                );
            }
        }
    }

    #[test]
    fn halving_keeps_places_and_means() {
        let folder = tempfile::tempdir().expect("a folder");
        let level = level(folder.path(), 275.0, -16.0);
        let half = level.halved(&folder.path().join("half.fits")).expect("a copy");
        assert_eq!((half.width, half.height), (200, 150));
        // The corner that four pixels share is the middle of the new pixel.
        let (old, new) = (level.wcs.pix_to_sky(100.5, 50.5), half.wcs.pix_to_sky(50.0, 25.0));
        assert!(old.zip(new).is_some_and(|(a, b)| a.separation_deg(b) < 1e-9));
        let mean = half.read(Rect { x: 50, y: 25, width: 1, height: 1 }).expect("a pixel").pixels[0];
        assert_eq!(mean, (50 * 400 + 100) as f32 + 0.25 * (1.0 + 400.0 + 401.0));
    }
}
