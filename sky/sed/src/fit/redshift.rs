//! Fits whose redshift is to be found: one library at each redshift of a grid, weighed by evidence.
//!
//! The evidence of a redshift is the mean likelihood over its library's compatible pairs; the data are the same for all, so
//! that the factors of their Gaussians cancel. With a prior that is flat over the range, a grid point's probability is its
//! evidence times the width of its cell, which ends halfway to its neighbours.
//!
//! A library is a finite sample, and where few models count at the most probable redshift the evidences scatter as the few
//! do. They are then taken of likelihoods raised to a power below 1, the same for all redshifts: errors are larger by its root.

use crate::fit::draws::PosteriorDraws;
use crate::fit::few::Few;
use crate::fit::models::Convention;
use crate::fit::summary::{Gathered, read};
use crate::fit::sweep::Outcome;
use crate::fit::{Effort, FitError, Fitter};
use crate::observation::Observation;
use crate::parameter::Parameter;
use crate::posterior::PixelFit;

/// Powers for which evidences are worked out.
const POWERS: [f64; 12] = [1.0, 0.8, 0.64, 0.5, 0.4, 0.32, 0.25, 0.2, 0.13, 0.08, 0.04, 0.02];
/// Stellar and dust models that have to count for evidences to be those of the library itself.
const ENOUGH: f64 = 32.0;
/// Redshifts whose evidence is less than the greatest by more than this, as a logarithm, give no draws, and their marginals
/// are the sums over few models where few count.
const NO_DRAWS: f64 = 20.0;

/// Why libraries make no grid of redshifts.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RedshiftError {
    /// No library.
    #[error("a grid of redshifts has no library; give at least one redshift")]
    None,
    /// Redshifts that do not rise.
    #[error("redshift {after} stands after {before} in the grid; give each redshift once, rising")]
    Order {
        /// The one before.
        before: f64,
        /// The one that is not above it.
        after: f64,
    },
    /// Libraries of different bands, parameters or ways of fitting.
    #[error("the library at redshift {redshift} has other {what} than the first; make all libraries alike")]
    Unlike {
        /// Of the library that differs.
        redshift: f64,
        /// In what.
        what: &'static str,
    },
    /// A redshift without a distance.
    #[error("redshift {redshift} tells no distance; begin the grid above 0, or give a distance")]
    NoDistance {
        /// The redshift.
        redshift: f64,
    },
}

/// The posterior of a redshift over a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct RedshiftPosterior {
    /// Redshift and probability of each point of the grid, rising in redshift; probabilities sum to 1.
    pub grid: Vec<(f64, f64)>,
}

impl RedshiftPosterior {
    /// The grid's point of greatest probability for its width: of greatest evidence.
    pub fn best(&self) -> f64 {
        let density = |k: usize| self.grid[k].1 / width(&self.grid, k);
        let better = |best: usize, k: usize| if density(k) > density(best) { k } else { best };
        self.grid.get((1..self.grid.len()).fold(0, better)).map_or(f64::NAN, |point| point.0)
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.grid.iter().map(|(z, p)| z * p).sum()
    }

    /// The standard deviation, with that of an even spread over each point's cell: a grid does not tell finer than its step.
    pub fn sigma(&self) -> f64 {
        let mean = self.mean();
        let cell = |k: usize| if self.grid.len() > 1 { width(&self.grid, k) } else { 0.0 };
        let square = |(k, (z, p)): (usize, &(f64, f64))| p * ((z - mean) * (z - mean) + cell(k) * cell(k) / 12.0);
        self.grid.iter().enumerate().map(square).sum::<f64>().sqrt()
    }
}

/// Width of a point's cell; the first and the last reach as far outside as inside. 1 for a point alone.
fn width(grid: &[(f64, f64)], k: usize) -> f64 {
    let gap = |k: usize| Some(grid.get(k + 1)?.0 - grid.get(k)?.0);
    let (below, above) = (k.checked_sub(1).and_then(gap), gap(k));
    match below.or(above).zip(above.or(below)) {
        Some((below, above)) => 0.5 * (below + above),
        None => 1.0,
    }
}

/// A fit whose redshift was found.
#[derive(Debug, Clone, PartialEq)]
pub struct RedshiftFit {
    /// The fit over all redshifts by their probability; its redshift is the most probable one, its best pair that of least
    /// chi2, whose redshift may be another.
    pub fit: PixelFit,
    /// What is known of the redshift.
    pub redshift: RedshiftPosterior,
    /// Draws over all redshifts, if they were asked for.
    pub draws: Option<PosteriorDraws>,
    /// Pairs that were looked at, at all redshifts.
    pub effort: Effort,
}

