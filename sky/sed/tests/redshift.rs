//! Redshifts that are found by the fit.
#![allow(clippy::unwrap_used, reason = "tests")]

use pogson_sed::build::Builder;
use pogson_sed::cosmology::luminosity_distance_mpc;
use pogson_sed::filter::{Filter, find};
use pogson_sed::fit::{Fitter, Options, RedshiftError, RedshiftFitter};
use pogson_sed::library::{Band, Library};
use pogson_sed::mock::{Mock, MockRecipe, draw};
use pogson_sed::parameter::Parameter;

const BANDS: [&str; 8] = ["GALEX_FUV", "GALEX_NUV", "SDSS_u", "SDSS_g", "SDSS_r", "SDSS_i", "SDSS_z", "2MASS_Ks"];

fn library(redshift: f64, seed: u64, models: u32) -> Library {
    let filters: Vec<&Filter> = BANDS.iter().map(|name| find(name).unwrap()).collect();
    let band = |f: &&Filter| Band { name: f.name.clone(), wavelength_um: f.pivot() / 1e4, id: 0 };
    let bands: Vec<Band> = filters.iter().map(band).collect();
    let builder = Builder::new(pogson_sed::ssp::embedded(), &bands, &filters, redshift, seed).unwrap();
    Library { redshift, bands, stellar: builder.stellar(0..models), dust: builder.dust(0..models / 4) }
}

fn grid(redshifts: impl Iterator<Item = f64>, models: u32) -> RedshiftFitter {
    let fitter = |z| Fitter::new(&library(z, 1, models), Options::default()).unwrap();
    RedshiftFitter::new(redshifts.map(fitter).collect()).unwrap()
}

/// Mocks at redshift 0.05 from another library, S/N 20 in each band.
fn mocks(count: u32) -> Vec<Mock> {
    let recipe =
        MockRecipe { count, snr: 20.0, seed: 3, mass: (1e9, 1e11), distance_mpc: luminosity_distance_mpc(0.05) };
    draw(&library(0.05, 77, 2000), &recipe).unwrap()
}

#[test]
fn redshifts_of_mocks_are_found_within_their_errors_and_the_truth_has_more_evidence_than_what_is_far() {
    let fitter = grid((1..=12).map(|k| 0.02 * f64::from(k) - 0.01), 2000);
    let (mut pulls, mut masses, mut prefers) = (Vec::new(), Vec::new(), 0.0);
    let mocks = mocks(24);
    for mock in &mocks {
        let found = fitter.fit(&mock.observation, None).unwrap();
        let total: f64 = found.redshift.grid.iter().map(|point| point.1).sum();
        assert!((total - 1.0).abs() < 1e-12);
        assert_eq!(found.fit.redshift, found.redshift.best());
        pulls.push((found.redshift.mean() - 0.05) / found.redshift.sigma());
        let evidence = |k: usize| {
            let fitter = &fitter.fitters()[k];
            let mut known = mock.observation.clone();
            known.redshift = fitter.models().redshift;
            fitter.fit(&known).unwrap().ln_evidence
        };
        prefers += evidence(2) - evidence(11);
        let mass = found.fit.marginals.iter().find(|m| m.parameter == Parameter::StellarMass).unwrap();
        assert!((mass.histogram.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let sigma = 0.5 * (mass.percentiles[3] - mass.percentiles[1]);
        masses.push((mass.median() - libm::log10(mock.truth[5])) / sigma);
    }
    println!("pulls {pulls:.1?}\nmasses {masses:.1?}\nevidence {prefers:.1}");
    for pulls in [&pulls, &masses] {
        assert!(pulls.iter().all(|pull| pull.abs() < 4.0), "{pulls:.1?}");
        assert!(pulls.iter().filter(|pull| pull.abs() < 2.0).count() >= 20, "{pulls:.1?}");
    }
    assert!(prefers > 2.0 * mocks.len() as f64, "{prefers}");
}

#[test]
fn a_grid_of_one_redshift_is_the_fit_at_it() {
    let fitter = grid([0.05].into_iter(), 300);
    let mock = &mocks(1)[0];
    let known = fitter.fitters()[0].fit(&mock.observation).unwrap();
    let mut elsewhere = mock.observation.clone();
    elsewhere.redshift = 3.0;
    let found = fitter.fit(&elsewhere, Some((40, (1, 2)))).unwrap();
    assert_eq!(found.redshift.grid, [(0.05, 1.0)]);
    assert_eq!((found.redshift.best(), found.redshift.mean(), found.redshift.sigma()), (0.05, 0.05, 0.0));
    assert_eq!(found.fit.best, known.best);
    for (a, b) in found.fit.marginals.iter().zip(&known.marginals) {
        for (a_value, b_value) in a.percentiles.iter().zip(&b.percentiles) {
            assert!((a_value - b_value).abs() < 1e-9 * (1.0 + b_value.abs()), "{:?}", a.parameter);
        }
    }
    assert!((found.fit.ln_evidence - known.ln_evidence).abs() < 1e-9);
    assert_eq!(found.draws.unwrap().values.len(), 40);
}

#[test]
fn draws_are_of_all_redshifts_and_as_many_as_asked_for() {
    let fitter = grid([0.04, 0.05, 0.06].into_iter(), 300);
    let found = fitter.fit(&mocks(1)[0].observation, Some((101, (1, 7)))).unwrap();
    let draws = found.draws.unwrap();
    assert_eq!(draws.values.len(), 101);
    assert!(draws.values.iter().all(|draw| draw.len() == 22 && draw.iter().all(|value| value.is_finite())));
}

#[test]
fn libraries_that_make_no_grid_are_refused() {
    let one = |z| Fitter::new(&library(z, 1, 20), Options::default()).unwrap();
    assert!(matches!(RedshiftFitter::new(Vec::new()), Err(RedshiftError::None)));
    let backwards = RedshiftFitter::new(vec![one(0.06), one(0.05)]);
    assert!(matches!(backwards, Err(RedshiftError::Order { before: 0.06, after: 0.05 })));
    assert!(matches!(RedshiftFitter::new(vec![one(0.0)]), Err(RedshiftError::NoDistance { .. })));
    let floor = Options { floor: 0.1, ..Options::default() };
    let other = Fitter::new(&library(0.06, 1, 20), floor).unwrap();
    let unlike = RedshiftFitter::new(vec![one(0.05), other]);
    assert!(matches!(unlike, Err(RedshiftError::Unlike { what: "options", .. })));
}
