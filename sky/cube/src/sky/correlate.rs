//! Correlation of the noise of an image between its pixels, as resampling and filters of its survey left it.

use crate::correlation::NoiseCorrelation;

/// Largest distance that is looked at, pixels.
const FARTHEST: i64 = 12;
/// Mean correlation at a distance below which, and beyond, pixels are taken for independent.
const LEAST: f64 = 0.04;

/// From what is left of sky pixels (NaN elsewhere).
pub(super) fn correlation(residual: &[f64], width: usize) -> NoiseCorrelation {
    let height = residual.len() / width.max(1);
    let (total, number) = residual.iter().filter(|v| v.is_finite()).fold((0.0, 0usize), |(t, n), v| (t + v * v, n + 1));
    if number == 0 || total <= 0.0 {
        return NoiseCorrelation::none();
    }
    let variance = total / number as f64;
    let at = |dx: i64, dy: i64| -> f64 {
        let (mut sum, mut pairs) = (0.0, 0usize);
        for y in 0..height.saturating_sub(dy as usize) {
            let here = &residual[y * width..(y + 1) * width];
            let there = &residual[(y + dy as usize) * width..(y + dy as usize + 1) * width];
            let shift = dx.unsigned_abs() as usize;
            if shift >= width {
                break;
            }
            let (a, b) = if dx >= 0 { (here, &there[shift..]) } else { (&here[shift..], there) };
            for (a, b) in a.iter().zip(b) {
                let product = a * b;
                if product.is_finite() {
                    sum += product;
                    pairs += 1;
                }
            }
        }
        if pairs < 50 { 0.0 } else { sum / pairs as f64 / variance }
    };
    // The reach: the first ring on which the four directions together fall below the least.
    let mut reach = 0;
    while reach < FARTHEST {
        let d = reach + 1;
        if 0.25 * (at(d, 0) + at(0, d) + at(d, d) + at(-d, d)) < LEAST {
            break;
        }
        reach = d;
    }
    // A neighbour along an axis alone may be correlated where the ring's corners are not.
    if reach == 0 && 0.5 * (at(1, 0) + at(0, 1)) > LEAST {
        reach = 1;
    }
    if reach == 0 {
        return NoiseCorrelation::none();
    }
    let side = (2 * reach + 1) as usize;
    let mut rho = vec![0.0f32; side * side];
    for dy in 0..=reach {
        for dx in -reach..=reach {
            let value = if (dx, dy) == (0, 0) { 1.0 } else { at(dx, dy) as f32 };
            let place = |x: i64, y: i64| (y + reach) as usize * side + (x + reach) as usize;
            rho[place(dx, dy)] = value;
            rho[place(-dx, -dy)] = value;
        }
    }
    NoiseCorrelation::new(reach as usize, rho).unwrap_or_else(NoiseCorrelation::none)
}
