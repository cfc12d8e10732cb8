//! Stretches: how brightness between the limits becomes brightness on the screen.

use std::fmt;
use std::str::FromStr;

use crate::limits::{finite_sorted, standard_normal_quantile};

/// A curve from `[0, 1]` (the place of a value between the limits) to `[0, 1]` (screen brightness).
///
/// The closed forms are those of astropy.visualization, so that pictures look alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stretch {
    /// `y = x`.
    Linear,
    /// `y = log(a x + 1) / log(a + 1)`, `a > 0`; 1000 by default.
    Log(f64),
    /// `y = sqrt(x)`.
    Sqrt,
    /// `y = x^p`, `p > 0`; 2 by default.
    Power(f64),
    /// `y = asinh(x / a) / asinh(1 / a)`, `a > 0`; 0.1 by default.
    Asinh(f64),
    /// `y = sinh(x / a) / sinh(1 / a)`, `a > 0`; 1/3 by default.
    Sinh(f64),
    /// Histogram equalisation: each brightness of the screen gets as many pixels as any other.
    Equalise,
    /// The pixels' ranks mapped to a normal distribution, as Montage's mViewer does under this name: the sky's noise
    /// comes out mid-grey and the faintest wings stay visible.
    Gaussian,
    /// [`Stretch::Gaussian`] and then `log10(1 + 9 y)`, which spreads the bright end.
    GaussianLog,
}

/// The text names no stretch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "stretch '{text}' is unknown; use linear, log, sqrt, power, asinh, sinh, equalise, gaussian or gaussian-log, log, power, asinh and sinh optionally with a positive number as in asinh:0.05"
)]
pub struct StretchError {
    /// The text as given.
    pub text: String,
}

impl FromStr for Stretch {
    type Err = StretchError;

    fn from_str(text: &str) -> Result<Stretch, StretchError> {
        let error = || StretchError { text: text.into() };
        let (name, number) = match text.split_once(':') {
            Some((name, number)) => {
                let number: f64 = number.trim().parse().map_err(|_| error())?;
                if !(number.is_finite() && number > 0.0) {
                    return Err(error());
                }
                (name, Some(number))
            }
            None => (text, None),
        };
        let plain = |stretch| number.map_or(Ok(stretch), |_| Err(error()));
        match name.trim().to_ascii_lowercase().as_str() {
            "linear" | "lin" => plain(Stretch::Linear),
            "log" => Ok(Stretch::Log(number.unwrap_or(1000.0))),
            "sqrt" => plain(Stretch::Sqrt),
            "power" | "pow" => Ok(Stretch::Power(number.unwrap_or(2.0))),
            "asinh" => Ok(Stretch::Asinh(number.unwrap_or(0.1))),
            "sinh" => Ok(Stretch::Sinh(number.unwrap_or(1.0 / 3.0))),
            "equalise" | "equalize" | "histeq" => plain(Stretch::Equalise),
            "gaussian" => plain(Stretch::Gaussian),
            "gaussian-log" | "gaussianlog" => plain(Stretch::GaussianLog),
            _ => Err(error()),
        }
    }
}

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stretch::Linear => f.write_str("linear"),
            Stretch::Log(a) => write!(f, "log:{a}"),
            Stretch::Sqrt => f.write_str("sqrt"),
            Stretch::Power(p) => write!(f, "power:{p}"),
            Stretch::Asinh(a) => write!(f, "asinh:{a}"),
            Stretch::Sinh(a) => write!(f, "sinh:{a:.6}"),
            Stretch::Equalise => f.write_str("equalise"),
            Stretch::Gaussian => f.write_str("gaussian"),
            Stretch::GaussianLog => f.write_str("gaussian-log"),
        }
    }
}

