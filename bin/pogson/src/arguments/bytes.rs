//! Amounts of memory.

use std::str::FromStr;

/// A number of bytes: `1073741824`, `1GiB`, `512MiB`, `1.5G`, `300MB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub usize);

/// Units by their names in lower case; one letter alone is binary, as with `dd` and `sort`.
const UNITS: [(&str, f64); 13] = [
    ("", 1.0),
    ("b", 1.0),
    ("k", 1024.0),
    ("kib", 1024.0),
    ("kb", 1e3),
    ("m", 1048576.0),
    ("mib", 1048576.0),
    ("mb", 1e6),
    ("g", 1073741824.0),
    ("gib", 1073741824.0),
    ("gb", 1e9),
    ("t", 1099511627776.0),
    ("tib", 1099511627776.0),
];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Bytes, String> {
        let trimmed = text.trim();
        let digits = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
        let (number, unit) = trimmed.split_at(digits);
        let unit = unit.trim().to_ascii_lowercase();
        let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| factor);
        match (number.parse::<f64>(), factor) {
            (Ok(number), Some(factor)) if number * factor >= 1.0 && number * factor < 1e18 => {
                Ok(Bytes((number * factor) as usize))
            }
            _ => Err(format!("'{text}' is no amount of memory; write 1GiB, 512MiB or 300MB")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_with_their_units() {
        let bytes = |text: &str| text.parse::<Bytes>().map(|b| b.0);
        assert_eq!(bytes("1GiB"), Ok(1 << 30));
        assert_eq!(bytes("1.5g"), Ok(3 << 29));
        assert_eq!(bytes("300MB"), Ok(300_000_000));
        assert_eq!(bytes("4096"), Ok(4096));
        for wrong in ["", "GiB", "-1", "1 parsec", "1e9", "0", "9999999999TiB"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
