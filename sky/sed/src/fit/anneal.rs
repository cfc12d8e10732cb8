//! Marginals where few models share the probability: a library is a finite sample of the prior, and an interval that rests
//! on five models is five models' accident, and too narrow.
//!
//! The models' probabilities are raised to a power below 1, which asks the same question with errors that are larger by its
//! root, until enough of them count: the coarseness of the library is carried as an error of the data.

use crate::fit::grid::Bins;

/// Effective number of models that marginals rest on at least.
const ENOUGH: f64 = 32.0;
/// The least power.
const LEAST: f64 = 0.02;

/// Models with their likelihood and their weight before any data.
pub(crate) struct Few {
    /// Place, logarithm of the likelihood over the best, number of compatible partners.
    logs: Vec<(u32, f64, f64)>,
    /// Logarithm of the best likelihood.
    most: f64,
}

/// Models with annealed probabilities, which sum to 1.
pub(crate) struct Annealed {
    members: Vec<(u32, f64)>,
}

impl Few {
    /// - `sums`: probability of each model, of any sum;
    /// - `prior`: number of its compatible partners, for which the probability was summed.
    pub(crate) fn new(sums: &[f64], prior: &[f64]) -> Few {
        let most = sums.iter().zip(prior).map(|(p, n)| p / n.max(1.0)).fold(0.0, f64::max);
        let of = |(model, (&p, &n)): (usize, (&f64, &f64))| (model as u32, libm::log(p / n / most), n);
        let logs = sums.iter().zip(prior).enumerate().filter(|(_, (p, n))| **p > 0.0 && **n > 0.0).map(of).collect();
        Few { logs, most: libm::log(most) }
    }

    /// The greatest power of 1 or less with which enough models count.
    pub(crate) fn power(&self) -> f64 {
        let effective = |power: f64| {
            let (mut sum, mut squares) = (0.0, 0.0);
            for &(_, likelihood, prior) in &self.logs {
                let p = prior * libm::exp(power * likelihood);
                sum += p;
                squares += p * p;
            }
            sum * sum / squares
        };
        if effective(1.0) >= ENOUGH {
            return 1.0;
        }
        let (mut low, mut high) = (LEAST, 1.0);
        for _ in 0..16 {
            let middle = 0.5 * (low + high);
            if effective(middle) >= ENOUGH { low = middle } else { high = middle }
        }
        low
    }

    /// Logarithm of the sum of likelihoods raised to `power`, each counted with its partners.
    pub(crate) fn ln_sum(&self, power: f64) -> f64 {
        let sum: f64 = self.logs.iter().map(|&(_, likelihood, prior)| prior * libm::exp(power * likelihood)).sum();
        power * self.most + libm::log(sum)
    }

    /// The models at `power`.
    pub(crate) fn annealed(&self, power: f64) -> Annealed {
        let mut members: Vec<(u32, f64)> = self
            .logs
            .iter()
            .map(|&(model, likelihood, prior)| (model, prior * libm::exp(power * likelihood)))
            .collect();
        let sum: f64 = members.iter().map(|member| member.1).sum();
        members.iter_mut().for_each(|member| member.1 /= sum);
        Annealed { members }
    }
}

impl Annealed {
    /// The fine bins of a parameter, summing to `total`.
    pub(crate) fn bins(&self, fine: &Bins, value: &dyn Fn(usize) -> f64, total: f64) -> Vec<f64> {
        let mut bins = vec![0.0; fine.len()];
        for &(model, p) in &self.members {
            bins[fine.index(value(model as usize))] += p * total;
        }
        bins
    }

    /// Mean and variance of a parameter.
    pub(crate) fn moments(&self, value: &dyn Fn(usize) -> f64) -> (f64, f64) {
        let mean: f64 = self.members.iter().map(|&(model, p)| p * value(model as usize)).sum();
        let square = |&(model, p): &(u32, f64)| {
            let off = value(model as usize) - mean;
            p * off * off
        };
        (mean, self.members.iter().map(square).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_models_count_after_annealing() {
        let values: Vec<f64> = (0..2000).map(|k| ((k * 1237) % 2000) as f64 / 2000.0).collect();
        let sums: Vec<f64> = values.iter().map(|v| libm::exp(-0.5 * ((v - 0.4) / 0.001).powi(2))).collect();
        let few = Few::new(&sums, &vec![1.0; 2000]);
        let power = few.power();
        assert!(power < 1.0);
        let annealed = few.annealed(power);
        let squares: f64 = annealed.members.iter().map(|member| member.1 * member.1).sum();
        assert!((1.0 / squares / ENOUGH - 1.0).abs() < 0.01, "{}", 1.0 / squares);
        let (mean, variance) = annealed.moments(&|model| values[model]);
        assert!((mean - 0.4).abs() < 1e-3, "{mean}");
        assert!((variance.sqrt() * power.sqrt() / 0.001 - 1.0).abs() < 0.05, "{variance}");
    }

    #[test]
    fn many_models_are_left_as_they_are() {
        assert_eq!(Few::new(&[1.0; 500], &[1.0; 500]).power(), 1.0);
    }
}
