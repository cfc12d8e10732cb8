//! Mock observations with known truth: pairs of a library's models, scaled, with noise.

use crate::cosmology::MPC_CM;
use crate::library::{Library, SOLAR_LUMINOSITY};
use crate::observation::{Measurement, Observation};
use crate::parameter::Parameter;
use crate::random::{Purpose, Stream};

/// Greatest difference of f_mu between the stars and the dust of a pair.
const TOLERANCE: f64 = 0.15;

/// What to draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MockRecipe {
    /// Number of observations.
    pub count: u32,
    /// Flux over its standard deviation, the same in every band; above 0.
    pub snr: f64,
    /// Seed of the random numbers.
    pub seed: u64,
    /// Least and greatest stellar mass, Msun; log-uniform between.
    pub mass: (f64, f64),
    /// Luminosity distance, Mpc.
    pub distance_mpc: f64,
}

/// A mock observation and the truth about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Mock {
    /// Fluxes with noise.
    pub observation: Observation,
    /// Fluxes without, Jy.
    pub flux_jy: Vec<f64>,
    /// Place of the stellar model in the library, from 0.
    pub stellar: usize,
    /// Place of the dust model in the library, from 0.
    pub dust: usize,
    /// Values, [`Parameter::all`]'s order (without histories, those of [`Parameter::PAPER`]); not their logarithms.
    pub truth: Vec<f64>,
}

/// Why no mocks can be drawn.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MockError {
    /// No stellar model has a dust model of similar f_mu.
    #[error("no stellar and dust models of the library differ by 0.15 or less in f_mu; make a larger library")]
    NoPairs,
    /// A number out of range.
    #[error("{what} of {value}: {range}")]
    Range {
        /// Which number.
        what: &'static str,
        /// What it is.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
}

/// Draws observations: pairs uniformly from all compatible ones (f_mu alike within 0.15), masses log-uniform, Gaussian noise.
///
/// # Errors
/// A library without compatible pairs, numbers out of range.
pub fn draw(library: &Library, recipe: &MockRecipe) -> Result<Vec<Mock>, MockError> {
    let range =
        |what, value, good: bool, range| if good { Ok(()) } else { Err(MockError::Range { what, value, range }) };
    let (least, greatest) = recipe.mass;
    range("signal over noise", recipe.snr, recipe.snr > 0.0 && recipe.snr.is_finite(), "give one above 0")?;
    range("least mass", least, least > 0.0 && least <= greatest && greatest.is_finite(), "give masses above 0")?;
    let distance = recipe.distance_mpc;
    range("distance", distance, distance > 0.0 && distance.is_finite(), "give one above 0 Mpc")?;
    let pairs = Pairs::new(library)?;
    let cm = distance * MPC_CM;
    let jy_per_light = SOLAR_LUMINOSITY / (4.0 * core::f64::consts::PI * cm * cm) * 1e23;
    let one = |number: u32| {
        let mut stream = Stream::new(recipe.seed, Purpose::Mock, u64::from(number));
        let (stellar, dust) = pairs.draw(&mut stream);
        let mass = least * libm::exp(stream.uniform() * libm::log(greatest / least));
        let luminosity = library.stellar.dust_luminosity[stellar];
        let fluxes = library.stellar.flux.iter().zip(&library.dust.flux);
        let flux_jy: Vec<f64> =
            fluxes.map(|(s, d)| mass * (s[stellar] + luminosity * d[dust]) * jy_per_light).collect();
        let bands = flux_jy.iter().map(|&flux| {
            let sigma_jy = flux / recipe.snr;
            Measurement::Flux { flux_jy: flux + sigma_jy * stream.normal(), sigma_jy }
        });
        let bands = bands.collect();
        let observation = Observation { name: format!("mock{}", number + 1), redshift: library.redshift, bands };
        Mock { observation, flux_jy, stellar, dust, truth: values(library, stellar, dust, mass) }
    };
    Ok((0..recipe.count).map(one).collect())
}

