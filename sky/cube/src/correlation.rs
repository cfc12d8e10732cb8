//! How far the noise of one pixel is the noise of its neighbours.

/// Correlation of the noise between pixels of a layer, by their distance; the same all over the layer.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseCorrelation {
    reach: usize,
    rho: Vec<f32>,
}

impl NoiseCorrelation {
    /// Noise that is independent from pixel to pixel.
    pub fn none() -> NoiseCorrelation {
        NoiseCorrelation { reach: 0, rho: vec![1.0] }
    }

    /// From a square of correlation coefficients, row by row, `2 reach + 1` on a side, distance 0 in the middle. None if
    /// the square has another size, a value that is not finite, or no 1 in its middle.
    pub fn new(reach: usize, rho: Vec<f32>) -> Option<NoiseCorrelation> {
        let side = 2 * reach + 1;
        let sound = rho.len() == side * side && rho.iter().all(|r| r.is_finite());
        (sound && (rho[side * reach + reach] - 1.0).abs() < 1e-4).then_some(NoiseCorrelation { reach, rho })
    }

    /// Largest distance along x or y at which the noise is known to be correlated, pixels.
    pub fn reach(&self) -> usize {
        self.reach
    }

    /// The square of coefficients, as in [`NoiseCorrelation::new`].
    pub fn square(&self) -> &[f32] {
        &self.rho
    }

    /// Correlation coefficient of pixels `dx` columns and `dy` rows apart; 0 beyond the reach.
    pub fn at(&self, dx: i64, dy: i64) -> f64 {
        let reach = self.reach as i64;
        if dx.abs() > reach || dy.abs() > reach {
            return 0.0;
        }
        f64::from(self.rho[((dy + reach) * (2 * reach + 1) + dx + reach) as usize])
    }

    /// Correlation area, pixels: the variance of a sum over many pixels is this times that of independent noise.
    pub fn area(&self) -> f64 {
        self.rho.iter().map(|r| f64::from(*r)).sum()
    }

    /// Variance of the sum of pixels whose noise has the standard deviations `sigma`; not below 0.
    ///
    /// - `sigma`: a value for each pixel of an image of `width` columns, row by row; 0 for pixels that do not count.
    pub fn variance_of_sum(&self, sigma: &[f64], width: usize) -> f64 {
        let width = width.max(1);
        let height = sigma.len() / width;
        let reach = self.reach as i64;
        // Each pair once: half of the square, doubled.
        let mut total: f64 = sigma.iter().map(|s| s * s).sum();
        for dy in 0..=reach {
            for dx in -reach..=reach {
                if dy == 0 && dx <= 0 {
                    continue;
                }
                let rho = self.at(dx, dy);
                if rho != 0.0 {
                    total += 2.0 * rho * shifted_product(sigma, width, height, dx, dy as usize);
                }
            }
        }
        total.max(0.0)
    }

    /// Variance of a sum of few pixels at known places.
    ///
    /// - `pixels`: column, row and standard deviation of each.
    pub fn variance_of(&self, pixels: &[(i64, i64, f64)]) -> f64 {
        let mut total = 0.0;
        for (k, a) in pixels.iter().enumerate() {
            total += a.2 * a.2;
            for b in &pixels[k + 1..] {
                total += 2.0 * self.at(b.0 - a.0, b.1 - a.1) * a.2 * b.2;
            }
        }
        total.max(0.0)
    }
}

/// Sum over an image of its values times those `dx` columns and `dy` rows away.
fn shifted_product(values: &[f64], width: usize, height: usize, dx: i64, dy: usize) -> f64 {
    let shift = dx.unsigned_abs() as usize;
    if shift >= width || dy >= height {
        return 0.0;
    }
    let mut total = 0.0;
    for y in 0..height - dy {
        let here = &values[y * width..(y + 1) * width];
        let there = &values[(y + dy) * width..(y + dy + 1) * width];
        let (a, b) = if dx >= 0 { (here, &there[shift..]) } else { (&here[shift..], there) };
        total += a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triangle() -> NoiseCorrelation {
        let line = [0.5f32, 1.0, 0.5];
        NoiseCorrelation::new(1, line.iter().flat_map(|y| line.map(|x| x * y)).collect()).unwrap()
    }

    #[test]
    fn a_sum_over_many_pixels_has_the_area_times_the_variance() {
        let noise = triangle();
        assert_eq!(noise.area(), 4.0);
        let side = 400;
        let sum = noise.variance_of_sum(&vec![3.0; side * side], side);
        let independent = 9.0 * (side * side) as f64;
        assert!((sum / independent / 4.0 - 1.0).abs() < 0.005);
    }

    #[test]
    fn both_ways_of_summing_agree_with_the_quadratic_form() {
        let noise = triangle();
        let sigma = [1.0, 2.0, 0.5, 0.0, 3.0, 1.5];
        let places: Vec<_> = sigma.iter().enumerate().map(|(k, s)| ((k % 3) as i64, (k / 3) as i64, *s)).collect();
        let mut form = 0.0;
        for a in &places {
            for b in &places {
                let rho =
                    (1.0 - 0.5 * (a.0 - b.0).abs() as f64).max(0.0) * (1.0 - 0.5 * (a.1 - b.1).abs() as f64).max(0.0);
                form += rho * a.2 * b.2;
            }
        }
        assert!((noise.variance_of_sum(&sigma, 3) - form).abs() < 1e-12);
        assert!((noise.variance_of(&places) - form).abs() < 1e-12);
    }

    #[test]
    fn squares_of_another_size_are_refused() {
        assert!(NoiseCorrelation::new(1, vec![1.0; 4]).is_none());
        assert!(NoiseCorrelation::new(0, vec![0.5]).is_none());
    }
}
