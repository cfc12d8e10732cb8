//! Tiles whose pixels are the output's own, but for a shift by whole pixels: nothing is resampled.

use crate::error::MosaicError;
use crate::mapping::Window;
use crate::patch::{Patch, Projector};
use crate::place::Target;
use crate::source::Source;
use crate::tile::{Pixels, Tile, Variance};
use pogson_image::wcs::{PixelMap, Wcs};

/// Points along each side at which two grids are compared.
const POINTS: usize = 9;

/// Longest side of a grid that is grown around aligned images.
const LONGEST: i64 = 1_000_000;

/// Column and row of the grid at which an image's first pixel lies, `None` if its pixels are not the grid's.
///
/// - `size`: columns and rows of the image; both grids are compared over it.
/// - `tolerance_px`: largest distance of pixels that are taken for the same.
pub fn shift(image: &Wcs, size: (usize, usize), grid: &Wcs, tolerance_px: f64) -> Option<(i64, i64)> {
    let at = |k: usize, n: usize| k as f64 / (POINTS - 1) as f64 * (n.max(1) - 1) as f64;
    let x: Vec<f64> = (0..POINTS * POINTS).map(|k| at(k % POINTS, size.0)).collect();
    let y: Vec<f64> = (0..POINTS * POINTS).map(|k| at(k / POINTS, size.1)).collect();
    let (mut u, mut v) = (vec![0.0; x.len()], vec![0.0; x.len()]);
    PixelMap::between(image, grid).apply(&x, &y, &mut u, &mut v);
    let first = (u.first()?.round(), v.first()?.round());
    if !(first.0.abs() < 1e9 && first.1.abs() < 1e9) {
        return None;
    }
    let same = (0..x.len()).all(|k| {
        // NaN, where one grid has no sky, is not close.
        (u[k] - x[k] - first.0).abs() <= tolerance_px && (v[k] - y[k] - first.1).abs() <= tolerance_px
    });
    same.then_some((first.0 as i64, first.1 as i64))
}

/// Whether all tiles lie on the output's grid.
pub fn all(sources: &[Source], target: &Target, tolerance_px: f64) -> bool {
    sources.iter().all(|s| shift(&s.wcs, (s.width, s.height), &target.wcs, tolerance_px).is_some())
}

/// The smallest grid around images of one grid, `None` if they are not.
///
/// - `inputs`: world coordinates and size (columns, rows) of each; two or more.
pub fn common_grid(inputs: &[(&Wcs, (usize, usize))], tolerance_px: f64) -> Option<Target> {
    let (first, rest) = inputs.split_first()?;
    if rest.is_empty() || inputs.iter().any(|(wcs, _)| wcs.has_distortion()) {
        return None;
    }
    let (mut low, mut high) = ((0i64, 0i64), (first.1.0 as i64, first.1.1 as i64));
    for (wcs, size) in rest {
        let (x, y) = shift(wcs, *size, first.0, tolerance_px)?;
        low = (low.0.min(x), low.1.min(y));
        high = (high.0.max(x + size.0 as i64), high.1.max(y + size.1 as i64));
    }
    let (width, height) = (high.0 - low.0, high.1 - low.1);
    if width > LONGEST || height > LONGEST {
        return None;
    }
    let (width, height) = (width as usize, height as usize);
    let wcs = first.0.shifted(low.0 as f64, low.1 as f64, (width, height))?;
    Some(Target { wcs, width, height })
}

/// Copies a tile's pixels to their place.
pub struct Aligned {
    at: (i64, i64),
    size: (usize, usize),
    window: Window,
}

impl Aligned {
    /// A tile on the output's grid, `None` if it does not touch the output.
    ///
    /// # Errors
    /// [`MosaicError::Geometry`] if its pixels are not the output's.
    pub fn place(source: &Source, target: &Target, tolerance_px: f64) -> Result<Option<Aligned>, MosaicError> {
        let size = (source.width, source.height);
        let at = shift(&source.wcs, size, &target.wcs, tolerance_px).ok_or_else(|| MosaicError::Geometry {
            path: source.path.clone(),
            reason: format!(
                "its pixels are not the output's to {tolerance_px} pixels; give another --method, or a larger --tolerance"
            ),
        })?;
        let whole = Window { x: at.0, y: at.1, width: size.0, height: size.1 };
        Ok(whole.intersect(&target.window()).map(|window| Aligned { at, size, window }))
    }
}

impl Projector for Aligned {
    fn window(&self) -> Window {
        self.window
    }

    fn project(
        &self,
        tile: &Tile,
        window: Window,
        pedestal: f64,
        variance: bool,
        patch: &mut Patch,
    ) -> Result<(), MosaicError> {
        patch.reset(window.width, window.height, variance);
        // A tile loaded for interpolation has no plain pixels.
        let Pixels::Plain(pixels) = &tile.pixels else { return Ok(()) };
        let offset = (tile.pedestal - pedestal) as f32;
        let column = (window.x - self.at.0) as usize;
        for j in 0..window.height {
            let row = (window.y - self.at.1) as usize + j;
            let from = row * self.size.0 + column;
            let to = j * window.width;
            for (k, pixel) in pixels[from..from + window.width].iter().enumerate() {
                if pixel.is_finite() {
                    patch.value[to + k] = pixel + offset;
                    patch.weight[to + k] = 1.0;
                    patch.cover[to + k] = 1.0;
                }
            }
            if variance {
                let out = &mut patch.variance[to..to + window.width];
                match &tile.variance {
                    Variance::Uniform(value) => out.fill(*value),
                    Variance::Map(map) => out.copy_from_slice(&map[from..from + window.width]),
                }
            }
        }
        Ok(())
    }

    fn count_row(&self, _y: i64, _x: i64, count: &mut [u8]) {
        for count in count {
            *count = count.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pogson_image::fits::Header;

    fn wcs(crpix: (f64, f64), scale: f64) -> Wcs {
        let text = format!(
            "NAXIS1 = 100\nNAXIS2 = 80\nCTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = {}\nCRPIX2 = {}\n\
             CRVAL1 = 30.0\nCRVAL2 = 40.0\nCDELT1 = {}\nCDELT2 = {scale}",
            crpix.0, crpix.1, -scale
        );
        Wcs::from_header(&Header::from_text(&text).unwrap()).unwrap()
    }

    #[test]
    fn shifts_by_whole_pixels_are_found_and_others_are_not() {
        let grid = wcs((50.0, 40.0), 1e-3);
        assert_eq!(shift(&wcs((43.0, 51.0), 1e-3), (100, 80), &grid, 1e-4), Some((7, -11)));
        assert_eq!(shift(&wcs((43.3, 51.0), 1e-3), (100, 80), &grid, 1e-4), None);
        assert_eq!(shift(&wcs((43.0, 51.0), 1.001e-3), (100, 80), &grid, 1e-4), None);
    }

    #[test]
    fn a_common_grid_holds_all_images() {
        let (a, b) = (wcs((50.0, 40.0), 1e-3), wcs((43.0, 51.0), 1e-3));
        let target = common_grid(&[(&a, (100, 80)), (&b, (100, 80))], 1e-4).unwrap();
        assert_eq!((target.width, target.height), (107, 91));
        assert_eq!(shift(&a, (100, 80), &target.wcs, 1e-4), Some((0, 11)));
        assert_eq!(shift(&b, (100, 80), &target.wcs, 1e-4), Some((7, 0)));
        assert!(common_grid(&[(&a, (100, 80)), (&wcs((43.3, 51.0), 1e-3), (100, 80))], 1e-4).is_none());
    }
}
