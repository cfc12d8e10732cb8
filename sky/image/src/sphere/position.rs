//! Positions on the sky as people write them.

use std::str::FromStr;

/// A position on the sky, in degrees, in whatever frame the command says.
///
/// Written as two numbers in degrees (`"274.7 -13.8"`), or sexagesimal (`"18:18:48 -13:48:00"`,
/// `"18h18m48s -13d48m00s"`, `"18 18 48 -13 48 00"`). A first coordinate with `:` or `h`, or in three parts, is in hours;
/// one that ends in `d` is in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Position {
    /// Right ascension or longitude, in `[0, 360)` degrees.
    pub lon_deg: f64,
    /// Declination or latitude, in `[-90, 90]` degrees.
    pub lat_deg: f64,
}

impl FromStr for Position {
    type Err = String;

    fn from_str(text: &str) -> Result<Position, String> {
        let refuse = || format!("'{text}' is no position; write \"274.7 -13.8\" (degrees) or \"18:18:48 -13:48:00\"");
        let words: Vec<&str> = text.split([' ', ',', '\t']).filter(|word| !word.is_empty()).collect();
        let (lon, lat) = match words.as_slice() {
            [lon, lat] => (longitude(lon).ok_or_else(refuse)?, angle(lat).ok_or_else(refuse)?.0),
            [h, m, s, d, dm, ds] => {
                let lon = join([h, m, s]).ok_or_else(refuse)? * 15.0;
                (lon, join([d, dm, ds]).ok_or_else(refuse)?)
            }
            _ => return Err(refuse()),
        };
        if !(-90.0..=90.0).contains(&lat) {
            return Err(format!("'{text}': latitude {lat} lies outside -90 to 90 degrees"));
        }
        if !(-360.0..=360.0).contains(&lon) {
            return Err(format!("'{text}': longitude {lon} lies outside -360 to 360 degrees"));
        }
        Ok(Position { lon_deg: if lon < 0.0 { lon + 360.0 } else { lon % 360.0 }, lat_deg: lat })
    }
}

/// Longitude in degrees; sexagesimal ones are in hours unless they are marked `d`.
fn longitude(text: &str) -> Option<f64> {
    let (value, style) = angle(text)?;
    Some(if style == Style::Hours { value * 15.0 } else { value })
}

#[derive(PartialEq)]
enum Style {
    Degrees,
    Hours,
}

/// The number in a word: plain, with `:`, or with unit letters.
fn angle(text: &str) -> Option<(f64, Style)> {
    if text.contains(':') {
        let parts: Vec<&str> = text.split(':').collect();
        return match parts.as_slice() {
            [d, m] => Some((join([d, m, "0"])?, Style::Hours)),
            [d, m, s] => Some((join([d, m, s])?, Style::Hours)),
            _ => None,
        };
    }
    let style = if text.contains('h') { Style::Hours } else { Style::Degrees };
    if let Some((whole, rest)) = text.split_once(['h', 'd', '°']) {
        let (minutes, seconds) = match rest.split_once(['m', '\'']) {
            Some((minutes, rest)) => (minutes, rest.trim_end_matches(['s', '"'])),
            None if rest.is_empty() => return Some((finite(whole)?, style)),
            None => return None,
        };
        let seconds = if seconds.is_empty() { "0" } else { seconds };
        return Some((join([whole, minutes, seconds])?, style));
    }
    Some((finite(text)?, Style::Degrees))
}

/// Sexagesimal parts to one number; the sign of the first counts for all, also that of -0.
fn join(parts: [&str; 3]) -> Option<f64> {
    let [whole, minutes, seconds] = parts;
    let (whole_value, minutes, seconds) = (finite(whole)?, finite(minutes)?, finite(seconds)?);
    if !(0.0..60.0).contains(&minutes) || !(0.0..60.0).contains(&seconds) {
        return None;
    }
    let size = whole_value.abs() + minutes / 60.0 + seconds / 3600.0;
    Some(if whole.trim_start().starts_with('-') { -size } else { size })
}

fn finite(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (f64, f64) {
        let position: Position = text.parse().unwrap();
        (position.lon_deg, position.lat_deg)
    }

    #[test]
    fn the_same_position_reads_the_same_in_every_notation() {
        let (lon, lat) = (274.7, -13.8);
        for text in [
            "274.7 -13.8",
            "274.7,-13.8",
            "18:18:48 -13:48:00",
            "18h18m48s -13d48m00s",
            "18 18 48 -13 48 0",
            "274d42m -13d48m",
        ] {
            let found = parse(text);
            assert!((found.0 - lon).abs() < 1e-12 && (found.1 - lat).abs() < 1e-12, "{text}: {found:?}");
        }
    }

    #[test]
    fn a_declination_between_minus_one_and_zero_keeps_its_sign() {
        assert_eq!(parse("0:0:0 -0:30:00").1, -0.5);
        assert_eq!(parse("00 00 00 -00 30 00").1, -0.5);
    }

    #[test]
    fn longitudes_are_brought_into_one_turn() {
        assert_eq!(parse("-10 0").0, 350.0);
        assert_eq!(parse("360 0").0, 0.0);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "12", "1 2 3", "1 91", "a b", "1:60:00 0", "1:2:3:4 5", "nan 0", "1 inf", "400 0"] {
            assert!(text.parse::<Position>().is_err(), "{text}");
        }
    }
}
