//! Moments, as TOML writes them.

use serde::de::{Deserialize, Deserializer, Error};
use toml::value::{Datetime, Offset};

/// Reads a moment with its zone; seconds of Unix time, 0 for those before it began.
pub(super) fn de_moment<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let wanted = "write it with its zone and without quotes, such as 2026-12-24T00:00:00Z";
    let moment =
        Datetime::deserialize(from).map_err(|_| D::Error::custom(format!("this is not a moment; {wanted}")))?;
    unix_s(&moment).ok_or_else(|| D::Error::custom(format!("{moment} may be several moments; {wanted}")))
}

fn unix_s(moment: &Datetime) -> Option<u64> {
    let (date, time) = (moment.date?, moment.time?);
    let zone_min = match moment.offset? {
        Offset::Z => 0,
        Offset::Custom { minutes } => i64::from(minutes),
    };
    // Years of the calendar begin in March here, so that leap days are their last (Fliegel & van Flandern 1968).
    let year = i64::from(date.year) - i64::from(date.month <= 2);
    let month = (i64::from(date.month) + 9) % 12;
    let of_year = (153 * month + 2) / 5 + i64::from(date.day) - 1;
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let day = 365 * year + leaps + of_year - 719_468;
    let minute = i64::from(time.hour) * 60 + i64::from(time.minute) - zone_min;
    Some(u64::try_from(day * 86_400 + minute * 60 + i64::from(time.second)).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `date -u -d MOMENT +%s`.
    #[test]
    fn moments_are_those_of_another_program() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1969-12-31T23:59:59Z", Some(0)),
            ("2000-02-29T00:00:00Z", Some(951_782_400)),
            ("2024-02-29T23:59:59Z", Some(1_709_251_199)),
            ("2026-12-24T01:30:00+01:30", Some(1_798_070_400)),
            ("2026-12-23T20:00:00-04:00", Some(1_798_070_400)),
            ("2027-01-01T00:00:00.5Z", Some(1_798_761_600)),
            ("2100-03-01T00:00:00Z", Some(4_107_542_400)),
            ("2026-12-24T00:00:00", None),
            ("2026-12-24", None),
            ("00:00:00", None),
        ] {
            let moment: Datetime = text.parse().expect("TOML knows it");
            assert_eq!(unix_s(&moment), seconds, "{text}");
        }
    }
}
