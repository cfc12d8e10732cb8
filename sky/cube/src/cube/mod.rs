//! The cube in memory: a layer for each band on one grid, masks, and what is known of the noise.

mod read;
#[cfg(test)]
pub(crate) mod tests;
mod write;

use pogson_image::wcs::Wcs;
use pogson_sed::library::Band;
use pogson_sed::observation::{Measurement, Observation};

use crate::correlation::NoiseCorrelation;

pub use write::{Brightness, Saving};

/// Bits of [`Cube::mask`].
pub mod mask {
    /// Fewer bands than wanted have data.
    pub const FEW_BANDS: i32 = 1;
    /// A star, by the automatic search or a catalogue.
    pub const STAR: i32 = 2;
    /// A region that the user gave.
    pub const REGION: i32 = 4;
    /// Outside the object, where only the object was wanted.
    pub const OUTSIDE: i32 = 8;
    /// Another pixel stands for its bin.
    pub const MEMBER: i32 = 16;
    /// No light that stands out of the noise.
    pub const FAINT: i32 = 32;
}

/// The bands of one galaxy on one grid, with uncertainties.
#[derive(Debug, Clone)]
pub struct Cube {
    /// The object's name; may be empty.
    pub name: String,
    /// World coordinates of the grid.
    pub wcs: Wcs,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Solid angle of a pixel at the middle of the grid, square arcseconds.
    pub pixel_area_arcsec2: f64,
    /// Full width at half maximum of the common point spread function, arcseconds; None where bands were not matched.
    pub psf_fwhm_arcsec: Option<f64>,
    /// Bands that a pixel needs to be usable.
    pub min_bands: usize,
    /// Galactic reddening E(B-V) that was corrected for, magnitudes.
    pub ebv: f64,
    /// Redshift, where it was given.
    pub redshift: Option<f64>,
    /// Bands by wavelength.
    pub layers: Vec<Layer>,
    /// Why a pixel is not usable: bits of [`mask`], row by row; 0 is usable.
    pub mask: Vec<i32>,
    /// Number of each pixel's bin, from 0, where the cube is binned; -1 for pixels without. One pixel of a bin is usable and
    /// stands for the others.
    pub bins: Option<Vec<i32>>,
    /// What was done, a line each; HISTORY in files.
    pub history: Vec<String>,
}

/// One band of a cube.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// Filter, effective wavelength, MAGPHYS's number.
    pub band: Band,
    /// Flux density, Jy per pixel, row by row from the first FITS row; NaN where there are no data.
    pub flux: Vec<f32>,
    /// Its standard deviation with the calibration floor in it, Jy per pixel; NaN where there are no data.
    pub sigma: Vec<f32>,
    /// Calibration floor: share of the flux that is in `sigma`, in quadrature, and common to all pixels of the band.
    pub floor: f64,
    /// Standard deviation of the sky level that was subtracted, Jy per pixel: common to all pixels of the band and not
    /// in `sigma`.
    pub sky_sigma: f64,
    /// Correlation of the noise (without floor) between pixels.
    pub noise: NoiseCorrelation,
    /// Full width at half maximum of the band's point spread function as it is in the cube, arcseconds; None if unknown.
    pub psf_fwhm_arcsec: Option<f64>,
    /// Galactic extinction that was corrected for, magnitudes.
    pub extinction_mag: f64,
    /// The file that the band came from.
    pub source: String,
}

impl Layer {
    /// Standard deviation of the noise alone at a pixel, without the calibration floor, Jy; NaN where there are no data.
    pub fn noise_sigma(&self, pixel: usize) -> f64 {
        let (flux, sigma) = match (self.flux.get(pixel), self.sigma.get(pixel)) {
            (Some(flux), Some(sigma)) => (f64::from(*flux), f64::from(*sigma)),
            _ => return f64::NAN,
        };
        let variance = sigma * sigma - (self.floor * flux) * (self.floor * flux);
        // A floor that rounding makes larger than the whole leaves no noise; `max` would make 0 of NaN.
        if variance < 0.0 { 0.0 } else { variance.sqrt() }
    }

