//! Numbers and names as people read them.

use std::path::Path;

/// Four significant digits, without powers of ten where those would be longer.
pub fn short(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return "-".into();
    }
    if size != 0.0 && !(1e-5..1e7).contains(&size) {
        return format!("{value:.3e}").replace('-', "\u{2212}");
    }
    let whole = if size >= 1.0 { libm::log10(size).floor() as usize + 1 } else { 1 };
    let zeros = if size > 0.0 && size < 1.0 { (-libm::log10(size)).ceil() as usize } else { 0 };
    plain(value, (4 + zeros.saturating_sub(1)).saturating_sub(if size >= 1.0 { whole } else { 0 }))
}

/// A fixed number of digits after the point, with a true minus sign.
pub fn plain(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    // A rounded zero has no sign.
    let zero = text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.');
    if zero { text.trim_start_matches('-').into() } else { text.replace('-', "\u{2212}") }
}

/// The same number with a plus sign where it has none.
pub fn signed(text: &str) -> String {
    if text.starts_with(['\u{2212}', '-']) || !text.contains(|c: char| ('1'..='9').contains(&c)) {
        text.into()
    } else {
        format!("+{text}")
    }
}

/// The last part of a path.
pub fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_are_kept_at_any_size() {
        let cases = [
            (0.0, "0.0000"),
            (1234567.0, "1234567"),
            (123.456, "123.5"),
            (9.87654, "9.877"),
            (0.9876543, "0.9877"),
            (-0.025686, "\u{2212}0.02569"),
            (1.2344e-9, "1.234e\u{2212}9"),
        ];
        for (value, text) in cases {
            assert_eq!(short(value), text);
        }
        assert_eq!(short(f64::NAN), "-");
    }

    #[test]
    fn signs_stand_before_all_but_zero() {
        assert_eq!(signed(&short(2.5)), "+2.500");
        assert_eq!(signed(&short(-2.5)), "\u{2212}2.500");
        assert_eq!(signed(&plain(-0.00001, 2)), "0.00");
    }
}
