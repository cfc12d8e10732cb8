//! Library files written, read, cut and damaged.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::build::Builder;
use crate::filter::find;
use crate::library::{Band, Library};
use crate::ssp::embedded;

fn library(redshift: f64) -> Library {
    let filters = ["SDSS_r", "WISE_W1", "PACS_100"].map(|name| find(name).unwrap());
    let bands = filters.map(|f| Band { name: f.name.clone(), wavelength_um: f.pivot() / 1e4, id: 3 });
    let builder = Builder::new(embedded(), &bands, &filters, redshift, 2).unwrap();
    Library { redshift, bands: bands.to_vec(), stellar: builder.stellar(0..20), dust: builder.dust(0..10) }
}

fn file() -> (Vec<u8>, Vec<Library>, Index) {
    static FILE: LazyLock<(Vec<u8>, Vec<Library>, Index)> = LazyLock::new(make);
    FILE.clone()
}

fn make() -> (Vec<u8>, Vec<Library>, Index) {
    let libraries: Vec<Library> = [0.02, 0.01].map(library).to_vec();
    let mut packer = Packer::new("spectra", 2, &libraries[0].bands);
    let mut bytes = packer.begin();
    for library in &libraries {
        bytes.extend(packer.block(library).unwrap());
    }
    let (end, index) = packer.finish();
    bytes.extend(end);
    (bytes, libraries, index)
}

#[test]
fn models_come_back_as_they_were_made() {
    let (bytes, libraries, written) = file();
    let index = Index::read(&bytes, "f").unwrap();
    assert_eq!(index, written);
    assert_eq!((index.source.as_str(), index.seed, index.blocks[0].redshift), ("spectra", 2, 0.01));
    // Made values are rounded to f32 already, so nothing is lost.
    assert_eq!(index.library(&bytes, 0, "f").unwrap(), libraries[1]);
    assert_eq!(index.library(&bytes, 1, "f").unwrap(), libraries[0]);
}

#[test]
fn the_name_is_the_hash_of_all_that_is_held() {
    let (bytes, mut libraries, index) = file();
    assert_eq!(index.name().len(), 64);
    assert_eq!(Index::read(&bytes, "f").unwrap().name(), index.name());
    libraries[0].dust.mass[3] *= 1.01;
    let mut packer = Packer::new("spectra", 2, &libraries[0].bands);
    for library in &libraries {
        packer.block(library).unwrap();
    }
    assert_ne!(packer.finish().1.name(), index.name());
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused() {
    let (bytes, ..) = file();
    for length in (0..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
        let error = Index::read(&bytes[..length], "f").unwrap_err();
        let expected = matches!(error, LibraryFileError::Truncated { .. } | LibraryFileError::Kind { .. });
        assert!(expected, "{length}: {error}");
    }
}

#[test]
fn the_nearest_redshift_is_found_within_reach() {
    let (_, _, index) = file();
    assert_eq!(index.nearest(0.0149, 0.005, "f"), Ok(0));
    assert_eq!(index.nearest(0.025, 0.005, "f"), Ok(1));
    let error = index.nearest(0.05, 0.005, "lib").unwrap_err().to_string();
    assert_eq!(error, "lib: has no models at redshift 0.05; it has 0.01, 0.02");
}

#[test]
fn blocks_of_other_bands_or_the_same_redshift_are_refused() {
    let one = library(0.01);
    let mut packer = Packer::new("s", 2, &one.bands);
    packer.block(&one).unwrap();
    assert!(packer.block(&one).unwrap_err().to_string().contains("redshift 0.01 is there already"));
    let mut other = library(0.02);
    other.bands[0].name = "x".into();
    assert!(packer.block(&other).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_damaged_byte_is_noticed(place in any::<prop::sample::Index>(), change in 1u8..) {
        let (mut bytes, ..) = file();
        let place = place.index(bytes.len());
        bytes[place] ^= change;
        let read = Index::read(&bytes, "f").and_then(|index| {
            index.library(&bytes, 0, "f")?;
            index.library(&bytes, 1, "f")
        });
        prop_assert!(read.is_err(), "byte {}", place);
    }
}
