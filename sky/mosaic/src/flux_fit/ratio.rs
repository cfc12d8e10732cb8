//! The ratio of two tiles' scales from objects that both show, with errors on both sides.
//!
//! A line through the origin is fitted to the pairs `(b, a)`. Least squares of `a` on `b` alone would be drawn towards 0 by
//! the noise of `b`; here each object counts by its best estimate from both tiles, whose error does not correlate with the
//! residual (Deming 1943, "Statistical Adjustment of Data"; Fuller 1987, "Measurement Error Models", section 1.3).

use super::objects::Object;

/// Largest error of a logarithm with which an overlap is heard: a peak of noise alone has a larger one.
const WORST_ERROR: f64 = 0.1;
/// Residuals beyond this many standard deviations are left out.
const CLIP_SIGMA: f64 = 4.0;
/// Scatter that objects are given before it is known, as a part of their signal.
const FIRST_EXCESS: f64 = 0.05;
const ROUNDS: usize = 6;
const MAX_STEPS: usize = 50;

/// What an overlap says.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Ratio {
    /// Contrast of the first tile over that of the second.
    pub ratio: f64,
    /// Standard error of its natural logarithm.
    pub error: f64,
    /// Objects that it rests on.
    pub objects: usize,
    /// Objects left out as outliers.
    pub clipped: usize,
}

/// Ratios of all overlaps, and the scatter of objects beyond noise that they have in common.
///
/// - `overlaps`: the objects of each.
///
/// Returns `None` for an overlap whose objects do not give a ratio to a tenth, and the excess as a part of the signal.
pub fn ratios(overlaps: &[Vec<Object>]) -> (Vec<Option<Ratio>>, f64) {
    let mut excess = FIRST_EXCESS;
    let mut found: Vec<Option<Ratio>> = Vec::new();
    for round in 0..ROUNDS {
        found = overlaps.iter().map(|objects| fit(objects, excess)).collect();
        if round + 1 < ROUNDS {
            excess = common_excess(overlaps, &found);
        }
    }
    (found, excess)
}

/// Variance of `a - ratio b`.
fn variance(object: &Object, ratio: f64, excess: f64) -> f64 {
    let signal = excess * object.signal(ratio);
    object.sigma_a * object.sigma_a + ratio * ratio * object.sigma_b * object.sigma_b + signal * signal
}

fn fit(objects: &[Object], excess: f64) -> Option<Ratio> {
    let mut ratio = middle(objects.iter().map(|o| o.a / o.b).collect())?;
    if ratio <= 0.0 {
        return None;
    }
    let mut used = 0;
    for _ in 0..MAX_STEPS {
        let (mut above, mut below) = (0.0, 0.0);
        used = 0;
        for object in objects {
            let noise = variance(object, ratio, excess);
            let residual = object.a - ratio * object.b;
            if residual * residual <= CLIP_SIGMA * CLIP_SIGMA * noise {
                let weight = object.signal(ratio) / noise;
                above += weight * object.a;
                below += weight * object.b;
                used += 1;
            }
        }
        let next = above / below;
        if !next.is_finite() || next <= 0.0 {
            return None;
        }
        let change = (next / ratio - 1.0).abs();
        ratio = next;
        if change < 1e-13 {
            break;
        }
    }
    let (mut information, mut spread) = (0.0, 0.0);
    for object in objects {
        let noise = variance(object, ratio, excess);
        let residual = object.a - ratio * object.b;
        if residual * residual <= CLIP_SIGMA * CLIP_SIGMA * noise {
            let signal = object.signal(ratio);
            information += signal * signal / noise;
            spread += (signal * signal + object.signal_variance(ratio)) / noise;
        }
    }
    let error = spread.sqrt() / information;
    (error < WORST_ERROR).then_some(Ratio { ratio, error, objects: used, clipped: objects.len() - used })
}

