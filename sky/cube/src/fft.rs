//! Fourier transforms of images whose sides are powers of two, the same bytes on every machine.
//!
//! Radix-2 decimation in time (Cooley & Tukey 1965, Math. Comp. 19, 297) with twiddle factors from `libm`; rows run in
//! parallel and share nothing.

use rayon::prelude::*;

/// An image of complex numbers, real and imaginary parts apart, row by row.
#[derive(Debug, Clone)]
pub struct Complex2d {
    /// Columns, a power of two.
    pub width: usize,
    /// Rows, a power of two.
    pub height: usize,
    /// Real parts.
    pub re: Vec<f64>,
    /// Imaginary parts.
    pub im: Vec<f64>,
}

/// Twiddle factors of one length.
struct Plan {
    cos: Vec<f64>,
    sin: Vec<f64>,
}

impl Plan {
    fn new(n: usize) -> Plan {
        let angle = |k: usize| std::f64::consts::TAU * k as f64 / n as f64;
        let (sin, cos) = (0..n / 2).map(|k| libm::sincos(angle(k))).unzip();
        Plan { cos, sin }
    }

    /// Transforms one row in place; `sign` is -1 forward, +1 backward. Nothing is divided by the length.
    fn run(&self, re: &mut [f64], im: &mut [f64], sign: f64) {
        let n = re.len();
        if n < 2 {
            return;
        }
        let bits = n.trailing_zeros();
        for i in 0..n {
            let j = i.reverse_bits() >> (usize::BITS - bits);
            if i < j {
                re.swap(i, j);
                im.swap(i, j);
            }
        }
        let mut half = 1;
        while half < n {
            let stride = n / (2 * half);
            for (re, im) in re.chunks_exact_mut(2 * half).zip(im.chunks_exact_mut(2 * half)) {
                let (re_low, re_high) = re.split_at_mut(half);
                let (im_low, im_high) = im.split_at_mut(half);
                for k in 0..half {
                    let (c, s) = (self.cos[k * stride], sign * self.sin[k * stride]);
                    let (a, b) = (re_high[k] * c - im_high[k] * s, re_high[k] * s + im_high[k] * c);
                    (re_high[k], im_high[k]) = (re_low[k] - a, im_low[k] - b);
                    (re_low[k], im_low[k]) = (re_low[k] + a, im_low[k] + b);
                }
            }
            half *= 2;
        }
    }
}

impl Complex2d {
    /// An image of zeros; sides are raised to powers of two.
    pub fn zeros(width: usize, height: usize) -> Complex2d {
        let (width, height) = (width.max(1).next_power_of_two(), height.max(1).next_power_of_two());
        Complex2d { width, height, re: vec![0.0; width * height], im: vec![0.0; width * height] }
    }

    /// The transform, `sum f(x, y) exp(-2 pi i (x u / width + y v / height))`, in place.
    pub fn forward(&mut self) {
        self.transform(-1.0);
    }

    /// The way back, divided by the number of pixels, in place.
    pub fn backward(&mut self) {
        self.transform(1.0);
        let scale = 1.0 / (self.width * self.height) as f64;
        self.re.par_iter_mut().chain(self.im.par_iter_mut()).for_each(|v| *v *= scale);
    }

    fn transform(&mut self, sign: f64) {
        self.rows(sign);
        self.transpose();
        self.rows(sign);
        self.transpose();
    }

    fn rows(&mut self, sign: f64) {
        let plan = Plan::new(self.width);
        let rows = self.re.par_chunks_exact_mut(self.width).zip(self.im.par_chunks_exact_mut(self.width));
        rows.for_each(|(re, im)| plan.run(re, im, sign));
    }

    fn transpose(&mut self) {
        self.re = transposed(&self.re, self.width, self.height);
        self.im = transposed(&self.im, self.width, self.height);
        std::mem::swap(&mut self.width, &mut self.height);
    }

    /// Multiplies by another image of the same size, number by number.
    pub fn multiply(&mut self, other: &Complex2d) {
        for k in 0..self.re.len().min(other.re.len()) {
            let (a, b, c, d) = (self.re[k], self.im[k], other.re[k], other.im[k]);
            (self.re[k], self.im[k]) = (a * c - b * d, a * d + b * c);
        }
    }
}

/// Frequency of a sample of a transform, cycles per pixel, -1/2 to 1/2.
pub fn frequency(k: usize, n: usize) -> f64 {
    let k = if 2 * k > n { k as f64 - n as f64 } else { k as f64 };
    k / n as f64
}

fn transposed(values: &[f64], width: usize, height: usize) -> Vec<f64> {
    /// Side of the squares that are turned at once, so that lines stay in the cache.
    const TILE: usize = 32;
    let mut out = vec![0.0; values.len()];
    out.par_chunks_mut(TILE * height).enumerate().for_each(|(strip, rows)| {
        let x0 = strip * TILE;
        for y0 in (0..height).step_by(TILE) {
            for (dx, row) in rows.chunks_exact_mut(height).enumerate() {
                for y in y0..(y0 + TILE).min(height) {
                    row[y] = values[y * width + x0 + dx];
                }
            }
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transform_is_the_sum_that_defines_it_and_comes_back() {
        let mut image = Complex2d::zeros(8, 4);
        for k in 0..32 {
            image.re[k] = ((k * 7) % 11) as f64 - 3.0;
            image.im[k] = ((k * 5) % 13) as f64;
        }
        let before = image.clone();
        image.forward();
        for (u, v) in [(0, 0), (3, 1), (7, 3), (4, 2)] {
            let (mut re, mut im) = (0.0, 0.0);
            for y in 0..4 {
                for x in 0..8 {
                    let angle = -std::f64::consts::TAU * ((x * u) as f64 / 8.0 + (y * v) as f64 / 4.0);
                    let (s, c) = libm::sincos(angle);
                    let (a, b) = (before.re[y * 8 + x], before.im[y * 8 + x]);
                    re += a * c - b * s;
                    im += a * s + b * c;
                }
            }
            assert!((image.re[v * 8 + u] - re).abs() < 1e-11 && (image.im[v * 8 + u] - im).abs() < 1e-11);
        }
        image.backward();
        for k in 0..32 {
            assert!((image.re[k] - before.re[k]).abs() < 1e-13 && (image.im[k] - before.im[k]).abs() < 1e-13);
        }
    }

    #[test]
    fn frequencies_run_from_minus_half_to_half() {
        assert_eq!((frequency(1, 8), frequency(4, 8), frequency(7, 8)), (0.125, 0.5, -0.125));
    }
}
