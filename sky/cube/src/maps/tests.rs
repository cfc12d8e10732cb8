#![allow(clippy::unwrap_used, reason = "tests")]

use pogson_image::fits::{FitsFile, Rect};
use pogson_image::wcs::Wcs;
use pogson_sed::parameter::Parameter;

use super::*;
use crate::morphology::model::Kind;
use crate::result::made_up::{galaxy, record};
use crate::result::{Bins, Special};

fn read(path: &Path, name: &str) -> Vec<f32> {
    let file = FitsFile::open(path).unwrap();
    let image = file.image(file.named(name, None).unwrap()).unwrap();
    let mut out = vec![0.0; image.width() * image.height()];
    image.read_f32(0, Rect { x: 0, y: 0, width: image.width(), height: image.height() }, &mut out).unwrap();
    out
}

fn with_bins_and_whole() -> ResultFile {
    let mut file = galaxy(20, 14, 1, 6);
    let map = (0..20 * 14).map(|k| if k % 20 < 5 { -1 } else { k % 2 }).collect();
    file.bins = Some(Bins { map, records: (0..2).map(|k| record(&file.facts, k, 0, 9, 0)).collect() });
    let whole = record(&file.facts, 0, 0, 5, 60);
    file.push_special(Special::Integrated, whole);
    file
}

#[test]
fn maps_hold_each_pixels_values_where_the_pixel_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = with_bins_and_whole();
    let written = write_maps::<MapsError>(&file, folder.path(), false, || Ok(())).unwrap();
    assert_eq!((written.fits.len(), written.pictures.len()), (2 * 23, 2 * 22));
    let k = file.parameter_index(Parameter::StellarMass).unwrap();
    let path = folder.path().join("m_star.fits");
    let (median, p84, best) = (read(&path, "MEDIAN"), read(&path, "P84"), read(&path, "BEST"));
    assert_eq!(median.iter().filter(|v| v.is_finite()).count(), file.pixels.len());
    for r in &file.pixels {
        let at = r.y as usize * 20 + r.x as usize;
        assert_eq!(median[at], r.fit.marginals[k].percentiles[2] as f32);
        assert_eq!(p84[at], r.fit.marginals[k].percentiles[3] as f32);
        assert!((f64::from(best[at]) - libm::log10(r.fit.best.values[k])).abs() < 1e-6);
    }
    let chi2 = read(&folder.path().join("quality.fits"), "CHI2");
    let r = &file.pixels[7];
    assert_eq!(chi2[r.y as usize * 20 + r.x as usize], r.fit.best.chi2 as f32);
    let binned = read(&folder.path().join("bin_m_star.fits"), "MEDIAN");
    let bins = file.bins.as_ref().unwrap();
    assert!(binned[0].is_nan());
    assert_eq!(binned[6], bins.records[0].fit.marginals[k].percentiles[2] as f32);
    assert_eq!(binned[7], bins.records[1].fit.marginals[k].percentiles[2] as f32);
}

#[test]
fn maps_keep_the_cubes_coordinates_and_say_their_unit() {
    let folder = tempfile::tempdir().unwrap();
    let file = galaxy(20, 14, 1, 0);
    let path = folder.path().join("sfr.fits");
    let k = file.parameter_index(Parameter::Sfr).unwrap();
    write_parameter(&path, &file, Level::Pixels, k, false).unwrap();
    let fits = FitsFile::open(&path).unwrap();
    for hdu in 0..fits.hdus().len() {
        let wcs = Wcs::from_hdu(&fits, hdu).unwrap();
        assert_eq!(wcs.crval(), (150.0, 2.5));
        assert_eq!(fits.hdu(hdu).unwrap().header().str("BUNIT"), Some("log(solMass yr-1)"));
    }
    assert!(write_parameter(&path, &file, Level::Pixels, k, false).unwrap_err().to_string().contains("--force"));
}

