//! Cubes of made-up images whose truth is known.

use std::path::{Path, PathBuf};

use pogson_image::fits::{Header, write_image_f32};
use pogson_mosaic::work::Silent;

use super::*;
use crate::cube::mask;
use crate::input::{PsfChoice, Uncertainty};
use crate::sky::tests::Normal;

const CENTER: (f64, f64) = (121.6, 1.03);
const FOUR_LN_2: f64 = 4.0 * std::f64::consts::LN_2;

/// A made-up image.
struct Made {
    band: &'static str,
    side: f64,
    turn_deg: f64,
    fwhm: f64,
    /// Standard deviation of the noise in a pixel, Jy.
    noise: f64,
    /// Sky, Jy in a pixel.
    sky: f64,
    /// Columns and rows.
    size: usize,
}

/// A round Gaussian on the sky: offsets east and north and width at half maximum in arcseconds, flux in Jy.
#[derive(Clone, Copy)]
struct Blob(f64, f64, f64, f64);

impl Made {
    fn new(band: &'static str, side: f64, fwhm: f64, size: usize) -> Made {
        Made { band, side, turn_deg: 0.0, fwhm, noise: 0.0, sky: 0.0, size }
    }

    /// Writes the image with these sources, point sources by width 0; the width is that of the sampled image, its pixels in it.
    fn write(&self, dir: &Path, sources: &[Blob]) -> ImageSpec {
        let n = self.size;
        let middle = 0.5 * (n as f64 + 1.0) + 0.37;
        let (s, c) = libm::sincos(self.turn_deg.to_radians());
        let scale = self.side / 3600.0;
        let header = Header::from_text(&format!(
            "BUNIT = 'Jy/pixel'\nCTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = {middle}\nCRPIX2 = {middle}\nCRVAL1 = {}\nCRVAL2 = {}\n\
             CD1_1 = {}\nCD1_2 = {}\nCD2_1 = {}\nCD2_2 = {}\n",
            CENTER.0,
            CENTER.1,
            -scale * c,
            scale * s,
            scale * s,
            scale * c
        ))
        .unwrap();
        let mut random = Normal::new(self.band.len() as u64 * 77 + n as u64);
        let values: Vec<f32> = (0..n * n)
            .map(|k| {
                let (dx, dy) = ((k % n) as f64 + 1.0 - middle, (k / n) as f64 + 1.0 - middle);
                let (east, north) = (self.side * (c * dx - s * dy), self.side * (s * dx + c * dy));
                let light: f64 = sources
                    .iter()
                    .map(|b| {
                        // The header's first axis runs west for a positive step.
                        let (u, v) = (-east - b.0, north - b.1);
                        let width = self.fwhm * self.fwhm + b.2 * b.2;
                        b.3 * self.side * self.side * FOUR_LN_2 / (std::f64::consts::PI * width)
                            * libm::exp(-FOUR_LN_2 * (u * u + v * v) / width)
                    })
                    .sum();
                (light + self.sky + if self.noise > 0.0 { self.noise * random.next() } else { 0.0 }) as f32
            })
            .collect();
        let path = dir.join(format!("{}.fits", self.band));
        write_image_f32(&path, &header, &[n, n], &values, true).unwrap();
        let mut spec = ImageSpec::new(&path);
        spec.psf = Some(PsfChoice::Gaussian(self.fwhm));
        if self.noise == 0.0 {
            let map: PathBuf = dir.join(format!("{}_sigma.fits", self.band));
            write_image_f32(&map, &Header::new(), &[n, n], &vec![1e-7; n * n], true).unwrap();
            spec.uncertainty = Some(Uncertainty::Sigma(map));
            spec.sky = Some(SkyModel::None);
        }
        spec
    }
}

fn request(images: Vec<ImageSpec>, size_arcsec: f64, scale: f64) -> Request {
    Request {
        grid: GridChoice {
            center: Some(CENTER),
            size_deg: Some((size_arcsec / 3600.0, size_arcsec / 3600.0)),
            scale_arcsec: Some(scale),
        },
        min_bands: images.len(),
        stars: false,
        ..Request::new(images)
    }
}

