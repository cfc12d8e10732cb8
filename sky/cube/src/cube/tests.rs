//! Cubes written and read again.

use super::*;
use pogson_image::sphere::Frame;
use pogson_image::wcs::Projection;

/// A cube of three bands, 7 x 5 pixels of 2", one of them without data in a corner.
pub(crate) fn small() -> Cube {
    let (width, height) = (7, 5);
    let side = 2.0 / 3600.0;
    let cd = [[-side, 0.0], [0.0, side]];
    let wcs = Wcs::new(Frame::Icrs, Projection::tan(), (121.6, 1.03), (3.0, 2.0), cd, (width, height)).unwrap();
    let layer = |k: usize, name: &str, wavelength_um: f64| Layer {
        band: Band { name: name.into(), wavelength_um, id: 200 + k as u32 },
        flux: (0..width * height).map(|p| ((p * (k + 1)) as f32 - 3.0) * 1e-6).collect(),
        sigma: (0..width * height).map(|p| if p == 0 && k == 1 { f32::NAN } else { 1e-6 + p as f32 * 1e-8 }).collect(),
        floor: 0.02,
        sky_sigma: 1e-8,
        noise: NoiseCorrelation::none(),
        psf_fwhm_arcsec: Some(6.1),
        extinction_mag: 0.1,
        source: format!("{name}.fits"),
    };
    let mut cube = Cube {
        name: "IC 494".into(),
        wcs,
        width,
        height,
        pixel_area_arcsec2: 4.0,
        psf_fwhm_arcsec: Some(6.1),
        min_bands: 3,
        ebv: 0.025,
        redshift: Some(0.0152),
        layers: vec![layer(0, "SDSS_u", 0.3557), layer(1, "SDSS_r", 0.6176), layer(2, "WISE_W1", 3.37)],
        mask: vec![0; width * height],
        bins: None,
        history: vec!["made up".into()],
    };
    cube.layers[2].noise = NoiseCorrelation::new(1, vec![0.1, 0.3, 0.1, 0.3, 1.0, 0.3, 0.1, 0.3, 0.1]).unwrap();
    cube.mask[8] = mask::STAR;
    cube.mark_few_bands();
    cube
}

fn same(a: &[f32], b: &[f32], tolerance: f32) {
    assert_eq!(a.len(), b.len());
    for (a, b) in a.iter().zip(b) {
        assert!(a.is_nan() && b.is_nan() || (a - b).abs() <= tolerance * b.abs(), "{a} {b}");
    }
}

#[test]
fn a_cube_comes_back_from_one_file_and_from_two_in_both_units() {
    let dir = tempfile::tempdir().unwrap();
    let cube = small();
    for (k, brightness) in [Brightness::JyPerPixel, Brightness::JyPerArcsec2].into_iter().enumerate() {
        for two in [false, true] {
            let path = dir.path().join(format!("cube{k}{two}.fits"));
            let sigma = dir.path().join(format!("sigma{k}.fits"));
            let saving = Saving { brightness, sigma_file: two.then_some(&sigma), overwrite: false };
            cube.save(&path, &saving).unwrap();
            let again = Cube::open(&path).unwrap();
            assert_eq!((again.width, again.height, again.mask.clone()), (7, 5, cube.mask.clone()));
            assert_eq!((again.name.as_str(), again.redshift, again.ebv), ("IC 494", Some(0.0152), 0.025));
            assert_eq!((again.min_bands, again.psf_fwhm_arcsec), (3, Some(6.1)));
            assert_eq!(again.history, cube.history);
            for (a, b) in again.layers.iter().zip(&cube.layers) {
                assert_eq!((&a.band, a.floor, &a.noise, &a.source), (&b.band, b.floor, &b.noise, &b.source));
                same(&a.flux, &b.flux, 2e-7);
                same(&a.sigma, &b.sigma, 2e-7);
                assert!((a.sky_sigma / b.sky_sigma - 1.0).abs() < 1e-12);
            }
            let (a, b) = (again.wcs.pix_to_sky(1.0, 4.0).unwrap(), cube.wcs.pix_to_sky(1.0, 4.0).unwrap());
            assert!(a.separation_deg(b) < 1e-11);
        }
    }
}

#[test]
fn a_pixel_without_data_in_a_band_is_absent_and_unusable_where_bands_are_too_few() {
    let cube = small();
    assert_eq!(cube.mask[0], mask::FEW_BANDS);
    assert_eq!(cube.usable().len(), 35 - 2);
    let seen = cube.observation(0, 0.01);
    assert_eq!(seen.bands[1], Measurement::Absent);
    assert_eq!(seen.name, "1_1");
    let Measurement::Flux { flux_jy, .. } = cube.observation(9, 0.01).bands[1] else { panic!("no flux") };
    assert!((flux_jy / 15e-6 - 1.0).abs() < 1e-6);
    assert!(cube.observation(10_000, 0.0).bands.iter().all(|b| *b == Measurement::Absent));
}

#[test]
fn the_floor_can_be_taken_out_of_the_uncertainty() {
    let mut cube = small();
    let noise = 3e-7f64;
    cube.layers[0].flux[5] = 1e-4;
    cube.layers[0].sigma[5] = (noise * noise + (0.02f64 * 1e-4).powi(2)).sqrt() as f32;
    assert!((cube.layers[0].noise_sigma(5) / noise - 1.0).abs() < 1e-4);
    assert!(cube.layers[1].noise_sigma(0).is_nan() && cube.layers[1].noise_sigma(999).is_nan());
}

#[test]
fn files_that_are_no_cubes_are_refused_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain.fits");
    pogson_image::fits::write_image_f32(&plain, &Default::default(), &[2, 2], &[0.0; 4], false).unwrap();
    let said = Cube::open(&plain).unwrap_err().to_string();
    assert!(said.contains("plain.fits") && said.contains("pogson cube"), "{said}");
    let path = dir.path().join("cube.fits");
    small().save(&path, &Saving { sigma_file: Some(&dir.path().join("s.fits")), ..Saving::default() }).unwrap();
    std::fs::remove_file(dir.path().join("s.fits")).unwrap();
    assert!(Cube::open(&path).unwrap_err().to_string().contains("s.fits"));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(Cube::open(&path).is_err());
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(200))]
    #[test]
    fn damaged_cubes_are_refused_or_read_but_never_end_the_program(at in 0usize..60_000, byte in 0u8..=255, cut in 0usize..60_000) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.fits");
        small().save(&path, &Saving::default()).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let n = bytes.len();
        bytes[at % n] = byte;
        std::fs::write(&path, &bytes).unwrap();
        let _ = Cube::open(&path);
        bytes.truncate(cut % n);
        std::fs::write(&path, &bytes).unwrap();
        let _ = Cube::open(&path);
    }
}
