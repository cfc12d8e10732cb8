//! What a fit says of a pixel.

use crate::parameter::Parameter;

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
}
