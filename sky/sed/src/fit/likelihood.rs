//! The weight of a pair from its chi2.

use crate::fit::models::Convention;

/// `2^(d (linear + square d))` for a chi2 that is `d` above the reference.
///
/// MAGPHYS takes `exp(-chi2 / 2)`, the likelihood at the best scale. With a prior that is flat in the scale's logarithm, the
/// likelihood over all scales is this over `t = sqrt(S - chi2)`, the significance of the scale; the default takes that, to
/// second order in `d / t^2`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Likelihood {
    pub linear: f32,
    pub square: f32,
}

impl Likelihood {
    /// - `total`: the chi2 of no model at all;
    /// - `reference`: the chi2 where the weight is 1.
    pub(crate) fn new(convention: Convention, total: f64, reference: f64) -> Likelihood {
        let half = 0.5 * std::f64::consts::LOG2_E;
        let significance = (total - reference).max(4.0);
        match convention {
            Convention::Paper => Likelihood { linear: -half as f32, square: 0.0 },
            Convention::Mended => Likelihood {
                linear: (half * (1.0 / significance - 1.0)) as f32,
                square: (0.5 * half / (significance * significance)) as f32,
            },
        }
    }

    /// The weight.
    pub(crate) fn of(self, above: f64) -> f64 {
        libm::exp2(above * (f64::from(self.linear) + f64::from(self.square) * above))
    }

    /// The most by which weights exceed `exp(-d / 2)`.
    pub(crate) const EXCESS: f64 = 2.2;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_integral_over_scales() {
        // Integral of exp(-t^2 (e^v - 1)^2 / 2 - chi2 / 2) over v, for t^2 = S - chi2.
        let integral = |chi2: f64, total: f64| {
            let t = (total - chi2).sqrt();
            let step = 1e-3;
            let sum: f64 = (-2000..2000)
                .map(|k| {
                    let off = t * (libm::exp(f64::from(k) * step) - 1.0);
                    libm::exp(-0.5 * off * off)
                })
                .sum();
            sum * libm::exp(-0.5 * chi2)
        };
        let (total, reference) = (150.0, 7.0);
        let likelihood = Likelihood::new(Convention::Mended, total, reference);
        for above in [1.0, 5.0, 20.0] {
            let truth = integral(reference + above, total) / integral(reference, total);
            assert!((likelihood.of(above) / truth - 1.0).abs() < 0.01, "{above}");
        }
    }
}
