//! Redshifts: one, a list, or a range.

use std::str::FromStr;

/// Redshifts, increasing.
#[derive(Debug, Clone, PartialEq)]
pub struct Redshifts(pub Vec<f64>);

/// Most redshifts of a library.
const MOST: usize = 10_000;

impl FromStr for Redshifts {
    type Err = String;

    /// Reads `0.01`, `0.01,0.03`, `0..0.1:0.002` or `0..0.1` (in steps of 0.01); both ends count.
    fn from_str(text: &str) -> Result<Redshifts, String> {
        let number = |part: &str| {
            let value = part.trim().parse::<f64>().ok().filter(|z| (0.0..=5.0).contains(z));
            value.ok_or_else(|| format!("'{}' is no redshift of 0 to 5", part.trim()))
        };
        let mut all = Vec::new();
        for part in text.split(',') {
            let Some((first, rest)) = part.split_once("..") else {
                all.push(number(part)?);
                continue;
            };
            let (last, step) = rest.split_once(':').unwrap_or((rest, "0.01"));
            let (first, last) = (number(first)?, number(last)?);
            let step = step.trim().parse::<f64>().ok().filter(|step| *step > 0.0);
            let step = step.ok_or_else(|| format!("the step of '{part}' is not above 0"))?;
            if first > last {
                return Err(format!("the range '{part}' runs backwards"));
            }
            // A little more, for steps that are no binary fractions.
            let steps = (last - first) / step + 1e-6;
            if steps > MOST as f64 {
                return Err(format!("the range '{part}' has more than {MOST} redshifts"));
            }
            all.extend((0..=steps as usize).map(|k| decimal(first + step * k as f64)));
        }
        all.sort_by(f64::total_cmp);
        if let Some(twice) = all.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("redshift {} is given twice", twice[0]));
        }
        if all.len() > MOST {
            return Err(format!("more than {MOST} redshifts are given"));
        }
        Ok(Redshifts(all))
    }
}

/// The decimal number of nine places that is meant: 0.03 for 0.030000000000000002.
fn decimal(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_both_ends_and_the_decimal_numbers_that_are_meant() {
        let of = |text: &str| text.parse::<Redshifts>().map(|z| z.0);
        let grid = of("0.00..0.10:0.01").unwrap();
        assert_eq!(grid, [0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.09, 0.1]);
        assert_eq!(of("0..0.1").unwrap(), grid);
        assert_eq!(of("0.05, 0.01").unwrap(), [0.01, 0.05]);
        assert_eq!(of("0.02").unwrap(), [0.02]);
        for bad in ["-1", "x", "0..1:0", "1..0:0.1", "0.1,0.1", "0..5:1e-9", ""] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