/// Compatible pairs, counted.
struct Pairs {
    /// Dust models by f_mu.
    order: Vec<usize>,
    /// First of `order` that goes with a stellar model, and the number of all pairs up to and with it.
    runs: Vec<(usize, u64)>,
}

impl Pairs {
    fn new(library: &Library) -> Result<Pairs, MockError> {
        let f_mu = &library.dust.f_mu;
        let mut order: Vec<usize> = (0..f_mu.len()).collect();
        order.sort_by(|&a, &b| f_mu[a].total_cmp(&f_mu[b]));
        let mut all = 0;
        let run = |&own: &f64| {
            let first = order.partition_point(|&k| own - f_mu[k] > TOLERANCE);
            let end = order.partition_point(|&k| f_mu[k] - own <= TOLERANCE);
            all += end.saturating_sub(first) as u64;
            (first, all)
        };
        let runs: Vec<(usize, u64)> = library.stellar.f_mu.iter().map(run).collect();
        if all == 0 { Err(MockError::NoPairs) } else { Ok(Pairs { order, runs }) }
    }

    fn draw(&self, stream: &mut Stream) -> (usize, usize) {
        let all = self.runs.last().map_or(1, |run| run.1);
        let pair = stream.below(all as usize) as u64;
        let stellar = self.runs.partition_point(|run| run.1 <= pair);
        let before = stellar.checked_sub(1).map_or(0, |k| self.runs[k].1);
        let place = self.runs[stellar].0 + (pair - before) as usize;
        (stellar, self.order[place])
    }
}

