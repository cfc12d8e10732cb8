//! The spectra that Pogson carries.

use std::sync::LazyLock;

use super::Ssp;

/// PEGASE.2, Kroupa's (2001) initial mass function from 0.1 to 100 Msun; see data/README.md.
const BYTES: &[u8] = include_bytes!("../../../../data/ssp.bin");

/// Greatest ratio of neighbouring wavelengths.
const GAP: f64 = 1.05;

/// The embedded spectra: PEGASE.2 (Fioc & Rocca-Volmerange 1997, 1999) on its own grid of 7 metallicities (0.001 to 0.1),
/// 63 ages (0 to 14 Gyr) and 1221 wavelengths (91 Angstrom to 160 um), with 53 more by power laws where the grid is sparse;
/// Kroupa (2001) initial mass function, without nebular light.
pub fn embedded() -> &'static Ssp {
    static SSP: LazyLock<Ssp> = LazyLock::new(|| match Ssp::from_bytes(BYTES, "embedded spectra") {
        Ok(ssp) => ssp.refined(GAP),
        // The bytes are part of the program; a test reads them.
        Err(fault) => unreachable!("{fault}"),
    });
    &SSP
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ssp::frequency_weights;

    #[test]
    fn the_grid_is_pegases_own() {
        let ssp = embedded();
        assert_eq!((ssp.metallicity.len(), ssp.age.len()), (7, 63));
        let own = Ssp::from_bytes(BYTES, "own").unwrap().wavelength;
        assert_eq!((own.len(), own[0], own[1220]), (1221, 91.0, 1.6e6));
        assert_eq!(ssp.wavelength.len(), 1221 + 53);
        assert!(own.iter().all(|w| ssp.wavelength.contains(w)));
        assert_eq!((ssp.age[0], ssp.age[10], ssp.age[62]), (0.0, 1e7, 1.4e10));
        assert_eq!(ssp.metallicity, [0.001, 0.004, 0.008, 0.01, 0.02, 0.05, 0.1]);
    }

    #[test]
    fn bolometric_light_is_what_pegase_tabulates() {
        // Lsun per Msun formed, Z = 0.001: column LBOL of the source at 0, 5, 10, 20 Myr, 0.1 and 1 Gyr.
        let ssp = embedded();
        let weights = frequency_weights(&ssp.wavelength);
        for (age, expected) in [(0, 801.51971), (5, 624.56085), (10, 225.62260), (15, 91.861892), (40, 2.4071617)] {
            let sum: f64 = ssp.spectrum(0, age).iter().zip(&weights).map(|(&l, w)| f64::from(l) * w).sum();
            assert!((sum / expected - 1.0).abs() < 0.005, "age {age}: {sum} {expected}");
        }
    }
}
