//! Means over neighbourhoods.

/// A Gaussian of `sigma` pixels, cut at 4 sigma, with zeros outside.
pub(super) fn gaussian(values: &[f64], width: usize, sigma: f64) -> Vec<f64> {
    let reach = (4.0 * sigma + 0.5) as i64;
    let weights: Vec<f64> =
        (-reach..=reach).map(|k| libm::exp(-0.5 * (k as f64 / sigma) * (k as f64 / sigma))).collect();
    let sum: f64 = weights.iter().sum();
    let weights: Vec<f64> = weights.iter().map(|w| w / sum).collect();
    if sigma <= 0.0 || reach == 0 {
        return values.to_vec();
    }
    separably(values, width, |line, out| {
        for (k, v) in out.iter_mut().enumerate() {
            let first = k as i64 - reach;
            let from = first.max(0);
            let to = (k as i64 + reach + 1).min(line.len() as i64);
            let (from, to) = (from as usize, to as usize);
            let weights = &weights[(from as i64 - first) as usize..];
            *v = line[from..to].iter().zip(weights).map(|(a, w)| a * w).sum();
        }
    })
}

/// The mean over squares of `size` pixels, with edges mirrored; of an even size, the larger half lies before the pixel.
pub(super) fn boxed(values: &[f64], width: usize, size: usize) -> Vec<f64> {
    let size = size.max(1) as i64;
    let before = size / 2;
    separably(values, width, |line, out| {
        let n = line.len() as i64;
        let mirrored = |k: i64| {
            let m = k.rem_euclid(2 * n);
            line[if m < n { m } else { 2 * n - 1 - m } as usize]
        };
        for (k, v) in out.iter_mut().enumerate() {
            let first = k as i64 - before;
            *v = (first..first + size).map(mirrored).sum::<f64>() / size as f64;
        }
    })
}

/// Does something to each row, then to each column of the outcome.
fn separably(values: &[f64], width: usize, line: impl Fn(&[f64], &mut [f64])) -> Vec<f64> {
    if width == 0 || values.is_empty() {
        return Vec::new();
    }
    let height = values.len() / width;
    let mut rows = vec![0.0; width * height];
    for (from, to) in values.chunks_exact(width).zip(rows.chunks_exact_mut(width)) {
        line(from, to);
    }
    let mut out = vec![0.0; width * height];
    let (mut from, mut to) = (vec![0.0; height], vec![0.0; height]);
    for x in 0..width {
        (0..height).for_each(|y| from[y] = rows[y * width + x]);
        line(&from, &mut to);
        (0..height).for_each(|y| out[y * width + x] = to[y]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_becomes_the_gaussian_and_a_box() {
        let mut point = vec![0.0; 41 * 41];
        point[20 * 41 + 20] = 1.0;
        let smooth = gaussian(&point, 41, 2.0);
        assert!((smooth.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((smooth[20 * 41 + 24] / smooth[20 * 41 + 20] - libm::exp(-2.0)).abs() < 1e-12);
        let even = boxed(&point, 41, 4);
        let lit: Vec<usize> = (0..41).filter(|x| even[20 * 41 + x] > 0.0).collect();
        // Pixel k sees k - 2 to k + 1.
        assert_eq!(lit, [19, 20, 21, 22]);
    }

    #[test]
    fn constant_images_stay_constant_under_boxes_even_larger_than_they_are() {
        for size in [1, 2, 5, 40] {
            assert!(boxed(&[3.0; 63], 9, size).iter().all(|v| (v - 3.0).abs() < 1e-12));
        }
    }
}