fn sum(flux: &[f32]) -> f64 {
    flux.iter().filter(|v| v.is_finite()).map(|v| f64::from(*v)).sum()
}

#[test]
fn no_flux_is_lost_between_images_and_cube() {
    let dir = tempfile::tempdir().unwrap();
    let galaxy = [Blob(3.0, -2.0, 20.0, 1e-3), Blob(-15.0, 10.0, 6.0, 2e-4)];
    let made = [
        Made { turn_deg: 95.0, ..Made::new("SDSS_r", 0.8, 1.6, 240) },
        Made { turn_deg: 20.0, ..Made::new("2MASS_J", 1.0, 3.0, 200) },
        Made::new("WISE_W1", 1.375, 8.0, 150),
        Made { turn_deg: -40.0, ..Made::new("SPIRE_250", 4.0, 12.0, 60) },
    ];
    let images = made.iter().map(|m| m.write(dir.path(), &galaxy)).collect();
    let (cube, _) = build(&request(images, 150.0, 3.1), &Silent).unwrap();
    for layer in &cube.layers {
        let found = sum(&layer.flux);
        assert!((found / 1.2e-3 - 1.0).abs() < 1e-3, "{}: {found}", layer.band.name);
    }
    // All bands saw the same light, so they agree pixel by pixel.
    let peak = cube.layers[0].flux.iter().copied().fold(0.0, f32::max);
    for layer in &cube.layers[1..] {
        for (a, b) in layer.flux.iter().zip(&cube.layers[0].flux) {
            assert!((a - b).abs() < 0.01 * peak, "{}: {a} {b}", layer.band.name);
        }
    }
}

#[test]
fn matched_stars_hold_the_same_light_within_every_radius() {
    let dir = tempfile::tempdir().unwrap();
    let star = [Blob(1.3, 2.1, 0.0, 1e-3)];
    let made = [
        Made { turn_deg: 95.0, ..Made::new("SDSS_r", 0.4, 1.3, 300) },
        Made::new("GALEX_NUV", 1.5, 5.3, 90),
        Made { turn_deg: 33.0, ..Made::new("WISE_W1", 1.375, 6.1, 100) },
        Made { turn_deg: -10.0, ..Made::new("WISE_W4", 2.0, 12.0, 70) },
    ];
    let images: Vec<ImageSpec> = made.iter().map(|m| m.write(dir.path(), &star)).collect();
    for matching in [Matching::Coarsest, Matching::Gaussian(15.0)] {
        let scale = 1.0;
        let request = Request { matching, ..request(images.clone(), 90.0, scale) };
        let (cube, _) = build(&request, &Silent).unwrap();
        let fwhm = cube.psf_fwhm_arcsec.unwrap();
        let sky = |k: usize| cube.wcs.pix_to_sky((k % cube.width) as f64, (k / cube.width) as f64).unwrap();
        let c = libm::cos(CENTER.1.to_radians());
        let radius: Vec<f64> = (0..cube.pixels())
            .map(|k| {
                let place = sky(k);
                let (u, v) = (3600.0 * (place.lon_deg - CENTER.0) * c - 1.3, 3600.0 * (place.lat_deg - CENTER.1) - 2.1);
                libm::hypot(u, v)
            })
            .collect();
        let encircled = |flux: &[f32], r: f64| -> f64 {
            let inside = flux.iter().zip(&radius).filter(|(_, d)| **d < r);
            inside.map(|(v, _)| f64::from(*v)).sum::<f64>() / 1e-3
        };
        // What the target itself holds in the same pixels.
        let target: Vec<f32> = radius
            .iter()
            .map(|d| {
                let width = fwhm * fwhm + (crate::psf::kernel::PIXEL_FWHM * scale).powi(2);
                (1e-3 * scale * scale * FOUR_LN_2 / (std::f64::consts::PI * width)
                    * libm::exp(-FOUR_LN_2 * d * d / width)) as f32
            })
            .collect();
        for layer in &cube.layers {
            for k in 1..=40 {
                let r = 0.75 * f64::from(k);
                let (a, b) = (encircled(&layer.flux, r), encircled(&target, r));
                assert!((a - b).abs() < 0.01, "{} {matching:?} r {r}: {a} {b}", layer.band.name);
            }
        }
    }
}

