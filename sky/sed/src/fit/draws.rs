//! Draws from the joint posterior of all parameters, and their covariance.

use crate::fit::likelihood::Likelihood;
use crate::fit::models::{Alone, Convention, Models};
use crate::fit::partners::Partners;
use crate::fit::sweep::{Outcome, pair};
use crate::fit::weigh::{Datum, Weighed};
use crate::parameter::Parameter;
use crate::random::Stream;

/// Draws of a pixel's parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct PosteriorDraws {
    /// The parameters of each draw, in [`Parameter::all`]'s order.
    pub parameters: Vec<Parameter>,
    /// Draw by draw; log10 where [`Parameter::is_logarithmic`].
    pub values: Vec<Vec<f64>>,
}

impl PosteriorDraws {
    /// Covariance of the parameters over the draws, row by row; empty for fewer than two draws.
    pub fn covariance(&self) -> Vec<f64> {
        let (count, n) = (self.values.len(), self.parameters.len());
        if count < 2 {
            return Vec::new();
        }
        let mean = |k: usize| self.values.iter().map(|draw| draw[k]).sum::<f64>() / count as f64;
        let means: Vec<f64> = (0..n).map(mean).collect();
        let entry = |i: usize, j: usize| {
            let product = |draw: &Vec<f64>| (draw[i] - means[i]) * (draw[j] - means[j]);
            self.values.iter().map(product).sum::<f64>() / (count - 1) as f64
        };
        (0..n * n).map(|at| entry(at / n, at % n)).collect()
    }
}

/// Draws pairs by their probability: stellar models by the sums over their dust models, evenly spread over these sums, then a
/// dust model each, then the scale by its width.
pub(crate) fn draw(
    models: &Models,
    data: &[Datum],
    outcome: &Outcome,
    count: u32,
    stream: &mut Stream,
) -> PosteriorDraws {
    let tally = &outcome.tally;
    let likelihood = Likelihood::new(models.convention, outcome.signal, outcome.reference);
    let parameters = parameters(models);
    let weighed = Weighed::new(models, data);
    let mut partners = Partners::default();
    let step = tally.total / f64::from(count.max(1));
    let mut wanted = step * stream.uniform();
    let mut before = 0.0;
    let mut values = Vec::with_capacity(count as usize);
    for (row, &p) in tally.rows.iter().enumerate().filter(|(_, p)| **p > 0.0) {
        before += p;
        if wanted >= before {
            continue;
        }
        partners.gather(models, &weighed, likelihood, (outcome.reference, outcome.penalty), row);
        while wanted < before && values.len() < count as usize {
            let Some(column) = partners.choose(stream.uniform()) else { break };
            let (chi2, scale) = pair(models, data, row, column);
            let scale = match models.convention {
                Convention::Paper => scale,
                Convention::Mended => scale * relative_scale((outcome.signal - chi2).max(1.0).sqrt(), stream),
            };
            values.push(parameters.iter().map(|&of| value(models, of, row, column, scale)).collect());
            wanted += step;
        }
    }
    PosteriorDraws { parameters, values }
}

const SCALED: [Parameter; 4] = [Parameter::StellarMass, Parameter::DustLuminosity, Parameter::Sfr, Parameter::DustMass];

/// The parameters of a draw, in order.
pub(crate) fn parameters(models: &Models) -> Vec<Parameter> {
    let alone = models.rows.alone.iter().chain(&models.columns.alone).map(|of| of.parameter);
    let mut all: Vec<Parameter> = alone.chain(SCALED).collect();
    all.sort();
    all
}

/// A scale over its best, from `exp(-t^2 (x - 1)^2 / 2)` in `ln x`, for `x` of 0.1 and more.
pub(crate) fn relative_scale(t: f64, stream: &mut Stream) -> f64 {
    let least = (1.0 - 5.0 / t).max(0.1);
    loop {
        let x = 1.0 + stream.normal() / t;
        // The density in x is that of the normal over x.
        if x >= least && stream.uniform() * x < least {
            return x;
        }
    }
}

/// One parameter of a pair; log10 where it is logarithmic.
pub(crate) fn value(models: &Models, parameter: Parameter, row: usize, column: usize, scale: f64) -> f64 {
    let log = libm::log10(scale.max(1e-300));
    let luminosity = log + models.rows.log_luminosity[row];
    let of = |all: &[Alone], at: usize| all.iter().find(|of| of.parameter == parameter).map(|of| of.value[at]);
    match parameter {
        Parameter::StellarMass => log,
        Parameter::DustLuminosity => luminosity,
        Parameter::Sfr => log + models.rows.log_ssfr[row],
        Parameter::DustMass => luminosity + models.columns.log_mass[column],
        _ => of(&models.rows.alone, row).or_else(|| of(&models.columns.alone, column)).unwrap_or(f64::NAN),
    }
}
