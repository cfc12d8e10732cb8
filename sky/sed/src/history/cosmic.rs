//! How old the Universe was.

/// Age of the Universe at a redshift, yr, for H0 = 70 km/s/Mpc, Omega_m = 0.3 and Omega_Lambda = 0.7, as in MAGPHYS.
///
/// Closed form for a flat Universe without radiation (Peebles 1993, eq. 13.20).
pub fn age_of_universe(redshift: f64) -> f64 {
    // 1/H0: 977.792 Gyr km/s/Mpc over 70.
    const HUBBLE_TIME: f64 = 977.792_221e9 / 70.0;
    let ratio = libm::sqrt(0.7 / 0.3) * libm::pow(1.0 + redshift, -1.5);
    HUBBLE_TIME * 2.0 / (3.0 * libm::sqrt(0.7)) * libm::asinh(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_those_of_the_standard_cosmology() {
        // astropy.cosmology.FlatLambdaCDM(70, 0.3).age, without radiation; MAGPHYS prints 13.34 Gyr at z = 0.01 (rounded).
        for (redshift, gyr) in [(0.0, 13.467), (0.01, 13.329), (0.1, 12.167), (1.0, 5.752)] {
            let ours = age_of_universe(redshift) / 1e9;
            assert!((ours - gyr).abs() < 0.005, "{redshift} {ours}");
        }
    }
}
