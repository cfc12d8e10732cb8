//! Any bytes as each of MAGPHYS's texts. What can be read as models and observations is fitted.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogson_sed::fit::{Fitter, Options};
use pogson_sed::library::{Band, Library};
use pogson_sed::magphys::{ZeroSigma, read_filters, read_ir, read_observations, read_sfh, read_zlibs};

const FILTERS: &[u8] = b"#name lambda id fit\nSDSS_u 0.35 1 1\nWISE_W1 3.4 2 1\nPACS_100 100 3 1\n";

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let bands =
        [0.5, 3.4, 100.0].map(|wavelength_um| Band { name: format!("b{wavelength_um}"), wavelength_um, id: 0 });
    match mode % 5 {
        0 => {
            let _ = read_zlibs(rest, "f");
        }
        1 => {
            if let Ok(filters) = read_filters(rest, "f") {
                let _ = read_observations(rest, "f", &filters, ZeroSigma::Refuse);
            }
        }
        2 => {
            if let Ok(filters) = read_filters(FILTERS, "f") {
                let _ = read_observations(rest, "f", &filters, ZeroSigma::Refuse);
                let _ = read_observations(rest, "f", &filters, ZeroSigma::Floor);
            }
        }
        3 => {
            let _ = (read_sfh(rest, "f", &bands, 0.0), read_ir(rest, "f", &bands, 0.0));
        }
        _ => {
            // Three texts, parted by NUL.
            let mut texts = rest.split(|byte| *byte == 0);
            let (Some(sfh), Some(ir), Some(list)) = (texts.next(), texts.next(), texts.next()) else { return };
            let (Ok(stellar), Ok(dust)) = (read_sfh(sfh, "f", &bands, 0.0), read_ir(ir, "f", &bands, 0.0)) else {
                return;
            };
            let library = Library { redshift: 0.0, bands: bands.to_vec(), stellar, dust };
            let Ok(fitter) = Fitter::new(&library, Options { min_bands: 1, ..Options::default() }) else { return };
            let Ok(filters) = read_filters(FILTERS, "f") else { return };
            for observation in read_observations(list, "f", &filters, ZeroSigma::Floor).unwrap_or_default().iter().take(2) {
                let _ = fitter.fit(observation);
            }
        }
    }
});