/// Libraries made ready, one at each redshift of a grid.
pub struct RedshiftFitter {
    fitters: Vec<Fitter>,
}

/// What one redshift says of a pixel.
struct Part {
    gathered: Gathered,
    /// Logarithm of the evidence at each of [`POWERS`].
    ln_evidence: [f64; POWERS.len()],
    power: f64,
    draws: Option<PosteriorDraws>,
}

impl RedshiftFitter {
    /// Takes fitters whose libraries differ in nothing but their redshift.
    ///
    /// # Errors
    /// [`RedshiftError`]: none, redshifts that do not rise or tell no distance, libraries or options that differ.
    pub fn new(fitters: Vec<Fitter>) -> Result<RedshiftFitter, RedshiftError> {
        let first = fitters.first().ok_or(RedshiftError::None)?;
        let parameters = |fitter: &Fitter| -> Vec<Parameter> {
            fitter.models.rows.alone.iter().map(|alone| alone.parameter).collect()
        };
        let redshift = |fitter: &Fitter| fitter.models.redshift;
        for pair in fitters.windows(2) {
            let (before, after) = (redshift(&pair[0]), redshift(&pair[1]));
            if after <= before {
                return Err(RedshiftError::Order { before, after });
            }
        }
        for fitter in &fitters {
            let unlike = |what| RedshiftError::Unlike { redshift: redshift(fitter), what };
            if fitter.models.bands != first.models.bands {
                return Err(unlike("bands"));
            }
            if parameters(fitter) != parameters(first) {
                return Err(unlike("parameters"));
            }
            if fitter.options != first.options {
                return Err(unlike("options"));
            }
            let told = redshift(fitter) > 0.0 || fitter.options.convention == Convention::Paper;
            if !told && fitter.options.distance_mpc.is_none() {
                return Err(RedshiftError::NoDistance { redshift: redshift(fitter) });
            }
        }
        Ok(RedshiftFitter { fitters })
    }

    /// The fitters, rising in redshift.
    pub fn fitters(&self) -> &[Fitter] {
        &self.fitters
    }

    /// Fits one pixel at all redshifts; its own redshift does not count.
    ///
    /// - `draws`: how many draws, and seed and number of their stream of random numbers.
    ///
    /// # Errors
    /// As [`Fitter::fit`].
    pub fn fit(&self, observation: &Observation, draws: Option<(u32, (u64, u64))>) -> Result<RedshiftFit, FitError> {
        let mut effort = Effort::default();
        let mut parts: Vec<Part> = Vec::with_capacity(self.fitters.len());
        let mut most = [f64::NEG_INFINITY; POWERS.len()];
        let mut least = 0;
        for fitter in &self.fitters {
            let observation = Observation { redshift: fitter.models.redshift, ..observation.clone() };
            let data = fitter.data(&observation)?;
            let outcome = fitter.sweep(&observation, &data)?;
            effort.worked += outcome.worked;
            effort.tested += outcome.tested;
            let mut gathered = fitter.gather(&observation, &data, &outcome, None);
            let (power, ln_evidence) = evidences(fitter, &outcome, &gathered);
            // Among the powers that may be chosen, evidences differ least at the lowest.
            least = least.max(index_of(power));
            let counts = ln_evidence[least] > most[least] - NO_DRAWS;
            most.iter_mut().zip(ln_evidence).for_each(|(most, own)| *most = most.max(own));
            let refined = if counts { fitter.refined(&data, &outcome) } else { None };
            if let Some(refined) = &refined {
                gathered = fitter.gather(&observation, &data, &outcome, Some(refined));
            }
            let draws = draws
                .filter(|_| counts)
                .map(|(count, stream)| fitter.draws(&data, &outcome, refined.as_ref(), count, stream));
            parts.push(Part { gathered, ln_evidence, power, draws });
        }
        let redshift = posterior(&parts);
        let mixed = draws.and_then(|(count, _)| mixed_draws(&mut parts, &redshift, count));
        let first = &self.fitters[0];
        let fit = read(&first.models.axes, mix(parts, &redshift), first.reading());
        Ok(RedshiftFit { fit, redshift, draws: mixed, effort })
    }
}

/// The power with which enough models count, and the evidence at each of [`POWERS`].
fn evidences(fitter: &Fitter, outcome: &Outcome, gathered: &Gathered) -> (f64, [f64; POWERS.len()]) {
    let (models, tally) = (&fitter.models, &outcome.tally);
    if models.convention == Convention::Paper {
        return (1.0, [gathered.ln_evidence; POWERS.len()]);
    }
    let stars = Few::new(&tally.rows, &models.rows.prior);
    let dust = Few::new(&tally.columns, &models.columns.prior);
    // At power 1 this is the evidence itself.
    let common = gathered.ln_evidence - libm::log(tally.total) - outcome.ln_reference();
    let of = |power: f64| stars.ln_sum(power) + power * outcome.ln_reference() + common;
    (stars.power(ENOUGH).min(dust.power(ENOUGH)), POWERS.map(of))
}

