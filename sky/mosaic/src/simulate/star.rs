//! Stars as a detector sees them: a profile integrated over each pixel.

use std::f64::consts::{PI, SQRT_2};

/// Full width at half maximum of a Gaussian in units of its standard deviation, `2 sqrt(2 ln 2)`.
const FWHM_PER_SIGMA: f64 = 2.354_820_045_030_949_4;

/// How the light of a point spreads over the detector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Profile {
    /// A round Gaussian.
    Gaussian {
        /// Full width at half maximum, in pixels; above 0.
        fwhm_px: f64,
    },
    /// Wings that fall as a power, `(1 + r²/α²)^-β`.
    ///
    /// Source: Moffat 1969, A&A 3, 455.
    Moffat {
        /// Full width at half maximum, in pixels; above 0.
        fwhm_px: f64,
        /// Exponent β, above 1; 2.5 to 5 for the atmosphere.
        beta: f64,
    },
}

impl Profile {
    /// Half the side of the square that a star is drawn on, in pixels.
    ///
    /// A Gaussian leaves less than 1e-30 of its flux outside; a Moffat profile leaves `(1 + r²/α²)^(1-β)`.
    pub fn reach_px(&self) -> usize {
        match *self {
            Profile::Gaussian { fwhm_px } => (12.0 * fwhm_px / FWHM_PER_SIGMA).ceil().max(3.0) as usize,
            Profile::Moffat { fwhm_px, .. } => (12.0 * fwhm_px).ceil().max(3.0) as usize,
        }
    }

    /// Adds a star to an image.
    ///
    /// - `image`: `width` × `height` values, row by row;
    /// - `x`, `y`: centre, 0-based pixels (may lie outside);
    /// - `flux`: sum of the values that the whole star adds.
    pub fn draw(&self, image: &mut [f64], width: usize, height: usize, x: f64, y: f64, flux: f64) {
        let reach = self.reach_px() as f64;
        let Some((x0, x1)) = clip(x, reach, width) else { return };
        let Some((y0, y1)) = clip(y, reach, height) else { return };
        match *self {
            Profile::Gaussian { fwhm_px } => {
                let sigma = fwhm_px / FWHM_PER_SIGMA;
                let along_x = pixel_fractions(x0, x1, x, sigma);
                let along_y = pixel_fractions(y0, y1, y, sigma);
                for (row, share) in (y0..y1).zip(&along_y) {
                    let line = &mut image[row * width + x0..row * width + x1];
                    for (value, fraction) in line.iter_mut().zip(&along_x) {
                        *value = (flux * share).mul_add(*fraction, *value);
                    }
                }
            }
            Profile::Moffat { fwhm_px, beta } => {
                let moffat = Moffat::new(fwhm_px, beta);
                for row in y0..y1 {
                    for column in x0..x1 {
                        image[row * width + column] += flux * moffat.pixel(column as f64 - x, row as f64 - y);
                    }
                }
            }
        }
    }
}

/// The pixels within `reach` of `centre` in a row of `size`, as a half-open range; `None` when there are none.
fn clip(centre: f64, reach: f64, size: usize) -> Option<(usize, usize)> {
    let (low, high) = (centre.round() - reach, centre.round() + reach + 1.0);
    if !(high > 0.0 && low < size as f64) {
        return None;
    }
    Some((low.max(0.0) as usize, high.min(size as f64) as usize))
}

/// Fraction of a Gaussian's flux between the edges of each pixel of `from..to`.
fn pixel_fractions(from: usize, to: usize, centre: f64, sigma: f64) -> Vec<f64> {
    let below = |edge: f64| libm::erf((edge - centre) / (sigma * SQRT_2));
    let mut left = below(from as f64 - 0.5);
    (from..to)
        .map(|pixel| {
            let right = below(pixel as f64 + 0.5);
            let fraction = 0.5 * (right - left);
            left = right;
            fraction
        })
        .collect()
}

/// A Moffat profile of unit flux.
struct Moffat {
    alpha_squared: f64,
    beta: f64,
    peak: f64,
    /// Radius within which a pixel is integrated finely.
    core_px: f64,
}

