//! Numbers as Fortran's edit descriptors print them, and as its input reads them.

/// `Fw.d`: fixed point, right-adjusted in `width`; asterisks where it does not fit.
pub(super) fn fixed(value: f64, width: usize, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    fit(if value.is_nan() { "NaN".into() } else { text }, width)
}

/// `1PEw.d` or, with `exponent` digits, `1PEw.dEe`: one digit before the point.
pub(super) fn scientific(value: f64, width: usize, digits: usize, exponent: Option<usize>) -> String {
    let text = format!("{value:.digits$e}");
    let Some((mantissa, power)) = text.split_once('e') else {
        return fit(text, width);
    };
    let power: i32 = power.parse().unwrap_or(0);
    fit(format!("{mantissa}{}", exponent_part(power, exponent)), width)
}

/// `Ew.d` without a scale factor: the first digit after the point.
pub(super) fn engineering(value: f64, width: usize, digits: usize) -> String {
    if value == 0.0 {
        return fit(format!("0.{}E+00", "0".repeat(digits)), width);
    }
    let text = format!("{:.*e}", digits - 1, value.abs());
    let Some((mantissa, power)) = text.split_once('e') else {
        return fit(text, width);
    };
    let power: i32 = power.parse().unwrap_or(0);
    let sign = if value < 0.0 { "-" } else { "" };
    fit(format!("{sign}0.{}{}", mantissa.replace('.', ""), exponent_part(power + 1, None)), width)
}

/// The exponent: two digits behind E, three without the letter, or as many as are asked for.
fn exponent_part(power: i32, digits: Option<usize>) -> String {
    let sign = if power < 0 { '-' } else { '+' };
    let size = power.abs();
    match digits {
        Some(digits) => format!("E{sign}{size:0digits$}"),
        None if size > 99 => format!("{sign}{size:03}"),
        None => format!("E{sign}{size:02}"),
    }
}

fn fit(text: String, width: usize) -> String {
    // gfortran leaves the zero before the point out where there is no room for it.
    let text = if text.len() > width {
        text.replacen("0.", ".", usize::from(text.starts_with("0.") || text.starts_with("-0.")))
    } else {
        text
    };
    if text.len() > width { "*".repeat(width) } else { format!("{text:>width$}") }
}

/// A number as Fortran writes and reads it: also `1.5D-3`, `1.5-103` and `.5`.
pub(crate) fn number(text: &str) -> Option<f64> {
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    let text = text.replace(['d', 'D'], "e");
    if let Ok(value) = text.parse() {
        return Some(value);
    }
    let sign = text.bytes().skip(1).position(|byte| byte == b'-' || byte == b'+')? + 1;
    let (mantissa, exponent) = text.split_at_checked(sign)?;
    let exponent: i32 = exponent.parse().ok()?;
    if mantissa.contains(['e', 'E']) {
        return None;
    }
    format!("{mantissa}e{exponent}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_look_as_gfortran_prints_them() {
        assert_eq!(fixed(0.4127, 10, 3), "     0.413");
        assert_eq!(fixed(123_456_789.0, 10, 3), "**********");
        assert_eq!(scientific(1.664e-29, 12, 3, Some(3)), "  1.664E-029");
        assert_eq!(scientific(0.0, 12, 3, Some(3)), "  0.000E+000");
        assert_eq!(scientific(-12.95, 12, 3, Some(3)), " -1.295E+001");
        assert_eq!(scientific(1.091e-12, 12, 3, None), "   1.091E-12");
        assert_eq!(scientific(1.5e-120, 12, 3, None), "   1.500-120");
        assert_eq!(engineering(427_814.2, 20, 6), "        0.427814E+06");
        assert_eq!(engineering(0.7376, 20, 4), "          0.7376E+00");
        assert_eq!(engineering(0.01, 10, 2), "  0.10E-01");
    }

    #[test]
    fn fortran_numbers_are_read_in_all_their_spellings() {
        assert_eq!(number("1.5D-3"), Some(1.5e-3));
        assert_eq!(number("1.664E-029"), Some(1.664e-29));
        assert_eq!(number("-1.5-103"), Some(-1.5e-103));
        assert_eq!(number("+.5"), Some(0.5));
        assert_eq!(number("2"), Some(2.0));
        assert_eq!(number("1.0+100"), Some(1e100));
        for text in ["", "-", "1e5-3", "1.0-", "abc", "1..0", "--1"] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
