//! Any bytes as a model library, a table of spectra, and as each of MAGPHYS's and the importers' texts.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogson_sed::filter::Filter;
use pogson_sed::library::Band;
use pogson_sed::library_file::Index;
use pogson_sed::magphys::{ZeroSigma, read_filters, read_ir, read_observations, read_sfh, read_zlibs};
use pogson_sed::ssp::Ssp;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(index) = Index::read(bytes, "f") {
        for block in 0..index.blocks.len().min(8) {
            let _ = index.library(bytes, block, "f");
        }
    }
    let _ = Ssp::from_bytes(bytes, "f");
    let bands: Vec<Band> =
        [0.5, 3.4, 100.0].map(|wavelength_um| Band { name: format!("b{wavelength_um}"), wavelength_um, id: 0 }).to_vec();
    let _ = (read_sfh(bytes, "f", &bands, 0.0), read_ir(bytes, "f", &bands, 0.0), read_zlibs(bytes, "f"));
    if let Ok(filters) = read_filters(bytes, "f") {
        let _ = read_observations(bytes, "f", &filters, ZeroSigma::Refuse);
    }
    let text = String::from_utf8_lossy(bytes);
    let _ = Filter::from_text("f", &text);
    let _ = Ssp::from_bc03(&text, "f", None, Some(&text));
    let _ = Ssp::from_fsps(&text, "f", None);
    let _ = Ssp::from_bpass(&text, &text, "f", 0.02);
});