impl Moffat {
    fn new(fwhm_px: f64, beta: f64) -> Moffat {
        let alpha_squared = fwhm_px * fwhm_px / (4.0 * (libm::pow(2.0, 1.0 / beta) - 1.0));
        Moffat { alpha_squared, beta, peak: (beta - 1.0) / (PI * alpha_squared), core_px: 3.0 * fwhm_px }
    }

    /// Flux in the pixel whose centre lies at `dx`, `dy` from the star: Gauss-Legendre nodes, 5 × 5 in the core, else 2 × 2.
    fn pixel(&self, dx: f64, dy: f64) -> f64 {
        const FINE: [(f64, f64); 5] = [
            (-0.453_089_922_969_332, 0.118_463_442_528_094_54),
            (-0.269_234_655_052_841_55, 0.239_314_335_249_683_23),
            (0.0, 0.284_444_444_444_444_45),
            (0.269_234_655_052_841_55, 0.239_314_335_249_683_23),
            (0.453_089_922_969_332, 0.118_463_442_528_094_54),
        ];
        const COARSE: [(f64, f64); 2] = [(-0.288_675_134_594_812_9, 0.5), (0.288_675_134_594_812_9, 0.5)];
        let nodes: &[(f64, f64)] = if dx * dx + dy * dy < self.core_px * self.core_px { &FINE } else { &COARSE };
        let mut sum = 0.0;
        for &(offset_y, weight_y) in nodes {
            for &(offset_x, weight_x) in nodes {
                let (x, y) = (dx + offset_x, dy + offset_y);
                let falloff = 1.0 + (x * x + y * y) / self.alpha_squared;
                sum += weight_x * weight_y * libm::pow(falloff, -self.beta);
            }
        }
        self.peak * sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(profile: Profile, size: usize, x: f64, y: f64) -> (f64, f64, f64) {
        let mut image = vec![0.0; size * size];
        profile.draw(&mut image, size, size, x, y, 1000.0);
        let sum: f64 = image.iter().sum();
        let mean =
            |f: &dyn Fn(usize) -> usize| image.iter().enumerate().map(|(i, v)| v * f(i) as f64).sum::<f64>() / sum;
        (sum, mean(&|i| i % size), mean(&|i| i / size))
    }

    #[test]
    fn a_gaussian_star_keeps_its_flux_and_centre_at_any_phase() {
        for (x, y) in [(30.0, 30.0), (30.5, 29.5), (30.123, 31.987)] {
            let (sum, cx, cy) = moments(Profile::Gaussian { fwhm_px: 2.8 }, 61, x, y);
            assert!((sum - 1000.0).abs() < 1e-9, "{sum}");
            assert!((cx - x).abs() < 1e-9 && (cy - y).abs() < 1e-9);
        }
    }

    #[test]
    fn a_moffat_star_lacks_just_the_flux_of_its_wings() {
        let (fwhm, beta) = (2.5, 4.0);
        let (sum, ..) = moments(Profile::Moffat { fwhm_px: fwhm, beta }, 121, 60.2, 59.7);
        // The square of half-side 30.5 lies between its inner and outer circles.
        let alpha2 = fwhm * fwhm / (4.0 * (libm::pow(2.0, 1.0 / beta) - 1.0));
        let inside = |r: f64| 1.0 - libm::pow(1.0 + r * r / alpha2, 1.0 - beta);
        assert!(sum / 1000.0 > inside(29.5) - 1e-6 && sum / 1000.0 < inside(44.0) + 1e-6, "{sum}");
    }

    #[test]
    fn a_moffat_star_has_the_asked_width() {
        let moffat = Moffat::new(40.0, 3.0);
        assert!((moffat.pixel(20.0, 0.0) / moffat.pixel(0.0, 0.0) - 0.5).abs() < 1e-3);
    }

    #[test]
    fn a_star_outside_adds_only_its_wing() {
        let mut image = vec![0.0; 100];
        Profile::Gaussian { fwhm_px: 2.0 }.draw(&mut image, 10, 10, -100.0, 5.0, 1.0);
        assert!(image.iter().all(|v| *v == 0.0));
        Profile::Gaussian { fwhm_px: 2.0 }.draw(&mut image, 10, 10, -0.5, 5.0, 1.0);
        assert!((image.iter().sum::<f64>() - 0.5).abs() < 1e-6);
    }
}
