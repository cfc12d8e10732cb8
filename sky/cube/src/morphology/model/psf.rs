//! Blurring of models.

use crate::fft::Complex2d;

/// A point spread function on the image's pixels.
#[derive(Debug, Clone, PartialEq)]
pub enum Psf {
    /// None: pixels see the model itself.
    None,
    /// A Gaussian.
    Gaussian {
        /// Full width at half maximum, pixels, above 0.
        fwhm: f64,
    },
    /// An image, its middle pixel the centre; of odd sides, with a positive sum. It need not add up to 1.
    Image {
        /// Columns.
        width: usize,
        /// Values, row by row.
        values: Vec<f64>,
    },
}

/// Convolves images of one size.
pub(super) struct Blur {
    width: usize,
    height: usize,
    how: How,
}

enum How {
    Not,
    /// Weights from the centre outwards.
    Separable(Vec<f64>),
    Fourier(Complex2d),
}

impl Psf {
    /// How far light spreads, pixels.
    pub(super) fn reach(&self) -> usize {
        match self {
            Psf::None => 0,
            Psf::Gaussian { fwhm } => (4.0 * fwhm / 2.354_820_045).ceil().clamp(1.0, 500.0) as usize,
            Psf::Image { width, values } => (*width).max(values.len() / (*width).max(1)) / 2,
        }
    }

    /// The blur of images of `width` x `height` pixels.
    pub(super) fn blur(&self, width: usize, height: usize) -> Blur {
        let how = match self {
            Psf::None => How::Not,
            Psf::Gaussian { fwhm } => {
                let sigma = fwhm / 2.354_820_045;
                // The share of each pixel, so that narrow ones keep their sum.
                let edge = |x: f64| 0.5 * libm::erf(x / (sigma * std::f64::consts::SQRT_2));
                let weights = (0..=self.reach()).map(|k| edge(k as f64 + 0.5) - edge(k as f64 - 0.5));
                let weights: Vec<f64> = weights.collect();
                let sampled: Vec<f64> =
                    (0..=self.reach()).map(|k| libm::exp(-0.5 * (k as f64 / sigma) * (k as f64 / sigma))).collect();
                let weights = if sigma >= 0.7 { sampled } else { weights };
                let sum = 2.0 * weights.iter().sum::<f64>() - weights[0];
                How::Separable(weights.iter().map(|w| w / sum).collect())
            }
            Psf::Image { width: side, values } => {
                let (side, tall) = ((*side).max(1), values.len() / (*side).max(1));
                let sum: f64 = values.iter().sum();
                let mut transfer = Complex2d::zeros(width + side, height + tall);
                for y in 0..tall {
                    for x in 0..side {
                        let place = |k: usize, half: usize, n: usize| (k + n - half) % n;
                        let to =
                            place(y, tall / 2, transfer.height) * transfer.width + place(x, side / 2, transfer.width);
                        transfer.re[to] = values[y * side + x] / sum;
                    }
                }
                transfer.forward();
                How::Fourier(transfer)
            }
        };
        Blur { width, height, how }
    }
}

impl Blur {
    /// The image blurred, zeros outside it.
    pub(super) fn apply(&self, image: Vec<f64>) -> Vec<f64> {
        match &self.how {
            How::Not => image,
            How::Separable(weights) => {
                let rows = along(&image, self.width, self.height, 1, self.width, weights);
                along(&rows, self.height, self.width, self.width, 1, weights)
            }
            How::Fourier(transfer) => {
                let mut padded = Complex2d::zeros(transfer.width, transfer.height);
                let stride = padded.width;
                for (row, to) in image.chunks_exact(self.width).zip(padded.re.chunks_exact_mut(stride)) {
                    to[..self.width].copy_from_slice(row);
                }
                padded.forward();
                padded.multiply(transfer);
                padded.backward();
                padded.re.chunks_exact(stride).take(self.height).flat_map(|row| &row[..self.width]).copied().collect()
            }
        }
    }
}

/// Convolves `lines` lines of `n` values, `step` apart, that begin `skip` apart.
fn along(values: &[f64], n: usize, lines: usize, step: usize, skip: usize, weights: &[f64]) -> Vec<f64> {
    let reach = weights.len() - 1;
    let mut out = vec![0.0; values.len()];
    let mut line = vec![0.0; n + 2 * reach];
    for l in 0..lines {
        for k in 0..n {
            line[reach + k] = values[l * skip + k * step];
        }
        for k in 0..n {
            let middle = reach + k;
            let mut sum = weights[0] * line[middle];
            for (d, w) in weights.iter().enumerate().skip(1) {
                sum += w * (line[middle - d] + line[middle + d]);
            }
            out[l * skip + k * step] = sum;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gaussian_by_rows_is_the_gaussian_as_an_image() {
        let fwhm = 3.3;
        let sigma: f64 = fwhm / 2.354_820_045;
        let side = 31;
        let values: Vec<f64> = (0..side * side)
            .map(|k| {
                let (x, y) = ((k % side) as f64 - 15.0, (k / side) as f64 - 15.0);
                libm::exp(-(x * x + y * y) / (2.0 * sigma * sigma))
            })
            .collect();
        let mut image = vec![0.0; 40 * 30];
        (image[13 * 40 + 17], image[3 * 40 + 2]) = (5.0, 1.0);
        let one = Psf::Gaussian { fwhm }.blur(40, 30).apply(image.clone());
        let other = Psf::Image { width: side, values }.blur(40, 30).apply(image.clone());
        for (a, b) in one.iter().zip(&other) {
            assert!((a - b).abs() < 2e-5, "{a} {b}");
        }
        assert_eq!(Psf::None.blur(40, 30).apply(image.clone()), image);
    }
}
