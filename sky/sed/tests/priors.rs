//! Fits with priors: beside the plain loop over all pairs.
#![allow(clippy::unwrap_used, reason = "tests")]

use pogson_sed::build::Builder;
use pogson_sed::filter::{Filter, find};
use pogson_sed::fit::{FitError, Fitter, Form, ModelsError, Options, Prior, naive};
use pogson_sed::library::{Band, Library};
use pogson_sed::mock::{MockRecipe, draw};
use pogson_sed::observation::Observation;
use pogson_sed::parameter::Parameter;

const OPTICAL: [&str; 5] = ["GALEX_NUV", "SDSS_u", "SDSS_g", "SDSS_r", "SDSS_z"];
const MIXED: [&str; 5] = ["SDSS_u", "SDSS_r", "WISE_W1", "WISE_W3", "SPIRE_250"];
const DUST: [&str; 4] = ["WISE_W4", "PACS_100", "PACS_160", "SPIRE_250"];

fn library(names: &[&str], seed: u64) -> Library {
    let filters: Vec<&Filter> = names.iter().map(|name| find(name).unwrap()).collect();
    let band = |f: &&Filter| Band { name: f.name.clone(), wavelength_um: f.pivot() / 1e4, id: 0 };
    let bands: Vec<Band> = filters.iter().map(band).collect();
    let builder = Builder::new(pogson_sed::ssp::embedded(), &bands, &filters, 0.01, seed).unwrap();
    Library { redshift: 0.01, bands, stellar: builder.stellar(0..400), dust: builder.dust(0..300) }
}

fn observations(names: &[&str], snr: f64) -> Vec<Observation> {
    let recipe = MockRecipe { count: 2, snr, seed: 4, mass: (1e7, 1e9), distance_mpc: 43.0 };
    draw(&library(names, 9), &recipe).unwrap().into_iter().map(|mock| mock.observation).collect()
}

fn range(parameter: Parameter, low: f64, high: f64) -> Prior {
    Prior { parameter, form: Form::Range { low, high } }
}

fn gaussian(parameter: Parameter, mean: f64, sigma: f64) -> Prior {
    Prior { parameter, form: Form::Gaussian { mean, sigma } }
}

/// Sums over models of either kind, the evidence and the best pair, beside the plain loop.
fn check(names: &[&str], snr: f64, priors: &[Prior]) {
    let models = library(names, 1);
    let fitter = Fitter::new(&models, Options { priors: priors.to_vec(), ..Options::paper() }).unwrap();
    for observation in observations(names, snr) {
        let sums = naive(fitter.models(), &fitter.data(&observation).unwrap());
        let fit = fitter.fit(&observation).unwrap();
        assert_eq!((fit.best.stellar, fit.best.dust), (sums.best.0 + 1, sums.best.1 + 1), "{priors:?}");
        let effective = |sums_of: &[f64]| 1.0 / sums_of.iter().map(|p| (p / sums.total).powi(2)).sum::<f64>();
        let relative = fit.effective_stellar / effective(&sums.stellar) - 1.0;
        assert!(relative.abs() < 5e-5, "{priors:?} effective models of stars {relative:e}");
        let relative = fit.effective_dust / effective(&sums.dust) - 1.0;
        assert!(relative.abs() < 5e-5, "{priors:?} effective models of dust {relative:e}");
        for (parameter, fine) in
            [Parameter::StellarMass, Parameter::DustLuminosity, Parameter::Sfr, Parameter::DustMass]
                .iter()
                .zip(&sums.scaled)
        {
            let axis = fitter.models().axes.of(*parameter);
            let marginal = fit.marginals.iter().find(|marginal| marginal.parameter == *parameter).unwrap();
            let mut coarse = vec![0.0; axis.coarse.len()];
            for (&bin, p) in axis.coarse_of.iter().zip(fine) {
                if let Some(slot) = coarse.get_mut(usize::from(bin)) {
                    *slot += p / sums.total;
                }
            }
            for (fast, plain) in marginal.histogram.iter().zip(&coarse) {
                assert!(
                    (fast - plain).abs() < 1e-3 * plain + 2e-5,
                    "{names:?} {priors:?} {parameter:?}: {fast} {plain}"
                );
            }
        }
    }
}