/// A stretch made ready for one picture: limits, curve and, where the curve depends on the pixels, their ranks.
#[derive(Debug, Clone)]
pub struct Tone {
    low: f64,
    high: f64,
    stretch: Stretch,
    /// Values at evenly spaced ranks between the limits, ascending; empty for closed forms.
    ranked: Vec<f32>,
    /// Shares of all pixels that lie below the low and the high limit.
    ranks: (f64, f64),
}

/// Ranks kept for the curves that depend on the pixels.
const RANKS: usize = 4096;

impl Tone {
    /// Prepares `stretch` between `low` and `high` (in the image's units) for the pixels `values`, NaN allowed.
    ///
    /// Where `high <= low` every value up to `low` is black and every greater one white.
    pub fn new(stretch: Stretch, (low, high): (f64, f64), values: &[f32]) -> Tone {
        let mut tone = Tone { low, high, stretch, ranked: Vec::new(), ranks: (0.0, 1.0) };
        if matches!(stretch, Stretch::Equalise | Stretch::Gaussian | Stretch::GaussianLog) {
            let sorted = finite_sorted(values);
            let below = sorted.partition_point(|&v| f64::from(v) < low);
            let upto = sorted.partition_point(|&v| f64::from(v) <= high);
            let within = sorted.get(below..upto).unwrap_or(&[]);
            if !within.is_empty() {
                let last = within.len() - 1;
                let kept = RANKS.min(within.len());
                tone.ranked = (0..kept).map(|k| within[if kept > 1 { k * last / (kept - 1) } else { 0 }]).collect();
                let all = sorted.len() as f64;
                tone.ranks = ((below as f64 + 0.5) / all, (upto as f64 - 0.5).max(below as f64 + 0.5) / all);
            }
        }
        tone
    }

    /// The limits, in the image's units.
    pub fn limits(&self) -> (f64, f64) {
        (self.low, self.high)
    }

    /// Screen brightness in `[0, 1]` of a value; `None` for NaN.
    pub fn apply(&self, value: f32) -> Option<f64> {
        if value.is_nan() {
            return None;
        }
        let value = f64::from(value);
        if value <= self.low {
            return Some(0.0);
        }
        if value >= self.high {
            return Some(1.0);
        }
        let x = (value - self.low) / (self.high - self.low);
        let y = match self.stretch {
            Stretch::Equalise => self.share_below(value as f32),
            Stretch::Gaussian => self.gaussian(value as f32),
            Stretch::GaussianLog => libm::log10(9.0f64.mul_add(self.gaussian(value as f32), 1.0)),
            closed => curve(closed, x),
        };
        Some(y.clamp(0.0, 1.0))
    }

    /// Share of the pixels between the limits that lie below `value`, interpolated, in `[0, 1]`.
    fn share_below(&self, value: f32) -> f64 {
        let n = self.ranked.len();
        if n < 2 {
            return 0.5;
        }
        let above = self.ranked.partition_point(|&v| v < value);
        let upto = self.ranked.partition_point(|&v| v <= value);
        let place = if upto > above {
            // Equal values share the middle of their ranks.
            (above + upto - 1) as f64 / 2.0
        } else if above == 0 {
            0.0
        } else if above == n {
            (n - 1) as f64
        } else {
            let (a, b) = (f64::from(self.ranked[above - 1]), f64::from(self.ranked[above]));
            (above - 1) as f64 + (f64::from(value) - a) / (b - a)
        };
        place / (n - 1) as f64
    }

    fn gaussian(&self, value: f32) -> f64 {
        let (first, last) = self.ranks;
        let quantile = |share: f64| standard_normal_quantile(share.clamp(1e-9, 1.0 - 1e-9));
        let (z0, z1) = (quantile(first), quantile(last));
        if z1 <= z0 {
            return 0.5;
        }
        let share = (last - first).mul_add(self.share_below(value), first);
        (quantile(share) - z0) / (z1 - z0)
    }
}

