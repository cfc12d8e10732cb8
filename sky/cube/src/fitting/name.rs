//! Names of what goes into a fit: SHA-256 of its contents, so that runs that belong together are known by them.

use pogson_sed::library::Library;
use pogson_sed::library_file::{LibraryFileError, Packer, hex};
use sha2::{Digest, Sha256};

use crate::cube::Cube;

/// The name of some bytes.
pub fn name_of_bytes<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hex(&hash.finalize().into())
}

/// The name of a library in memory: that of the file which would hold it alone.
///
/// - `source`, `seed`: see [`Packer::new`].
///
/// # Errors
/// A library whose columns do not go together.
pub fn name_of_library(library: &Library, source: &str, seed: u64) -> Result<String, LibraryFileError> {
    let mut packer = Packer::new(source, seed, &library.bands);
    packer.block(library)?;
    Ok(packer.finish().1.name())
}

/// The name of a cube: of all that bears on fits, and not of how it was made or of the file that it lies in.
pub fn name_of_cube(cube: &Cube) -> String {
    let mut hash = Sha256::new();
    let mut text = |value: &str| {
        hash.update((value.len() as u64).to_le_bytes());
        hash.update(value.as_bytes());
    };
    text(&cube.name);
    let mut header = pogson_image::fits::Header::new();
    cube.wcs.write_to(&mut header);
    for card in header.to_bytes().chunks_exact(80) {
        text(&String::from_utf8_lossy(card));
    }
    cube.layers.iter().for_each(|layer| text(&layer.band.name));
    let mut number = |value: f64| hash.update(value.to_bits().to_le_bytes());
    [cube.width as f64, cube.height as f64, cube.pixel_area_arcsec2].into_iter().for_each(&mut number);
    for layer in &cube.layers {
        let known = [layer.band.wavelength_um, f64::from(layer.band.id), layer.floor, layer.sky_sigma];
        known.into_iter().for_each(&mut number);
        layer.noise.square().iter().for_each(|rho| number(f64::from(*rho)));
    }
    for values in cube.layers.iter().flat_map(|layer| [&layer.flux, &layer.sigma]) {
        // One pattern of bits for all that is undefined.
        let bits = |v: &f32| if v.is_nan() { f32::NAN.to_bits() } else { v.to_bits() };
        values.iter().for_each(|v| hash.update(bits(v).to_le_bytes()));
    }
    cube.mask.iter().chain(cube.bins.iter().flatten()).for_each(|bits| hash.update(bits.to_le_bytes()));
    hex(&hash.finalize().into())
}
