//! Images onto the grid, by the areas that pixels share on the sky: no flux is lost or won.

use pogson_image::wcs::Wcs;
use pogson_mosaic::exact::{Accumulator, ExactMap, Source, Window};
use rayon::prelude::*;

use crate::error::CubeError;
use crate::grid::Grid;

/// Share of an output pixel that has to be covered.
const LEAST_COVER: f64 = 0.75;
/// Rows of the output that are worked at once.
const ROWS: usize = 32;

/// What the values of an image are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Flux in each pixel: output pixels get the flux in them.
    Flux,
    /// A number that is averaged, such as a variance.
    Mean,
}

/// Brings an image onto the grid; NaN where less than three quarters of a pixel are covered. Parts that are not covered
/// are taken to be as bright as the rest of their pixel.
///
/// - `values`: `width * height` of `wcs`, row by row; NaN where there are no data
///
/// # Errors
/// [`CubeError::Request`] if the frames of image and grid do not reach each other.
pub fn project(values: &[f64], wcs: &Wcs, grid: &Grid, kind: Kind) -> Result<Vec<f64>, CubeError> {
    let size = wcs.naxis();
    let out_size = (grid.width, grid.height);
    let map = ExactMap::new(wcs, size, &grid.wcs, out_size);
    let map = map.map_err(|e| CubeError::Request(format!("the image cannot be brought onto the grid: {e}")))?;
    let map = if kind == Kind::Flux { map.conserving_flux() } else { map };
    // Values of one sign and size for f32.
    let largest = values.iter().filter(|v| v.is_finite()).fold(0.0f64, |m, v| m.max(v.abs()));
    let unit = if largest > 0.0 { largest } else { 1.0 };
    let data: Vec<f32> = values.iter().map(|v| (v / unit) as f32).collect();
    let source = Source { data: &data, width: size.0, height: size.1, weight: None, variance: None };
    let mut out = vec![f64::NAN; grid.pixels()];
    out.par_chunks_mut(ROWS * grid.width).enumerate().for_each(|(block, rows)| {
        let (y0, height) = (block * ROWS, rows.len() / grid.width);
        let (mut sum, mut area) = (vec![0.0; rows.len()], vec![0.0; rows.len()]);
        let mut into = Accumulator::new((0, y0), grid.width, height, &mut sum, &mut area);
        map.accumulate(&source, &mut into);
        let own = map.own_areas(Window { x0: 0, y0, x1: grid.width, y1: y0 + height });
        for (k, value) in rows.iter_mut().enumerate() {
            if own[k] > 0.0 && area[k] >= LEAST_COVER * own[k] {
                let mean = unit * sum[k] / area[k];
                *value = if kind == Kind::Flux { mean * own[k] } else { mean };
            }
        }
    });
    Ok(out)
}

/// Coordinates of an image whose pixels are divided into `by * by`; None where they are distorted.
pub fn finer(wcs: &Wcs, by: usize) -> Option<Wcs> {
    if by == 1 {
        return Some(wcs.clone());
    }
    if wcs.has_distortion() {
        return None;
    }
    let n = by as f64;
    let (x, y) = wcs.crpix();
    let cd = wcs.cd().map(|row| row.map(|v| v / n));
    let (width, height) = wcs.naxis();
    let crpix = ((x + 0.5) * n - 0.5, (y + 0.5) * n - 0.5);
    Wcs::new(wcs.frame().clone(), wcs.projection().clone(), wcs.crval(), crpix, cd, (width * by, height * by)).ok()
}
