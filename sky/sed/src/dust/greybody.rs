//! Grains in thermal equilibrium.

use crate::library::SOLAR_LUMINOSITY;
use crate::ssp::LIGHT;

/// Second radiation constant, Angstrom K.
const C2: f64 = 1.438_776_877e8;
/// Planck's constant, erg s.
const PLANCK: f64 = 6.626_070_15e-27;
/// Boltzmann's constant, erg/K.
const BOLTZMANN: f64 = 1.380_649e-16;
/// Mass of the Sun, g.
const SOLAR_MASS: f64 = 1.989e33;
/// Absorption by dust at 850 um, cm2/g (Dunne et al. 2000, MNRAS 315, 115).
const KAPPA_850: f64 = 0.77;

/// Relative L_nu of a greybody whose absorption falls as `lambda^-beta`: `x^(3 + beta) / (exp(x) - 1)` with
/// `x = h nu / k T`.
///
/// - `wavelength`: Angstrom;
/// - `temperature`: K.
pub(super) fn shape(wavelength: f64, temperature: f64, beta: f64) -> f64 {
    let x = C2 / (wavelength * temperature);
    // As exp(-x), for exp(x) may be beyond all numbers.
    libm::pow(x, 3.0 + beta) * libm::exp(-x) / -libm::expm1(-x)
}

/// Luminosity of grains of one temperature for each of their mass, Lsun/Msun: `4 pi int kappa_nu B_nu dnu` with
/// kappa = 0.77 cm2/g (850 um/lambda)^beta, in closed form.
///
/// - `temperature`: K;
/// - `beta`: 1.5 or 2, the two for which DCE08 has grains; others are taken as 2.
pub fn light_per_mass(temperature: f64, beta: f64) -> f64 {
    // Gamma(4 + beta) zeta(4 + beta).
    let integral =
        if beta == 1.5 { 52.342_777_784_553_52 * 1.025_204_579_954_685_6 } else { 120.0 * 1.017_343_061_984_449 };
    let frequency = BOLTZMANN * temperature / PLANCK;
    let reference = LIGHT / 850e4;
    let light_cm = LIGHT * 1e-8;
    let planck = 2.0 * PLANCK * libm::pow(frequency, 4.0) / (light_cm * light_cm);
    let sum = planck * libm::pow(frequency / reference, beta) * integral;
    4.0 * core::f64::consts::PI * KAPPA_850 * sum * SOLAR_MASS / SOLAR_LUMINOSITY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn light_per_mass_is_what_was_computed_by_hand() {
        // Independent numerical integrals: 381.3 Lsun/Msun at 20 K, beta 2; 1.334e4 at 45 K, beta 1.5.
        assert!((light_per_mass(20.0, 2.0) / 381.3 - 1.0).abs() < 3e-3, "{}", light_per_mass(20.0, 2.0));
        assert!((light_per_mass(45.0, 1.5) / 1.334e4 - 1.0).abs() < 3e-3, "{}", light_per_mass(45.0, 1.5));
    }

    #[test]
    fn a_body_without_beta_peaks_where_wien_says() {
        let peak =
            (1..4000).map(|k| 1e4 * f64::from(k)).max_by(|a, b| shape(*a, 30.0, 0.0).total_cmp(&shape(*b, 30.0, 0.0)));
        // B_nu peaks at lambda T = 5.0996e7 Angstrom K.
        assert!((peak.unwrap() * 30.0 / 5.0996e7 - 1.0).abs() < 0.01);
    }
}
