//! Times, sizes and lists, as people write them.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

/// Units of time, with their seconds.
const TIMES: [(&str, f64); 6] = [("us", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0)];
/// Units of size, with their bytes.
const SIZES: [(&str, u64); 8] = [
    ("B", 1),
    ("kB", 1000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// A time such as `300ms`, `5s`, `2m` or `30d`; a number without a unit is seconds.
///
/// # Errors
/// A sentence that names the value and the mend.
pub fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let unit = if unit.is_empty() { "s" } else { unit };
    let seconds = TIMES.iter().find(|(name, _)| *name == unit).map(|(_, seconds)| seconds);
    match (number.parse::<f64>(), seconds) {
        (Ok(number), Some(seconds)) => seconds_of(number * seconds),
        _ => Err(format!("\"{text}\" is not a time; write it with a unit, such as \"300ms\", \"5s\" or \"2m\"")),
    }
}

/// A number of bytes such as `64MiB` or `16kB`; a number without a unit is bytes.
///
/// # Errors
/// A sentence that names the value and the mend.
pub fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let unit = if unit.is_empty() { "B" } else { unit };
    let factor = SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|&(_, factor)| factor);
    let size = match (number.parse::<u64>(), number.parse::<f64>(), factor) {
        (Ok(whole), _, Some(factor)) => whole.checked_mul(factor),
        (_, Ok(part), Some(factor)) if part >= 0.0 && part * (factor as f64) < 1e18 => {
            Some((part * factor as f64) as u64)
        }
        _ => None,
    };
    size.ok_or_else(|| format!("\"{text}\" is not a size; write it with a unit, such as \"16KiB\" or \"64MiB\""))
}

/// Number and unit.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let at = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    (&text[..at], text[at..].trim())
}

fn seconds_of(seconds: f64) -> Result<Duration, String> {
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("{seconds} seconds is not a time"))
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = Duration;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a time, such as \"300ms\", \"5s\" or \"2m\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
        time(text).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Duration, E> {
        seconds_of(seconds as f64).map_err(E::custom)
    }

    fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Duration, E> {
        seconds_of(seconds).map_err(E::custom)
    }
}

struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    type Value = u64;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a size, such as \"16KiB\" or \"64MiB\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        bytes(text).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<u64, E> {
        u64::try_from(bytes).map_err(|_| E::custom(format!("{bytes} is not a size; it is below 0")))
    }
}

/// Reads a time.
pub(super) fn de_time<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    from.deserialize_any(TimeVisitor)
}

/// Reads a time that may be absent.
pub(super) fn de_some_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    de_time(from).map(Some)
}

/// Reads a size.
pub(super) fn de_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    from.deserialize_any(BytesVisitor)
}

/// Reads a size that may be absent.
pub(super) fn de_some_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    de_bytes(from).map(Some)
}

/// Reads a size or `"off"`, which is none.
pub(super) fn de_bytes_or_off<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    from.deserialize_any(BytesOrOffVisitor)
}

struct BytesOrOffVisitor;

impl Visitor<'_> for BytesOrOffVisitor {
    type Value = Option<u64>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a size, such as \"256KiB\", or \"off\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Option<u64>, E> {
        if text == "off" {
            return Ok(None);
        }
        bytes(text).map(Some).map_err(|why| E::custom(format!("{why}, or \"off\"")))
    }

    fn visit_i64<E: de::Error>(self, bytes: i64) -> Result<Option<u64>, E> {
        BytesVisitor.visit_i64(bytes).map(Some)
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a text, or a list of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
        T::deserialize(de::value::StrDeserializer::new(text)).map(|one| vec![one])
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element()? {
            all.push(item);
        }
        Ok(all)
    }
}

/// Reads a list of texts; one text stands for a list of it.
pub(super) fn de_list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    from.deserialize_any(ListVisitor(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_have_units() {
        assert_eq!(time("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(time("1.5 m"), Ok(Duration::from_secs(90)));
        assert_eq!(time("2"), Ok(Duration::from_secs(2)));
        assert_eq!(time("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(bytes("16KiB"), Ok(16_384));
        assert_eq!(bytes("1.5 MB"), Ok(1_500_000));
        assert_eq!(bytes("64mib"), Ok(64 << 20));
        for text in ["", "s", "-1s", "1 fortnight", "1.2.3s", "1e400d"] {
            assert!(time(text).is_err(), "{text}");
        }
        for text in ["", "KiB", "-1", "1 lot", "99999999999TiB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