/// The closed form of a stretch at `x` in `[0, 1]`; the three that depend on the pixels give `x` itself.
pub fn curve(stretch: Stretch, x: f64) -> f64 {
    match stretch {
        Stretch::Log(a) => libm::log1p(a * x) / libm::log1p(a),
        Stretch::Sqrt => x.sqrt(),
        Stretch::Power(p) => libm::pow(x, p),
        Stretch::Asinh(a) => libm::asinh(x / a) / libm::asinh(1.0 / a),
        Stretch::Sinh(a) => libm::sinh(x / a) / libm::sinh(1.0 / a),
        Stretch::Linear | Stretch::Equalise | Stretch::Gaussian | Stretch::GaussianLog => x,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: [f64; 6] = [0.0, 0.1, 0.25, 0.5, 0.9, 1.0];

    #[test]
    fn closed_forms_equal_astropys_stretches() {
        // astropy.visualization 8.0: LogStretch(), AsinhStretch(), SinhStretch(), SqrtStretch(), PowerStretch(2.2).
        let published = [
            ("log", [0.0, 0.668010468494, 0.79977551898, 0.899815712044, 0.984765775445, 1.0]),
            ("asinh", [0.0, 0.293965326005, 0.549402487299, 0.77126964192, 0.965052977664, 1.0]),
            ("sinh", [0.0, 0.0303976936879, 0.0820849469468, 0.212548017471, 0.739304808628, 1.0]),
            ("sqrt", [0.0, 0.316227766017, 0.5, std::f64::consts::FRAC_1_SQRT_2, 0.948683298051, 1.0]),
            ("power:2.2", [0.0, 0.0063095734448, 0.0473661427034, 0.217637640824, 0.793110173512, 1.0]),
        ];
        for (name, expected) in published {
            let stretch: Stretch = name.parse().unwrap();
            for (x, y) in X.iter().zip(expected) {
                assert!((curve(stretch, *x) - y).abs() < 1e-11, "{name} at {x}");
            }
        }
    }

    #[test]
    fn a_tone_is_black_below_white_above_and_nothing_at_nan() {
        let tone = Tone::new(Stretch::Linear, (10.0, 20.0), &[]);
        assert_eq!(tone.apply(-5.0), Some(0.0));
        assert_eq!(tone.apply(15.0), Some(0.5));
        assert_eq!(tone.apply(f32::INFINITY), Some(1.0));
        assert_eq!(tone.apply(f32::NAN), None);
    }

    #[test]
    fn equalised_pixels_fill_every_tenth_of_the_screen_alike() {
        let values: Vec<f32> = (0..10_000).map(|i| (i as f32 / 1000.0).powi(4)).collect();
        let tone = Tone::new(Stretch::Equalise, (0.0, f64::from(values[9999])), &values);
        let mut tenths = [0usize; 10];
        for &v in &values {
            let y = tone.apply(v).unwrap();
            tenths[((y * 10.0) as usize).min(9)] += 1;
        }
        assert!(tenths.iter().all(|n| (990..=1010).contains(n)), "{tenths:?}");
    }

    #[test]
    fn a_gaussian_stretch_of_normal_noise_is_linear_in_it() {
        let values: Vec<f32> = (1..4096).map(|k| standard_normal_quantile(f64::from(k) / 4096.0) as f32).collect();
        let tone = Tone::new(Stretch::Gaussian, (-2.0, 2.0), &values);
        for v in [-1.5f32, -0.5, 0.0, 0.7, 1.9] {
            let y = tone.apply(v).unwrap();
            assert!((y - (f64::from(v) + 2.0) / 4.0).abs() < 2e-3, "{v} -> {y}");
        }
    }

    #[test]
    fn nonsense_stretches_are_named_in_the_error() {
        for text in ["bright", "log:-1", "log:x", "sqrt:2", "asinh:nan", ""] {
            let error = text.parse::<Stretch>().unwrap_err();
            assert!(error.to_string().contains(&format!("'{text}'")));
        }
    }
}
