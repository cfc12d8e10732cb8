//! How many models share the probability, and at which power of it enough would: a library is a finite sample of the prior,
//! and an interval that rests on five models is five models' accident, and too narrow.
//!
//! Probabilities raised to a power below 1 ask the same question with errors that are larger by its root.

/// The least power.
const LEAST: f64 = 0.02;

/// How many models share the probability: `(sum p)^2 / sum p^2`, 0 where there is none.
pub(crate) fn effective(sums: &[f64]) -> f64 {
    let (sum, squares) = sums.iter().fold((0.0, 0.0), |(sum, squares), p| (sum + p, squares + p * p));
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

/// Models with their likelihood and their weight before any data.
pub(crate) struct Few {
    /// Place, logarithm of the likelihood over the best, number of compatible partners.
    logs: Vec<(usize, f64, f64)>,
    /// Logarithm of the best likelihood.
    most: f64,
}

impl Few {
    /// - `sums`: probability of each model, of any sum;
    /// - `prior`: number of its compatible partners, for which the probability was summed.
    pub(crate) fn new(sums: &[f64], prior: &[f64]) -> Few {
        let most = sums.iter().zip(prior).map(|(p, n)| p / n.max(1.0)).fold(0.0, f64::max);
        let of = |(model, (&p, &n)): (usize, (&f64, &f64))| (model, libm::log(p / n / most), n);
        let logs = sums.iter().zip(prior).enumerate().filter(|(_, (p, n))| **p > 0.0 && **n > 0.0).map(of).collect();
        Few { logs, most: libm::log(most) }
    }

    /// The greatest power of 1 or less with which `enough` models count.
    pub(crate) fn power(&self, enough: f64) -> f64 {
        let effective = |power: f64| {
            let (mut sum, mut squares) = (0.0, 0.0);
            for &(_, likelihood, prior) in &self.logs {
                let p = prior * libm::exp(power * likelihood);
                sum += p;
                squares += p * p;
            }
            sum * sum / squares
        };
        if effective(1.0) >= enough {
            return 1.0;
        }
        let (mut low, mut high) = (LEAST, 1.0);
        for _ in 0..16 {
            let middle = 0.5 * (low + high);
            if effective(middle) >= enough { low = middle } else { high = middle }
        }
        low
    }

    /// Logarithm of the sum of likelihoods raised to `power`, each counted with its partners.
    pub(crate) fn ln_sum(&self, power: f64) -> f64 {
        let sum: f64 = self.logs.iter().map(|&(_, likelihood, prior)| prior * libm::exp(power * likelihood)).sum();
        power * self.most + libm::log(sum)
    }

    /// The models with their likelihoods raised to `power`, counted with their partners, of any sum.
    pub(crate) fn raised(&self, power: f64) -> Vec<(usize, f64)> {
        self.logs.iter().map(|&(model, likelihood, prior)| (model, prior * libm::exp(power * likelihood))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enough_models_count_at_the_power_found() {
        let values: Vec<f64> = (0..2000).map(|k| ((k * 1237) % 2000) as f64 / 2000.0).collect();
        let sums: Vec<f64> = values.iter().map(|v| libm::exp(-0.5 * ((v - 0.4) / 0.001).powi(2))).collect();
        let few = Few::new(&sums, &vec![1.0; 2000]);
        let power = few.power(32.0);
        assert!(power < 1.0);
        let raised = few.raised(power);
        let sum: f64 = raised.iter().map(|entry| entry.1).sum();
        let squares: f64 = raised.iter().map(|entry| (entry.1 / sum).powi(2)).sum();
        assert!((1.0 / squares / 32.0 - 1.0).abs() < 0.01, "{}", 1.0 / squares);
        let variance: f64 = raised.iter().map(|&(k, p)| p / sum * (values[k] - 0.4).powi(2)).sum();
        assert!((variance.sqrt() * power.sqrt() / 0.001 - 1.0).abs() < 0.05, "{variance}");
    }

    #[test]
    fn many_models_are_left_as_they_are() {
        assert_eq!(Few::new(&[1.0; 500], &[1.0; 500]).power(100.0), 1.0);
    }
}