#[test]
fn priors_weigh_pairs_as_in_the_plain_loop() {
    for names in [&OPTICAL[..], &MIXED, &DUST] {
        for snr in [3.0, 12.0] {
            check(names, snr, &[range(Parameter::TauV, 0.5, 2.0)]);
            check(names, snr, &[gaussian(Parameter::TauV, 0.4, 0.2), gaussian(Parameter::ColdTemperature, 21.0, 1.0)]);
            check(names, snr, &[range(Parameter::ColdTemperature, 18.0, 22.0), range(Parameter::XiPah, 0.0, 0.1)]);
            check(names, snr, &[gaussian(Parameter::StellarMass, 1e8, 0.2), gaussian(Parameter::DustMass, 1e5, 0.3)]);
            check(names, snr, &[gaussian(Parameter::Metallicity, 1.0, 0.1), gaussian(Parameter::Sfr, 0.01, 0.2)]);
        }
    }
}

#[test]
fn a_prior_far_from_what_the_light_says_still_gives_a_fit() {
    // A thousand times more mass than the light tells: the pairs with the most mass for their light are left.
    for names in [&OPTICAL[..], &MIXED] {
        check(names, 12.0, &[gaussian(Parameter::StellarMass, 1e11, 0.1)]);
        check(names, 5.0, &[gaussian(Parameter::TauV, 20.0, 0.5)]);
    }
}

#[test]
fn a_range_of_mass_leaves_nothing_outside_it() {
    for names in [&OPTICAL[..], &MIXED] {
        let observation = &observations(names, 4.0)[0];
        let models = library(names, 1);
        let free = Fitter::new(&models, Options::paper()).unwrap().fit(observation).unwrap();
        let middle = libm::exp10(free.marginals[5].median());
        let priors = vec![range(Parameter::StellarMass, middle, 3.0 * middle)];
        let fit = Fitter::new(&models, Options { priors, ..Options::paper() }).unwrap().fit(observation).unwrap();
        let [low, .., high] = fit.marginals[5].percentiles;
        let (least, most) = (libm::log10(middle), libm::log10(3.0 * middle));
        assert!(low >= least - 0.006 && high <= most + 0.006, "{low} {high} {middle}");
        let priors = vec![range(Parameter::StellarMass, 1e13, 1e14)];
        let nothing = Fitter::new(&models, Options { priors, ..Options::paper() }).unwrap().fit(observation);
        assert_eq!(nothing, Err(FitError::OutsidePriors { name: observation.name.clone() }));
    }
}

#[test]
fn priors_that_cannot_be_are_refused() {
    let models = library(&["SDSS_u", "SDSS_g", "SDSS_r", "SDSS_i"], 1);
    let of = |prior| Fitter::new(&models, Options { priors: vec![prior], ..Options::default() }).map(|_| ());
    assert_eq!(of(range(Parameter::Metallicity, 50.0, 60.0)), Err(ModelsError::EmptyPrior));
    assert_eq!(of(gaussian(Parameter::TauV, 1.0, 0.0)), Err(ModelsError::Prior { parameter: "tau_v" }));
    assert_eq!(of(range(Parameter::TauV, 2.0, 1.0)), Err(ModelsError::Prior { parameter: "tau_v" }));
    assert_eq!(of(range(Parameter::Age, 1e9, 1e10)), Ok(()));
}

#[test]
fn draws_follow_the_priors() {
    for names in [&OPTICAL[..], &MIXED] {
        let observation = &observations(names, 3.0)[0];
        let priors = vec![gaussian(Parameter::ColdTemperature, 20.0, 0.5), range(Parameter::TauV, 0.0, 2.0)];
        let fitter = Fitter::new(&library(names, 1), Options { priors, ..Options::default() }).unwrap();
        let (fit, _, draws) = fitter.fit_and_draw(observation, 400, (1, 1)).unwrap();
        let marginal = fit.marginals.iter().find(|m| m.parameter == Parameter::ColdTemperature).unwrap();
        let place = draws.parameters.iter().position(|of| *of == Parameter::ColdTemperature).unwrap();
        let mean = draws.values.iter().map(|draw| draw[place]).sum::<f64>() / draws.values.len() as f64;
        assert!((mean - 20.0).abs() < 0.4 && (marginal.median() - 20.0).abs() < 0.4, "{mean} {}", marginal.median());
    }
}
