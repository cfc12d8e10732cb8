//! Histograms as they are kept: without bins of little probability.

use pogson_sed::posterior::Marginal;

/// Bins below this probability are not kept (POGS's archive).
pub const LEAST_PROBABILITY: f64 = 0.01;

/// A marginal whose histogram spans no more than the bins of at least [`LEAST_PROBABILITY`]; those below it in between
/// are 0. Percentiles and peak are as they were. Trimming twice is trimming once.
pub fn trimmed(marginal: &Marginal) -> Marginal {
    let kept = |p: &f64| *p >= LEAST_PROBABILITY;
    let begin = marginal.histogram.iter().position(kept).unwrap_or(0);
    let end = marginal.histogram.iter().rposition(kept).map_or(begin, |last| last + 1);
    let histogram = marginal.histogram[begin..end].iter().map(|p| if kept(p) { *p } else { 0.0 }).collect();
    Marginal { first: marginal.first + marginal.step * begin as f64, histogram, ..marginal.clone() }
}

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
        let m = trimmed(&marginal(vec![0.0, 0.009, 0.3, 0.005, 0.68, 0.0]));
        assert_eq!(m.histogram, [0.3, 0.0, 0.68]);
        assert!((m.first - 0.125).abs() < 1e-15);
    }

    #[test]
    fn a_histogram_of_small_bins_alone_becomes_empty() {
        assert!(trimmed(&marginal(vec![0.005; 200])).histogram.is_empty());
    }

    proptest! {
        #[test]
        fn bins_give_the_trimmed_histogram_back(p in proptest::collection::vec(0.0..0.1f64, 0..60)) {
            let m = trimmed(&marginal(p));
            prop_assert_eq!(&trimmed(&m), &m);
            let kept: Vec<(f64, f64)> = bins(&m).collect();
            prop_assert_eq!(from_bins(m.first, m.step, &kept), Some(m.histogram));
        }
    }
}