/// The excess that gives residuals of all overlaps their normal scatter.
fn common_excess(overlaps: &[Vec<Object>], ratios: &[Option<Ratio>]) -> f64 {
    let scatter = |excess: f64| {
        let mut residuals = Vec::new();
        for (objects, ratio) in overlaps.iter().zip(ratios) {
            let Some(ratio) = ratio else { continue };
            let n = objects.len() as f64;
            if n < 2.0 {
                continue;
            }
            // One parameter was fitted to each overlap.
            let fitted = (n / (n - 1.0)).sqrt();
            residuals.extend(
                objects
                    .iter()
                    .map(|o| fitted * (o.a - ratio.ratio * o.b).abs() / variance(o, ratio.ratio, excess).sqrt()),
            );
        }
        1.4826 * middle(residuals).unwrap_or(0.0)
    };
    if scatter(0.0) <= 1.0 {
        return 0.0;
    }
    let (mut low, mut high) = (0.0f64, 1.0f64);
    for _ in 0..40 {
        let between = 0.5 * (low + high);
        if scatter(between) > 1.0 { low = between } else { high = between }
    }
    high
}

fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|v| v.is_finite());
    let n = values.len();
    (n > 0).then(|| *values.select_nth_unstable_by(n / 2, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::random::Random;

    fn objects(random: &mut Random, n: usize, ratio: f64, sigma: (f64, f64)) -> Vec<Object> {
        (0..n)
            .map(|_| {
                let light = 100.0 * libm::pow(30.0, random.unit());
                Object {
                    a: ratio * light + random.normal(sigma.0),
                    b: light + random.normal(sigma.1),
                    sigma_a: sigma.0,
                    sigma_b: sigma.1,
                }
            })
            .collect()
    }

    #[test]
    fn noise_draws_the_ratio_to_neither_side_and_the_error_is_what_it_says() {
        let mut random = Random::new(3, 0);
        for (truth, sigma) in [(1.0, (20.0, 20.0)), (0.7, (20.0, 20.0)), (3.0, (60.0, 5.0)), (1.0, (5.0, 20.0))] {
            let sets: Vec<Vec<Object>> = (0..400).map(|_| objects(&mut random, 30, truth, sigma)).collect();
            let (found, _) = ratios(&sets);
            let pulls: Vec<f64> = found.iter().flatten().map(|r| libm::log(r.ratio / truth) / r.error).collect();
            let n = pulls.len() as f64;
            let mean = pulls.iter().sum::<f64>() / n;
            let square = pulls.iter().map(|p| p * p).sum::<f64>() / n;
            // The mean of 400 pulls has an error of 0.05, their mean square of 0.07.
            assert!(mean.abs() < 0.2, "{truth}: mean pull {mean}");
            assert!((square - 1.0).abs() < 0.25, "{truth}: mean square {square}");
        }
    }

    #[test]
    fn stars_that_vary_are_left_out() {
        let mut random = Random::new(4, 0);
        let mut set = objects(&mut random, 40, 1.25, (5.0, 5.0));
        for object in set.iter_mut().step_by(8) {
            object.a *= 2.0;
        }
        let (found, _) = ratios(&[set]);
        let ratio = found[0].unwrap();
        assert!(ratio.clipped >= 4, "{ratio:?}");
        assert!((ratio.ratio / 1.25 - 1.0).abs() < 5.0 * ratio.error, "{ratio:?}");
    }

    #[test]
    fn scatter_beyond_noise_is_found() {
        let mut random = Random::new(5, 0);
        let sets: Vec<Vec<Object>> = (0..50)
            .map(|_| {
                let mut set = objects(&mut random, 40, 1.0, (1.0, 1.0));
                for object in &mut set {
                    object.a *= 1.0 + random.normal(0.03);
                }
                set
            })
            .collect();
        let (_, excess) = ratios(&sets);
        assert!((excess - 0.03).abs() < 0.003, "{excess}");
    }

    #[test]
    fn what_is_lost_in_noise_says_nothing() {
        let mut random = Random::new(6, 0);
        let faint: Vec<Object> =
            objects(&mut random, 1, 1.0, (1.0, 1.0)).iter().map(|o| Object { sigma_a: 0.2 * o.a, ..*o }).collect();
        assert_eq!(ratios(&[faint, Vec::new()]).0, vec![None, None]);
    }
}
