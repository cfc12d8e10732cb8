//! The fit of a pixel against every compatible pair of a library.
//!
//! ```
//! use pogson_sed::fit::{Fitter, Options};
//! use pogson_sed::library::{Band, Library};
//! use pogson_sed::mock::{MockRecipe, draw};
//! use pogson_sed::{build::Builder, filter::find, ssp::embedded};
//!
//! let names = ["SDSS_u", "SDSS_g", "SDSS_r", "SDSS_i", "SDSS_z"];
//! let filters = names.map(|name| find(name).expect("an embedded filter"));
//! let bands = filters.map(|f| Band { name: f.name.clone(), wavelength_um: f.pivot() / 1e4, id: 0 }).to_vec();
//! let builder = Builder::new(embedded(), &bands, &filters, 0.01, 1)?;
//! let library = Library { redshift: 0.01, bands: bands.clone(), stellar: builder.stellar(0..200), dust: builder.dust(0..200) };
//! let recipe = MockRecipe { count: 1, snr: 10.0, seed: 1, mass: (1e6, 1e6), distance_mpc: 43.158 };
//! let observation = &draw(&library, &recipe)?[0].observation;
//!
//! let fit = Fitter::new(&library, Options::default())?.fit(observation)?;
//! // Marginals are in the order of `Parameter::all`: the sixth is log10 of the stellar mass, 6 here.
//! assert!((fit.marginals[5].median() - 6.0).abs() < 0.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bound;
mod decoupled;
mod draws;
mod ensemble;
mod few;
pub mod grid;
mod kernel;
mod likelihood;
mod masses;
mod math;
mod models;
mod naive;
mod paper;
mod partners;
mod prior;
mod redshift;
mod refine;
mod scale_width;
mod scores;
mod solve;
mod summary;
mod sweep;
mod tally;
mod weigh;
mod windows;

pub use draws::PosteriorDraws;
pub use models::{Convention, Models, ModelsError};
pub use naive::{NaiveSums, naive};
pub use paper::paper_distance_cm;
pub use prior::{Form, Prior};
pub use redshift::{RedshiftError, RedshiftFit, RedshiftFitter, RedshiftPosterior};
pub use weigh::Datum;

use crate::cosmology::{MPC_CM, luminosity_distance_mpc};
use crate::library::{Library, SOLAR_LUMINOSITY};
use crate::observation::{Measurement, Observation};
use crate::posterior::PixelFit;
use crate::random::{Purpose, Stream};
use ensemble::Ensemble;
use refine::Refined;
use summary::{Facts, Gathered, Reading, gather, read};
use sweep::{Outcome, sweep};

/// How to fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// MAGPHYS's arithmetic to the letter, or what mends it.
    pub convention: Convention,
    /// Pairs are compatible where their f_mu differ by no more than this.
    pub tolerance: f64,
    /// Standard deviations are at least this share of the flux.
    pub floor: f64,
    /// The fewest bands that make a fit.
    pub min_bands: usize,
    /// What left-out pairs may add up to, as a share of all probability.
    pub neglect: f64,
    /// Luminosity distance in Mpc, where it is not to follow from the redshift.
    pub distance_mpc: Option<f64>,
    /// What is known of parameters, beyond how often the library has them.
    pub priors: Vec<Prior>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            convention: Convention::Mended,
            tolerance: 0.15,
            floor: 0.0,
            min_bands: 4,
            neglect: 1e-9,
            distance_mpc: None,
            priors: Vec::new(),
        }
    }
}

impl Options {
    /// MAGPHYS's: its constants are Fortran's REAL*4 literals.
    pub fn paper() -> Options {
        Options {
            convention: Convention::Paper,
            tolerance: f64::from(0.15_f32),
            floor: f64::from(0.05_f32),
            ..Options::default()
        }
    }
}

