//! The facts of a cube.

use std::collections::BTreeMap;

use pogson_image::fits::Header;
use pogson_sed::parameter::Parameter;
use sha2::{Digest, Sha256};

use super::Facts;
use crate::cube::Cube;

impl Facts {
    /// Facts of a run over a cube: its coordinates, bands, point spread function, and its name by content.
    ///
    /// - `redshift`: of the galaxy;
    /// - `parameters`: of the fits, in their order;
    /// - `library`: the name of the model library;
    /// - `options`: what else bears on the numbers.
    pub fn of_cube(
        cube: &Cube,
        redshift: f64,
        parameters: Vec<Parameter>,
        library: String,
        options: BTreeMap<String, String>,
    ) -> Facts {
        let side = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Facts {
            galaxy: cube.name.clone(),
            redshift,
            width: side(cube.width),
            height: side(cube.height),
            header: header(cube),
            bands: cube.bands(),
            parameters,
            library,
            cube: name_of(cube),
            options,
        }
    }
}

fn header(cube: &Cube) -> Header {
    let mut header = Header::new();
    if !cube.name.is_empty() {
        header.set("OBJECT", cube.name.as_str(), "");
    }
    header.set("PIXAREA", cube.pixel_area_arcsec2, "[arcsec2] solid angle of a pixel at the middle");
    if let Some(fwhm) = cube.psf_fwhm_arcsec {
        header.set("PSFFWHM", fwhm, "[arcsec] FWHM that bands were brought to");
    }
    header.set("EBV", cube.ebv, "[mag] Galactic E(B-V) that was corrected for");
    cube.wcs.write_to(&mut header);
    header
}

/// SHA-256 of the numbers that fits rest on: coordinates, bands, fluxes, uncertainties, mask; in hexadecimal digits.
fn name_of(cube: &Cube) -> String {
    let mut hash = Sha256::new();
    let mut wcs = Header::new();
    cube.wcs.write_to(&mut wcs);
    hash.update(wcs.to_bytes());
    for n in [cube.width, cube.height, cube.layers.len()] {
        hash.update((n as u64).to_le_bytes());
    }
    for layer in &cube.layers {
        hash.update((layer.band.name.len() as u64).to_le_bytes());
        hash.update(layer.band.name.as_bytes());
        hash.update(layer.band.wavelength_um.to_le_bytes());
        for values in [&layer.flux, &layer.sigma] {
            // All undefined numbers are one.
            let bytes = values.iter().flat_map(|v| if v.is_nan() { f32::NAN } else { *v }.to_le_bytes());
            hash.update(bytes.collect::<Vec<u8>>());
        }
        hash.update(layer.floor.to_le_bytes());
        hash.update(layer.sky_sigma.to_le_bytes());
    }
    hash.update(cube.mask.iter().flat_map(|m| m.to_le_bytes()).collect::<Vec<u8>>());
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::correlation::NoiseCorrelation;
    use crate::cube::Layer;
    use pogson_image::wcs::Wcs;
    use pogson_sed::library::Band;

    fn cube() -> Cube {
        let header = Header::from_text(
            "NAXIS   = 2\nNAXIS1  = 3\nNAXIS2  = 2\nCTYPE1  = 'RA---TAN'\nCTYPE2  = 'DEC--TAN'\nCRVAL1  = 150.0\n\
             CRVAL2  = 2.5\nCRPIX1  = 2.0\nCRPIX2  = 1.0\nCDELT1  = -0.0003\nCDELT2  = 0.0003\n",
        );
        let layer = Layer {
            band: Band { name: "r".into(), wavelength_um: 0.62, id: 7 },
            flux: vec![1.0, 2.0, f32::NAN, 3.0, 4.0, 5.0],
            sigma: vec![0.1; 6],
            floor: 0.05,
            sky_sigma: 0.0,
            noise: NoiseCorrelation::none(),
            psf_fwhm_arcsec: None,
            extinction_mag: 0.0,
            source: String::new(),
        };
        Cube {
            name: "NGC 1".into(),
            wcs: Wcs::from_header(&header.unwrap()).unwrap(),
            width: 3,
            height: 2,
            pixel_area_arcsec2: 1.1664,
            psf_fwhm_arcsec: Some(3.5),
            min_bands: 1,
            ebv: 0.02,
            redshift: None,
            layers: vec![layer],
            mask: vec![0; 6],
            bins: None,
            history: Vec::new(),
        }
    }

    #[test]
    fn a_cubes_name_changes_with_its_numbers_alone() {
        let facts = |cube: &Cube| Facts::of_cube(cube, 0.01, Parameter::PAPER.to_vec(), "l".into(), BTreeMap::new());
        let first = facts(&cube());
        assert_eq!((first.width, first.height, first.cube.len()), (3, 2, 64));
        assert_eq!(first.header.f64("PSFFWHM"), Some(3.5));
        assert_eq!(Wcs::from_header(&first.header).unwrap().crval(), (150.0, 2.5));
        let mut same = cube();
        same.history.push("made again".into());
        same.layers[0].flux[2] = f32::from_bits(0x7fc0_1234);
        assert_eq!(facts(&same).cube, first.cube);
        let mut other = cube();
        other.layers[0].flux[0] = 1.000_000_1;
        assert_ne!(facts(&other).cube, first.cube);
        let mut masked = cube();
        masked.mask[3] = 2;
        assert_ne!(facts(&masked).cube, first.cube);
    }
}
