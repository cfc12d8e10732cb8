//! POGS's comparison: line by line, numbers within a share of each other.
//!
//! As `magphys_validator` of boinc-magphys has it: comments have to be equal, numbers within 1e-4 of the first, or both below 1e-4 where
//! one is 0; numbers that are none equal nothing; and both have to have as many lines, 20 at least.

/// Greatest relative difference of two numbers.
const SHARE: f64 = 1e-4;
/// Fewest lines of an output.
const LINES: usize = 20;

/// Whether two outputs say the same.
pub(crate) fn agree(one: &str, other: &str) -> bool {
    let (mut a, mut b) = (one.lines(), other.lines());
    let mut count = 0;
    loop {
        match (a.next(), b.next()) {
            (None, None) => return count >= LINES,
            (Some(a), Some(b)) if line(a, b) => count += 1,
            _ => return false,
        }
    }
}

fn line(a: &str, b: &str) -> bool {
    if a.trim_start().starts_with('#') || b.trim_start().starts_with('#') {
        return a.trim_end() == b.trim_end();
    }
    let (mut a, mut b) = (a.split_ascii_whitespace(), b.split_ascii_whitespace());
    loop {
        match (a.next(), b.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if word(a, b) => {}
            _ => return false,
        }
    }
}

fn word(a: &str, b: &str) -> bool {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) if a == b => true,
        (Ok(a), Ok(b)) if a == 0.0 || b == 0.0 => a.abs().max(b.abs()) <= SHARE,
        // Not so for what is not a number.
        (Ok(a), Ok(b)) => ((a - b) / a).abs() <= SHARE,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(line: &str) -> String {
        format!("# head\n{}{line}\n", "1.0 2.0\n".repeat(20))
    }

    #[test]
    fn numbers_may_differ_by_a_ten_thousandth_and_words_and_comments_by_nothing() {
        assert!(agree(&with("best 12.0"), &with("best 12.001")));
        assert!(!agree(&with("best 12.0"), &with("best 12.002")));
        assert!(agree(&with("0.0 1"), &with("0.00009 1.0")));
        assert!(!agree(&with("0.0 1"), &with("0.00011 1")));
        assert!(!agree(&with("NaN"), &with("1.0")));
        assert!(!agree(&with("NaN NaN"), &with("NaN NaN 1")));
        assert!(!agree(&with("best 1"), &with("last 1")));
        assert!(!agree(&with("# 1.00000"), &with("# 1.00001")));
        assert!(!agree(&with("1 2"), &with("1 2 3")));
        assert!(!agree("1.0\n", "1.0\n"));
        assert!(!agree(&with(""), &(with("") + "1\n")));
    }

    #[test]
    fn what_is_no_number_equals_nothing() {
        assert!(!agree(&with("NaN"), &with("NaN")));
    }
}