/// Why a pixel was not fitted.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum FitError {
    /// Observation and library do not have the same bands.
    #[error("{name}: the observation has {found} bands, the library {wanted}; build a library for these bands")]
    Bands {
        /// Of the observation.
        name: String,
        /// Bands of the observation.
        found: usize,
        /// Bands of the library.
        wanted: usize,
    },
    /// Too few bands to fit.
    #[error("{name}: {found} bands have a measurement, and a fit needs {needed}")]
    TooFew {
        /// Of the observation.
        name: String,
        /// Bands that count.
        found: usize,
        /// Bands needed.
        needed: usize,
    },
    /// A flux that is not a number, or an uncertainty that is not above 0.
    #[error(
        "{name}: the {what} in {band} is {value}; mask the band there or give a finite flux and an uncertainty above 0"
    )]
    Measurement {
        /// Of the observation.
        name: String,
        /// Which band.
        band: String,
        /// Which number.
        what: &'static str,
        /// Its value.
        value: f64,
    },
    /// The redshift lies outside what the library holds.
    #[error(
        "{name}: redshift {redshift} lies {off:.4} from the library's {library}, more than 0.005; build a library for it"
    )]
    Redshift {
        /// Of the observation.
        name: String,
        /// Of the observation.
        redshift: f64,
        /// Of the library.
        library: f64,
        /// Distance between them.
        off: f64,
    },
    /// All fluxes are zero.
    #[error("{name}: all fluxes are 0, which says nothing of the pixel; mask it")]
    NoSignal {
        /// Of the observation.
        name: String,
    },
    /// Priors that no pair of models meets with a scale that fits the light.
    #[error("{name}: no pair of models that fits the light lies within the priors; widen them")]
    OutsidePriors {
        /// Of the observation.
        name: String,
    },
    /// More bands with both stars' and dust's light than there are kernels for.
    #[error("{name}: {found} bands lie between 2.5 and 10 um, more than the {most} that a fit takes; leave some out")]
    TooManyMixed {
        /// Of the observation.
        name: String,
        /// Such bands.
        found: usize,
        /// The most there may be.
        most: usize,
    },
}

/// Stellar and dust models that have to count for marginals to be sums over the library itself.
const ENOUGH: f64 = 80.0;

/// How much was looked at for a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effort {
    /// Pairs that were worked out in full.
    pub worked: u64,
    /// Pairs whose chi2 was held against the threshold.
    pub tested: u64,
}

/// A library made ready, and how to fit with it.
pub struct Fitter {
    models: Models,
    options: Options,
}

impl Fitter {
    /// Makes `library` ready.
    ///
    /// # Errors
    /// [`ModelsError`]: a library whose columns do not fit together.
    pub fn new(library: &Library, options: Options) -> Result<Fitter, ModelsError> {
        let mut models = Models::new(library, options.tolerance, options.convention)?;
        if !options.priors.is_empty() {
            models.weigh(&options.priors)?;
        }
        Ok(Fitter { models, options })
    }

    /// The library in the order of the sweep.
    pub fn models(&self) -> &Models {
        &self.models
    }

    /// The options.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Fits one pixel.
    ///
    /// # Errors
    /// [`FitError`]: other bands than the library's, too few of them, numbers that can't be.
    pub fn fit(&self, observation: &Observation) -> Result<PixelFit, FitError> {
        self.fit_with_effort(observation).map(|(fit, _)| fit)
    }

    /// Fits one pixel, and says how many pairs it took.
    ///
    /// # Errors
    /// As [`Fitter::fit`].
    pub fn fit_with_effort(&self, observation: &Observation) -> Result<(PixelFit, Effort), FitError> {
        let data = self.data(observation)?;
        let outcome = self.sweep(observation, &data)?;
        let refined = self.refined(&data, &outcome);
        let gathered = self.gather(observation, &data, &outcome, refined.as_ref());
        Ok((read(&self.models.axes, gathered, self.reading()), effort(&outcome, refined.as_ref())))
    }

    /// Fits one pixel and draws from its posterior: `count` draws of all parameters, by the stream of `seed` and `number`.
    /// Draws are of the library's own pairs where enough of them count, else of what the marginals are made of.
    ///
    /// # Errors
    /// As [`Fitter::fit`].
    pub fn fit_and_draw(
        &self,
        observation: &Observation,
        count: u32,
        stream: (u64, u64),
    ) -> Result<(PixelFit, Effort, PosteriorDraws), FitError> {
        let data = self.data(observation)?;
        let outcome = self.sweep(observation, &data)?;
        let refined = self.refined(&data, &outcome);
        let draws = self.draws(&data, &outcome, refined.as_ref(), count, stream);
        let gathered = self.gather(observation, &data, &outcome, refined.as_ref());
        Ok((read(&self.models.axes, gathered, self.reading()), effort(&outcome, refined.as_ref()), draws))
    }

    /// Sums over all pairs.
    fn sweep(&self, observation: &Observation, data: &[Datum]) -> Result<Outcome, FitError> {
        let outcome = sweep(&self.models, data, self.options.neglect);
        if outcome.tally.total > 0.0 {
            Ok(outcome)
        } else {
            Err(FitError::OutsidePriors { name: observation.name.clone() })
        }
    }

    /// The posterior apart from the library's own pairs, where few of them count.
    fn refined(&self, data: &[Datum], outcome: &Outcome) -> Option<Refined> {
        if self.options.convention == Convention::Paper {
            return None;
        }
        let ensemble = Ensemble::new(&self.models, data, outcome, ENOUGH)?;
        Some(Refined::new(&self.models, data, &ensemble, &self.options.priors))
    }

