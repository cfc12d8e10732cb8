//! IRAF's zscale: limits from a straight line through the sorted sample of pixels.

/// Limits that show structure near the median: a line is fitted to the sorted sample (outliers rejected), and its
/// slope divided by `contrast` spans the range about the median.
///
/// - `values`: pixels in any order; NaN and infinite ones do not count.
/// - `samples`: how many pixels at most to sort, evenly spread (IRAF's nsample, 1000).
/// - `contrast`: IRAF's contrast, 0.25 by custom; 0 leaves the slope as it is.
///
/// Returns (low, high) within the sample's range, (0, 1) without a finite pixel.
///
/// Source: the algorithm of the IRAF display task, with the parameters krej = 2.5, maxrej = 0.5, 5 iterations and at
/// least 5 pixels.
pub fn zscale(values: &[f32], samples: usize, contrast: f64) -> (f64, f64) {
    const REJECT: f64 = 2.5;
    const MOST_REJECTED: f64 = 0.5;
    const LEAST: usize = 5;
    let finite: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let step = (finite.len() / samples.max(1)).max(1);
    let mut sample: Vec<f32> = finite.iter().step_by(step).take(samples).copied().collect();
    sample.sort_unstable_by(f32::total_cmp);
    let (Some(&first), Some(&last)) = (sample.first(), sample.last()) else {
        return (0.0, 1.0);
    };
    let sample: Vec<f64> = sample.into_iter().map(f64::from).collect();
    let n = sample.len();
    let least = LEAST.max((n as f64 * MOST_REJECTED) as usize);
    let grow = ((n as f64 * 0.01) as usize).max(1);
    let mut bad = vec![false; n];
    let mut good = n;
    let mut before = n + 1;
    let mut slope = 0.0;
    for _ in 0..5 {
        if good >= before || good < least {
            break;
        }
        let (a, b) = line(&sample, &bad);
        slope = b;
        let residual = |i: usize| sample[i] - b.mul_add(i as f64, a);
        let kept = || (0..n).filter(|&i| !bad[i]);
        let count = kept().count() as f64;
        let mean = kept().map(residual).sum::<f64>() / count;
        let variance = kept().map(|i| (residual(i) - mean) * (residual(i) - mean)).sum::<f64>() / count;
        let threshold = REJECT * variance.sqrt();
        let outliers: Vec<bool> = (0..n).map(|i| bad[i] || residual(i).abs() > threshold).collect();
        bad = widened(&outliers, grow);
        before = good;
        good = bad.iter().filter(|b| !**b).count();
    }
    let (mut low, mut high) = (f64::from(first), f64::from(last));
    if good >= least {
        if contrast > 0.0 {
            slope /= contrast;
        }
        let centre = (n - 1) / 2;
        let median = if n % 2 == 1 { sample[n / 2] } else { 0.5 * (sample[n / 2 - 1] + sample[n / 2]) };
        low = low.max(median - (centre as f64 - 1.0) * slope);
        high = high.min(median + (n - centre) as f64 * slope);
    }
    (low, high)
}

/// Least-squares line through `(i, y[i])` for the pixels not marked bad: (intercept, slope).
fn line(y: &[f64], bad: &[bool]) -> (f64, f64) {
    let kept = || y.iter().zip(bad).enumerate().filter(|(_, (_, bad))| !**bad);
    let count = kept().count() as f64;
    let mean_x = kept().map(|(i, _)| i as f64).sum::<f64>() / count;
    let mean_y = kept().map(|(_, (y, _))| *y).sum::<f64>() / count;
    let (mut xx, mut xy) = (0.0, 0.0);
    for (i, (y, _)) in kept() {
        let dx = i as f64 - mean_x;
        xx += dx * dx;
        xy += dx * (y - mean_y);
    }
    let slope = if xx > 0.0 { xy / xx } else { 0.0 };
    (slope.mul_add(-mean_x, mean_y), slope)
}

/// Marks every pixel within a window of `width` about a marked one, the window placed as a centred convolution's.
fn widened(marked: &[bool], width: usize) -> Vec<bool> {
    let n = marked.len();
    let mut wide = vec![false; n];
    for (i, _) in marked.iter().enumerate().filter(|(_, m)| **m) {
        let from = i.saturating_sub((width - 1) / 2);
        let to = (i + width / 2).min(n - 1);
        wide[from..=to].fill(true);
    }
    wide
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: (f64, f64), expected: (f64, f64)) {
        let scale = expected.1.abs().max(1.0);
        assert!(
            (found.0 - expected.0).abs() < 1e-6 * scale && (found.1 - expected.1).abs() < 1e-6 * scale,
            "{found:?} instead of {expected:?}"
        );
    }

    /// Waves on a slope with a bright pixel in every 97: the field whose limits astropy 8.0's ZScaleInterval gave.
    fn waves() -> Vec<f32> {
        (0..10_000)
            .map(|i| {
                let i = f64::from(i);
                let spike = if i % 97.0 == 0.0 { 5000.0 } else { 0.0 };
                (100.0 + 3.0 * libm::sin(i * 0.37) + 0.5 * libm::cos(i * 1.13) + spike + i * 0.001) as f32
            })
            .collect()
    }

    #[test]
    fn limits_equal_astropys_zscale_on_waves_with_spikes() {
        close(zscale(&waves(), 1000, 0.25), (96.65059, 128.5020283321553));
        close(zscale(&waves(), 500, 0.4), (96.78926, 119.75149652039693));
    }

    #[test]
    fn limits_equal_astropys_zscale_where_pixels_are_nan() {
        let mut values = waves();
        for y in (3..100).step_by(7) {
            for x in (0..100).step_by(5) {
                values[y * 100 + x] = f32::NAN;
            }
        }
        close(zscale(&values, 1000, 0.25), (96.6486, 126.983258975669));
    }

    #[test]
    fn limits_equal_astropys_zscale_on_a_ramp_and_on_squares() {
        let ramp: Vec<f32> = (0..50).map(|v| v as f32).collect();
        close(zscale(&ramp, 1000, 0.25), (0.0, 49.0));
        let squares: Vec<f32> = (0..10_000).map(|i| ((i * 7919 % 1009) as f32).powi(2)).collect();
        close(zscale(&squares, 1000, 0.25), (0.0, 1.016064e6));
    }

    #[test]
    fn an_image_of_nan_or_of_one_value_has_limits_too() {
        assert_eq!(zscale(&[f32::NAN; 9], 1000, 0.25), (0.0, 1.0));
        assert_eq!(zscale(&[7.0; 9], 1000, 0.25), (7.0, 7.0));
    }
}
