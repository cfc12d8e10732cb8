//! One number for each pixel of the frame.

use crate::result::{PixelRecord, ResultFile};

/// Which fits a map shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Those of single pixels.
    Pixels,
    /// Those of bins; each pixel of a bin shows the bin's value.
    Bins,
}

/// What is known of a fit beside its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    /// Sum of squared deviations of the best pair.
    Chi2,
    /// Number of bands that counted.
    Bands,
    /// Natural logarithm of the evidence.
    LnEvidence,
    /// Stellar models that share the probability.
    EffectiveStellar,
    /// Dust models that share it.
    EffectiveDust,
    /// Bits of [`pogson_sed::posterior::flag`].
    Flags,
    /// Redshift.
    Redshift,
    /// Mean of the redshift's posterior, where it was to be found.
    RedshiftMean,
    /// Its standard deviation.
    RedshiftSigma,
    /// Number of the best stellar model.
    StellarModel,
    /// Number of the best dust model.
    DustModel,
}

impl Quality {
    /// All, with names for FITS extensions and what they are.
    pub const ALL: [(Quality, &'static str, &'static str); 11] = [
        (Quality::Chi2, "CHI2", "sum of squared deviations of the best pair"),
        (Quality::Bands, "BANDS", "bands that counted"),
        (Quality::LnEvidence, "LNEVID", "natural logarithm of the evidence"),
        (Quality::EffectiveStellar, "NSTELLAR", "stellar models that share the probability"),
        (Quality::EffectiveDust, "NDUST", "dust models that share the probability"),
        (Quality::Flags, "FLAGS", "1 few models, 2 poor fit, 4 at an edge"),
        (Quality::Redshift, "REDSHIFT", "redshift, the most probable where it was to be found"),
        (Quality::RedshiftMean, "ZMEAN", "mean of the redshift"),
        (Quality::RedshiftSigma, "ZSIGMA", "standard deviation of the redshift"),
        (Quality::StellarModel, "ISFH", "number of the best stellar model"),
        (Quality::DustModel, "IIR", "number of the best dust model"),
    ];

    /// Whether a result has it: what is said of redshifts that were found is in no other.
    pub fn is_in(self, result: &ResultFile, level: Level) -> bool {
        match self {
            Quality::RedshiftMean | Quality::RedshiftSigma => {
                level.records(result).iter().any(|r| r.redshift.is_some())
            }
            _ => true,
        }
    }

    fn of(self, record: &PixelRecord) -> f64 {
        let fit = &record.fit;
        match self {
            Quality::Chi2 => fit.best.chi2,
            Quality::Bands => f64::from(fit.bands_used),
            Quality::LnEvidence => fit.ln_evidence,
            Quality::EffectiveStellar => fit.effective_stellar,
            Quality::EffectiveDust => fit.effective_dust,
            Quality::Flags => f64::from(fit.flags),
            Quality::Redshift => fit.redshift,
            Quality::RedshiftMean => record.redshift.as_ref().map_or(f64::NAN, |z| z.mean()),
            Quality::RedshiftSigma => record.redshift.as_ref().map_or(f64::NAN, |z| z.sigma()),
            Quality::StellarModel => f64::from(fit.best.stellar),
            Quality::DustModel => f64::from(fit.best.dust),
        }
    }
}

impl Level {
    /// The levels that a result holds.
    pub fn of(result: &ResultFile) -> Vec<Level> {
        let mut levels = Vec::new();
        if !result.pixels.is_empty() {
            levels.push(Level::Pixels);
        }
        if result.bins.as_ref().is_some_and(|b| !b.records.is_empty()) {
            levels.push(Level::Bins);
        }
        levels
    }

    /// What the names of its files begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Level::Pixels => "",
            Level::Bins => "bin_",
        }
    }

    /// Its records.
    pub fn records(self, result: &ResultFile) -> &[PixelRecord] {
        match self {
            Level::Pixels => &result.pixels,
            Level::Bins => result.bins.as_ref().map_or(&[], |b| &b.records),
        }
    }
}

/// Width and height of the frame.
pub fn frame_of(result: &ResultFile) -> (usize, usize) {
    (result.facts.width as usize, result.facts.height as usize)
}

/// A map of what `value` says of each record, row by row from the bottom; NaN where nothing was fitted.
fn plane(result: &ResultFile, level: Level, value: impl Fn(&PixelRecord) -> f64) -> Vec<f32> {
    let (width, height) = frame_of(result);
    let mut map = vec![f32::NAN; width * height];
    match level {
        Level::Pixels => {
            for record in &result.pixels {
                if let Some(pixel) = map.get_mut(record.y as usize * width + record.x as usize) {
                    *pixel = value(record) as f32;
                }
            }
        }
        Level::Bins => {
            let Some(bins) = &result.bins else { return map };
            let count = bins.records.iter().map(|r| r.x as usize + 1).max().unwrap_or(0);
            let mut of_bin = vec![f32::NAN; count];
            bins.records.iter().for_each(|r| of_bin[r.x as usize] = value(r) as f32);
            for (pixel, bin) in map.iter_mut().zip(&bins.map) {
                let known = usize::try_from(*bin).ok().and_then(|b| of_bin.get(b));
                *pixel = known.copied().unwrap_or(f32::NAN);
            }
        }
    }
    map
}

/// One of the planes of a parameter.
///
/// - `k`: place in the facts' list of parameters;
/// - `image`: 0 to 4 for the percentiles 2.5, 16, 50, 84, 97.5, 5 for the peak, 6 for the best fit.
///
/// Values are log10 where the parameter is logarithmic.
pub fn parameter_plane(result: &ResultFile, level: Level, k: usize, image: usize) -> Vec<f32> {
    plane(result, level, |record| {
        let Some(marginal) = record.fit.marginals.get(k) else { return f64::NAN };
        match image {
            0..=4 => marginal.percentiles[image],
            5 => marginal.peak,
            _ => {
                let best = record.fit.best.values.get(k).copied().unwrap_or(f64::NAN);
                if marginal.parameter.is_logarithmic() { libm::log10(best) } else { best }
            }
        }
    })
}

/// A map of how good the fits are.
pub fn quality_plane(result: &ResultFile, level: Level, quality: Quality) -> Vec<f32> {
    plane(result, level, |record| quality.of(record))
}
