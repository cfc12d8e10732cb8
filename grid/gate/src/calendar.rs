//! Days of the calendar by seconds of Unix time, and back.
//!
//! Source: Fliegel & van Flandern 1968; years begin in March here, so that leap days are their last.

/// A second in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment {
    pub(crate) year: i64,
    /// From 1.
    pub(crate) month: i64,
    /// From 1.
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
}

/// Days from the first of March of the year 0 to the first of January 1970.
const BEFORE_1970: i64 = 719_468;

impl Moment {
    /// That of a second since 1970.
    pub(crate) fn of(time_s: i64) -> Self {
        let (day, second) = (time_s.div_euclid(86_400), time_s.rem_euclid(86_400));
        let day = day + BEFORE_1970;
        let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
        let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        let year = year + era * 400 + later;
        Self { year, month, day, hour: second / 3600, minute: second / 60 % 60, second: second % 60 }
    }

    /// Seconds since 1970; `None` if there is no such moment.
    pub(crate) fn seconds(self) -> Option<i64> {
        let Self { year, month, day, hour, minute, second } = self;
        let in_range = (0..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        let (of_march, year) = if month > 2 { (month - 3, year) } else { (month + 9, year - 1) };
        let of_year = (153 * of_march + 2) / 5 + day - 1;
        let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
        let days = era * 146_097 + 365 * year + year / 4 - year / 100 + of_year - BEFORE_1970;
        let time_s = days * 86_400 + hour * 3600 + minute * 60 + second;
        // What is no day of its month comes out as one of the next.
        (in_range && Self::of(time_s) == self).then_some(time_s)
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(to, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// By `date -u -d @N "+%F %T UTC"`.
    #[test]
    fn moments_are_those_of_another_program() {
        for (time_s, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (253_402_300_799, "9999-12-31 23:59:59 UTC"),
        ] {
            assert_eq!(Moment::of(time_s).to_string(), text);
            assert_eq!(Moment::of(time_s).seconds(), Some(time_s));
        }
    }

    #[test]
    fn days_that_no_month_has_are_none() {
        let of = |year, month, day| Moment { year, month, day, hour: 0, minute: 0, second: 0 }.seconds();
        assert!(of(2024, 2, 29).is_some());
        for (year, month, day) in
            [(2023, 2, 29), (2100, 2, 29), (2024, 4, 31), (2024, 13, 1), (2024, 0, 1), (2024, 1, 0)]
        {
            assert_eq!(of(year, month, day), None);
        }
        assert_eq!(Moment { hour: 24, ..Moment::of(0) }.seconds(), None);
    }

    proptest! {
        #[test]
        fn a_moment_and_its_seconds_are_one(time_s in -62_135_596_800_i64..253_402_300_799) {
            prop_assert_eq!(Moment::of(time_s).seconds(), Some(time_s));
        }
    }
}