#[test]
fn nothing_is_written_where_a_file_is_there_already() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("quality.fits"), b"mine").unwrap();
    let done = write_maps::<MapsError>(&galaxy(8, 6, 1, 0), folder.path(), false, || Ok(()));
    assert!(matches!(done, Err(MapsError::Exists { .. })));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn totals_are_sums_of_linear_values() {
    let mut file = with_bins_and_whole();
    let k = file.parameter_index(Parameter::StellarMass).unwrap();
    for record in &mut file.pixels {
        // Two pixels' worth of 1e6 each, log-normal with a half width that is known.
        record.fit.marginals[k].percentiles = [5.0, 5.9, 6.0, 6.1, 7.0];
        record.fit.best.values[k] = 2e6;
    }
    let n = file.pixels.len() as f64;
    let total = totals(&file, Level::Pixels).into_iter().find(|t| t.parameter == Parameter::StellarMass).unwrap();
    assert!((total.medians / (n * 1e6) - 1.0).abs() < 1e-12);
    assert!((total.best / (n * 2e6) - 1.0).abs() < 1e-12);
    let half = (libm::pow(10.0, 6.1) - libm::pow(10.0, 5.9)) / 2.0;
    assert!((total.sigma_independent / (n.sqrt() * half) - 1.0).abs() < 1e-12);
    assert!((total.sigma_together / (n * half) - 1.0).abs() < 1e-12);
    let whole = file.special[&Special::Integrated][0].fit.marginals[k].percentiles[2];
    assert!((total.difference_dex().unwrap() - (libm::log10(n * 1e6) - whole)).abs() < 1e-9);
}

#[test]
fn a_bin_counts_as_often_as_it_has_pixels() {
    let file = with_bins_and_whole();
    let bins = file.bins.as_ref().unwrap();
    let k = file.parameter_index(Parameter::StellarMass).unwrap();
    let pixels = |bin: i32| bins.map.iter().filter(|b| **b == bin).count() as f64;
    let mass = |bin: usize| libm::pow(10.0, bins.records[bin].fit.marginals[k].median());
    let total = totals(&file, Level::Bins).into_iter().find(|t| t.parameter == Parameter::StellarMass).unwrap();
    let truth = pixels(0) * mass(0) + pixels(1) * mass(1);
    assert!((total.medians / truth - 1.0).abs() < 1e-12);
}

#[test]
fn the_report_stands_alone_and_shows_what_was_asked_for() {
    let file = with_bins_and_whole();
    let asked = (file.pixels[30].x, file.pixels[30].y);
    let page = report(&file, &ReportOptions { pixels: vec![asked] }).unwrap().html();
    assert!(page.contains(&format!("Pixel {}, {} (asked for)", asked.0 + 1, asked.1 + 1)));
    assert!(page.contains("Summed light<") && page.contains("Summed light: posterior"));
    for band in &file.facts.bands {
        assert!(page.contains(&format!(">{}</text>", band.name)));
    }
    // Pictures are base64, which has neither of these before it.
    for undefined in [" NaN", ">NaN", "\"NaN", ">inf", " inf,", "\"inf"] {
        assert!(!page.contains(undefined), "{undefined}");
    }
    assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("<script"));
    assert_eq!(page.matches("<img").count(), 44);
}

#[test]
fn the_summary_counts_what_was_fitted() {
    let file = with_bins_and_whole();
    let said = summary(&file);
    assert_eq!(said["levels"]["pixels"]["fitted"], file.pixels.len());
    assert_eq!(said["levels"]["bins"]["fitted"], 2);
    let few = file.pixels.iter().filter(|r| r.fit.flags & 1 != 0).count();
    assert_eq!(said["levels"]["pixels"]["few_models"], few);
    assert!(said["levels"]["pixels"]["totals"]["m_star"]["sum_of_medians"].as_f64().unwrap() > 0.0);
}

