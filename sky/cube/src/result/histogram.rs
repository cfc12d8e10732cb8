//! Histograms as they are kept: without bins of little probability.

use pogson_sed::posterior::{LEAST_PROBABILITY, Marginal};

/// The kept bins of a trimmed marginal as (centre, probability).
pub(super) fn bins(marginal: &Marginal) -> impl Iterator<Item = (f64, f64)> {
    let centre = |k: usize| marginal.first + marginal.step * k as f64;
    marginal.histogram.iter().enumerate().filter(|(_, p)| **p >= LEAST_PROBABILITY).map(move |(k, p)| (centre(k), *p))
}

/// The histogram that `bins` were taken from. None where centres are no multiples of `step` from `first` within what a
/// histogram can have.
pub(super) fn from_bins(first: f64, step: f64, bins: &[(f64, f64)]) -> Option<Vec<f64>> {
    const MOST: f64 = 100_000.0;
    let mut histogram = Vec::new();
    for (centre, p) in bins {
        let place = ((centre - first) / step).round();
        if !(0.0..MOST).contains(&place) {
            return None;
        }
        let k = place as usize;
        if histogram.len() <= k {
            histogram.resize(k + 1, 0.0);
        }
        histogram[k] = *p;
    }
    Some(histogram)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pogson_sed::parameter::Parameter;
    use proptest::prelude::*;

    fn marginal(histogram: Vec<f64>) -> Marginal {
        Marginal { parameter: Parameter::Mu, percentiles: [0.0; 5], peak: 0.0, first: 0.025, step: 0.05, histogram }
    }

    #[test]
    fn ends_of_little_probability_go_and_the_first_bin_moves() {
        let m = marginal(vec![0.0, 0.009, 0.3, 0.005, 0.68, 0.0]).trimmed();
        assert_eq!(m.histogram, [0.3, 0.0, 0.68]);
        assert!((m.first - 0.125).abs() < 1e-15);
    }

    #[test]
    fn a_histogram_of_small_bins_alone_becomes_empty() {
        assert!(marginal(vec![0.005; 200]).trimmed().histogram.is_empty());
    }

    proptest! {
        #[test]
        fn bins_give_the_trimmed_histogram_back(p in proptest::collection::vec(0.0..0.1f64, 0..60)) {
            let m = marginal(p).trimmed();
            prop_assert_eq!(&m.trimmed(), &m);
            let kept: Vec<(f64, f64)> = bins(&m).collect();
            prop_assert_eq!(from_bins(m.first, m.step, &kept), Some(m.histogram));
        }
    }
}
