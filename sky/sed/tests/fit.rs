//! The fast fit against the plain loop over all pairs, and against itself at other vector widths.
#![allow(clippy::unwrap_used, reason = "tests")]

use pogson_sed::build::Builder;
use pogson_sed::filter::{Filter, find};
use pogson_sed::fit::{Fitter, NaiveSums, Options, naive};
use pogson_sed::library::{Band, Library};
use pogson_sed::mock::{MockRecipe, draw};
use pogson_sed::observation::{Measurement, Observation};
use pogson_sed::parameter::Parameter;
use pogson_sed::posterior::PixelFit;
use proptest::prelude::*;

const OPTICAL: [&str; 5] = ["SDSS_u", "SDSS_g", "SDSS_r", "SDSS_i", "SDSS_z"];
const NEAR: [&str; 6] = ["SDSS_u", "SDSS_g", "SDSS_i", "2MASS_Ks", "WISE_W1", "WISE_W2"];
const FAR: [&str; 8] = ["GALEX_NUV", "SDSS_u", "SDSS_r", "WISE_W1", "WISE_W2", "WISE_W3", "WISE_W4", "SPIRE_250"];
const DUST: [&str; 4] = ["WISE_W3", "WISE_W4", "PACS_100", "SPIRE_250"];

fn library(names: &[&str], seed: u64, models: u32) -> Library {
    let filters: Vec<&Filter> = names.iter().map(|name| find(name).unwrap()).collect();
    let band = |f: &&Filter| Band { name: f.name.clone(), wavelength_um: f.pivot() / 1e4, id: 0 };
    let bands: Vec<Band> = filters.iter().map(band).collect();
    let builder = Builder::new(pogson_sed::ssp::embedded(), &bands, &filters, 0.01, seed).unwrap();
    Library { redshift: 0.01, bands, stellar: builder.stellar(0..models), dust: builder.dust(0..models + 37) }
}

fn observations(names: &[&str], snr: f64, seed: u64, count: u32) -> Vec<Observation> {
    let recipe = MockRecipe { count, snr, seed, mass: (1e4, 1e9), distance_mpc: 43.0 };
    draw(&library(names, 9, 200), &recipe).unwrap().into_iter().map(|mock| mock.observation).collect()
}

/// The largest difference of a coarse bin from the plain loop's, beyond a ten thousandth of it: a pair whose scale lies within
/// single precision's rounding of an edge may be counted in the next bin.
fn off(fitter: &Fitter, fit: &PixelFit, sums: &NaiveSums) -> f64 {
    let scaled = [Parameter::StellarMass, Parameter::DustLuminosity, Parameter::Sfr, Parameter::DustMass];
    let mut worst: f64 = 0.0;
    for (parameter, fine) in scaled.iter().zip(&sums.scaled) {
        let axis = fitter.models().axes.of(*parameter);
        let mut coarse = vec![0.0; axis.coarse.len()];
        for (&bin, p) in axis.coarse_of.iter().zip(fine) {
            if let Some(slot) = coarse.get_mut(usize::from(bin)) {
                *slot += p / sums.total;
            }
        }
        let marginal = fit.marginals.iter().find(|marginal| marginal.parameter == *parameter).unwrap();
        for (fast, plain) in marginal.histogram.iter().zip(&coarse) {
            worst = worst.max((fast - plain).abs() - 1e-4 * plain);
        }
    }
    worst
}