    fn draws(
        &self,
        data: &[Datum],
        outcome: &Outcome,
        refined: Option<&Refined>,
        count: u32,
        (seed, number): (u64, u64),
    ) -> PosteriorDraws {
        let mut stream = Stream::new(seed, Purpose::Posterior, number);
        match refined {
            Some(refined) => refined.draw(count, &mut stream),
            None => draws::draw(&self.models, data, outcome, count, &mut stream),
        }
    }

    fn reading(&self) -> Reading {
        match self.options.convention {
            Convention::Paper => Reading::Centre,
            Convention::Mended => Reading::Line,
        }
    }

    fn gather(
        &self,
        observation: &Observation,
        data: &[Datum],
        outcome: &Outcome,
        refined: Option<&Refined>,
    ) -> Gathered {
        let paper = self.options.convention == Convention::Paper;
        let mean_chi2 = outcome.reference + outcome.tally.chi2 / outcome.tally.total;
        // The significance of the light with the models that count.
        let t = (outcome.signal - mean_chi2).max(1.0).sqrt();
        let facts = Facts {
            bands_used: data.len() as u32,
            jy_per_light: 1.0 / self.light_per_jy(observation),
            width: (!paper).then_some(t),
            ln_common: if paper { 0.0 } else { 0.5 * libm::log(2.0 * std::f64::consts::PI) - libm::log(t) },
        };
        gather(&self.models, outcome, &facts, refined, &self.options.priors)
    }

    /// Lsun/Hz of the library for each Jy of the observation.
    fn light_per_jy(&self, observation: &Observation) -> f64 {
        if let (Convention::Paper, None) = (self.options.convention, self.options.distance_mpc) {
            return paper::light_per_jy(observation.redshift);
        }
        let mpc = self.options.distance_mpc.unwrap_or_else(|| luminosity_distance_mpc(observation.redshift));
        let cm = mpc * MPC_CM;
        1e-23 * 4.0 * std::f64::consts::PI * cm * cm / SOLAR_LUMINOSITY
    }

    /// The bands that count, in the library's units.
    ///
    /// # Errors
    /// As [`Fitter::fit`].
    pub fn data(&self, observation: &Observation) -> Result<Vec<Datum>, FitError> {
        let (models, options) = (&self.models, &self.options);
        let name = || observation.name.clone();
        if observation.bands.len() != models.bands.len() {
            return Err(FitError::Bands { name: name(), found: observation.bands.len(), wanted: models.bands.len() });
        }
        let off = (observation.redshift - models.redshift).abs();
        // A little more than the paper's 0.005, for sums of decimal fractions.
        if off.is_nan() || off > 0.005 + 1e-9 {
            return Err(FitError::Redshift {
                name: name(),
                redshift: observation.redshift,
                library: models.redshift,
                off,
            });
        }
        let unit = self.light_per_jy(observation);
        let mut data = Vec::new();
        for (band, measurement) in observation.bands.iter().enumerate() {
            let (flux, sigma) = match *measurement {
                Measurement::Absent => continue,
                Measurement::Flux { flux_jy, .. } if options.convention == Convention::Paper && flux_jy <= 0.0 => {
                    continue;
                }
                Measurement::UpperLimit { .. } if options.convention == Convention::Paper => continue,
                Measurement::Flux { flux_jy, sigma_jy } => (flux_jy, sigma_jy),
                Measurement::UpperLimit { sigma_jy } => (0.0, sigma_jy),
            };
            let wrong = |what, value| FitError::Measurement {
                name: name(),
                band: models.bands[band].name.clone(),
                what,
                value,
            };
            if !flux.is_finite() {
                return Err(wrong("flux", flux));
            }
            let sigma = sigma.max(options.floor * flux);
            if !(sigma.is_finite() && sigma > 0.0) {
                return Err(wrong("uncertainty", sigma));
            }
            let sigma = sigma * unit;
            data.push(Datum { band, light: flux * unit, weight: 1.0 / (sigma * sigma) });
        }
        if data.len() < options.min_bands.max(1) {
            return Err(FitError::TooFew { name: name(), found: data.len(), needed: options.min_bands.max(1) });
        }
        if data.iter().all(|datum| datum.light == 0.0) {
            return Err(FitError::NoSignal { name: name() });
        }
        let mixed = data.iter().filter(|datum| models.light[datum.band] == crate::library::Light::Both).count();
        if mixed > kernel::MOST_MIXED {
            return Err(FitError::TooManyMixed { name: name(), found: mixed, most: kernel::MOST_MIXED });
        }
        Ok(data)
    }
}

/// What a fit took, with the sweeps under larger errors.
fn effort(outcome: &Outcome, refined: Option<&Refined>) -> Effort {
    let (worked, tested) = refined.map_or((0, 0), |refined| (refined.worked, refined.tested));
    Effort { worked: outcome.worked + worked, tested: outcome.tested + tested }
}
