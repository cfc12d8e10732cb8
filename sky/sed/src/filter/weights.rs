//! A band's flux as a weighted sum over the wavelengths of a spectrum.

use super::Filter;

/// Nodes and weights of Gauss-Legendre quadrature with five points on 0 to 1.
pub(crate) const GAUSS: [(f64, f64); 5] = [
    (0.046_910_077_030_668, 0.118_463_442_528_095),
    (0.230_765_344_947_158_5, 0.239_314_335_249_683),
    (0.5, 0.284_444_444_444_444_4),
    (0.769_234_655_052_841_5, 0.239_314_335_249_683),
    (0.953_089_922_969_332, 0.118_463_442_528_095),
];

impl Filter {
    /// Weights of a spectrum's values in the band's flux, as pairs of index and weight that sum to 1 where the spectrum covers
    /// the filter: the flux is the sum of `weight * L_nu`.
    ///
    /// Spectrum and response are linear between their points; beyond the spectrum's last wavelength it falls as
    /// `lambda^-2` (Rayleigh-Jeans), before its first it is 0.
    ///
    /// - `grid`: the spectrum's wavelengths in its own frame, Angstrom, increasing;
    /// - `redshift`: by which they are moved into the filter's frame.
    pub fn weights(&self, grid: &[f64], redshift: f64) -> Vec<(usize, f64)> {
        let stretch = 1.0 + redshift;
        let (Some(&first), Some(&last)) = (grid.first(), grid.last()) else { return Vec::new() };
        let mut weights = vec![0.0; grid.len()];
        let norm = self.moment(self.power());
        for (wavelength, response) in self.wavelength.windows(2).zip(self.response.windows(2)) {
            let (low, high) = (wavelength[0] / stretch, wavelength[1] / stretch);
            let mut at = low;
            while at < high {
                let above = grid.partition_point(|&w| w <= at);
                let end = grid.get(above).map_or(high, |&next| next.min(high));
                for (node, weight) in GAUSS {
                    let x = at + node * (end - at);
                    let share = (x - low) / (high - low);
                    let part = (response[0] + share * (response[1] - response[0]))
                        * libm::pow(x * stretch, f64::from(self.power()))
                        * weight
                        * (end - at)
                        * stretch
                        / norm;
                    if above == grid.len() {
                        weights[above - 1] += part * (last / x) * (last / x);
                    } else if x >= first {
                        let t = (x - grid[above - 1]) / (grid[above] - grid[above - 1]);
                        weights[above - 1] += part * (1.0 - t);
                        weights[above] += part * t;
                    }
                }
                at = end;
            }
        }
        weights.into_iter().enumerate().filter(|(_, weight)| *weight != 0.0).collect()
    }

    /// Mean f_nu of a spectrum in the band, in the spectrum's unit; see [`Filter::weights`].
    ///
    /// - `grid`: the spectrum's wavelengths in the filter's frame, Angstrom, increasing;
    /// - `f_nu`: its values at them.
    pub fn flux(&self, grid: &[f64], f_nu: &[f64]) -> f64 {
        self.weights(grid, 0.0).into_iter().map(|(k, weight)| weight * f_nu.get(k).copied().unwrap_or(0.0)).sum()
    }

    /// AB magnitude of a spectrum, f_nu in Jy; infinite without light.
    pub fn ab_magnitude(&self, grid: &[f64], f_nu_jy: &[f64]) -> f64 {
        ab_magnitude(self.flux(grid, f_nu_jy))
    }

    /// Integral of response times a power of the wavelength.
    pub(super) fn moment(&self, power: i32) -> f64 {
        let mut sum = 0.0;
        for (wavelength, response) in self.wavelength.windows(2).zip(self.response.windows(2)) {
            let width = wavelength[1] - wavelength[0];
            for (node, weight) in GAUSS {
                let x = wavelength[0] + node * width;
                sum += weight
                    * width
                    * (response[0] + node * (response[1] - response[0]))
                    * libm::pow(x, f64::from(power));
            }
        }
        sum
    }
}

/// Flux density of AB magnitude 0, Jy: 10^(-48.6/2.5) erg/s/cm2/Hz.
const AB_ZERO_JY: f64 = 3_630.780_547_701_013_5;