    /// Whether a pixel has data.
    pub fn has(&self, pixel: usize) -> bool {
        let sound = |v: Option<&f32>| v.is_some_and(|v| v.is_finite());
        sound(self.flux.get(pixel)) && sound(self.sigma.get(pixel)) && self.sigma[pixel] > 0.0
    }
}

impl Cube {
    /// Number of pixels of a layer.
    pub fn pixels(&self) -> usize {
        self.width * self.height
    }

    /// The bands, in the layers' order.
    pub fn bands(&self) -> Vec<Band> {
        self.layers.iter().map(|layer| layer.band.clone()).collect()
    }

    /// Position of a band in [`Cube::layers`] by its filter's name.
    pub fn layer(&self, name: &str) -> Option<usize> {
        self.layers.iter().position(|layer| layer.band.name.eq_ignore_ascii_case(name))
    }

    /// Number of bands with data at a pixel.
    pub fn bands_at(&self, pixel: usize) -> usize {
        self.layers.iter().filter(|layer| layer.has(pixel)).count()
    }

    /// Usable pixels, `y * width + x`, in order: those whose mask is 0.
    pub fn usable(&self) -> Vec<usize> {
        (0..self.pixels()).filter(|&k| self.mask.get(k) == Some(&0)).collect()
    }

    /// Column and row of a pixel, 0-based.
    pub fn column_row(&self, pixel: usize) -> (usize, usize) {
        (pixel % self.width.max(1), pixel / self.width.max(1))
    }

    /// What was measured at a pixel: absent where a band has no data there. The name is `x_y`, 1-based as in FITS.
    ///
    /// - `pixel`: `y * width + x`; beyond the last every band is absent.
    pub fn observation(&self, pixel: usize, redshift: f64) -> Observation {
        let (x, y) = self.column_row(pixel);
        let measure = |layer: &Layer| match layer.has(pixel) {
            true => {
                Measurement::Flux { flux_jy: f64::from(layer.flux[pixel]), sigma_jy: f64::from(layer.sigma[pixel]) }
            }
            false => Measurement::Absent,
        };
        Observation { name: format!("{}_{}", x + 1, y + 1), redshift, bands: self.layers.iter().map(measure).collect() }
    }

    /// Sets [`mask::FEW_BANDS`] where fewer than `min_bands` bands have data, and clears it elsewhere.
    pub fn mark_few_bands(&mut self) {
        let few: Vec<bool> = (0..self.pixels()).map(|k| self.bands_at(k) < self.min_bands).collect();
        self.mask.resize(few.len(), 0);
        for (bits, few) in self.mask.iter_mut().zip(few) {
            *bits = if few { *bits | mask::FEW_BANDS } else { *bits & !mask::FEW_BANDS };
        }
    }

    /// Sets [`mask::FAINT`] where the light of all bands together stands out by less than `least`, and clears it elsewhere:
    /// where the sum of the bands' fluxes over their standard deviations, over the root of their number, is below it. That sum
    /// of pixels without light is normal with a standard deviation of 1.
    pub fn mark_faint(&mut self, least: f64) {
        let faint: Vec<bool> = (0..self.pixels()).map(|k| least > 0.0 && self.significance(k) < least).collect();
        self.mask.resize(faint.len(), 0);
        for (bits, faint) in self.mask.iter_mut().zip(faint) {
            *bits = if faint { *bits | mask::FAINT } else { *bits & !mask::FAINT };
        }
    }

    /// How far the light of all bands stands out at a pixel, standard deviations; 0 without data.
    fn significance(&self, pixel: usize) -> f64 {
        let with = self.layers.iter().filter(|layer| layer.has(pixel));
        let (sum, number) = with.fold((0.0, 0.0), |(sum, number), layer| {
            (sum + f64::from(layer.flux[pixel]) / f64::from(layer.sigma[pixel]), number + 1.0)
        });
        if number > 0.0 { sum / f64::sqrt(number) } else { 0.0 }
    }

    /// Side of a pixel, arcseconds.
    pub fn pixel_side_arcsec(&self) -> f64 {
        self.pixel_area_arcsec2.sqrt()
    }
}