fn check(names: &[&str], snr: f64, seed: u64) -> Result<(), TestCaseError> {
    let fitter = Fitter::new(&library(names, 1, 500), Options::paper()).unwrap();
    for observation in observations(names, snr, seed, 2) {
        let Ok(data) = fitter.data(&observation) else { continue };
        let sums = naive(fitter.models(), &data);
        let fit = fitter.fit(&observation).unwrap();
        prop_assert!((fit.best.chi2 - sums.chi2).abs() <= 1e-9 * sums.chi2 + 1e-9, "{} {}", fit.best.chi2, sums.chi2);
        prop_assert_eq!((fit.best.stellar, fit.best.dust), (sums.best.0 + 1, sums.best.1 + 1));
        let effective = |sums: &[f64], total: f64| 1.0 / sums.iter().map(|p| (p / total).powi(2)).sum::<f64>();
        let relative = fit.effective_stellar / effective(&sums.stellar, sums.total) - 1.0;
        prop_assert!(relative.abs() < 2e-5, "effective models of stars {relative:e}");
        let relative = fit.effective_dust / effective(&sums.dust, sums.total) - 1.0;
        prop_assert!(relative.abs() < 2e-5, "effective models of dust {relative:e}");
        let evidence = libm::log(sums.total / fitter.models().pairs as f64) - 0.5 * sums.chi2;
        prop_assert!((fit.ln_evidence - evidence).abs() < 1e-5, "{} {evidence}", fit.ln_evidence);
        let off = off(&fitter, &fit, &sums);
        prop_assert!(off < 1e-5, "a bin is {off:e} off");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_fast_fit_is_the_plain_loop(snr in 2.0f64..300.0, seed in 0u64..1000) {
        for names in [&OPTICAL[..], &NEAR, &FAR, &DUST] {
            check(names, snr, seed)?;
        }
    }
}

#[test]
fn pixels_of_dust_alone_keep_their_bins() {
    // No starlight tells a row's scale: its reference comes from the best pair's luminosity.
    check(&DUST, 16.014906424625636, 182).unwrap();
}

#[test]
fn missing_bands_and_upper_limits_leave_the_rest_as_if_they_were_not() {
    let fitter = Fitter::new(&library(&FAR, 1, 300), Options::default()).unwrap();
    let mut observation = observations(&FAR, 10.0, 3, 1).remove(0);
    observation.bands[4] = Measurement::Absent;
    let absent = fitter.fit(&observation).unwrap();
    // A limit far above the model says nothing.
    observation.bands[4] = Measurement::UpperLimit { sigma_jy: 1e3 };
    let limited = fitter.fit(&observation).unwrap();
    for (a, b) in absent.marginals.iter().zip(&limited.marginals) {
        for (a_value, b_value) in a.percentiles.iter().zip(&b.percentiles) {
            assert!((a_value - b_value).abs() < 1e-3 * (1.0 + a_value.abs()), "{:?} {a_value} {b_value}", a.parameter);
        }
    }
    // One far below it pulls the model's flux down.
    let before = limited.best.model_jy[4];
    observation.bands[4] = Measurement::UpperLimit { sigma_jy: before / 30.0 };
    assert!(fitter.fit(&observation).unwrap().best.model_jy[4] < 0.8 * before);
}

#[test]
fn the_width_of_the_scale_is_in_the_default() {
    // Six bands of S/N 3: the scale alone is known to 1 / sqrt(54), 0.06 dex.
    let observation = &observations(&NEAR, 3.0, 5, 1)[0];
    let models = library(&NEAR, 1, 400);
    let width = |options: Options| {
        let fit = Fitter::new(&models, Options { floor: 0.0, ..options }).unwrap().fit(observation).unwrap();
        let of = |parameter| fit.marginals.iter().find(|marginal| marginal.parameter == parameter).unwrap().percentiles;
        let mass = of(Parameter::StellarMass);
        mass[3] - mass[1]
    };
    assert!(width(Options::default()) > width(Options::paper()));
}

#[test]
fn draws_follow_the_marginals() {
    for (names, options) in [(&NEAR[..], Options::default()), (&OPTICAL, Options::default()), (&FAR, Options::paper())]
    {
        let fitter = Fitter::new(&library(names, 1, 600), options).unwrap();
        let observation = &observations(names, 1.5, 11, 1)[0];
        let (fit, _, draws) = fitter.fit_and_draw(observation, 3000, (1, 2)).unwrap();
        assert_eq!(draws.values.len(), 3000);
        assert!(fit.effective_stellar > 40.0, "marginals rest on other probabilities where few models count");
        let covariance = draws.covariance();
        for (k, marginal) in fit.marginals.iter().enumerate() {
            assert_eq!(draws.parameters[k], marginal.parameter);
            let below = draws.values.iter().filter(|draw| draw[k] < marginal.median()).count() as f64 / 3000.0;
            assert!((below - 0.5).abs() < 0.1, "{:?}: {below} below the median", marginal.parameter);
            assert!(covariance[k * draws.parameters.len() + k] >= 0.0);
        }
        // Mass, luminosity and mass of dust share their scale: ssfr is the difference of two of them.
        let (ssfr, mass, sfr) = (4, 5, 15);
        let off = draws.values.iter().map(|draw| (draw[sfr] - draw[mass] - draw[ssfr]).abs()).fold(0.0, f64::max);
        assert!(off < 1e-9, "{off}");
    }
}

/// Prints a hash of fits; run again by the test below at other vector widths.
#[test]
fn fits_in_a_line() {
    let mut text = String::new();
    for (names, snr) in [(&OPTICAL[..], 12.0), (&NEAR, 4.0), (&FAR, 30.0), (&FAR, 3.0)] {
        for options in [Options::paper(), Options::default()] {
            let fitter = Fitter::new(&library(names, 1, 300), options).unwrap();
            for observation in observations(names, snr, 8, 2) {
                text += &format!("{:?}", fitter.fit(&observation));
            }
        }
    }
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    println!("\nhash {hash:016x}");
}

#[test]
fn every_vector_width_gives_the_same_bytes() {
    let hash = |level: &str| {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["fits_in_a_line", "--exact", "--nocapture"])
            .env("POGSON_SIMD", level)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().find(|line| line.starts_with("hash ")).unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    let widest = hash("avx512");
    assert_eq!(hash("avx2"), widest);
    assert_eq!(hash("off"), widest);
}