/// The first of [`POWERS`] that is not above `power`, so that no less than enough models count.
fn index_of(power: f64) -> usize {
    POWERS.iter().position(|other| *other <= power + 1e-12).unwrap_or(POWERS.len() - 1)
}

/// Probabilities of the redshifts, by the power that the one of greatest evidence asks for.
fn posterior(parts: &[Part]) -> RedshiftPosterior {
    let mut best = 0;
    for (k, part) in parts.iter().enumerate() {
        if part.ln_evidence[0] > parts[best].ln_evidence[0] {
            best = k;
        }
    }
    let power = index_of(parts[best].power);
    let most = parts.iter().map(|part| part.ln_evidence[power]).fold(f64::NEG_INFINITY, f64::max);
    let grid: Vec<(f64, f64)> = parts.iter().map(|part| (part.gathered.redshift, 0.0)).collect();
    let weight = |(k, part): (usize, &Part)| libm::exp(part.ln_evidence[power] - most) * width(&grid, k);
    let weights: Vec<f64> = parts.iter().enumerate().map(weight).collect();
    let total: f64 = weights.iter().sum();
    let points = grid.iter().zip(&weights).map(|((z, _), weight)| (*z, weight / total));
    RedshiftPosterior { grid: points.collect() }
}

/// The sums of all redshifts by their probability, as shares of 1.
fn mix(parts: Vec<Part>, redshift: &RedshiftPosterior) -> Gathered {
    let most = parts.iter().map(|part| part.gathered.ln_evidence).fold(f64::NEG_INFINITY, f64::max);
    let all: f64 = (0..parts.len()).map(|k| width(&redshift.grid, k)).sum();
    let (mut evidence, mut squares) = (0.0, (0.0, 0.0));
    let mut mixed: Option<Gathered> = None;
    for (k, (part, &(_, share))) in parts.into_iter().zip(&redshift.grid).enumerate() {
        let mut one = part.gathered;
        evidence += width(&redshift.grid, k) / all * libm::exp(one.ln_evidence - most);
        squares.0 += share * share / one.effective_stellar.max(1.0);
        squares.1 += share * share / one.effective_dust.max(1.0);
        let factor = share / one.total;
        one.sums.iter_mut().flat_map(|(_, bins)| bins).for_each(|p| *p *= factor);
        one.total = 1.0;
        let Some(sum) = &mut mixed else {
            mixed = Some(one);
            continue;
        };
        for ((_, into), (_, from)) in sum.sums.iter_mut().zip(one.sums) {
            into.resize(into.len().max(from.len()), 0.0);
            into.iter_mut().zip(from).for_each(|(into, p)| *into += p);
        }
        if one.best.chi2 < sum.best.chi2 {
            sum.best = one.best;
        }
    }
    let Some(mut mixed) = mixed else { unreachable!("a grid has at least one redshift") };
    mixed.ln_evidence = most + libm::log(evidence);
    mixed.effective_stellar = 1.0 / squares.0;
    mixed.effective_dust = 1.0 / squares.1;
    mixed.redshift = redshift.best();
    mixed
}

/// `count` draws: of each redshift as many as its probability asks for, evenly spread over its own.
fn mixed_draws(parts: &mut [Part], redshift: &RedshiftPosterior, count: u32) -> Option<PosteriorDraws> {
    let (mut before, mut taken) = (0.0, 0);
    let mut mixed: Option<PosteriorDraws> = None;
    let all: f64 =
        parts.iter().zip(&redshift.grid).filter(|(part, _)| part.draws.is_some()).map(|(_, point)| point.1).sum();
    for (part, &(_, share)) in parts.iter_mut().zip(&redshift.grid) {
        let Some(draws) = part.draws.take() else { continue };
        before += share / all;
        let wanted = (libm::round(before * f64::from(count)) as usize).saturating_sub(taken);
        taken += wanted;
        let own = draws.values.len();
        let values = (0..wanted).filter_map(|k| draws.values.get((2 * k + 1) * own / (2 * wanted)).cloned());
        match &mut mixed {
            Some(mixed) => mixed.values.extend(values),
            None => mixed = Some(PosteriorDraws { values: values.collect(), parameters: draws.parameters }),
        }
    }
    mixed
}
