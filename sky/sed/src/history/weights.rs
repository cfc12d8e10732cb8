//! Which share of a galaxy's stars has which age: weights of the ages of a table of spectra.

use super::{Burst, History};
use crate::filter::GAUSS;

/// Stars younger than this are in their birth clouds, yr (Charlot & Fall 2000).
pub(crate) const BIRTH_CLOUD: f64 = 1e7;

/// The ages of a table of spectra, with what integrals over them need.
///
/// Between two ages spectra are linear in the logarithm of age (in age itself after an age of 0); before the first they are
/// the first, after the last the last.
#[derive(Debug, Clone)]
pub(crate) struct AgeGrid {
    age: Vec<f64>,
    pieces: Vec<Piece>,
}

/// A stretch of ages between two ages of the table, all young or all old.
#[derive(Debug, Clone)]
struct Piece {
    begin: f64,
    end: f64,
    /// Index of the age at or before it; the next one's if it begins at 0 before the first.
    low: usize,
    high: usize,
    young: bool,
    /// Age, share of `high` and weight (yr) of each point of the quadrature.
    points: [(f64, f64, f64); 5],
}

/// A history's stars by age, per Msun formed continuously: entry `k` of each goes with age `k` of the table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AgeWeights {
    /// Mass formed, of stars in birth clouds.
    pub(crate) young: Vec<f64>,
    /// Mass formed, of older stars.
    pub(crate) old: Vec<f64>,
    /// Mass formed times age, yr.
    pub(crate) aged: Vec<f64>,
    /// Sum of mass formed.
    pub(crate) formed: f64,
    /// Star formation rate over the last 1e8 yr, per yr.
    pub(crate) recent_rate: f64,
}

impl AgeGrid {
    pub(crate) fn new(age: &[f64]) -> AgeGrid {
        let mut edges: Vec<f64> = age.iter().copied().filter(|&t| t > 0.0).collect();
        edges.insert(0, 0.0);
        // Far enough for any history; nothing is interpolated there.
        edges.push(edges[edges.len() - 1].max(1e11) * 2.0);
        if let Err(at) = edges.binary_search_by(|t| t.total_cmp(&BIRTH_CLOUD)) {
            edges.insert(at, BIRTH_CLOUD);
        }
        let mut grid = AgeGrid { age: age.to_vec(), pieces: Vec::new() };
        grid.pieces = edges.windows(2).map(|edge| grid.piece(edge[0], edge[1])).collect();
        grid
    }

    /// The piece between two ages, which no age of the table divides.
    fn piece(&self, begin: f64, end: f64) -> Piece {
        let above = self.age.partition_point(|&t| t <= begin);
        let low = above.saturating_sub(1);
        let high = if above == 0 { 0 } else { above.min(self.age.len() - 1) };
        let (from, to) = (self.age[low], self.age[high]);
        let points = GAUSS.map(|(node, weight)| {
            let t = begin + node * (end - begin);
            let share = if low == high {
                0.0
            } else if from > 0.0 {
                libm::log(t / from) / libm::log(to / from)
            } else {
                t / to
            };
            (t, share, weight * (end - begin))
        });
        Piece { begin, end, low, high, young: end <= BIRTH_CLOUD, points }
    }

    /// The stars that a history leaves.
    pub(crate) fn weights(&self, history: &History) -> AgeWeights {
        let zeros = vec![0.0; self.age.len()];
        let mut weights =
            AgeWeights { young: zeros.clone(), old: zeros.clone(), aged: zeros, formed: 0.0, recent_rate: 0.0 };
        let gamma = history.gamma / 1e9;
        let total = if gamma * history.age < 1e-9 { history.age } else { -libm::expm1(-gamma * history.age) / gamma };
        // Per yr at a time ago; the integral over the galaxy's life is 1.
        let rate = |ago: f64| libm::exp(gamma * (ago - history.age)) / total;
        self.add(&mut weights, 0.0, history.age, rate);
        let recent = 1e8_f64.min(history.age);
        let mut recent_mass =
            if gamma * history.age < 1e-9 { recent / total } else { rate(0.0) * libm::expm1(gamma * recent) / gamma };
        for &Burst { began, duration, amplitude } in &history.bursts {
            let rate = amplitude / duration;
            let ended = (began - duration).max(0.0);
            self.add(&mut weights, ended, began, |_| rate);
            recent_mass += rate * (began.min(1e8) - ended.min(1e8));
        }
        weights.formed = weights.young.iter().chain(&weights.old).sum();
        weights.recent_rate = recent_mass / 1e8;
        weights
    }

