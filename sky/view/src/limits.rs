//! Limits: which values become black and which white.

use std::fmt;
use std::str::FromStr;

use crate::zscale::zscale;

/// One end of the range of brightness shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bound {
    /// A value in the image's units.
    Value(f64),
    /// The value below which this share of the finite pixels lies, in percent, `[0, 100]`.
    Percentile(f64),
    /// The median plus so many times sigma; sigma is half the distance between the 15.87th and 84.13th percentiles.
    Sigma(f64),
}

/// How the two limits are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limits {
    /// Each end by itself.
    Bounds(Bound, Bound),
    /// IRAF's zscale with its standard parameters.
    ZScale,
}

impl Limits {
    /// The smallest and the greatest finite value.
    pub const MIN_MAX: Limits = Limits::Bounds(Bound::Percentile(0.0), Bound::Percentile(100.0));

    /// What shows a survey image well: from just under the sky to nearly the brightest star.
    pub const SKY: Limits = Limits::Bounds(Bound::Sigma(-1.5), Bound::Percentile(99.7));

    /// The limits for these pixels, in their units; NaN and infinite ones do not count.
    ///
    /// Without a finite pixel the answer is (0, 1).
    pub fn find(&self, values: &[f32]) -> (f64, f64) {
        match self {
            Limits::ZScale => zscale(values, 1000, 0.25),
            Limits::Bounds(Bound::Value(low), Bound::Value(high)) => (*low, *high),
            Limits::Bounds(low, high) => {
                let sorted = finite_sorted(values);
                if sorted.is_empty() {
                    return (0.0, 1.0);
                }
                (low.find(&sorted), high.find(&sorted))
            }
        }
    }
}

impl Bound {
    fn find(&self, sorted: &[f32]) -> f64 {
        match *self {
            Bound::Value(value) => value,
            Bound::Percentile(percent) => percentile_of_sorted(sorted, percent),
            Bound::Sigma(times) => {
                let sigma = (percentile_of_sorted(sorted, 84.134_474_606_854_3)
                    - percentile_of_sorted(sorted, 15.865_525_393_145_7))
                    / 2.0;
                times.mul_add(sigma, percentile_of_sorted(sorted, 50.0))
            }
        }
    }
}

/// The text is no limit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "limit '{text}' is unknown; use zscale, minmax, one percentage of pixels kept such as 99.5%, or two of: a value, a percentile such as 1%, so many sigma such as -2s, min, max"
)]
pub struct LimitsError {
    /// The text as given.
    pub text: String,
}

impl FromStr for Bound {
    type Err = LimitsError;

    fn from_str(text: &str) -> Result<Bound, LimitsError> {
        let error = || LimitsError { text: text.into() };
        let number = |digits: &str| -> Result<f64, LimitsError> {
            let number: f64 = digits.trim().parse().map_err(|_| error())?;
            if number.is_finite() { Ok(number) } else { Err(error()) }
        };
        let trimmed = text.trim();
        match trimmed.to_ascii_lowercase().as_str() {
            "min" => return Ok(Bound::Percentile(0.0)),
            "max" => return Ok(Bound::Percentile(100.0)),
            _ => {}
        }
        if let Some(digits) = trimmed.strip_suffix('%') {
            let percent = number(digits)?;
            if !(0.0..=100.0).contains(&percent) {
                return Err(error());
            }
            return Ok(Bound::Percentile(percent));
        }
        if let Some(digits) = trimmed.strip_suffix(['s', 'S']) {
            return Ok(Bound::Sigma(number(digits)?));
        }
        Ok(Bound::Value(number(trimmed)?))
    }
}

impl FromStr for Limits {
    type Err = LimitsError;

