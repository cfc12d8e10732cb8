//! What a fit says of a pixel.

use crate::fit::PosteriorDraws;
use crate::parameter::Parameter;

/// Bins below this probability are not kept in files (POGS's archive).
pub const LEAST_PROBABILITY: f64 = 0.01;

/// The probabilities at which percentiles are given.
pub const PERCENTILES: [f64; 5] = [0.025, 0.16, 0.5, 0.84, 0.975];

/// The result of fitting one pixel.
#[derive(Debug, Clone, PartialEq)]
pub struct PixelFit {
    /// The pair of models that fits best.
    pub best: BestFit,
    /// One for each parameter that the library knows, [`Parameter::all`]'s order.
    pub marginals: Vec<Marginal>,
    /// Natural logarithm of the evidence: of the mean likelihood over the compatible pairs.
    pub ln_evidence: f64,
    /// Number of models that share the probability, `1 / sum p^2`, by stellar model.
    pub effective_stellar: f64,
    /// The same by dust model.
    pub effective_dust: f64,
    /// Number of bands that counted.
    pub bands_used: u32,
    /// Redshift of the library that was used, or the most probable one where redshift was fitted.
    pub redshift: f64,
    /// What to beware of: see [`flag`].
    pub flags: u32,
}

/// Bits of [`PixelFit::flags`].
pub mod flag {
    /// Fewer than 100 models share the probability: MAGPHYS's percentiles then rest on the grid of models; the default's are
    /// refined between them, and less exact than elsewhere.
    pub const FEW_MODELS: u32 = 1;
    /// The best chi2 is improbable (below 1e-4) for the number of bands: no model describes the pixel.
    pub const POOR_FIT: u32 = 2;
    /// A percentile lies in the first or last bin of a range.
    pub const AT_EDGE: u32 = 4;
}

/// The best pair.
#[derive(Debug, Clone, PartialEq)]
pub struct BestFit {
    /// The stellar model's number in its library.
    pub stellar: u32,
    /// The dust model's number in its library, from 1.
    pub dust: u32,
    /// Sum of squared deviations.
    pub chi2: f64,
    /// The scale: stellar mass, Msun.
    pub stellar_mass: f64,
    /// Values, [`Parameter::all`]'s order, as many as there are marginals; not their logarithms.
    pub values: Vec<f64>,
    /// The model's flux in each band of the library, Jy.
    pub model_jy: Vec<f64>,
}

/// The marginal posterior of one parameter, over log10 of the value where [`Parameter::is_logarithmic`].
#[derive(Debug, Clone, PartialEq)]
pub struct Marginal {
    /// Of what.
    pub parameter: Parameter,
    /// At [`PERCENTILES`].
    pub percentiles: [f64; 5],
    /// Centre of the most probable bin.
    pub peak: f64,
    /// Centre of the first bin.
    pub first: f64,
    /// Width of a bin.
    pub step: f64,
    /// Probability in each bin; sums to 1.
    pub histogram: Vec<f64>,
}

impl Marginal {
    /// The median.
    pub fn median(&self) -> f64 {
        self.percentiles[2]
    }

    /// The marginal whose histogram spans no more than the bins of at least [`LEAST_PROBABILITY`]; those below it in between
    /// are 0. Percentiles and peak are as they were. Trimming twice is trimming once.
    pub fn trimmed(&self) -> Marginal {
        let kept = |p: &f64| *p >= LEAST_PROBABILITY;
        let begin = self.histogram.iter().position(kept).unwrap_or(0);
        let end = self.histogram.iter().rposition(kept).map_or(begin, |last| last + 1);
        let histogram = self.histogram[begin..end].iter().map(|p| if kept(p) { *p } else { 0.0 }).collect();
        Marginal { first: self.first + self.step * begin as f64, histogram, ..self.clone() }
    }
}

/// Draws from the joint posterior of the parameters, as files keep them.
#[derive(Debug, Clone, PartialEq)]
pub struct Draws {
    /// Draw by draw, a value for each parameter; log10 where [`Parameter::is_logarithmic`].
    pub values: Vec<f32>,
    /// Covariance of the same quantities over the draws before they were rounded, row by row, `n * n` for `n` parameters;
    /// empty where it is not known.
    pub covariance: Vec<f64>,
}

impl Draws {
    /// Of a posterior's draws.
    pub fn of(draws: &PosteriorDraws) -> Draws {
        let values = draws.values.iter().flatten().map(|&value| value as f32).collect();
        Draws { values, covariance: draws.covariance() }
    }

    /// The draws as rows of `parameters` values.
    pub fn rows(&self, parameters: usize) -> impl Iterator<Item = &[f32]> {
        self.values.chunks_exact(parameters.max(1))
    }
}
