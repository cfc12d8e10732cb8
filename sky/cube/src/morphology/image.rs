//! An image in memory with its mask.

/// Pixels with a mask; masked ones hold 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Values, row by row; 0 where masked.
    pub values: Vec<f64>,
    /// Which pixels are left out.
    pub masked: Vec<bool>,
}

impl Field {
    /// Of values row by row; undefined ones are masked, as are those of `masked` (which may be empty).
    ///
    /// A last row cut short is left out.
    pub fn new(values: &[f64], width: usize, masked: &[bool]) -> Field {
        let height = values.len() / width.max(1);
        let n = width * height;
        let masked: Vec<bool> =
            (0..n).map(|k| !values[k].is_finite() || masked.get(k).copied().unwrap_or(false)).collect();
        let values = values.iter().zip(&masked).map(|(v, m)| if *m { 0.0 } else { *v }).collect();
        Field { width, height, values, masked }
    }

    /// A rectangle of it.
    pub fn cut(&self, (x, y): (usize, usize), (width, height): (usize, usize)) -> Field {
        let rows = y..y + height;
        let index = rows.flat_map(|r| (x..x + width).map(move |c| r * self.width + c));
        let (values, masked) = index.map(|k| (self.values[k], self.masked[k])).unzip();
        Field { width, height, values, masked }
    }

    /// Length of its diagonal, pixels.
    pub fn diagonal(&self) -> f64 {
        libm::hypot(self.width as f64, self.height as f64)
    }

    /// Masks pixels that differ from the mean of their eight neighbours by more than `sigmas` times the neighbours'
    /// standard deviation (Lotz et al. 2004); edges are repeated outwards. Returns how many.
    pub fn mask_outliers(&mut self, sigmas: f64) -> usize {
        let clamp = |v: i64, n: usize| v.clamp(0, n as i64 - 1) as usize;
        let mut bad = Vec::new();
        for y in 0..self.height {
            for x in 0..self.width {
                let (mut sum, mut squares) = (0.0, 0.0);
                for dy in -1..=1i64 {
                    for dx in -1..=1i64 {
                        if (dx, dy) != (0, 0) {
                            let at = clamp(y as i64 + dy, self.height) * self.width + clamp(x as i64 + dx, self.width);
                            sum += self.values[at];
                            squares += self.values[at] * self.values[at];
                        }
                    }
                }
                let mean = sum / 8.0;
                let deviation = (squares / 8.0 - mean * mean).max(0.0).sqrt();
                let at = y * self.width + x;
                if (self.values[at] - mean).abs() > sigmas * deviation && !self.masked[at] {
                    bad.push(at);
                }
            }
        }
        for at in &bad {
            self.values[*at] = 0.0;
            self.masked[*at] = true;
        }
        bad.len()
    }

    /// The field turned by half a circle about a point, bilinear, 0 outside; and which pixels come half or more from
    /// masked ones.
    pub fn turned(&self, centre: (f64, f64)) -> (Vec<f64>, Vec<bool>) {
        let mut values = vec![0.0; self.values.len()];
        let mut masked = vec![false; self.values.len()];
        for y in 0..self.height {
            let sy = 2.0 * centre.1 - y as f64;
            for x in 0..self.width {
                let sx = 2.0 * centre.0 - x as f64;
                let (x0, y0) = (sx.floor(), sy.floor());
                let (fx, fy) = (sx - x0, sy - y0);
                let (mut value, mut hidden) = (0.0, 0.0);
                for (dy, wy) in [(0.0, 1.0 - fy), (1.0, fy)] {
                    for (dx, wx) in [(0.0, 1.0 - fx), (1.0, fx)] {
                        if let Some(at) = self.index(x0 + dx, y0 + dy) {
                            value += wx * wy * self.values[at];
                            if self.masked[at] {
                                hidden += wx * wy;
                            }
                        }
                    }
                }
                values[y * self.width + x] = value;
                masked[y * self.width + x] = hidden >= 0.5;
            }
        }
        (values, masked)
    }

    fn index(&self, x: f64, y: f64) -> Option<usize> {
        let inside = x >= 0.0 && y >= 0.0 && x < self.width as f64 && y < self.height as f64;
        inside.then(|| y as usize * self.width + x as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_about_the_middle_reverses_the_pixels() {
        let values: Vec<f64> = (0..12).map(f64::from).collect();
        let field = Field::new(&values, 4, &[]);
        let (turned, _) = field.turned((1.5, 1.0));
        let reversed: Vec<f64> = values.iter().rev().copied().collect();
        assert_eq!(turned, reversed);
        // Half a pixel aside: means of neighbours.
        let (turned, _) = field.turned((1.75, 1.0));
        assert_eq!(turned[4 + 1], (6.0 + 7.0) / 2.0);
    }

    #[test]
    fn a_hot_pixel_is_an_outlier_and_a_smooth_peak_is_not() {
        let smooth = |k: usize| {
            let (x, y) = ((k % 15) as f64 - 7.0, (k / 15) as f64 - 7.0);
            100.0 * libm::exp(-(x * x + y * y) / 18.0) + ((k * 7) % 5) as f64 * 0.1
        };
        let mut values: Vec<f64> = (0..225).map(smooth).collect();
        assert_eq!(Field::new(&values, 15, &[]).mask_outliers(10.0), 0);
        values[20] += 500.0;
        let mut field = Field::new(&values, 15, &[]);
        assert_eq!(field.mask_outliers(10.0), 1);
        assert!(field.masked[20] && field.values[20] == 0.0);
    }
}