#[test]
fn propagated_noise_is_the_scatter_that_is_seen_and_so_is_that_of_sums() {
    let dir = tempfile::tempdir().unwrap();
    let made = [
        Made { noise: 1e-6, sky: 3e-5, ..Made::new("SDSS_r", 0.8, 1.6, 500) },
        Made { noise: 1e-6, sky: 2e-4, turn_deg: 30.0, ..Made::new("2MASS_J", 1.2, 3.0, 340) },
        Made { noise: 1e-6, ..Made::new("WISE_W1", 3.0, 8.0, 150) },
    ];
    let images = made.iter().map(|m| m.write(dir.path(), &[])).collect();
    let request = Request { floors: false, matching: Matching::Gaussian(9.0), ..request(images, 260.0, 3.0) };
    let (cube, report) = build(&request, &Silent).unwrap();
    for (layer, said) in cube.layers.iter().zip(&report.bands) {
        let ratio: f64 = layer.flux.iter().zip(&layer.sigma).map(|(f, s)| f64::from(f / s).powi(2)).sum::<f64>();
        let ratio = (ratio / cube.pixels() as f64).sqrt();
        assert!((ratio - 1.0).abs() < 0.08, "{}: {ratio}", layer.band.name);
        assert!((said.scatter_over_noise - 1.0).abs() < 0.12, "{}: {}", layer.band.name, said.scatter_over_noise);
        // Sums over squares of eight pixels scatter as their covariance says.
        let (side, blocks) = (8, cube.width / 8);
        let (mut seen, mut told) = (0.0, 0.0);
        for b in 0..blocks * blocks {
            let pixels: Vec<usize> = (0..side * side)
                .map(|k| (b / blocks * side + k / side) * cube.width + b % blocks * side + k % side)
                .collect();
            seen += pixels.iter().map(|k| f64::from(layer.flux[*k])).sum::<f64>().powi(2);
            let places: Vec<_> = pixels
                .iter()
                .map(|k| ((k % cube.width) as i64, (k / cube.width) as i64, f64::from(layer.sigma[*k])))
                .collect();
            told += layer.noise.variance_of(&places);
        }
        assert!((seen / told - 1.0).abs() < 0.35, "{}: {seen} {told}", layer.band.name);
        assert!(layer.sky_sigma > 0.0 && layer.sky_sigma < f64::from(layer.sigma[0]));
    }
}

#[test]
fn extinction_and_floors_enter_as_their_formulas_say() {
    let dir = tempfile::tempdir().unwrap();
    let galaxy = [Blob(0.0, 0.0, 15.0, 1e-3)];
    let images: Vec<ImageSpec> = [Made::new("SDSS_u", 1.0, 3.0, 80), Made::new("SDSS_r", 1.0, 3.0, 80)]
        .iter()
        .map(|m| m.write(dir.path(), &galaxy))
        .collect();
    let plain = Request { floors: false, ..request(images, 50.0, 2.0) };
    let (clear, _) = build(&plain, &Silent).unwrap();
    let reddening = Reddening { ebv: 0.1, ..Reddening::default() };
    let (cube, _) = build(&Request { reddening, floors: true, ..plain }, &Silent).unwrap();
    for (a, b) in cube.layers.iter().zip(&clear.layers) {
        let wanted = Law::Fitzpatrick99.magnitudes(a.band.wavelength_um, 0.1, 3.1);
        assert!((a.extinction_mag - wanted).abs() < 1e-12);
        let ratio = sum(&a.flux) / sum(&b.flux);
        assert!((ratio / libm::pow(10.0, 0.4 * wanted) - 1.0).abs() < 1e-6);
        let k = a.flux.len() / 2;
        let (flux, noise) = (f64::from(a.flux[k]), f64::from(b.sigma[k]) * libm::pow(10.0, 0.4 * wanted));
        let sigma = (noise * noise + (a.floor * flux).powi(2)).sqrt();
        assert!((f64::from(a.sigma[k]) / sigma - 1.0).abs() < 1e-5);
    }
    // u: 1.3 %, r: 0.8 % (Clark et al. 2018, table 1).
    assert_eq!((cube.layers[0].floor, cube.layers[1].floor), (0.013, 0.008));
    assert_eq!(clear.layers[0].floor, 0.0);
}