    /// Adds stars that formed between two times ago at a rate.
    fn add(&self, weights: &mut AgeWeights, from: f64, to: f64, rate: impl Fn(f64) -> f64) {
        for piece in &self.pieces {
            if piece.end <= from {
                continue;
            }
            if piece.begin >= to {
                break;
            }
            let cut;
            let part = if piece.begin < from || piece.end > to {
                // Within one interval of the table all the same.
                cut = Piece { young: piece.young, ..self.piece(piece.begin.max(from), piece.end.min(to)) };
                &cut
            } else {
                piece
            };
            let (mut low, mut high, mut low_aged, mut high_aged) = (0.0, 0.0, 0.0, 0.0);
            for &(t, share, weight) in &part.points {
                let mass = weight * rate(t);
                low += mass * (1.0 - share);
                high += mass * share;
                low_aged += mass * (1.0 - share) * t;
                high_aged += mass * share * t;
            }
            let side = if part.young { &mut weights.young } else { &mut weights.old };
            side[part.low] += low;
            side[part.high] += high;
            weights.aged[part.low] += low_aged;
            weights.aged[part.high] += high_aged;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ssp::embedded;

    fn history(age: f64, gamma: f64, bursts: Vec<Burst>) -> History {
        History { age, gamma, metallicity: 1.0, bursts, tau_v: 1.0, mu: 0.3 }
    }

    #[test]
    fn constant_star_formation_has_the_masses_and_ages_of_closed_form() {
        let grid = AgeGrid::new(&embedded().age);
        let weights = grid.weights(&history(1e10, 0.0, Vec::new()));
        let young: f64 = weights.young.iter().sum();
        let aged: f64 = weights.aged.iter().sum();
        assert!((young - 1e-3).abs() < 1e-15 && (weights.formed - 1.0).abs() < 1e-13);
        assert!((aged / weights.formed / 5e9 - 1.0).abs() < 1e-12, "{aged}");
        assert!((weights.recent_rate * 1e10 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn falling_star_formation_has_the_mean_age_of_closed_form() {
        let grid = AgeGrid::new(&embedded().age);
        let (age, gamma) = (8e9, 0.7e-9);
        let weights = grid.weights(&history(age, 0.7, Vec::new()));
        let fallen = libm::exp(-gamma * age);
        // Mean time since the beginning of exp(-gamma t) in 0 to T is 1/gamma - T exp(-gamma T)/(1 - exp(-gamma T)).
        let mean = age - (1.0 / gamma - age * fallen / (1.0 - fallen));
        let aged: f64 = weights.aged.iter().sum();
        assert!((aged / weights.formed / mean - 1.0).abs() < 1e-8, "{aged} {mean}");
    }

    #[test]
    fn bursts_count_only_what_they_have_formed_by_now() {
        let grid = AgeGrid::new(&embedded().age);
        let cut = Burst { began: 5e7, duration: 1e8, amplitude: 2.0 };
        let past = Burst { began: 3.03e9, duration: 2e8, amplitude: 0.5 };
        let weights = grid.weights(&history(1e10, 0.0, vec![past, cut]));
        assert!((weights.formed - (1.0 + 1.0 + 0.5)).abs() < 1e-12, "{}", weights.formed);
        assert!((weights.recent_rate - (1e-2 + 1.0) / 1e8).abs() < 1e-20);
    }

    #[test]
    fn spectra_linear_in_the_logarithm_of_age_are_summed_exactly() {
        // Light of ln(age) at the table's ages (finite after 1 Myr), stars formed evenly from 2 Myr to 3 Gyr ago.
        let age = &embedded().age;
        let grid = AgeGrid::new(age);
        let burst = Burst { began: 3e9, duration: 3e9 - 2e6, amplitude: 1.0 };
        let with = grid.weights(&history(1e10, 0.0, vec![burst]));
        let without = grid.weights(&history(1e10, 0.0, Vec::new()));
        let light = |weights: &AgeWeights| -> f64 {
            let terms = (2..age.len()).map(|k| (weights.young[k] + weights.old[k]) * libm::log(age[k]));
            terms.sum()
        };
        let integral = |t: f64| t * libm::log(t) - t;
        let expected = (integral(3e9) - integral(2e6)) / (3e9 - 2e6);
        let ours = light(&with) - light(&without);
        assert!((ours / expected - 1.0).abs() < 1e-8, "{ours} {expected}");
    }

    proptest! {
        #[test]
        fn no_star_is_lost_on_any_grid(seed in any::<u64>(), number in 0u64..1000, first in prop::sample::select(vec![0.0, 1e5, 3e7])) {
            let mut age = vec![first];
            age.extend((0..40).map(|k| 4e7 * libm::pow(1.15, f64::from(k))));
            let history = History::draw(seed, number, 13.3e9);
            let weights = AgeGrid::new(&age).weights(&history);
            let bursts: f64 = history.bursts.iter().map(|b| b.amplitude * (b.duration.min(b.began) / b.duration)).sum();
            // Beyond the last age one piece of quadrature spans gigayears.
            prop_assert!((weights.formed / (1.0 + bursts) - 1.0).abs() < 1e-6);
            prop_assert!(weights.young.iter().chain(&weights.old).all(|w| *w >= -1e-15));
        }
    }
}
