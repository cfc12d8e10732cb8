//! Distances of grid lines that read well, and the texts of their labels.

/// How the degrees of one coordinate are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// Hours, minutes and seconds of right ascension.
    Hours,
    /// Degrees, minutes and seconds of arc, with a sign.
    Arc,
    /// Decimal degrees.
    Decimal,
    /// Decimal degrees with a sign.
    SignedDecimal,
}

const PARTS: [f64; 8] = [30.0, 20.0, 15.0, 10.0, 5.0, 2.0, 1.0, 0.5];

/// The smallest step that reads well and is at least `span_deg / lines`, in degrees.
pub(crate) fn step_deg(style: Style, span_deg: f64, lines: usize) -> f64 {
    let least = span_deg / lines.max(1) as f64;
    let ladder: Vec<f64> = match style {
        Style::Hours => {
            let hours = [6.0, 4.0, 3.0, 2.0, 1.0].map(|h| h * 15.0);
            let minutes = PARTS.map(|m| m * 0.25);
            let seconds = PARTS.map(|s| s / 240.0);
            let finer = [0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001].map(|s| s / 240.0);
            [&hours[..], &minutes, &seconds, &finer].concat()
        }
        Style::Arc => {
            let degrees = [45.0, 30.0, 20.0, 15.0, 10.0, 5.0, 2.0, 1.0];
            let minutes = PARTS.map(|m| m / 60.0);
            let seconds = PARTS.map(|s| s / 3600.0);
            let finer = [0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001].map(|s| s / 3600.0);
            [&degrees[..], &minutes, &seconds, &finer].concat()
        }
        Style::Decimal | Style::SignedDecimal => {
            let whole = [60.0, 45.0, 30.0, 20.0, 15.0, 10.0, 5.0, 2.0, 1.0];
            let finer = (1..8).flat_map(|k| [5.0, 2.0, 1.0].map(|d| d * libm::pow(10.0, -f64::from(k))));
            whole.into_iter().chain(finer).collect()
        }
    };
    let fits = ladder.iter().rev().find(|step| **step >= least * (1.0 - 1e-9));
    fits.or(ladder.first()).copied().unwrap_or(30.0)
}

/// The text of a coordinate in degrees on a grid with that step.
pub(crate) fn text(style: Style, degrees: f64, step: f64) -> String {
    match style {
        Style::Hours => {
            let turned = degrees - 360.0 * libm::floor(degrees / 360.0);
            sexagesimal(turned / 15.0, step / 15.0, ["h", "m", "s"], 24)
        }
        Style::Arc => {
            let sign = if degrees < -step * 1e-6 { "\u{2212}" } else { "+" };
            format!("{sign}{}", sexagesimal(degrees.abs(), step, ["\u{b0}", "\u{2032}", "\u{2033}"], u64::MAX))
        }
        Style::Decimal | Style::SignedDecimal => {
            let decimals = (-libm::floor(libm::log10(step) + 1e-9)).clamp(0.0, 9.0) as usize;
            if style == Style::Decimal {
                let turned = degrees - 360.0 * libm::floor(degrees / 360.0 + 1e-12);
                return format!("{turned:.decimals$}\u{b0}");
            }
            let sign = if degrees < -step * 1e-6 { "\u{2212}" } else { "+" };
            format!("{sign}{:.decimals$}\u{b0}", degrees.abs())
        }
    }
}

/// `value` in units, minutes and seconds, as many of them as the step needs; units counted modulo `turn`.
fn sexagesimal(value: f64, step: f64, marks: [&str; 3], turn: u64) -> String {
    let minutes_step = step * 60.0;
    let seconds_step = step * 3600.0;
    let whole = |v: f64| (v - libm::round(v)).abs() < 1e-6;
    if whole(step) {
        return format!("{}{}", libm::round(value) as u64 % turn, marks[0]);
    }
    if whole(minutes_step) {
        let minutes = libm::round(value * 60.0) as u64;
        return format!("{}{}{:02}{}", minutes / 60 % turn, marks[0], minutes % 60, marks[1]);
    }
    let decimals =
        if whole(seconds_step) { 0 } else { (-libm::floor(libm::log10(seconds_step) + 1e-9)).clamp(0.0, 6.0) as usize };
    let unit = libm::pow(10.0, decimals as f64);
    let ticks = libm::round(value * 3600.0 * unit) as u64;
    let per_minute = 60 * unit as u64;
    let seconds = (ticks % per_minute) as f64 / unit;
    let minutes = ticks / per_minute;
    let digits = if decimals > 0 { decimals + 3 } else { 2 };
    let (whole, rest, [a, b, c]) = (minutes / 60 % turn, minutes % 60, marks);
    format!("{whole}{a}{rest:02}{b}{seconds:0digits$.decimals$}{c}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_those_of_atlases() {
        assert_eq!(step_deg(Style::Hours, 360.0, 6), 60.0);
        assert_eq!(step_deg(Style::Hours, 1.0, 6), 0.25);
        assert_eq!(step_deg(Style::Arc, 1.0, 6), 10.0 / 60.0);
        assert_eq!(step_deg(Style::Arc, 170.0, 6), 30.0);
        assert_eq!(step_deg(Style::Decimal, 0.3, 6), 0.05);
    }

    #[test]
    fn labels_are_written_as_in_catalogues() {
        assert_eq!(text(Style::Hours, 275.0, 0.25), "18h20m");
        assert_eq!(text(Style::Hours, 359.9999999, 15.0), "0h");
        assert_eq!(text(Style::Hours, 275.0 + 30.0 / 240.0, 30.0 / 240.0), "18h20m30s");
        assert_eq!(text(Style::Hours, 275.0 + 0.5 / 240.0, 0.5 / 240.0), "18h20m00.5s");
        assert_eq!(text(Style::Arc, -16.0 - 10.0 / 60.0, 10.0 / 60.0), "\u{2212}16\u{b0}10\u{2032}");
        assert_eq!(text(Style::Arc, 0.0, 10.0), "+0\u{b0}");
        assert_eq!(text(Style::Arc, -0.5 / 3600.0, 0.5 / 3600.0), "\u{2212}0\u{b0}00\u{2032}00.5\u{2033}");
        assert_eq!(text(Style::Decimal, 15.25, 0.05), "15.25\u{b0}");
        assert_eq!(text(Style::SignedDecimal, -0.5, 0.5), "\u{2212}0.5\u{b0}");
    }
}
