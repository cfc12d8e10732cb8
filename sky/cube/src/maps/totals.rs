//! Sums over the galaxy, beside the fit of its summed light.

use pogson_sed::parameter::Parameter;
use pogson_sed::posterior::Marginal;

use super::plane::Level;
use crate::result::{PixelRecord, ResultFile, Special};

/// Quantities that add up over pixels.
pub(super) const ADDITIVE: [Parameter; 4] =
    [Parameter::StellarMass, Parameter::DustLuminosity, Parameter::DustMass, Parameter::Sfr];

/// A sum over the pixels of one quantity, linear, in the parameter's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Total {
    /// What was summed.
    pub parameter: Parameter,
    /// Sum of the medians.
    pub medians: f64,
    /// Sum of the means of the posteriors, from the kept bins of their histograms.
    pub means: f64,
    /// Standard deviation of the sum if pixels are independent: the halves of the 16 to 84 percentile ranges, in
    /// quadrature.
    pub sigma_independent: f64,
    /// The same if all pixels err together, as with a wrong distance or flux scale.
    pub sigma_together: f64,
    /// Sum over the best pairs.
    pub best: f64,
    /// 16th, 50th and 84th percentiles of the fit of the summed light; where the result holds it.
    pub integrated: Option<[f64; 3]>,
    /// Sum of the medians of the fits of rings; where the result holds them.
    pub rings: Option<f64>,
}

impl Total {
    /// Sum of the medians over the integrated median, in dex.
    pub fn difference_dex(&self) -> Option<f64> {
        self.integrated.map(|[_, median, _]| libm::log10(self.medians / median))
    }
}

/// Sums of the quantities that add up. A bin's fit is of its mean light a pixel and counts as often as it has pixels, which
/// err together; values of pixels that are undefined count nothing.
pub fn totals(result: &ResultFile, level: Level) -> Vec<Total> {
    let whole = result.special.get(&Special::Integrated).and_then(|records| records.first());
    let times = |record: &PixelRecord| match (level, &result.bins) {
        (Level::Bins, Some(bins)) => bins.map.iter().filter(|b| i64::from(**b) == i64::from(record.x)).count() as f64,
        _ => 1.0,
    };
    let weighted: Vec<(f64, &PixelRecord)> = level.records(result).iter().map(|r| (times(r), r)).collect();
    let known = ADDITIVE.iter().filter_map(|p| Some((*p, result.parameter_index(*p)?)));
    known
        .map(|(parameter, k)| {
            let mut total = Total {
                parameter,
                medians: 0.0,
                means: 0.0,
                sigma_independent: 0.0,
                sigma_together: 0.0,
                best: 0.0,
                rings: None,
                integrated: whole
                    .and_then(|r| r.fit.marginals.get(k))
                    .map(|m| [m.percentiles[1], m.median(), m.percentiles[3]].map(|v| libm::pow(10.0, v))),
            };
            let rings = result.special.get(&Special::Radial).filter(|rings| !rings.is_empty());
            let of_ring = |r: &PixelRecord| r.fit.marginals.get(k).map_or(f64::NAN, |m| libm::pow(10.0, m.median()));
            total.rings = rings.map(|rings| rings.iter().map(of_ring).filter(|v| v.is_finite()).sum());
            for (times, record) in &weighted {
                let Some(m) = record.fit.marginals.get(k).filter(|m| m.median().is_finite()) else { continue };
                let [low, median, high] = [m.percentiles[1], m.median(), m.percentiles[3]].map(|v| libm::pow(10.0, v));
                let half = times * (high - low) / 2.0;
                total.medians += times * median;
                total.means += times * mean(m).unwrap_or(median);
                total.sigma_independent += half * half;
                total.sigma_together += half;
                total.best += times * record.fit.best.values.get(k).copied().filter(|v| v.is_finite()).unwrap_or(0.0);
            }
            total.sigma_independent = total.sigma_independent.sqrt();
            total
        })
        .collect()
}

/// Mean of the value, not of its logarithm, over the histogram. None without bins.
fn mean(m: &Marginal) -> Option<f64> {
    let value = |k: usize| {
        let x = m.first + m.step * k as f64;
        if m.parameter.is_logarithmic() { libm::pow(10.0, x) } else { x }
    };
    let weight: f64 = m.histogram.iter().sum();
    let sum: f64 = m.histogram.iter().enumerate().map(|(k, p)| p * value(k)).sum();
    (weight > 0.0).then(|| sum / weight)
}
