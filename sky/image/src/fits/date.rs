//! The moment that files are stamped with.

use std::time::{SystemTime, UNIX_EPOCH};

/// The present moment in UTC as FITS writes it (`2026-03-01T12:00:00`), or that of SOURCE_DATE_EPOCH (seconds since
/// 1970) where the environment sets it, so that a file can be made again byte for byte.
pub fn now() -> String {
    let fixed = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.trim().parse::<u64>().ok());
    let seconds = fixed.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()));
    format_utc(seconds)
}

/// Seconds since 1970 as date and time of the Gregorian calendar, `2026-03-01T12:00:00`.
pub fn format_utc(seconds: u64) -> String {
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    // 400 years have 146,097 days.
    year += days / 146_097 * 400;
    days %= 146_097;
    let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::format_utc;

    #[test]
    fn known_moments_have_their_dates() {
        // From `date -u -d @N`.
        assert_eq!(format_utc(0), "1970-01-01T00:00:00");
        assert_eq!(format_utc(951_782_400), "2000-02-29T00:00:00");
        assert_eq!(format_utc(1_709_251_199), "2024-02-29T23:59:59");
        assert_eq!(format_utc(4_102_444_800), "2100-01-01T00:00:00");
        assert_eq!(format_utc(1_735_689_599), "2024-12-31T23:59:59");
    }
}
