//! Angles: degrees by default, `'` and `"` or `m` and `s` suffixes for minutes and seconds of arc.

use std::str::FromStr;

/// An angle on the command line, such as `0.2`, `0.2d`, `12m` or `30s`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Angle {
    /// In degrees.
    pub deg: f64,
}

impl FromStr for Angle {
    type Err = String;

    fn from_str(text: &str) -> Result<Angle, String> {
        let trimmed = text.trim();
        let (number, unit_deg) = match trimmed.chars().last() {
            Some('d') | Some('°') => (trimmed.trim_end_matches(['d', '°']), 1.0),
            Some('m') | Some('\'') => (trimmed.trim_end_matches(['m', '\'']), 1.0 / 60.0),
            Some('s') | Some('"') => (trimmed.trim_end_matches(['s', '"']), 1.0 / 3600.0),
            _ => (trimmed, 1.0),
        };
        match number.trim().parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Angle { deg: value * unit_deg }),
            _ => Err(format!("'{text}' is no angle; write degrees (0.2), minutes (12m) or seconds of arc (30s)")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_are_degrees_unless_they_say_otherwise() {
        assert_eq!("0.5".parse::<Angle>().unwrap().deg, 0.5);
        assert_eq!("0.5d".parse::<Angle>().unwrap().deg, 0.5);
        assert_eq!("30m".parse::<Angle>().unwrap().deg, 0.5);
        assert_eq!("1800\"".parse::<Angle>().unwrap().deg, 0.5);
    }

    #[test]
    fn words_and_infinities_are_no_angles() {
        for text in ["", "wide", "inf", "NaN", "d", "1x"] {
            assert!(text.parse::<Angle>().is_err(), "{text}");
        }
    }
}