/// AB magnitude of a flux density in Jy; infinite for none.
pub fn ab_magnitude(flux_jy: f64) -> f64 {
    -2.5 * libm::log10(flux_jy.max(0.0) / AB_ZERO_JY)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Counting, embedded, find};
    use super::*;

    #[test]
    fn a_flat_spectrum_keeps_its_value_in_every_filter_at_any_redshift() {
        let grid: Vec<f64> = (0..4000).map(|k| 900.0 * libm::pow(10.0, f64::from(k) / 900.0)).collect();
        for filter in embedded() {
            for redshift in [0.0, 0.1, 1.0] {
                let sum: f64 = filter.weights(&grid, redshift).iter().map(|pair| pair.1).sum();
                let covered = redshift < 0.5 || !filter.name.starts_with("GALEX");
                assert!(!covered || (sum - 1.0).abs() < 1e-12, "{} {redshift} {sum}", filter.name);
            }
        }
    }

    #[test]
    fn f_lambda_at_the_pivot_is_the_bands_mean_for_photon_and_energy_counters() {
        // f_lambda constant: f_nu = lambda^2 / c. Its mean equals pivot^2 / c by the pivot's definition.
        let wavelength: Vec<f64> = vec![5000.0, 5500.0, 6500.0, 8000.0];
        let response = vec![0.0, 1.0, 0.4, 0.0];
        let grid: Vec<f64> = (0..8000).map(|k| 4000.0 + f64::from(k)).collect();
        let f_nu: Vec<f64> = grid.iter().map(|w| w * w).collect();
        for counting in [Counting::Photon, Counting::Energy] {
            let filter = Filter::new("t", wavelength.clone(), response.clone(), counting, "").unwrap();
            let mean = filter.flux(&grid, &f_nu);
            assert!((mean / (filter.pivot() * filter.pivot()) - 1.0).abs() < 1e-7, "{counting:?}");
        }
    }

    #[test]
    fn a_box_of_known_light_has_the_mean_of_closed_form() {
        // Response 1 from 1 to 2, f_nu = lambda: photons weigh with 1/lambda, mean 1/ln 2; energy 1/lambda^2, mean 2 ln 2.
        let grid = [0.5, 3.0];
        let box_of = |counting| Filter::new("b", vec![1.0, 2.0], vec![1.0, 1.0], counting, "").unwrap();
        let ln2 = core::f64::consts::LN_2;
        assert!((box_of(Counting::Photon).flux(&grid, &grid) - 1.0 / ln2).abs() < 1e-5);
        assert!((box_of(Counting::Energy).flux(&grid, &grid) - 2.0 * ln2).abs() < 1e-4);
    }

    #[test]
    fn spectra_that_end_within_a_filter_fall_on_as_a_hot_body_does() {
        let filter = find("IRAC_ch4").unwrap();
        let long: Vec<f64> = (0..3000).map(|k| 50_000.0 + 30.0 * f64::from(k)).collect();
        let tail = |grid: &[f64]| -> Vec<f64> { grid.iter().map(|w| 1e10 / (w * w)).collect() };
        let short = &long[..1600];
        let (whole, cut) = (filter.flux(&long, &tail(&long)), filter.flux(short, &tail(short)));
        assert!((cut / whole - 1.0).abs() < 1e-5, "{cut} {whole}");
    }

    #[test]
    fn magnitude_zero_is_3631_jansky() {
        let grid = [1000.0, 1e7];
        let magnitude = find("SDSS_r").unwrap().ab_magnitude(&grid, &[3631.0, 3631.0]);
        assert!(magnitude.abs() < 1e-4, "{magnitude}");
    }

    proptest! {
        #[test]
        fn a_band_never_gives_more_than_the_brightest_or_less_than_the_faintest_light(
            values in prop::collection::vec(0.0f64..1e3, 40), redshift in 0.0f64..0.3
        ) {
            let grid: Vec<f64> = (0..40).map(|k| 3000.0 + 150.0 * f64::from(k)).collect();
            let filter = find("SDSS_r").unwrap();
            let flux: f64 = filter.weights(&grid, redshift).iter().map(|(k, w)| w * values[*k]).sum();
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            let most = values.iter().copied().fold(0.0, f64::max);
            prop_assert!(flux >= least - 1e-9 && flux <= most + 1e-9);
        }
    }
}
