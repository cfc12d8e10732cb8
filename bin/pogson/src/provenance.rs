//! Who made a file, when and how: DATE and HISTORY of the outputs.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970: SOURCE_DATE_EPOCH where it is set, so that files can be made again byte for byte; else now.
pub fn now_s() -> u64 {
    let fixed = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.trim().parse().ok());
    fixed.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()))
}

/// UTC date and time as FITS writes it, `YYYY-MM-DDThh:mm:ss`.
///
/// - `seconds`: since 1970-01-01T00:00:00 UTC, leap seconds left out.
///
/// Source: the proleptic Gregorian calendar counted in eras of 400 years that begin on 1 March.
pub fn iso_date(seconds: u64) -> String {
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_agree_with_the_calendar() {
        assert_eq!(iso_date(0), "1970-01-01T00:00:00");
        assert_eq!(iso_date(951_782_399), "2000-02-28T23:59:59");
        assert_eq!(iso_date(951_782_400), "2000-02-29T00:00:00");
        assert_eq!(iso_date(951_868_800), "2000-03-01T00:00:00");
        assert_eq!(iso_date(1_709_251_199), "2024-02-29T23:59:59");
        assert_eq!(iso_date(4_107_542_399), "2100-02-28T23:59:59");
        assert_eq!(iso_date(4_107_542_400), "2100-03-01T00:00:00");
    }
}
