//! Who says a report, in which life, as which one in turn, and when.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::str::FromStr;

/// Bytes of a mark at most, with its signature.
const LARGEST_MARK: usize = 256;
/// What stands between a mark and its signature.
pub(crate) const SIGNATURE: &str = "; signature=";

/// What is wrong with a report or its mark.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Malformed {
    /// Too many bytes.
    #[error("the {what} has {bytes} bytes, at most {most} are read; leave out classes")]
    TooLarge {
        /// Mark, body or header.
        what: &'static str,
        /// How many it has.
        bytes: usize,
        /// How many are read.
        most: usize,
    },
    /// Not the form of a mark.
    #[error(
        "the mark '{found}' is not of the form 'v=1; name=NAME; boot=16 HEX DIGITS; sequence=N; time=MS; signature=64 HEX DIGITS'"
    )]
    Mark {
        /// Its beginning.
        found: String,
    },
    /// Not a name.
    #[error("'{found}' is no name of a server: 1 to 64 letters, digits, dots, dashes and underscores")]
    Name {
        /// Its beginning.
        found: String,
    },
    /// Neither JSON nor one of ORCA's forms.
    #[error("the report is not read: {reason}")]
    Form {
        /// Why.
        reason: String,
    },
    /// A metric twice.
    #[error("the report names '{name}' twice")]
    Twice {
        /// Which.
        name: String,
    },
    /// A number outside its range.
    #[error("{name} is {value}: figures are at least 0, fractions at most 1, counts whole and at most 2^53")]
    Value {
        /// Which figure.
        name: String,
        /// What it was.
        value: f64,
    },
    /// A class or product that is no number.
    #[error("'{name}' does not end with the number of a class or product")]
    Number {
        /// Which figure.
        name: String,
    },
}

/// A server's name: 1 to 64 letters, digits, dots, dashes and underscores.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Name {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
        if plain && (1..=64).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Malformed::Name { found: beginning(text.as_bytes()) })
        }
    }
}

/// A life of a server, from its start to its end: a random number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Boot(pub u64);

impl Boot {
    /// A new one.
    #[must_use]
    pub fn random() -> Self {
        // The standard library takes the keys of its hash maps from the system's random numbers; a boot must differ, not be secret.
        Self(std::hash::RandomState::new().build_hasher().finish())
    }
}

/// What a report is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Who says so.
    pub name: Name,
    /// In which life.
    pub boot: Boot,
    /// Rises with each report of a life.
    pub sequence: u64,
    /// When it was said, milliseconds since 1970 UTC by the sender's clock.
    pub time_ms: u64,
}

impl fmt::Display for Mark {
    /// Without the signature.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, boot, sequence, time_ms } = self;
        write!(f, "v=1; name={name}; boot={:016x}; sequence={sequence}; time={time_ms}", boot.0)
    }
}

impl Mark {
    /// Reads a mark with its signature; both in the one form that there is.
    ///
    /// Returns the mark, its signed part as it came, and the signature.
    ///
    /// # Errors
    /// [`Malformed::Mark`], [`Malformed::Name`] or [`Malformed::TooLarge`].
    pub fn parse(bytes: &[u8]) -> Result<(Self, &str, [u8; 32]), Malformed> {
        if bytes.len() > LARGEST_MARK {
            return Err(Malformed::TooLarge { what: "mark", bytes: bytes.len(), most: LARGEST_MARK });
        }
        let wrong = || Malformed::Mark { found: beginning(bytes) };
        let text = std::str::from_utf8(bytes).map_err(|_| wrong())?;
        let (signed, signature) = text.split_once(SIGNATURE).ok_or_else(wrong)?;
        let mut fields = signed.split("; ");
        let mut field = |name: &str| fields.next()?.strip_prefix(name)?.strip_prefix('=');
        if field("v") != Some("1") {
            return Err(wrong());
        }
        let name = field("name").ok_or_else(wrong)?.parse()?;
        let boot = field("boot").and_then(hex::<8>).ok_or_else(wrong)?;
        let sequence = field("sequence").and_then(whole).ok_or_else(wrong)?;
        let time_ms = field("time").and_then(whole).ok_or_else(wrong)?;
        let mark = Self { name, boot: Boot(u64::from_be_bytes(boot)), sequence, time_ms };
        let signature = hex::<32>(signature).ok_or_else(wrong)?;
        if fields.next().is_some() {
            return Err(wrong());
        }
        Ok((mark, signed, signature))
    }
}

/// Up to 80 bytes, for messages; what cannot be printed is shown as escapes.
pub(crate) fn beginning(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(80)].escape_ascii().to_string()
}

/// A whole number without sign or leading zeros.
fn whole(digits: &str) -> Option<u64> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    digits.parse().ok().filter(|_| plain)
}

/// Lower-case hexadecimal digits, twice as many as bytes.
fn hex<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    let digits = digits.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNED: &str = "v=1; name=tiles-1; boot=00000000000000ff; sequence=7; time=1700000000000";

    #[test]
    fn a_mark_reads_back_as_what_was_written() {
        let whole = format!("{SIGNED}{SIGNATURE}{}", "0a".repeat(32));
        let (mark, signed, signature) = Mark::parse(whole.as_bytes()).unwrap();
        assert_eq!((signed, signature), (SIGNED, [10; 32]));
        assert_eq!((mark.boot, mark.sequence, mark.time_ms), (Boot(255), 7, 1_700_000_000_000));
        assert_eq!(mark.to_string(), SIGNED);
    }

    #[test]
    fn a_mark_in_any_other_form_is_malformed() {
        let whole = format!("{SIGNED}{SIGNATURE}{}", "0a".repeat(32));
        let other = [
            ("v=1", "v=2"),
            ("sequence=7", "sequence=07"),
            ("sequence=7", "sequence=+7"),
            ("sequence=7", "sequence=99999999999999999999"),
            ("ff;", "FF;"),
            ("; time", ";time"),
            ("; time", "; extra=1; time"),
            ("tiles-1", "tiles 1"),
            ("tiles-1", ""),
            ("0a0a", "0a"),
            ("; signature", "; more=1; signature"),
        ];
        for (from, to) in other {
            assert!(Mark::parse(whole.replacen(from, to, 1).as_bytes()).is_err(), "{from} -> {to}");
        }
    }

    #[test]
    fn boots_differ() {
        assert_ne!(Boot::random(), Boot::random());
    }
}
