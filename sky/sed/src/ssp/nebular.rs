//! Light of the gas that the hottest stars ionise.
//!
//! In PEGASE.2's nebular spectra the gas takes all light below 912 Angstrom and gives continuum and lines in proportion to
//! the number of ionising photons, with one shape for all ages and metallicities (within the rounding of its tables while
//! that number counts). So the shape is all that is embedded, and any table of spectra can be given nebular light.

use std::sync::LazyLock;

use super::{Ssp, frequency_weights};
use crate::library::SOLAR_LUMINOSITY;

/// Continuum and lines, in lines of text; see data/README.md.
const TEXT: &str = include_str!("../../../../data/nebular.txt");
/// Ionisation limit of hydrogen, Angstrom.
const LIMIT: f64 = 912.0;
/// Planck's constant, erg s.
const PLANCK: f64 = 6.626_070_15e-27;

/// Light of gas for each ionising photon per second.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Nebular {
    /// Wavelength (Angstrom) and continuum (Lsun/Hz per photon/s).
    pub continuum: Vec<(f64, f64)>,
    /// Wavelength (Angstrom) and luminosity (Lsun per photon/s) of each line.
    pub lines: Vec<(f64, f64)>,
}

/// The embedded shape: PEGASE.2's, 61 lines.
pub fn nebular() -> &'static Nebular {
    static NEBULAR: LazyLock<Nebular> = LazyLock::new(|| {
        let mut nebular = Nebular::default();
        for line in TEXT.lines() {
            let mut fields = line.split_whitespace();
            let (kind, a, b) = (fields.next(), fields.next(), fields.next());
            let number = |field: Option<&str>| field.and_then(|text| text.parse().ok());
            if let (Some(wavelength), Some(light)) = (number(a), number(b)) {
                match kind {
                    Some("continuum") => nebular.continuum.push((wavelength, light)),
                    Some("line") => nebular.lines.push((wavelength, light)),
                    _ => {}
                }
            }
        }
        nebular
    });
    &NEBULAR
}

impl Ssp {
    /// Ionising photons per second and Msun formed at a place in the grid: the integral of L_nu/(h nu) below 912 Angstrom.
    pub fn ionising(&self, metallicity: usize, age: usize) -> f64 {
        let mut sum = 0.0;
        let spectrum = self.spectrum(metallicity, age);
        for (wavelength, light) in self.wavelength.windows(2).zip(spectrum.windows(2)) {
            let (low, high) = (f64::from(light[0]), f64::from(light[1]));
            // The light beyond the limit, often far more, says nothing of that before it: the step across does not count.
            if wavelength[1] >= LIMIT {
                break;
            }
            sum += 0.5 * (low + high) * libm::log(wavelength[1] / wavelength[0]);
        }
        // dnu/nu = dlambda/lambda.
        sum * SOLAR_LUMINOSITY / PLANCK
    }

    /// The same table with the light of gas in it: none of the stars' light below 912 Angstrom, and in its place the
    /// continuum and the lines of `nebular` for as many photons. Each line's light goes to the two wavelengths beside it, so
    /// that sums over frequency hold all of it.
    #[must_use]
    pub fn with_nebular(&self, nebular: &Nebular) -> Ssp {
        let weights = frequency_weights(&self.wavelength);
        let mut shape: Vec<f64> = self.wavelength.iter().map(|&at| interpolate(&nebular.continuum, at)).collect();
        for &(at, luminosity) in &nebular.lines {
            let above = self.wavelength.partition_point(|&w| w <= at);
            if above == 0 || above == self.wavelength.len() {
                continue;
            }
            let (low, high) = (self.wavelength[above - 1], self.wavelength[above]);
            let share = (at - low) / (high - low);
            shape[above - 1] += (1.0 - share) * luminosity / weights[above - 1];
            shape[above] += share * luminosity / weights[above];
        }
        let mut light = self.light.clone();
        let (na, nw) = (self.age.len(), self.wavelength.len());
        for (place, spectrum) in light.chunks_exact_mut(nw).enumerate() {
            let photons = self.ionising(place / na, place % na);
            for ((value, shape), &wavelength) in spectrum.iter_mut().zip(&shape).zip(&self.wavelength) {
                let stars = if wavelength < LIMIT { 0.0 } else { f64::from(*value) };
                *value = (stars + photons * shape) as f32;
            }
        }
        Ssp { name: format!("{}, nebular", self.name), light, ..self.clone() }
    }
}

/// Linear between points; 0 outside them.
fn interpolate(points: &[(f64, f64)], at: f64) -> f64 {
    let above = points.partition_point(|point| point.0 <= at);
    match (above.checked_sub(1).and_then(|k| points.get(k)), points.get(above)) {
        (Some(low), Some(high)) => low.1 + (high.1 - low.1) * (at - low.0) / (high.0 - low.0),
        (Some(last), None) if last.0 == at => last.1,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssp::{LIGHT, embedded};

    #[test]
    fn the_limit_is_that_of_hydrogen() {
        let wavelength = LIGHT * PLANCK / (13.5984 * 1.602_176_634e-12);
        assert!((wavelength - LIMIT).abs() < 0.3);
    }

    #[test]
    fn ionising_photons_are_those_that_pegase_tabulates() {
        // Column QH of the source, Z = 0.001: 4.04e46 at 0, 1.04e46 at 5 Myr, 8.42e44 at 10 Myr.
        let ssp = embedded();
        for (age, expected) in [(0, 4.04e46), (5, 1.04e46), (10, 8.42e44)] {
            let photons = ssp.ionising(0, age);
            assert!((photons / expected - 1.0).abs() < 0.01, "age {age}: {photons:e} {expected:e}");
        }
    }

    #[test]
    fn balmer_lines_have_case_b_ratios_and_the_light_of_h_beta_for_each_photon() {
        // Osterbrock & Ferland 2006, 1e4 K: H alpha / H beta 2.86, H gamma 0.468, 4.76e-13 erg of H beta per photon.
        let lines = &nebular().lines;
        assert_eq!(lines.len(), 61);
        let of = |wavelength: f64| lines.iter().find(|line| line.0 == wavelength).unwrap().1;
        let beta = of(4861.0) * SOLAR_LUMINOSITY;
        assert!((beta / 4.76e-13 - 1.0).abs() < 0.02, "{beta:e}");
        assert!((of(6562.0) / of(4861.0) - 2.87).abs() < 0.06);
        assert!((of(4340.0) / of(4861.0) - 0.468).abs() < 0.02);
    }

    #[test]
    fn gas_takes_the_ionising_light_and_gives_less_than_that_back() {
        let stars = embedded();
        let gas = stars.with_nebular(nebular());
        let weights = frequency_weights(&stars.wavelength);
        let sum =
            |ssp: &Ssp, age| -> f64 { ssp.spectrum(4, age).iter().zip(&weights).map(|(&l, w)| f64::from(l) * w).sum() };
        assert!(gas.spectrum(4, 0)[..50].iter().all(|&light| light == 0.0));
        let (before, after) = (sum(stars, 0), sum(&gas, 0));
        assert!(after < before && after > 0.6 * before, "{before} {after}");
        assert!((sum(&gas, 60) / sum(stars, 60) - 1.0).abs() < 2e-3);
    }
}
