//! The light of many pixels as one: of a bin, and of all.

use pogson_sed::observation::{Measurement, Observation};

use crate::cube::{Cube, mask};

/// The bins of a cube that is binned: which pixel stands for each, and for how many.
#[derive(Debug, Clone, PartialEq)]
pub struct CubeBins {
    /// Number of each pixel's bin, row by row; -1 for pixels without.
    pub map: Vec<i32>,
    /// The pixel that stands for each bin and the number of its pixels; None for numbers without pixels.
    bins: Vec<Option<(usize, usize)>>,
}

impl CubeBins {
    /// Of a cube that is binned; None if it is not.
    pub fn of(cube: &Cube) -> Option<CubeBins> {
        let map = cube.bins.as_ref()?;
        let most = map.iter().copied().max().unwrap_or(-1).max(-1);
        let mut bins: Vec<Option<(usize, usize)>> = vec![None; (most + 1) as usize];
        for (pixel, number) in map.iter().enumerate() {
            let Some(bin) = usize::try_from(*number).ok().and_then(|number| bins.get_mut(number)) else { continue };
            let stands = cube.mask.get(pixel).is_some_and(|bits| bits & mask::MEMBER == 0);
            let (first, pixels) = bin.unwrap_or((pixel, 0));
            *bin = Some((if stands { pixel } else { first }, pixels + 1));
        }
        Some(CubeBins { map: map.clone(), bins })
    }

    /// Numbers of the bins that have pixels.
    pub fn numbers(&self) -> Vec<usize> {
        (0..self.bins.len()).filter(|&number| self.bins[number].is_some()).collect()
    }

    /// The mean light of a bin's pixels, with the uncertainty that they have together: noise, calibration, the sky's level.
    /// Nothing for a number without pixels.
    pub fn observation(&self, cube: &Cube, number: usize, redshift: f64) -> Observation {
        let (pixel, _) = self.bins.get(number).copied().flatten().unwrap_or((usize::MAX, 0));
        let mut observation = cube.observation(pixel, redshift);
        observation.name = format!("bin {number}");
        for (band, layer) in observation.bands.iter_mut().zip(&cube.layers) {
            if let Measurement::Flux { sigma_jy, .. } = band {
                *sigma_jy = libm::hypot(*sigma_jy, layer.sky_sigma);
            }
        }
        observation
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::binning::{Bin, Bins};
    use crate::cube::tests::small;

    fn flux_of(measurement: Measurement) -> (f64, f64) {
        match measurement {
            Measurement::Flux { flux_jy, sigma_jy } => (flux_jy, sigma_jy),
            other => panic!("{other:?}"),
        }
    }

    /// Bins of the left three columns and of the rest.
    fn halves(cube: &Cube) -> Bins {
        let of_pixel: Vec<i32> = (0..cube.pixels()).map(|k| i32::from(k % cube.width > 2)).collect();
        let count = |bin| of_pixel.iter().filter(|b| **b == bin).count();
        let bins = [(1.0, 0), (4.5, 1)].map(|(x, bin)| Bin { x, y: 2.0, pixels: count(bin), ratio: 1.0 });
        Bins { of_pixel: of_pixel.clone(), bins: bins.to_vec() }
    }

    #[test]
    fn a_bin_has_the_mean_light_of_its_pixels_with_their_covariance() {
        let mut cube = small();
        // No pixel left out, and without data nowhere.
        cube.mask.fill(0);
        cube.layers.iter_mut().flat_map(|layer| &mut layer.sigma).for_each(|s| *s = if s.is_nan() { 1e-6 } else { *s });
        let bins = halves(&cube);
        let binned = cube.binned(&bins);
        let sums = CubeBins::of(&binned).unwrap();
        assert_eq!(sums.numbers(), [0, 1]);
        for number in [0, 1] {
            let members: Vec<usize> = (0..cube.pixels()).filter(|&k| bins.of_pixel[k] == number as i32).collect();
            let observation = sums.observation(&binned, number, 0.01);
            for (band, sum) in observation.bands.iter().zip(cube.sums(&members)) {
                let (flux, sigma) = flux_of(*band);
                let count = members.len() as f64;
                assert!((count * flux / sum.flux_jy - 1.0).abs() < 1e-5, "{flux} {sum:?}");
                assert!((count * sigma / sum.sigma_jy - 1.0).abs() < 1e-4, "{sigma} {sum:?}");
            }
        }
        // The sum of both has the flux of all and, where noise is even, its uncertainty.
        let all: Vec<usize> = (0..cube.pixels()).collect();
        let even = |cube: &Cube| {
            let mut cube = cube.clone();
            cube.layers.iter_mut().for_each(|layer| {
                layer.floor = 0.0;
                layer.sigma.fill(2e-6);
            });
            cube
        };
        let (cube, binned) = (even(&cube), even(&cube).binned(&bins));
        for (band, sum) in binned.integrated(0.01).bands.iter().zip(cube.sums(&all)) {
            let (flux, sigma) = flux_of(*band);
            assert!((flux / sum.flux_jy - 1.0).abs() < 1e-5);
            assert!((sigma / sum.sigma_jy - 1.0).abs() < 1e-4, "{sigma} {sum:?}");
        }
        // A part of a bin holds the bin's mean, with all of its noise.
        let (part, whole) = (
            binned.sums(&[0, 1])[2],
            cube.sums(&all.iter().copied().filter(|k| k % cube.width < 3).collect::<Vec<_>>())[2],
        );
        assert!((part.noise_jy / (whole.noise_jy * 2.0 / whole.pixels as f64) - 1.0).abs() < 1e-4);
    }

    #[test]
    fn a_cube_without_bins_has_none() {
        assert!(CubeBins::of(&small()).is_none());
    }
}
