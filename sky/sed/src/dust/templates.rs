//! Spectra of unit luminosity on one grid of wavelengths.

use std::sync::LazyLock;

use super::greybody::shape;
use crate::ssp::{LIGHT, frequency_weights};

/// Grid and hydrocarbons; see data/README.md.
const TEXT: &str = include_str!("../../../../data/pah.txt");

/// Light of the continuum under the hydrocarbons, an 850 K greybody, over theirs: then its F_nu at 4 um is 0.11 of their mean
/// F_nu at 6 to 8 um (Lu et al. 2003; DCE08).
const CONTINUUM: f64 = 0.298_247;

/// Wavelengths of dust's spectra and the spectra that do not depend on a model's parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct DustGrid {
    /// Wavelengths, Angstrom, increasing (1 um to 1 cm in steps of 1 %).
    pub wavelength: Vec<f64>,
    /// Weights of the sum over frequency, Hz ([`frequency_weights`]).
    pub weight: Vec<f64>,
    /// Hydrocarbons and the near-infrared continuum tied to them, L_nu in 1/Hz.
    pub pah: Vec<f64>,
    /// Hot mid-infrared continuum: 130 and 250 K, equal luminosities.
    pub mir: Vec<f64>,
    /// Warm grains of 45 K in the diffuse medium.
    pub warm: Vec<f64>,
}

impl DustGrid {
    /// A greybody of unit luminosity: L_nu, 1/Hz.
    ///
    /// - `temperature`: K, above 5;
    /// - `beta`: absorption falls as `lambda^-beta`.
    pub fn greybody(&self, temperature: f64, beta: f64) -> Vec<f64> {
        let mut light: Vec<f64> = self.wavelength.iter().map(|&w| shape(w, temperature, beta)).collect();
        normalise(&mut light, &self.weight);
        light
    }

    /// Warm grains of birth clouds: absorption falls as `lambda^-1.5`.
    pub fn warm_of(&self, temperature: f64) -> Vec<f64> {
        self.greybody(temperature, 1.5)
    }

    /// Cold grains of the diffuse medium: absorption falls as `lambda^-2`.
    pub fn cold_of(&self, temperature: f64) -> Vec<f64> {
        self.greybody(temperature, 2.0)
    }
}

/// The grid and its fixed spectra.
///
/// The spectrum of the hydrocarbons is that of Draine & Li (2007, ApJ 657, 810): DCE08 take M 17's as ISOCAM observed it, of
/// which there is no copy that may be passed on.
pub fn grid() -> &'static DustGrid {
    static GRID: LazyLock<DustGrid> = LazyLock::new(|| {
        let rows = TEXT.lines().filter_map(|line| line.split_once(' '));
        let pair = |(w, l): (&str, &str)| Some((w.parse::<f64>().ok()?, l.parse::<f64>().ok()?));
        let (wavelength, per_angstrom): (Vec<f64>, Vec<f64>) = rows.filter_map(pair).unzip();
        let weight = frequency_weights(&wavelength);
        let mut only: Vec<f64> = wavelength.iter().zip(&per_angstrom).map(|(w, l)| l * w * w / LIGHT).collect();
        normalise(&mut only, &weight);
        let mut grid = DustGrid { wavelength, weight, pah: only, mir: Vec::new(), warm: Vec::new() };
        let add = |a: &[f64], b: &[f64], share: f64| a.iter().zip(b).map(|(a, b)| a + share * b).collect();
        grid.pah = add(&grid.pah, &grid.greybody(850.0, 1.0), CONTINUUM);
        normalise(&mut grid.pah, &grid.weight);
        grid.mir = add(&grid.greybody(250.0, 1.0), &grid.greybody(130.0, 1.0), 1.0);
        normalise(&mut grid.mir, &grid.weight);
        grid.warm = grid.greybody(45.0, 1.5);
        grid
    });
    &GRID
}

/// Divides by the sum over frequency.
fn normalise(light: &mut [f64], weight: &[f64]) {
    let sum: f64 = light.iter().zip(weight).map(|(l, w)| l * w).sum();
    for value in light {
        *value /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_template_has_unit_luminosity_summed_over_wavelength_too() {
        let grid = grid();
        assert_eq!(grid.wavelength.len(), 1001);
        for light in [&grid.pah, &grid.mir, &grid.warm, &grid.cold_of(15.0), &grid.warm_of(60.0)] {
            let per_angstrom: Vec<f64> = light.iter().zip(&grid.wavelength).map(|(l, w)| l * LIGHT / (w * w)).collect();
            let steps = per_angstrom.windows(2).zip(grid.wavelength.windows(2));
            let sum: f64 = steps.map(|(l, w)| 0.5 * (l[0] + l[1]) * (w[1] - w[0])).sum();
            assert!((sum - 1.0).abs() < 1e-3, "{sum}");
        }
    }

    #[test]
    fn the_continuum_at_4_um_is_a_ninth_of_the_features_at_7() {
        let grid = grid();
        let at = |um: f64| grid.wavelength.partition_point(|&w| w < um * 1e4);
        let continuum = grid.greybody(850.0, 1.0)[at(4.0)] * CONTINUUM / (1.0 + CONTINUUM);
        let features = &grid.pah[at(6.0)..at(8.0)];
        let hot = &grid.greybody(850.0, 1.0)[at(6.0)..at(8.0)];
        let sum: f64 = features.iter().zip(hot).map(|(f, h)| f - h * CONTINUUM / (1.0 + CONTINUUM)).sum();
        let ratio = continuum / (sum / features.len() as f64);
        assert!((ratio - 0.11).abs() < 0.006, "{ratio}");
    }

    #[test]
    fn greybodies_on_the_grid_are_those_of_closed_form() {
        // L_nu at its place is x^(3 + beta)/(e^x - 1) h/(k T Gamma(6) zeta(6)) for beta 2.
        let grid = grid();
        let light = grid.cold_of(20.0);
        let k = grid.wavelength.partition_point(|&w| w < 1.6e6);
        let x = 1.438_776_877e8 / (grid.wavelength[k] * 20.0);
        let expected = libm::pow(x, 5.0) / libm::expm1(x) * 6.626_070_15e-27 / (1.380_649e-16 * 20.0) / 122.0811674;
        assert!((light[k] / expected - 1.0).abs() < 2e-4, "{} {expected}", light[k]);
    }
}