#[test]
fn the_galaxy_is_found_and_its_stars_and_regions_are_masked() {
    let dir = tempfile::tempdir().unwrap();
    let sources = [Blob(12.0, -8.0, 30.0, 0.02), Blob(60.0, 40.0, 0.0, 0.004), Blob(-40.0, 30.0, 0.0, 0.002)];
    let noisy = |band, side, fwhm, size| Made { noise: 4e-7, sky: 1e-5, ..Made::new(band, side, fwhm, size) };
    let images: Vec<ImageSpec> =
        [noisy("SDSS_r", 0.8, 1.6, 300), noisy("SDSS_i", 0.8, 1.7, 300), noisy("2MASS_J", 1.0, 3.0, 250)]
            .iter()
            .map(|m| m.write(dir.path(), &sources))
            .collect();
    let regions = dir.path().join("r.reg");
    std::fs::write(&regions, format!("icrs\ncircle({},{},6\")\n", CENTER.0, CENTER.1 - 30.0 / 3600.0)).unwrap();
    let request =
        Request { min_bands: 3, matching: Matching::Gaussian(6.0), regions: vec![regions], ..Request::new(images) };
    let (cube, report) = build(&request, &Silent).unwrap();
    let (ra, dec) = report.object_deg.unwrap();
    let off = libm::hypot((ra - CENTER.0) * 3600.0 - 12.0, (dec - CENTER.1) * 3600.0 + 8.0);
    assert!(off < 3.0, "{off}");
    assert!(report.pixel_arcsec == 2.0 && cube.width > 30, "{} {}", report.pixel_arcsec, cube.width);
    assert_eq!(report.stars.len(), 2, "{:?}", report.stars);
    for star in &report.stars {
        let bits = cube.wcs.sky_to_pix(pogson_image::sphere::SkyCoord { lon_deg: star.ra_deg, lat_deg: star.dec_deg });
        let (x, y) = bits.unwrap();
        if x > 0.0 && y > 0.0 && (x as usize) < cube.width && (y as usize) < cube.height {
            assert!(cube.mask[y.round() as usize * cube.width + x.round() as usize] & mask::STAR != 0);
        }
    }
    assert!(cube.mask.iter().filter(|m| **m & mask::REGION != 0).count() > 20);
    assert_eq!(report.usable, cube.usable().len());
    // The ellipse's light is the galaxy's but for what lies outside of it.
    assert!((report.bands[0].object_jy / 0.02 - 1.0).abs() < 0.05, "{}", report.bands[0].object_jy);
}

#[test]
fn the_sky_goes_away_under_a_galaxy_that_stays() {
    let dir = tempfile::tempdir().unwrap();
    let galaxy = [Blob(0.0, 0.0, 25.0, 0.01)];
    let made = Made { noise: 5e-7, sky: 4e-5, ..Made::new("SDSS_r", 1.0, 2.0, 300) };
    let images = vec![made.write(dir.path(), &galaxy)];
    let (cube, report) = build(&Request { min_bands: 1, ..request(images, 120.0, 3.0) }, &Silent).unwrap();
    assert!((sum(&cube.layers[0].flux) / 0.01 - 1.0).abs() < 0.01, "{}", sum(&cube.layers[0].flux));
    assert!((report.bands[0].sky_jy / 4e-5 - 1.0).abs() < 1e-3);
}

