//! The width of a pixel's scale: at each pair the scale is known only to one part in `t`, the significance of the light.
//!
//! With a prior that is flat in the scale's logarithm, a pair's scale `a` spreads about its best `a0` as
//! `exp(-t^2 (a / a0 - 1)^2 / 2)` in `ln a`, where `t^2 = num^2 / den = S - chi2`. MAGPHYS puts all probability at `a0`.

/// The significance below which the lower tail of the scale is cut: a decade below the best.
const LOWEST: f64 = 0.1;

/// Shares of a pair's probability in bins around that of its best scale.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kernel {
    shares: Vec<f64>,
    /// Place of the best scale's bin.
    centre: usize,
}

impl Kernel {
    /// For bins of `step` decades and significance `t` above 0.
    pub(crate) fn new(t: f64, step: f64) -> Kernel {
        let density = |log: f64| {
            let off = t * (libm::exp10(log) - 1.0);
            libm::exp(-0.5 * off * off)
        };
        // Seven widths hold all but 1e-11.
        let low = libm::log10((1.0 - 7.0 / t).max(LOWEST)).abs();
        let high = libm::log10(1.0 + 7.0 / t);
        let (before, after) = ((low / step).ceil() as usize, (high / step).ceil() as usize);
        // The best scale lies anywhere in its bin, and so does what it spreads to: nine points of each bin.
        let points = 9;
        let shares: Vec<f64> = (0..=before + after)
            .map(|bin| {
                let middle = (bin as f64 - before as f64) * step;
                (0..points).map(|k| density(middle + step * ((k as f64 + 0.5) / points as f64 - 0.5))).sum()
            })
            .collect();
        let total: f64 = shares.iter().sum();
        Kernel { shares: shares.iter().map(|share| share / total).collect(), centre: before }
    }

    /// Spreads `bins`; what would leave them stays in the first or last.
    pub(crate) fn spread(&self, bins: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; bins.len()];
        let last = bins.len() - 1;
        for (bin, &p) in bins.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            for (k, &share) in self.shares.iter().enumerate() {
                out[(bin + k).saturating_sub(self.centre).min(last)] += p * share;
            }
        }
        out
    }
}

/// A Gaussian of `sigma` decades for bins of `step`.
pub(crate) fn gaussian(sigma: f64, step: f64) -> Kernel {
    let reach = (5.0 * sigma / step).ceil() as usize;
    let density = |bin: usize| {
        let off = (bin as f64 - reach as f64) * step / sigma.max(0.1 * step);
        libm::exp(-0.5 * off * off)
    };
    let shares: Vec<f64> = (0..=2 * reach).map(density).collect();
    let total: f64 = shares.iter().sum();
    Kernel { shares: shares.iter().map(|share| share / total).collect(), centre: reach }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strong_signal_spreads_as_a_gaussian_of_one_over_t() {
        let (t, step) = (40.0, 0.0005);
        let mut bins = vec![0.0; 1001];
        bins[500] = 1.0;
        let out = Kernel::new(t, step).spread(&bins);
        assert!((out.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let mean: f64 = out.iter().enumerate().map(|(bin, p)| p * (bin as f64 - 500.0) * step).sum();
        let square: f64 = out.iter().enumerate().map(|(bin, p)| p * ((bin as f64 - 500.0) * step).powi(2)).sum();
        let sigma = std::f64::consts::LOG10_E / t;
        // In ln a the curve exp(-t^2 (e^v - 1)^2 / 2) has mean -3 / (2 t^2) to first order.
        assert!((mean - -1.5 * std::f64::consts::LOG10_E / (t * t)).abs() < 2e-5, "{mean:e}");
        assert!(((square - mean * mean).sqrt() / sigma - 1.0).abs() < 0.01);
    }

    #[test]
    fn nothing_is_lost_at_the_ends() {
        let bins = [1.0, 0.0, 0.0, 2.0];
        let out = Kernel::new(3.0, 0.05).spread(&bins);
        assert!((out.iter().sum::<f64>() - 3.0).abs() < 1e-12);
    }
}
