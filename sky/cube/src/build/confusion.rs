//! What stands in the sky beyond the noise of its pixels: faint sources and structure of the background.
//!
//! At the common resolution sources that no image tells from noise scatter pixels by more than the propagated noise does
//! (confusion: Condon 1974, ApJ 188, 279), and surveys leave ripples of their backgrounds. Neither ends where the object
//! begins, so that their scatter beyond it belongs to the uncertainty of its pixels.

use pogson_image::wcs::PixelMap;

use super::band::Band;
use super::masks;
use crate::correlation::NoiseCorrelation;
use crate::grid::Grid;
use crate::object::Object;
use crate::sky::median;

/// Reach of the object, in units of its ellipse, beyond which pixels are sky.
const OBJECT_REACH: f64 = 1.6;
/// Radius about known stars within which pixels are not sky, common widths.
const STAR_REACH: f64 = 1.2;
/// Fewest independent pixels that a scatter may rest on.
const FEWEST: f64 = 12.0;
/// Most pixels about the cube in which the scatter is measured, on each side.
const WIDEST: usize = 200;

/// Where there is sky: beyond the object and away from known stars.
pub(super) struct Beyond<'a> {
    field: &'a Grid,
    object: Option<&'a Object>,
    stars: Vec<(f64, f64)>,
}

/// Scatter beyond the noise.
pub(super) struct Excess {
    /// Its variance in a pixel, Jy squared; 0 where none is seen.
    pub variance: f64,
    /// Standard deviation of all scatter, Jy; NaN where too little sky is there to tell.
    pub scatter: f64,
}

impl<'a> Beyond<'a> {
    /// Of an object in the field.
    pub(super) fn new(bands: &[Band], field: &'a Grid, object: Option<&'a Object>, stars: bool) -> Beyond<'a> {
        Beyond { field, object, stars: if stars { masks::places(bands, field) } else { Vec::new() } }
    }

    /// The grid, extended to all sides over what an image of these many arcseconds may hold.
    pub(super) fn wider(&self, grid: &Grid, margin_arcsec: f64) -> Option<Grid> {
        let margin = ((margin_arcsec / grid.side_arcsec).ceil() as usize).min(WIDEST);
        let (width, height) = (grid.width + 2 * margin, grid.height + 2 * margin);
        let wcs = grid.wcs.shifted(-(margin as f64), -(margin as f64), (width, height))?;
        Some(Grid { wcs, width, height, side_arcsec: grid.side_arcsec })
    }

    /// The scatter of an image's pixels beyond what their noise explains.
    ///
    /// - `flux`: on `grid`, the sky subtracted; NaN where there are no data
    /// - `noise`: propagated standard deviation of a sky pixel, and its correlation
    /// - `fwhm`: common width, arcseconds
    pub(super) fn excess(&self, flux: &[f64], grid: &Grid, noise: (f64, &NoiseCorrelation), fwhm: f64) -> Excess {
        let none = Excess { variance: 0.0, scatter: f64::NAN };
        let map = PixelMap::between(&grid.wcs, &self.field.wcs);
        let reach = STAR_REACH * fwhm / self.field.side_arcsec;
        let is_sky = |k: usize| {
            let place = map.apply_one((k % grid.width) as f64, (k / grid.width) as f64);
            place.is_some_and(|(x, y)| {
                self.object.is_none_or(|object| object.radius(x, y) > OBJECT_REACH)
                    && self.stars.iter().all(|(u, v)| libm::hypot(x - u, y - v) > reach)
            })
        };
        let mut sky: Vec<f64> =
            (0..flux.len()).filter(|&k| flux[k].is_finite() && is_sky(k)).map(|k| flux[k]).collect();
        let beam = 1.133 * (fwhm / grid.side_arcsec) * (fwhm / grid.side_arcsec);
        let independent = sky.len() as f64 / noise.1.area().max(beam).max(1.0);
        if independent < FEWEST {
            return none;
        }
        let middle = median(&mut sky);
        sky.iter_mut().for_each(|v| *v = (*v - middle).abs());
        let scatter = 1.4826 * median(&mut sky);
        // A scatter that noise alone may show is noise: the middle deviation of n values is known to 1.17 / sqrt(2 n).
        let significant = scatter > noise.0 * (1.0 + 2.0 / independent.sqrt());
        let variance = if significant { scatter * scatter - noise.0 * noise.0 } else { 0.0 };
        Excess { variance, scatter }
    }
}

/// Correlation of noise and of faint sources together. Sources are points at the common resolution: a Gaussian's
/// autocorrelation is a Gaussian wider by the root of 2.
///
/// - `shares`: variances of both
/// - `fwhm_pixels`: common width
pub(super) fn together(noise: NoiseCorrelation, shares: (f64, f64), fwhm_pixels: f64) -> NoiseCorrelation {
    let all = shares.0 + shares.1;
    if shares.1 <= 0.0 || all <= 0.0 {
        return noise;
    }
    // Where the exponent reaches -7.
    let reach = noise.reach().max(((2.25 * fwhm_pixels).ceil() as usize).min(24));
    let r = reach as i64;
    let rate = 2.0 * std::f64::consts::LN_2 / (fwhm_pixels * fwhm_pixels);
    let mut rho = Vec::with_capacity((2 * reach + 1) * (2 * reach + 1));
    for dy in -r..=r {
        for dx in -r..=r {
            let source = libm::exp(-rate * (dx * dx + dy * dy) as f64);
            rho.push(((shares.0 * noise.at(dx, dy) + shares.1 * source) / all) as f32);
        }
    }
    NoiseCorrelation::new(reach, rho).unwrap_or(noise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_and_sources_share_the_correlation_by_their_variances() {
        let both = together(NoiseCorrelation::none(), (3.0, 1.0), 3.0);
        assert_eq!(both.at(0, 0), 1.0);
        // At a full width half of a beam's autocorrelation is a quarter: exp(-2 ln 2).
        assert!((both.at(3, 0) - 0.25 * 0.25).abs() < 1e-6);
        // The area of a Gaussian of width F sqrt 2 is pi F^2 / (2 ln 2).
        let area = 0.75 + 0.25 * std::f64::consts::PI * 9.0 / (2.0 * std::f64::consts::LN_2);
        assert!((both.area() / area - 1.0).abs() < 0.01, "{}", both.area());
        assert_eq!(together(NoiseCorrelation::none(), (3.0, 0.0), 3.0), NoiseCorrelation::none());
    }
}