/// A result whose stellar mass is a bulge and a disc.
fn with_structure() -> ResultFile {
    use crate::morphology::model::{Component, Grid, Profile};
    let (width, height) = (48, 44);
    let mut file = galaxy(width, height, 1, 0);
    file.facts.header.set("PSFFWHM", 2.0 * 0.0003 * 3600.0, "");
    let k = file.parameter_index(Parameter::StellarMass).unwrap();
    let grid = Grid { width: width as usize, height: height as usize, anchor: (24.2, 21.7) };
    let mut map = vec![0.0; (width * height) as usize];
    let disc = Profile::Exponential { scale: 6.0 };
    Component { profile: disc, total: 1e10, q: 0.7, theta: 0.3 }.draw((24.2, 21.7), grid, &mut map);
    let mut stream = crate::result::made_up::Stream(8);
    for r in &mut file.pixels {
        let mass = map[(r.y * width + r.x) as usize];
        let sigma: f64 = 0.03 * mass;
        let seen = libm::log10(mass + sigma * stream.normal());
        let half = libm::log10(1.03);
        r.fit.marginals[k].percentiles = [seen - 2.0 * half, seen - half, seen, seen + half, seen + 2.0 * half];
    }
    file
}

#[test]
fn the_shape_of_the_stellar_mass_is_that_of_its_disc() {
    let file = with_structure();
    let options = StructureOptions { kinds: vec![Kind::Disc], fwhm_arcsec: None, distance_mpc: Some(40.0) };
    let found = structure(&file, &options);
    let model = &found.models.as_ref().unwrap()[0];
    assert!((found.fwhm_pixels.unwrap() - 2.0).abs() < 1e-9);
    // The mock is not blurred: a blur of two pixels makes the fitted disc a little shorter.
    assert!((model.get("disc_scale").unwrap().value / 6.0 - 1.0).abs() < 0.06, "{model:?}");
    assert!((model.get("disc_axis_ratio").unwrap().value - 0.7).abs() < 0.05);
    // 40 Mpc at redshift 0.01: an arcsecond is 40 / 1.01^2 Mpc times 4.848e-6.
    let kpc = 40_000.0 / (1.01 * 1.01) * 4.848_136_811e-6;
    assert!((found.kpc_per_arcsec.unwrap() / kpc - 1.0).abs() < 1e-9);
    let (_, rings) = found.profiles.iter().find(|(p, _)| *p == Parameter::StellarMass).unwrap();
    let brightness = |r: f64| 1e10 / (2.0 * std::f64::consts::PI * 36.0 * 0.7) * libm::exp(-r / 6.0);
    for ring in &rings[1..5] {
        let truth = brightness((ring.inner + ring.outer) / 2.0);
        assert!((ring.mean / truth - 1.0).abs() < 0.08, "{ring:?} {truth}");
    }
    let table = found.ecsv();
    let rows = table.lines().filter(|l| !l.starts_with('#')).count();
    assert_eq!(rows, rings.len() + 1);
    assert!(table.contains("{name: m_star, unit: solMass kpc-2, datatype: float64}"), "{table}");
    let page = structure_section(pogson_view::report::ReportBuilder::new("t", ""), &file, &found).unwrap().html();
    assert!(page.contains("The disc model") && page.contains("Radial profiles"));
    assert!(found.json()["models"][0]["kind"] == "disc");
}

#[test]
fn a_map_that_differs_by_less_than_its_pixels_are_uncertain_by_is_shown_over_their_interval() {
    let mut file = galaxy(20, 14, 1, 0);
    let k = file.parameter_index(Parameter::TauV).unwrap();
    for (n, r) in file.pixels.iter_mut().enumerate() {
        let middle = 1.0 + 0.001 * (n % 7) as f64;
        r.fit.marginals[k].percentiles = [middle - 0.9, middle - 0.5, middle, middle + 0.5, middle + 0.9];
    }
    let (low, high) = map_picture(&file, Level::Pixels, k).limits;
    assert!((high - low - 1.0).abs() < 1e-3 && (0.5 * (low + high) - 1.003).abs() < 0.002, "{low} {high}");
    for r in &mut file.pixels {
        let middle = 0.1 * f64::from(r.x);
        r.fit.marginals[k].percentiles = [middle; 5];
    }
    let (low, high) = map_picture(&file, Level::Pixels, k).limits;
    assert!(high - low > 1.0 && low >= 0.0 && high <= 2.0, "{low} {high}");
}
