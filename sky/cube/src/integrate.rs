//! Sums over pixels, and means over elliptical rings, with the noise's correlation, the sky's level and the calibration.

use pogson_sed::observation::{Measurement, Observation};

use crate::cube::{Cube, Layer};
use crate::object::Object;

/// A band's flux over pixels.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Sum {
    /// Summed flux, Jy.
    pub flux_jy: f64,
    /// Standard deviation of all together, Jy.
    pub sigma_jy: f64,
    /// The part by noise, its correlation between pixels counted.
    pub noise_jy: f64,
    /// The part by the level of the sky, which all pixels share.
    pub sky_jy: f64,
    /// The part by the calibration, which all pixels share.
    pub calibration_jy: f64,
    /// Pixels with data.
    pub pixels: usize,
    /// Pixels without, for which nothing was added.
    pub missing: usize,
}

impl Cube {
    /// Sums of each band over pixels.
    ///
    /// - `pixels`: `y * width + x`
    pub fn sums(&self, pixels: &[usize]) -> Vec<Sum> {
        self.layers.iter().map(|layer| sum(layer, pixels, self.width)).collect()
    }

    /// Sums over all usable pixels as one observation. A band that lacks data in more than a hundredth of them is absent.
    pub fn integrated(&self, redshift: f64) -> Observation {
        let pixels = self.usable();
        let measure = |sum: Sum| match sum.sigma_jy > 0.0 && 100 * sum.missing <= sum.pixels + sum.missing {
            true => Measurement::Flux { flux_jy: sum.flux_jy, sigma_jy: sum.sigma_jy },
            false => Measurement::Absent,
        };
        let name = if self.name.is_empty() { "integrated" } else { &self.name };
        let name = name.split_whitespace().collect::<Vec<_>>().join("_");
        Observation { name, redshift, bands: self.sums(&pixels).into_iter().map(measure).collect() }
    }

    /// Rings of equal width along an ellipse's major axis, outwards until none has a usable pixel.
    ///
    /// - `ellipse`: centre, axis ratio and angle; its size does not matter
    /// - `step`: width of a ring along the major axis, pixels
    pub fn rings(&self, ellipse: &Object, step: f64) -> Vec<Ring> {
        let ratio = ellipse.a / ellipse.b;
        let unit = Object { a: step, b: step / ratio, ..ellipse.clone() };
        let mut members: Vec<Vec<usize>> = Vec::new();
        for k in self.usable() {
            let (x, y) = self.column_row(k);
            let ring = unit.radius(x as f64, y as f64) as usize;
            if members.len() <= ring {
                members.resize(ring + 1, Vec::new());
            }
            members[ring].push(k);
        }
        let mut inside = Vec::new();
        let mut rings = Vec::new();
        for (number, pixels) in members.into_iter().enumerate() {
            inside.extend_from_slice(&pixels);
            rings.push(Ring {
                inner_px: step * number as f64,
                outer_px: step * (number + 1) as f64,
                pixels: pixels.len(),
                sums: self.sums(&pixels),
                enclosed: self.sums(&inside),
            });
        }
        rings
    }
}

/// One ring.
#[derive(Debug, Clone, PartialEq)]
pub struct Ring {
    /// Inner semi-major axis, pixels.
    pub inner_px: f64,
    /// Outer semi-major axis, pixels.
    pub outer_px: f64,
    /// Usable pixels in it.
    pub pixels: usize,
    /// Sums in it, one for each band.
    pub sums: Vec<Sum>,
    /// Sums over it and all within.
    pub enclosed: Vec<Sum>,
}

fn sum(layer: &Layer, pixels: &[usize], width: usize) -> Sum {
    let with: Vec<usize> = pixels.iter().copied().filter(|k| layer.has(*k)).collect();
    let flux_jy: f64 = with.iter().map(|k| f64::from(layer.flux[*k])).sum();
    let mut sigma = vec![0.0; layer.flux.len()];
    with.iter().for_each(|k| sigma[*k] = layer.noise_sigma(*k));
    let noise_jy = layer.noise.variance_of_sum(&sigma, width).sqrt();
    let sky_jy = layer.sky_sigma * with.len() as f64;
    let calibration_jy = (layer.floor * flux_jy).abs();
    let sigma_jy = (noise_jy * noise_jy + sky_jy * sky_jy + calibration_jy * calibration_jy).sqrt();
    let (number, missing) = (with.len(), pixels.len() - with.len());
    Sum { flux_jy, sigma_jy, noise_jy, sky_jy, calibration_jy, pixels: number, missing }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cube::tests::small;

    #[test]
    fn a_sum_has_the_full_covariance_of_its_pixels() {
        let cube = small();
        let pixels = [10, 11, 17];
        let sums = cube.sums(&pixels);
        let layer = &cube.layers[2];
        let s: Vec<f64> = pixels.iter().map(|k| layer.noise_sigma(*k)).collect();
        let noise =
            s.iter().map(|s| s * s).sum::<f64>() + 2.0 * (0.3 * s[0] * s[1] + 0.3 * s[0] * s[2] + 0.1 * s[1] * s[2]);
        assert!((sums[2].noise_jy / noise.sqrt() - 1.0).abs() < 1e-6);
        let flux: f64 = pixels.iter().map(|k| f64::from(layer.flux[*k])).sum();
        let variance = noise + (3.0 * layer.sky_sigma).powi(2) + (0.02 * flux).powi(2);
        assert!((sums[2].sigma_jy / variance.sqrt() - 1.0).abs() < 1e-6);
        assert_eq!((sums[2].pixels, sums[2].missing), (3, 0));
        assert_eq!(cube.sums(&[0])[1].missing, 1);
        assert!(matches!(cube.integrated(0.01).bands[0], Measurement::Flux { .. }));
        assert_eq!(cube.integrated(0.01).name, "IC_494");
    }

    #[test]
    fn rings_hold_each_usable_pixel_once() {
        let cube = small();
        let ellipse = Object { x: 3.0, y: 2.0, a: 2.0, b: 1.0, angle_deg: 0.0, pixels: 9 };
        let rings = cube.rings(&ellipse, 2.0);
        assert_eq!(rings.iter().map(|r| r.pixels).sum::<usize>(), cube.usable().len());
        // Within 2 along x and 1 along y of the middle: three pixels of the middle row.
        assert_eq!(rings[0].pixels, 3);
        let last = rings.last().unwrap();
        let all: f64 = cube.sums(&cube.usable())[0].flux_jy;
        assert!((last.enclosed[0].flux_jy - all).abs() < 1e-12);
    }
}
