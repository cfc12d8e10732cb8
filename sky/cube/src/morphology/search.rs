//! Roots and minima of functions that are only known by their values.

/// Where a function that is positive at `low` and not at `high` goes through zero, within 1e-6 (bisection and secants by
/// turns, so that it always ends).
pub(super) fn root(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut f_low, mut f_high) = (f(low), f(high));
    for k in 0..200 {
        if high - low <= 1e-6 {
            break;
        }
        let secant = low + (high - low) * f_low / (f_low - f_high);
        let inside = secant > low && secant < high;
        let next = if k % 3 == 2 || !inside { 0.5 * (low + high) } else { secant };
        let value = f(next);
        if value > 0.0 {
            (low, f_low) = (next, value);
        } else {
            (high, f_high) = (next, value);
        }
    }
    0.5 * (low + high)
}

/// The minimum of a function of two variables near a start (Nelder & Mead 1965): until the simplex is smaller than
/// `1e-6` and values differ by less than `1e-4`, or 400 evaluations are made. The first simplex is a twentieth of each
/// coordinate wide.
pub(super) fn minimum(start: (f64, f64), f: impl Fn((f64, f64)) -> f64) -> (f64, f64) {
    let step = |v: f64| if v != 0.0 { 1.05 * v } else { 0.000_25 };
    let mut simplex = [start, (step(start.0), start.1), (start.0, step(start.1))].map(|p| (p, f(p)));
    for _ in 0..200 {
        simplex.sort_by(|a, b| a.1.total_cmp(&b.1));
        let [best, middle, worst] = simplex;
        let far = |p: (f64, f64)| (p.0 - best.0.0).abs().max((p.1 - best.0.1).abs());
        if far(middle.0).max(far(worst.0)) <= 1e-6 && worst.1 - best.1 <= 1e-4 {
            break;
        }
        let centre = (0.5 * (best.0.0 + middle.0.0), 0.5 * (best.0.1 + middle.0.1));
        let along = |t: f64| {
            let p = (centre.0 + t * (worst.0.0 - centre.0), centre.1 + t * (worst.0.1 - centre.1));
            (p, f(p))
        };
        let reflected = along(-1.0);
        let replacement = if reflected.1 < best.1 {
            let expanded = along(-2.0);
            Some(if expanded.1 < reflected.1 { expanded } else { reflected })
        } else if reflected.1 < middle.1 {
            Some(reflected)
        } else if reflected.1 < worst.1 {
            Some(along(-0.5)).filter(|c| c.1 <= reflected.1)
        } else {
            Some(along(0.5)).filter(|c| c.1 < worst.1)
        };
        match replacement {
            Some(new) => simplex[2] = new,
            None => {
                for vertex in &mut simplex[1..] {
                    let p = (0.5 * (vertex.0.0 + best.0.0), 0.5 * (vertex.0.1 + best.0.1));
                    *vertex = (p, f(p));
                }
            }
        }
    }
    simplex.sort_by(|a, b| a.1.total_cmp(&b.1));
    simplex[0].0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_of_a_cosine_is_half_pi() {
        assert!((root(0.0, 3.0, libm::cos) - std::f64::consts::FRAC_PI_2).abs() < 1e-6);
    }

    #[test]
    fn the_minimum_of_rosenbrocks_valley_is_found() {
        let f = |(x, y): (f64, f64)| (1.0 - x) * (1.0 - x) + 100.0 * (y - x * x) * (y - x * x);
        let (x, y) = minimum((0.5, 0.6), f);
        assert!((x - 1.0).abs() < 1e-3 && (y - 1.0).abs() < 1e-3, "{x} {y}");
    }
}
