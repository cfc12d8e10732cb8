//! The light of many pixels as one.

use pogson_sed::observation::{Measurement, Observation};

use crate::cube::{Cube, Layer};

/// Share of the pixels that a band has to have for its sum to stand for all.
const MOST_MISSING: f64 = 0.02;

/// Sum of the light of some pixels.
///
/// Each band is summed over the pixels in which it has data. A band that lacks more than 2 % of the pixels is absent from the
/// sum, for it would be the sum of another part of the object; where fewer are lacking, the sum is raised by the share that
/// is. The variance holds the noise with its correlation between pixels, and in full what pixels have in common: the
/// calibration floor and the sky's level.
///
/// - `pixels`: places in the cube.
pub fn summed(cube: &Cube, pixels: &[usize], name: &str, redshift: f64) -> Observation {
    let bands = cube.layers.iter().map(|layer| sum_of(layer, pixels, cube.width)).collect();
    Observation { name: name.to_owned(), redshift, bands }
}

fn sum_of(layer: &Layer, pixels: &[usize], width: usize) -> Measurement {
    let known: Vec<usize> = pixels.iter().copied().filter(|&pixel| layer.has(pixel)).collect();
    let share = known.len() as f64 / pixels.len().max(1) as f64;
    if known.is_empty() || share < 1.0 - MOST_MISSING {
        return Measurement::Absent;
    }
    let flux: f64 = known.iter().map(|&pixel| f64::from(layer.flux[pixel])).sum();
    let mut noise = vec![0.0; layer.flux.len()];
    known.iter().for_each(|&pixel| noise[pixel] = layer.noise_sigma(pixel));
    let (calibration, sky) = (layer.floor * flux, known.len() as f64 * layer.sky_sigma);
    let variance = layer.noise.variance_of_sum(&noise, width) + calibration * calibration + sky * sky;
    let sigma_jy = variance.sqrt() / share;
    match sigma_jy > 0.0 && sigma_jy.is_finite() && flux.is_finite() {
        true => Measurement::Flux { flux_jy: flux / share, sigma_jy },
        false => Measurement::Absent,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::correlation::NoiseCorrelation;
    use pogson_sed::library::Band;

    fn layer(noise: NoiseCorrelation) -> Layer {
        Layer {
            band: Band { name: "SDSS_r".into(), wavelength_um: 0.62, id: 0 },
            flux: vec![1.0, 2.0, 3.0, 4.0],
            // 3 of noise, and a floor of half of the flux.
            sigma: [1.0f32, 2.0, 3.0, 4.0].map(|f| (9.0 + 0.25 * f * f).sqrt()).to_vec(),
            floor: 0.5,
            sky_sigma: 0.25,
            noise,
            psf_fwhm_arcsec: None,
            extinction_mag: 0.0,
            source: String::new(),
        }
    }

    fn flux_of(measurement: Measurement) -> (f64, f64) {
        match measurement {
            Measurement::Flux { flux_jy, sigma_jy } => (flux_jy, sigma_jy),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn noise_adds_in_quadrature_and_what_is_common_adds_up() {
        let (flux, sigma) = flux_of(sum_of(&layer(NoiseCorrelation::none()), &[0, 1, 2, 3], 4));
        assert_eq!(flux, 10.0);
        // 4 x 9 of noise, (0.5 x 10)^2 of calibration, (4 x 0.25)^2 of sky.
        assert!((sigma * sigma - (36.0 + 25.0 + 1.0)).abs() < 1e-4, "{sigma}");
    }

    #[test]
    fn noise_that_neighbours_share_adds_up_more() {
        // In a row of 4, each of the 3 pairs of neighbours has a correlation of 1/2.
        let row = NoiseCorrelation::new(1, vec![0.0, 0.0, 0.0, 0.5, 1.0, 0.5, 0.0, 0.0, 0.0]).unwrap();
        let (_, sigma) = flux_of(sum_of(&layer(row), &[0, 1, 2, 3], 4));
        assert!((sigma * sigma - (36.0 + 2.0 * 3.0 * 0.5 * 9.0 + 25.0 + 1.0)).abs() < 1e-4, "{sigma}");
    }

    #[test]
    fn a_band_that_lacks_pixels_is_absent_from_the_sum() {
        let mut layer = layer(NoiseCorrelation::none());
        layer.flux[1] = f32::NAN;
        assert_eq!(sum_of(&layer, &[0, 1, 2, 3], 4), Measurement::Absent);
        assert_eq!(flux_of(sum_of(&layer, &[0, 2, 3], 4)).0, 8.0);
        assert_eq!(sum_of(&layer, &[], 4), Measurement::Absent);
    }
}