    /// Reads `zscale`, `minmax`, `99.5%` (that share of the pixels, as much cut off at either end) or two bounds
    /// separated by a comma or blanks.
    fn from_str(text: &str) -> Result<Limits, LimitsError> {
        let error = || LimitsError { text: text.into() };
        let words: Vec<&str> = text.split([',', ' ', '\t']).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [one] => match one.to_ascii_lowercase().as_str() {
                "zscale" => Ok(Limits::ZScale),
                "minmax" => Ok(Limits::MIN_MAX),
                _ => match one.parse()? {
                    Bound::Percentile(kept) => Ok(Limits::Bounds(
                        Bound::Percentile((100.0 - kept) / 2.0),
                        Bound::Percentile((100.0 + kept) / 2.0),
                    )),
                    Bound::Value(_) | Bound::Sigma(_) => Err(error()),
                },
            },
            [low, high] => Ok(Limits::Bounds(low.parse()?, high.parse()?)),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bound::Value(value) => write!(f, "{value}"),
            Bound::Percentile(percent) => write!(f, "{percent}%"),
            Bound::Sigma(times) => write!(f, "{times}s"),
        }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limits::ZScale => f.write_str("zscale"),
            Limits::Bounds(low, high) => write!(f, "{low} {high}"),
        }
    }
}

/// The finite values in ascending order.
pub(crate) fn finite_sorted(values: &[f32]) -> Vec<f32> {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    sorted
}

/// The percentile of ascending values, interpolated linearly between ranks (numpy's default); NaN of an empty slice.
pub(crate) fn percentile_of_sorted(sorted: &[f32], percent: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = (percent / 100.0).clamp(0.0, 1.0) * last as f64;
    let below = place.floor() as usize;
    let a = f64::from(sorted[below]);
    let b = f64::from(sorted[(below + 1).min(last)]);
    (b - a).mul_add(place - below as f64, a)
}

/// The value that a standard normal variable stays below with probability `share`, for `share` in `(0, 1)`.
///
/// Found by bisection on libm's erfc to full precision: the function is called a few thousand times a picture.
pub(crate) fn standard_normal_quantile(share: f64) -> f64 {
    let below = |z: f64| 0.5 * libm::erfc(-z * std::f64::consts::FRAC_1_SQRT_2);
    let (mut low, mut high) = (-9.0, 9.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if below(middle) < share {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate_between_ranks_as_numpy_does() {
        // numpy.percentile([1, 2, 4, 8], [0, 10, 50, 90, 100]).
        let sorted = [1.0, 2.0, 4.0, 8.0];
        for (percent, value) in [(0.0, 1.0), (10.0, 1.3), (50.0, 3.0), (90.0, 6.8), (100.0, 8.0)] {
            assert!((percentile_of_sorted(&sorted, percent) - value).abs() < 1e-12);
        }
    }

    #[test]
    fn sigma_bounds_are_so_many_sigma_from_the_median_of_normal_noise() {
        let noise: Vec<f32> =
            (1..20_000).map(|k| standard_normal_quantile(f64::from(k) / 20_000.0).mul_add(3.0, 50.0) as f32).collect();
        let (low, high) = "-2s 5s".parse::<Limits>().unwrap().find(&noise);
        assert!((low - 44.0).abs() < 0.01 && (high - 65.0).abs() < 0.01, "{low} {high}");
    }

    #[test]
    fn the_normal_quantile_is_known_at_tabulated_probabilities() {
        for (share, z) in
            [(0.5, 0.0), (0.975, 1.959963984540054), (0.841344746068543, 1.0), (0.00134989803163009, -3.0)]
        {
            assert!((standard_normal_quantile(share) - z).abs() < 1e-12);
        }
    }

    #[test]
    fn a_single_percentage_cuts_both_ends_alike_and_nan_does_not_count() {
        let mut values: Vec<f32> = (0..=1000).map(|v| v as f32).collect();
        values.push(f32::NAN);
        let (low, high) = "90%".parse::<Limits>().unwrap().find(&values);
        assert!((low - 50.0).abs() < 1e-9 && (high - 950.0).abs() < 1e-9);
        assert_eq!("minmax".parse::<Limits>().unwrap().find(&values), (0.0, 1000.0));
        assert_eq!(Limits::MIN_MAX.find(&[f32::NAN; 4]), (0.0, 1.0));
    }

    #[test]
    fn nonsense_limits_are_named_in_the_error() {
        for text in ["5", "2s", "101%", "1 2 3", "a b", "nan 3", ""] {
            assert!(text.parse::<Limits>().is_err(), "{text}");
        }
    }
}
