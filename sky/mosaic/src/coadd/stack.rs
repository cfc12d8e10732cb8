//! All values of each pixel, for medians and clipping.

use super::Combine;

/// Rounds of clipping.
const ROUNDS: usize = 5;

/// Values of the pixels of a block, tile after tile.
pub struct Stack {
    pixels: Vec<Vec<Sample>>,
}

#[derive(Clone, Copy)]
struct Sample {
    value: f32,
    weight: f32,
    variance: f32,
}

impl Stack {
    /// An empty stack for `n` pixels.
    pub fn new(n: usize) -> Stack {
        Stack { pixels: vec![Vec::new(); n] }
    }

    /// Adds a value to pixel `k`.
    pub fn push(&mut self, k: usize, value: f32, weight: f32, variance: f32) {
        self.pixels[k].push(Sample { value, weight, variance });
    }

    /// Combines each pixel: values to `sum`, 1 to `weight` where there is one, variances where `variance` is not
    /// empty.
    pub fn combine(mut self, combine: Combine, sum: &mut [f32], weight: &mut [f32], variance: &mut [f32]) {
        for (k, samples) in self.pixels.iter_mut().enumerate() {
            if samples.is_empty() {
                continue;
            }
            let (value, noise) = match combine {
                Combine::Clipped(sigma) => clipped(samples, sigma),
                _ => median(samples),
            };
            sum[k] = value;
            weight[k] = 1.0;
            if !variance.is_empty() {
                variance[k] = noise;
            }
        }
    }
}

/// Where other tiles have better values, those that lean on extrapolated rims do not vote.
fn drop_rims(samples: &mut Vec<Sample>) {
    let best = samples.iter().map(|s| s.weight).fold(0.0f32, f32::max);
    samples.retain(|s| s.weight >= 0.01 * best);
}

/// Median; of an even number the mean of the middle two. Its variance is that of the mean times pi/2, as for
/// normal noise, but for one or two values, whose median is their mean.
fn median(samples: &mut Vec<Sample>) -> (f32, f32) {
    drop_rims(samples);
    samples.sort_by(|a, b| a.value.total_cmp(&b.value));
    let n = samples.len();
    let value = if n % 2 == 1 { samples[n / 2].value } else { 0.5 * (samples[n / 2 - 1].value + samples[n / 2].value) };
    let mean_variance = samples.iter().map(|s| s.variance).sum::<f32>() / (n * n) as f32;
    let factor = if n > 2 { std::f32::consts::FRAC_PI_2 } else { 1.0 };
    (value, mean_variance * factor)
}

/// Weighted mean of the values within `sigma` standard deviations of the median. The deviation is each value's own
/// where variances are known, else estimated from the values (at least four are needed).
fn clipped(samples: &mut Vec<Sample>, sigma: f32) -> (f32, f32) {
    let best = samples.iter().map(|s| s.weight).fold(0.0f32, f32::max);
    let mut kept: Vec<Sample> = samples.iter().copied().filter(|s| s.weight >= 0.01 * best).collect();
    for _ in 0..ROUNDS {
        if kept.len() < 3 {
            break;
        }
        let known = kept.iter().all(|s| s.variance > 0.0);
        let mut values: Vec<f32> = kept.iter().map(|s| s.value).collect();
        values.sort_by(f32::total_cmp);
        let centre = middle(&values);
        let spread = {
            let mut deviations: Vec<f32> = values.iter().map(|v| (v - centre).abs()).collect();
            deviations.sort_by(f32::total_cmp);
            1.4826 * middle(&deviations)
        };
        if !known && (kept.len() < 4 || spread == 0.0) {
            break;
        }
        let before = kept.len();
        let limit = |s: &Sample| sigma * if known { s.variance.sqrt() } else { spread };
        kept.retain(|s| (s.value - centre).abs() <= limit(s));
        if kept.len() == before || kept.is_empty() {
            break;
        }
    }
    if kept.is_empty() {
        return median(samples);
    }
    let total: f32 = kept.iter().map(|s| s.weight).sum();
    let value = kept.iter().map(|s| s.weight * s.value).sum::<f32>() / total;
    let noise = kept.iter().map(|s| s.weight * s.weight * s.variance).sum::<f32>() / (total * total);
    (value, noise)
}

fn middle(sorted: &[f32]) -> f32 {
    let n = sorted.len();
    if n % 2 == 1 { sorted[n / 2] } else { 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f32], variance: f32) -> Vec<Sample> {
        values.iter().map(|&value| Sample { value, weight: 1.0, variance }).collect()
    }

    #[test]
    fn the_median_is_the_middle_value_or_the_mean_of_the_middle_two() {
        assert_eq!(median(&mut samples(&[5.0, 1.0, 100.0], 0.0)).0, 5.0);
        assert_eq!(median(&mut samples(&[5.0, 1.0, 100.0, 2.0], 0.0)).0, 3.5);
    }

    #[test]
    fn a_cosmic_ray_is_clipped_and_the_mean_of_the_rest_remains() {
        let (value, noise) = clipped(&mut samples(&[1.0, 2.0, 3.0, 2.0, 500.0], 1.0), 4.0);
        assert_eq!(value, 2.0);
        assert!((noise - 0.25).abs() < 1e-6);
        let (value, _) = clipped(&mut samples(&[1.0, 2.0, 3.0, 2.0, 500.0], 0.0), 4.0);
        assert_eq!(value, 2.0);
    }
}
