//! Fits with ranges of parameters.
#![allow(clippy::unwrap_used, reason = "tests")]

use pogson_sed::build::Builder;
use pogson_sed::filter::{Filter, find};
use pogson_sed::fit::{Fitter, ModelsError, Options, Range, naive};
use pogson_sed::library::{Band, Library};
use pogson_sed::mock::{MockRecipe, draw};
use pogson_sed::parameter::Parameter;

fn library(names: &[&str], seed: u64) -> Library {
    let filters: Vec<&Filter> = names.iter().map(|name| find(name).unwrap()).collect();
    let band = |f: &&Filter| Band { name: f.name.clone(), wavelength_um: f.pivot() / 1e4, id: 0 };
    let bands: Vec<Band> = filters.iter().map(band).collect();
    let builder = Builder::new(pogson_sed::ssp::embedded(), &bands, &filters, 0.01, seed).unwrap();
    Library { redshift: 0.01, bands, stellar: builder.stellar(0..400), dust: builder.dust(0..300) }
}

#[test]
fn a_range_leaves_no_probability_outside_and_inside_that_of_the_plain_loop() {
    let recipe = MockRecipe { count: 2, snr: 5.0, seed: 4, mass: (1e7, 1e9), distance_mpc: 43.0 };
    let optical = ["GALEX_NUV", "SDSS_u", "SDSS_g", "SDSS_r", "SDSS_z"];
    let mixed = ["SDSS_u", "SDSS_r", "WISE_W1", "WISE_W3", "SPIRE_250"];
    let dust = ["WISE_W4", "PACS_100", "PACS_160", "SPIRE_250"];
    for names in [&optical[..], &mixed, &dust] {
        let models = library(names, 1);
        let range = Range { parameter: Parameter::TauV, low: 0.5, high: 2.0 };
        let fitter = Fitter::new(&models, Options { ranges: vec![range], ..Options::paper() }).unwrap();
        let all = Fitter::new(&models, Options::paper()).unwrap();
        for mock in draw(&library(names, 9), &recipe).unwrap() {
            let fit = fitter.fit(&mock.observation).unwrap();
            let marginal = &fit.marginals[3];
            let outside = |bin: usize| {
                let centre = marginal.first + marginal.step * bin as f64;
                centre + 0.5 * marginal.step < 0.5 || centre - 0.5 * marginal.step > 2.0
            };
            let bins = marginal.histogram.iter().enumerate();
            assert_eq!(bins.filter(|(bin, _)| outside(*bin)).map(|(_, p)| p).sum::<f64>(), 0.0);
            assert!((0.5..=2.0).contains(&fit.best.values[3]));
            // The plain loop over all, of which those outside are taken away.
            let sums = naive(all.models(), &all.data(&mock.observation).unwrap());
            let kept = |k: &usize| (0.5..=2.0).contains(&models.stellar.tau_v[*k]);
            let total: f64 = (0..400).filter(kept).map(|k| sums.stellar[k]).sum();
            let squares: f64 = (0..400).filter(kept).map(|k| (sums.stellar[k] / total).powi(2)).sum();
            assert!((fit.effective_stellar * squares - 1.0).abs() < 2e-5, "{}", fit.effective_stellar * squares);
        }
    }
}

#[test]
fn ranges_that_cannot_be_are_refused() {
    let models = library(&["SDSS_u", "SDSS_g", "SDSS_r", "SDSS_i"], 1);
    let of = |parameter, low, high| {
        let ranges = vec![Range { parameter, low, high }];
        Fitter::new(&models, Options { ranges, ..Options::default() }).map(|_| ())
    };
    assert_eq!(of(Parameter::StellarMass, 1.0, 2.0), Err(ModelsError::RangeOf { parameter: "m_star" }));
    assert_eq!(of(Parameter::Metallicity, 50.0, 60.0), Err(ModelsError::EmptyRange));
    assert_eq!(of(Parameter::Age, 1e9, 1e10), Ok(()));
}