/// The parameters of a pair, [`Parameter::all`]'s order.
///
/// - `stellar`, `dust`: places in the library, from 0;
/// - `mass`: stellar mass, Msun.
fn values(library: &Library, stellar: usize, dust: usize, mass: f64) -> Vec<f64> {
    let (s, d) = (&library.stellar, &library.dust);
    let luminosity = s.dust_luminosity[stellar] * mass;
    let f_mu = d.f_mu[dust];
    let total = |clouds: &[f64], share: f64| clouds[dust] * (1.0 - f_mu) + share * (1.0 - d.xi_cold[dust]) * f_mu;
    let value = |parameter: Parameter| {
        use Parameter::*;
        let of = |column: fn(&crate::library::Histories) -> &Vec<f64>| Some(column(s.history.as_ref()?)[stellar]);
        Some(match parameter {
            FMuStars => s.f_mu[stellar],
            FMuDust => f_mu,
            Mu => s.mu[stellar],
            TauV => s.tau_v[stellar],
            SpecificSfr => s.ssfr[stellar],
            StellarMass => mass,
            DustLuminosity => luminosity,
            ColdTemperature => d.t_cold[dust],
            WarmTemperature => d.t_warm[dust],
            XiCold => d.xi_cold[dust] * f_mu,
            XiPah => total(&d.xi_pah, 0.550),
            XiMir => total(&d.xi_mir, 0.275),
            XiWarm => total(&d.xi_warm, 0.175),
            TauVIsm => s.mu[stellar] * s.tau_v[stellar],
            DustMass => d.mass[dust] * luminosity,
            Sfr => s.ssfr[stellar] * mass,
            Age => of(|h| &h.age)?,
            MassWeightedAge => of(|h| &h.mass_weighted_age)?,
            LightWeightedAge => of(|h| &h.light_weighted_age)?,
            Gamma => of(|h| &h.gamma)?,
            Metallicity => of(|h| &h.metallicity)?,
            LastBurst => of(|h| &h.last_burst)?,
        })
    };
    Parameter::all().filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::Builder;
    use crate::filter::find;
    use crate::library::Band;
    use crate::ssp::embedded;

    fn library() -> Library {
        let filters = ["SDSS_g", "WISE_W1", "SPIRE_250"].map(|name| find(name).unwrap());
        let bands = filters.map(|f| Band { name: f.name.clone(), wavelength_um: f.pivot() / 1e4, id: 0 });
        let builder = Builder::new(embedded(), &bands, &filters, 0.01, 2).unwrap();
        Library { redshift: 0.01, bands: bands.to_vec(), stellar: builder.stellar(0..300), dust: builder.dust(0..200) }
    }

    fn recipe(count: u32) -> MockRecipe {
        MockRecipe { count, snr: 10.0, seed: 4, mass: (1e4, 1e9), distance_mpc: 43.0 }
    }

    #[test]
    fn noise_is_gaussian_of_the_stated_width_and_masses_are_log_uniform() {
        let library = library();
        let mocks = draw(&library, &recipe(4000)).unwrap();
        let mut squares = 0.0;
        let mut low = 0;
        for mock in &mocks {
            for (measured, flux) in mock.observation.bands.iter().zip(&mock.flux_jy) {
                let Measurement::Flux { flux_jy, sigma_jy } = *measured else { panic!("no flux") };
                assert!((sigma_jy / flux - 0.1).abs() < 1e-12);
                squares += (flux_jy - flux) * (flux_jy - flux) / (sigma_jy * sigma_jy);
            }
            low += usize::from(mock.truth[5] < libm::sqrt(1e13));
        }
        assert!((squares / 12_000.0 - 1.0).abs() < 0.05, "{squares}");
        assert!((low as f64 / 4000.0 - 0.5).abs() < 0.03, "{low}");
    }

    #[test]
    fn pairs_are_uniform_over_all_that_are_compatible() {
        let library = library();
        let compatible = |s: usize, d: usize| (library.stellar.f_mu[s] - library.dust.f_mu[d]).abs() <= TOLERANCE;
        let counts: Vec<usize> = (0..300).map(|s| (0..200).filter(|&d| compatible(s, d)).count()).collect();
        let all: usize = counts.iter().sum();
        let mocks = draw(&library, &recipe(20_000)).unwrap();
        assert!(mocks.iter().all(|mock| compatible(mock.stellar, mock.dust)));
        let first_half: usize = counts[..150].iter().sum();
        let drawn = mocks.iter().filter(|mock| mock.stellar < 150).count();
        let expected = first_half as f64 / all as f64;
        assert!((drawn as f64 / 20_000.0 - expected).abs() < 0.015, "{drawn} {expected}");
        let upper =
            mocks.iter().filter(|mock| library.dust.f_mu[mock.dust] > library.stellar.f_mu[mock.stellar]).count();
        assert!((0.3..0.7).contains(&(upper as f64 / 20_000.0)), "{upper}");
    }

    #[test]
    fn fluxes_are_luminosities_over_the_sphere_and_truth_is_consistent() {
        let library = library();
        let mock = &draw(&library, &recipe(1)).unwrap()[0];
        let (mass, dust) = (mock.truth[5], mock.truth[6]);
        let light = mass * library.stellar.flux[0][mock.stellar];
        let expected = light * 3.826e33 / (4.0 * core::f64::consts::PI * 43.0 * 43.0 * 9.521_406_1e48) * 1e23;
        assert!((mock.flux_jy[0] / expected - 1.0).abs() < 1e-6);
        assert!((dust / (mass * library.stellar.dust_luminosity[mock.stellar]) - 1.0).abs() < 1e-12);
        assert_eq!(mock.truth.len(), 22);
        let shares: f64 = mock.truth[9..13].iter().sum();
        assert!((shares - 1.0).abs() < 1e-6, "{shares}");
    }

    #[test]
    fn libraries_without_pairs_are_refused() {
        let mut library = library();
        library.dust.f_mu.iter_mut().for_each(|f| *f = 9.0);
        assert_eq!(draw(&library, &recipe(1)), Err(MockError::NoPairs));
        assert!(draw(&library, &MockRecipe { snr: 0.0, ..recipe(1) }).is_err());
    }
}