#[test]
fn requests_that_cannot_be_met_are_refused_in_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let galaxy = [Blob(0.0, 0.0, 15.0, 1e-3)];
    let a = Made::new("SDSS_r", 1.0, 3.0, 60).write(dir.path(), &galaxy);
    let b = Made::new("WISE_W4", 2.0, 12.0, 40).write(dir.path(), &galaxy);
    let both = || vec![a.clone(), b.clone()];
    let said = |request: Request| build(&request, &Silent).unwrap_err().to_string();
    let text = said(Request { min_bands: 6, ..request(both(), 40.0, 3.0) });
    assert!(text.contains("--min-bands 2"), "{text}");
    let text = said(Request { matching: Matching::Gaussian(8.0), ..request(both(), 40.0, 3.0) });
    assert!(text.contains("WISE_W4") && text.contains("sharpening"), "{text}");
    let mut apart = request(both(), 40.0, 3.0);
    apart.grid.center = Some((125.0, 3.0));
    assert!(said(apart).contains("does not reach the field"));
    let far = dir.path().join("SDSS_i.fits");
    let header = Header::from_text("BUNIT = 'Jy'\nCTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 5\nCRPIX2 = 5\nCRVAL1 = 20\nCRVAL2 = 5\nCDELT1 = -0.001\nCDELT2 = 0.001").unwrap();
    write_image_f32(&far, &header, &[9, 9], &[1.0; 81], true).unwrap();
    let mut three = both();
    three.push(ImageSpec::new(&far));
    let text = said(Request { min_bands: 3, ..Request::new(three) });
    assert!(text.contains(".fits") && (text.contains("overlap") || text.contains("other side")), "{text}");
    let mut huge = request(both(), 40.0, 3.0);
    huge.grid.scale_arcsec = Some(1e-4);
    assert!(said(huge).contains("--scale"));
    let nothing =
        Request { reddening: Reddening { ebv: f64::NAN, ..Reddening::default() }, ..request(both(), 40.0, 3.0) };
    assert!(said(nothing).contains("--ebv"));
    // An image of one value has no scatter to take uncertainties from.
    let flat = Made { sky: 1e-5, ..Made::new("SDSS_g", 1.0, 3.0, 60) }.write(dir.path(), &[]);
    let flat = ImageSpec { uncertainty: None, sky: None, ..flat };
    let text = said(Request { min_bands: 1, ..request(vec![flat], 40.0, 3.0) });
    assert!(text.contains("SDSS_g.fits") && text.contains("--sigma"), "{text}");
}

#[test]
fn a_model_without_noise_makes_a_cube_too() {
    let dir = tempfile::tempdir().unwrap();
    let spec = Made::new("SDSS_g", 1.0, 3.0, 90).write(dir.path(), &[Blob(0.0, 0.0, 8.0, 1e-3)]);
    let spec = ImageSpec { uncertainty: None, sky: None, ..spec };
    let (cube, _) = build(&Request { min_bands: 1, ..request(vec![spec], 60.0, 3.0) }, &Silent).unwrap();
    assert!((sum(&cube.layers[0].flux) / 1e-3 - 1.0).abs() < 2e-3, "{}", sum(&cube.layers[0].flux));
    assert!(cube.layers[0].sigma.iter().all(|s| *s > 0.0));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(12))]
    #[test]
    fn flux_is_kept_for_any_pixels_turn_and_width(side in 0.5f64..3.0, turn in -180.0f64..180.0, fwhm in 2.2f64..7.0, scale in 1.0f64..6.0) {
        let dir = tempfile::tempdir().unwrap();
        let galaxy = [Blob(2.0, -1.0, 12.0, 1e-3)];
        let fwhm = fwhm.max(2.2 * side);
        let size = (110.0 / side) as usize;
        let made = Made { turn_deg: turn, ..Made::new("SDSS_r", side, fwhm, size) };
        let images = vec![made.write(dir.path(), &galaxy)];
        let request = Request { matching: Matching::Gaussian(9.0), ..request(images, 70.0, scale) };
        let (cube, _) = build(&request, &Silent).unwrap();
        let found = sum(&cube.layers[0].flux);
        proptest::prop_assert!((found / 1e-3 - 1.0).abs() < 1e-3, "{}", found);
    }
}
