//! Truth lies within intervals as often as they say, where few models of the library share the probability.
#![allow(clippy::unwrap_used, reason = "tests")]

use pogson_sed::build::Builder;
use pogson_sed::filter::{Filter, find};
use pogson_sed::fit::{Fitter, Options};
use pogson_sed::library::{Band, Library};
use pogson_sed::mock::{Mock, MockRecipe, draw};
use pogson_sed::parameter::Parameter;
use pogson_sed::posterior::PERCENTILES;

const BANDS: [&str; 8] = ["GALEX_NUV", "SDSS_u", "SDSS_g", "SDSS_i", "WISE_W1", "WISE_W3", "WISE_W4", "SPIRE_250"];

fn library(seed: u64, models: u32) -> Library {
    let filters: Vec<&Filter> = BANDS.iter().map(|name| find(name).unwrap()).collect();
    let band = |f: &&Filter| Band { name: f.name.clone(), wavelength_um: f.pivot() / 1e4, id: 0 };
    let bands: Vec<Band> = filters.iter().map(band).collect();
    let builder = Builder::new(pogson_sed::ssp::embedded(), &bands, &filters, 0.01, seed).unwrap();
    Library { redshift: 0.01, bands, stellar: builder.stellar(0..models), dust: builder.dust(0..models) }
}

fn mocks(count: u32, snr: f64) -> Vec<Mock> {
    let recipe = MockRecipe { count, snr, seed: 5, mass: (1e5, 1e9), distance_mpc: 43.158 };
    draw(&library(2, 4000), &recipe).unwrap()
}

/// Percent of truths within the 68 and 95 % intervals and below the median, over the 16 parameters of all mocks.
fn within(fitter: &Fitter, mocks: &[Mock]) -> [f64; 3] {
    let mut counts = [0.0; 3];
    for mock in mocks {
        let fit = fitter.fit(&mock.observation).unwrap();
        for (marginal, truth) in fit.marginals.iter().zip(&mock.truth).take(Parameter::PAPER.len()) {
            let truth = if marginal.parameter.is_logarithmic() { libm::log10(*truth) } else { *truth };
            let [p2, p16, p50, p84, p97] = marginal.percentiles;
            for (count, inside) in
                counts.iter_mut().zip([(p16..=p84).contains(&truth), (p2..=p97).contains(&truth), truth < p50])
            {
                *count += f64::from(u8::from(inside));
            }
        }
    }
    counts.map(|count| 100.0 * count / (mocks.len() * Parameter::PAPER.len()) as f64)
}

#[test]
fn intervals_hold_what_they_say_where_the_sums_over_few_models_do_not() {
    let mocks = mocks(200, 20.0);
    let library = library(1, 3000);
    // The plain sums: few models share the probability of these.
    let plain = within(&Fitter::new(&library, Options { floor: 0.0, ..Options::paper() }).unwrap(), &mocks);
    assert!(plain[0] < 58.0, "{plain:?}");
    let [inner, outer, below] = within(&Fitter::new(&library, Options::default()).unwrap(), &mocks);
    // Parameters of a mock are correlated: 200 mocks scatter by 1 to 2 %.
    assert!((inner - 68.0).abs() < 4.0, "{inner} % within the 68 % interval; plain {plain:?}");
    assert!((outer - 95.0).abs() < 2.5, "{outer} % within the 95 % interval");
    assert!((below - 50.0).abs() < 4.0, "{below} % below the median");
}

#[test]
fn draws_follow_the_marginals_where_few_models_count() {
    let fitter = Fitter::new(&library(1, 2000), Options::default()).unwrap();
    for mock in mocks(3, 12.0) {
        let (fit, _, draws) = fitter.fit_and_draw(&mock.observation, 4000, (1, 2)).unwrap();
        assert!(fit.effective_stellar.min(fit.effective_dust) < 80.0, "many models count here");
        let (again, _, same) = fitter.fit_and_draw(&mock.observation, 4000, (1, 2)).unwrap();
        assert!(again == fit && same == draws, "the same twice");
        for (k, marginal) in fit.marginals.iter().enumerate() {
            assert_eq!(draws.parameters[k], marginal.parameter);
            assert!((marginal.histogram.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            for (percentile, share) in marginal.percentiles.iter().zip(PERCENTILES) {
                let below = draws.values.iter().filter(|draw| draw[k] < *percentile).count() as f64 / 4000.0;
                assert!((below - share).abs() < 0.08, "{:?}: {below} for {share}", marginal.parameter);
            }
        }
        let (ssfr, mass, sfr) = (4, 5, 15);
        let off = draws.values.iter().map(|draw| (draw[sfr] - draw[mass] - draw[ssfr]).abs()).fold(0.0, f64::max);
        assert!(off < 1e-9, "{off}");
    }
}
