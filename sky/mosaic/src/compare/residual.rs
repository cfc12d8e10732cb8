//! Difference of two images on one grid, in numbers.

use serde::Serialize;

use super::order::{Coarse, Fine};

/// Percentiles of the signed difference that are reported.
pub const PERCENTILES: [f64; 9] = [0.1, 1.0, 5.0, 16.0, 50.0, 84.0, 95.0, 99.0, 99.9];

/// Percentiles of the absolute difference that are reported.
const ABSOLUTE_PERCENTILES: [f64; 3] = [50.0, 95.0, 99.0];

/// First reading of a block of both images: counts and sums.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    both: u64,
    only_a: u64,
    only_b: u64,
    neither: u64,
    equal: u64,
    sum: f64,
    sum_of_squares: f64,
    largest: f32,
    signed: Coarse,
    absolute: Coarse,
}

impl Tally {
    /// Reads a block.
    ///
    /// - `a`, `b`: the same pixels of both images; NaN where an image has no value.
    pub fn of(a: &[f32], b: &[f32]) -> Tally {
        let mut tally = Tally::default();
        for (&a, &b) in a.iter().zip(b) {
            match (a.is_finite(), b.is_finite()) {
                (true, true) => {
                    let difference = a - b;
                    tally.both += 1;
                    tally.equal += u64::from(a == b);
                    tally.sum += f64::from(difference);
                    tally.sum_of_squares += f64::from(difference) * f64::from(difference);
                    tally.largest = tally.largest.max(difference.abs());
                    tally.signed.add(difference);
                    tally.absolute.add(difference.abs());
                }
                (true, false) => tally.only_a += 1,
                (false, true) => tally.only_b += 1,
                (false, false) => tally.neither += 1,
            }
        }
        tally
    }

    /// Adds the block that follows; the order of blocks fixes the last digit of the sums.
    pub fn merge(&mut self, next: &Tally) {
        self.both += next.both;
        self.only_a += next.only_a;
        self.only_b += next.only_b;
        self.neither += next.neither;
        self.equal += next.equal;
        self.sum += next.sum;
        self.sum_of_squares += next.sum_of_squares;
        self.largest = self.largest.max(next.largest);
        self.signed.merge(&next.signed);
        self.absolute.merge(&next.absolute);
    }

    /// Counters for the second reading.
    pub fn refine(&self) -> Ranks {
        Ranks {
            signed: self.signed.refine(&PERCENTILES.map(|p| p / 100.0)),
            absolute: self.absolute.refine(&ABSOLUTE_PERCENTILES.map(|p| p / 100.0)),
        }
    }
}

/// Second reading: where the percentiles lie.
#[derive(Debug, Clone)]
pub struct Ranks {
    signed: Fine,
    absolute: Fine,
}

impl Ranks {
    /// Reads a block that the first reading saw.
    pub fn add(&mut self, a: &[f32], b: &[f32]) {
        for (&a, &b) in a.iter().zip(b) {
            if a.is_finite() && b.is_finite() {
                self.signed.add(a - b);
                self.absolute.add((a - b).abs());
            }
        }
    }

    /// Adds what another counted.
    pub fn merge(&mut self, other: &Ranks) {
        self.signed.merge(&other.signed);
        self.absolute.merge(&other.absolute);
    }
}

/// The difference `a - b` over the pixels where both images have values, in the images' unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Residuals {
    /// Pixels with values in both images.
    pub pixels: u64,
    /// Pixels with a value only in the first.
    pub only_a: u64,
    /// Pixels with a value only in the second.
    pub only_b: u64,
    /// Pixels with a value in neither.
    pub neither: u64,
    /// Pixels whose values are equal.
    pub equal: u64,
    /// Mean of the difference; NaN without pixels, as all that follows.
    pub mean: f64,
    /// Median of the difference.
    pub median: f64,
    /// Root mean square of the difference.
    pub rms: f64,
    /// Standard deviation about the mean.
    pub stddev: f64,
    /// Largest absolute difference.
    pub max_abs: f64,
    /// Median of the absolute difference.
    pub median_abs: f64,
    /// 95th percentile of the absolute difference.
    pub p95_abs: f64,
    /// 99th percentile of the absolute difference.
    pub p99_abs: f64,
    /// The [`PERCENTILES`] of the signed difference.
    pub percentiles: Vec<Percentile>,
}

/// One percentile of the signed difference.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percentile {
    /// In `[0, 100]`.
    pub percent: f64,
    /// Difference that this share of the pixels lies below.
    pub value: f64,
}

impl Residuals {
    /// Joins both readings.
    pub fn new(tally: &Tally, ranks: &Ranks) -> Residuals {
        let n = tally.both as f64;
        let mean = tally.sum / n;
        let mean_square = tally.sum_of_squares / n;
        let signed = ranks.signed.quantiles();
        let absolute = ranks.absolute.quantiles();
        Residuals {
            pixels: tally.both,
            only_a: tally.only_a,
            only_b: tally.only_b,
            neither: tally.neither,
            equal: tally.equal,
            mean,
            median: signed[4],
            rms: mean_square.sqrt(),
            stddev: (mean_square - mean * mean).max(0.0).sqrt(),
            max_abs: if tally.both == 0 { f64::NAN } else { f64::from(tally.largest) },
            median_abs: absolute[0],
            p95_abs: absolute[1],
            p99_abs: absolute[2],
            percentiles: PERCENTILES
                .iter()
                .zip(&signed)
                .map(|(&percent, &value)| Percentile { percent, value })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn residuals(a: &[f32], b: &[f32]) -> Residuals {
        let tally = Tally::of(a, b);
        let mut ranks = tally.refine();
        ranks.add(a, b);
        Residuals::new(&tally, &ranks)
    }

    #[test]
    fn an_image_agrees_with_itself() {
        let a = [1.0, f32::NAN, -3.0];
        let found = residuals(&a, &a);
        assert_eq!((found.pixels, found.equal, found.neither, found.rms, found.max_abs), (2, 2, 1, 0.0, 0.0));
    }

    #[test]
    fn a_ramp_has_the_statistics_of_a_ramp() {
        let a: Vec<f32> = (0..=1000).map(|i| i as f32).collect();
        let b = vec![500.0; 1001];
        let found = residuals(&a, &b);
        assert_eq!((found.mean, found.median, found.max_abs), (0.0, 0.0, 500.0));
        assert_eq!(found.percentiles[1].value, -490.0);
        assert_eq!(found.median_abs, 250.0);
        assert!((found.rms - (1001.0f64 * 1001.0 - 1.0).sqrt() / 12.0f64.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn pixels_that_one_image_lacks_are_counted_apart() {
        let found = residuals(&[1.0, f32::NAN, 2.0], &[f32::NAN, 1.0, f32::INFINITY]);
        assert_eq!((found.pixels, found.only_a, found.only_b), (0, 2, 1));
        assert!(found.median.is_nan() && found.max_abs.is_nan());
    }
}
