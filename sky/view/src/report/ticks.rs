//! Round numbers for axes.

/// The step of 1, 2 or 5 times a power of ten nearest above `span / count`.
pub(crate) fn nice_step(span: f64, count: usize) -> f64 {
    let rough = span / count.max(1) as f64;
    if !(rough.is_finite() && rough > 0.0) {
        return 1.0;
    }
    let power = libm::pow(10.0, libm::floor(libm::log10(rough)));
    let lead = rough / power;
    let round = if lead <= 1.0 + 1e-9 {
        1.0
    } else if lead <= 2.0 + 1e-9 {
        2.0
    } else if lead <= 5.0 + 1e-9 {
        5.0
    } else {
        10.0
    };
    round * power
}

/// Values of the ticks between `low` and `high`, about `count` of them, with the text of each.
pub(crate) fn ticks(low: f64, high: f64, count: usize) -> Vec<(f64, String)> {
    let step = nice_step(high - low, count);
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last.min(first.saturating_add(50)))
        .map(|k| {
            let value = k as f64 * step;
            (value, number(value, step))
        })
        .collect()
}

/// A number with as many decimals as `step` has; powers of ten for the very large and small.
pub(crate) fn number(value: f64, step: f64) -> String {
    let text = if value == 0.0 {
        "0".to_owned()
    } else if value.abs() >= 1e6 || step < 1e-5 {
        let digits = (libm::floor(libm::log10(value.abs())) - libm::floor(libm::log10(step))).clamp(0.0, 12.0);
        format!("{value:.0$e}", digits as usize)
    } else {
        let decimals = (-libm::floor(libm::log10(step) + 1e-9)).clamp(0.0, 12.0);
        format!("{value:.0$}", decimals as usize)
    };
    text.replace('-', "\u{2212}")
}

/// Ticks of a logarithmic axis between two powers of ten: value and text. 1, 2 and 5 of each decade where there are few.
pub(crate) fn decades(low: f64, high: f64) -> Vec<(f64, String)> {
    let parts: &[f64] = if high - low < 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let (first, last) = (low.floor().clamp(-300.0, 300.0) as i32, high.ceil().clamp(-300.0, 300.0) as i32);
    (first..=last.min(first.saturating_add(40)))
        .flat_map(|k| parts.iter().map(move |p| (p * libm::pow(10.0, f64::from(k)), *p, k)))
        .filter(|(v, ..)| (low - 1e-9..=high + 1e-9).contains(&libm::log10(*v)))
        .map(|(v, p, k)| {
            let text = match k {
                0..=3 => format!("{v:.0}"),
                -3..=-1 => format!("{v:.*}", k.unsigned_abs() as usize),
                _ => format!("{p}e{k}").replace('-', "\u{2212}"),
            };
            (v, text)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_range() {
        let texts = |low, high, n| ticks(low, high, n).into_iter().map(|(_, t)| t).collect::<Vec<_>>();
        assert_eq!(texts(0.0, 1.0, 5), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(-7.0, 12.0, 4), ["\u{2212}5", "0", "5", "10"]);
        assert_eq!(texts(0.0, 4.0e6, 4), ["0", "1e6", "2e6", "3e6", "4e6"]);
    }

    #[test]
    fn logarithmic_axes_count_by_decades() {
        let texts = |low, high| decades(low, high).into_iter().map(|(_, t)| t).collect::<Vec<_>>();
        assert_eq!(texts(-1.0, 1.0), ["0.1", "0.2", "0.5", "1", "2", "5", "10"]);
        assert_eq!(texts(-0.5, 2.6), ["1", "10", "100"]);
    }

    #[test]
    fn ranges_without_width_or_without_end_do_not_run_away() {
        assert!(ticks(3.0, 3.0, 5).len() <= 1);
        assert!(ticks(f64::NAN, 1.0, 5).len() <= 60);
        assert!(ticks(0.0, f64::INFINITY, 5).len() <= 60);
    }
}
