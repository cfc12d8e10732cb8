//! Convolution of images with gaps.

use super::Kernel;
use crate::fft::Complex2d;

/// Weight of a kernel on pixels with data below which the result is a gap.
const LEAST_WEIGHT: f64 = 0.5;

/// Convolves images of one size with one kernel.
#[derive(Debug)]
pub struct Convolver {
    kernel: Kernel,
    transformed: Option<Complex2d>,
    size: (usize, usize),
}

impl Convolver {
    /// For images of `size` (columns, rows).
    pub fn new(kernel: Kernel, size: (usize, usize)) -> Convolver {
        let transformed = (kernel.reach > 0 || kernel.finer > 1).then(|| {
            let (width, height) = (size.0 * kernel.finer, size.1 * kernel.finer);
            let mut image = Complex2d::zeros(width + kernel.reach, height + kernel.reach);
            let r = kernel.reach as i64;
            for (k, value) in kernel.values.iter().enumerate() {
                let (dx, dy) = ((k % kernel.side()) as i64 - r, (k / kernel.side()) as i64 - r);
                let x = dx.rem_euclid(image.width as i64) as usize;
                let y = dy.rem_euclid(image.height as i64) as usize;
                image.re[y * image.width + x] += value;
            }
            image.forward();
            image
        });
        Convolver { kernel, transformed, size }
    }

    /// Pixels of the result to a pixel of the image, along each axis.
    pub fn finer(&self) -> usize {
        self.kernel.finer
    }

    /// The image convolved: the mean of pixels with data, weighted by the kernel; NaN where the kernel finds less than half
    /// of its weight on them. Where the kernel is finer than the pixels, the result has [`Convolver::finer`] times more columns
    /// and rows, and each value is still that of a whole pixel of the image.
    ///
    /// - `pixels`: row by row; NaN where there are no data
    pub fn apply(&self, pixels: &[f64]) -> Vec<f64> {
        let Some(kernel) = &self.transformed else { return pixels.to_vec() };
        let (width, height) = self.size;
        let finer = self.kernel.finer;
        // Samples of a coarse image stand at the middles of squares of finer pixels where that is possible; for an even
        // number they stand half a finer pixel low, which the phase below mends.
        let offset = (finer - 1) / 2;
        let mut image = Complex2d::zeros(width * finer + self.kernel.reach, height * finer + self.kernel.reach);
        for y in 0..height {
            for x in 0..width {
                let value = pixels[y * width + x];
                if value.is_finite() {
                    let at = (y * finer + offset) * image.width + x * finer + offset;
                    image.re[at] = value;
                    image.im[at] = 1.0;
                }
            }
        }
        image.forward();
        image.multiply(kernel);
        if finer.is_multiple_of(2) {
            half_step(&mut image);
        }
        image.backward();
        // The kernel's weight on a whole image is one in `finer` squared.
        let whole = 1.0 / (finer * finer) as f64;
        let mut out = Vec::with_capacity(width * height * finer * finer);
        for y in 0..height * finer {
            for x in 0..width * finer {
                let at = y * image.width + x;
                let weight = image.im[at];
                out.push(if weight >= LEAST_WEIGHT * whole { image.re[at] / weight } else { f64::NAN });
            }
        }
        out
    }
}

/// Moves an image half a pixel up along both axes, in Fourier space. The image is two real ones, as real and imaginary part.
fn half_step(image: &mut Complex2d) {
    use crate::fft::frequency;
    for y in 0..image.height {
        for x in 0..image.width {
            let (mut fx, mut fy) = (frequency(x, image.width), frequency(y, image.height));
            // At the highest frequency a half step has no sense; the kernel leaves nothing there.
            if 2 * x == image.width {
                fx = 0.0;
            }
            if 2 * y == image.height {
                fy = 0.0;
            }
            let (s, c) = libm::sincos(-std::f64::consts::PI * (fx + fy));
            let at = y * image.width + x;
            let (a, b) = (image.re[at], image.im[at]);
            (image.re[at], image.im[at]) = (a * c - b * s, a * s + b * c);
        }
    }
}
