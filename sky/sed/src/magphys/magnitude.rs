//! The luminosity that an absolute AB magnitude of a library means.

/// Lsun/Hz of a source of AB magnitude -48.6, at 10 pc; a REAL*4 literal of MAGPHYS.
const ZERO_POINT: f64 = 3.117336e6_f32 as f64;
/// AB's zero point; a REAL*4 literal of MAGPHYS, so not quite 48.6.
const AB: f64 = 48.6_f32 as f64;
/// Dex per magnitude; a REAL*4 literal of MAGPHYS, so not quite -0.4.
const DEX: f64 = -0.4_f32 as f64;

/// Luminosity of an absolute AB magnitude, Lsun/Hz, with MAGPHYS's REAL*4 literals (`fit_sed_skynet.f`).
pub(super) fn luminosity(magnitude: f64) -> f64 {
    ZERO_POINT * libm::pow(10.0, DEX * (magnitude + AB))
}

/// The magnitude of a luminosity, the inverse of [`luminosity`]; 199 for none.
pub(super) fn magnitude(luminosity: f64) -> f64 {
    if luminosity > 0.0 { libm::log10(luminosity / ZERO_POINT) / DEX - AB } else { 199.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_magnitude_means_the_flux_of_its_definition_at_ten_parsec() {
        // 3631 Jy at 10 pc (3.086e19 cm), in units of 3.826e33 erg/s: the constant's origin.
        let expected = 3.6307805e-20 * 4.0 * core::f64::consts::PI * 3.0856776e19 * 3.0856776e19 / 3.826e33;
        assert!((luminosity(0.0) / expected - 1.0).abs() < 1e-2, "{} {expected}", luminosity(0.0));
        assert_eq!(luminosity(f64::INFINITY), 0.0);
    }
}
