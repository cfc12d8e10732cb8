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
        match &self.bins {
            Some(map) => {
                let bins = Members::of(map);
                self.layers.iter().map(|layer| sum_of_bins(layer, pixels, self.width, &bins)).collect()
            }
            None => self.layers.iter().map(|layer| sum(layer, pixels, self.width)).collect(),
        }
    }

    /// Pixels whose light adds up to the object's: the usable ones, or all of all bins.
    pub fn summable(&self) -> Vec<usize> {
        match &self.bins {
            Some(map) => (0..self.pixels()).filter(|&k| map.get(k).is_some_and(|bin| *bin >= 0)).collect(),
            None => self.usable(),
        }
    }

    /// Sums over all usable pixels, or all bins, as one observation. A band that lacks data in more than a hundredth of them
    /// is absent.
    pub fn integrated(&self, redshift: f64) -> Observation {
        let name = if self.name.is_empty() { "integrated" } else { &self.name };
        let name = name.split_whitespace().collect::<Vec<_>>().join("_");
        observation_of(name, redshift, &self.sums(&self.summable()))
    }

    /// The ellipse of the light of all bands in the usable pixels; round and in the middle where nothing stands out.
    pub fn ellipse(&self) -> Object {
        let mut significance = vec![0.0; self.pixels()];
        for layer in &self.layers {
            for k in self.summable().into_iter().filter(|k| layer.has(*k)) {
                significance[k] += (f64::from(layer.flux[k]) / layer.noise_sigma(k)).clamp(-15.0, 15.0);
            }
        }
        let root = (self.layers.len() as f64).sqrt();
        significance.iter_mut().for_each(|s| *s /= root);
        let (x, y) = (0.5 * (self.width as f64 - 1.0), 0.5 * (self.height as f64 - 1.0));
        let round = Object { x, y, a: 1.0, b: 1.0, angle_deg: 0.0, pixels: 0 };
        Object::find(&significance, self.width).unwrap_or(round)
    }

    /// Rings of equal width along an ellipse's major axis, outwards until none has a usable pixel.
    ///
    /// - `ellipse`: centre, axis ratio and angle; its size does not matter
    /// - `step`: width of a ring along the major axis, pixels
    pub fn rings(&self, ellipse: &Object, step: f64) -> Vec<Ring> {
        let ratio = ellipse.a / ellipse.b;
        let unit = Object { a: step, b: step / ratio, ..ellipse.clone() };
        let mut members: Vec<Vec<usize>> = Vec::new();
        for k in self.summable() {
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

impl Ring {
    /// The ring's light as one observation, named by its semi-major axes.
    ///
    /// - `side`: of a pixel, arcseconds
    pub fn observation(&self, side: f64, redshift: f64) -> Observation {
        let name = format!("ring_{:.1}_to_{:.1}_arcsec", self.inner_px * side, self.outer_px * side);
        observation_of(name, redshift, &self.sums)
    }
}

fn observation_of(name: String, redshift: f64, sums: &[Sum]) -> Observation {
    let measure = |sum: &Sum| match sum.sigma_jy > 0.0 && 100 * sum.missing <= sum.pixels + sum.missing {
        true => Measurement::Flux { flux_jy: sum.flux_jy, sigma_jy: sum.sigma_jy },
        false => Measurement::Absent,
    };
    Observation { name, redshift, bands: sums.iter().map(measure).collect() }
}

/// Pixels of each bin.
struct Members<'a> {
    map: &'a [i32],
    bins: Vec<Vec<usize>>,
}

impl Members<'_> {
    fn of(map: &[i32]) -> Members<'_> {
        let mut bins: Vec<Vec<usize>> = Vec::new();
        for (k, bin) in map.iter().enumerate() {
            let Ok(bin) = usize::try_from(*bin) else { continue };
            if bins.len() <= bin {
                bins.resize(bin + 1, Vec::new());
            }
            bins[bin].push(k);
        }
        Members { map, bins }
    }
}

/// Sum over pixels that hold the means of their bins: a bin of `n` pixels of which `m` are summed counts `m / n` of the noise
/// of each of its pixels. That noise is taken to be even in a bin: the standard deviation of its mean tells it.
fn sum_of_bins(layer: &Layer, pixels: &[usize], width: usize, members: &Members<'_>) -> Sum {
    let mut chosen = vec![0usize; members.bins.len()];
    let bin_of = |k: usize| members.map.get(k).and_then(|bin| usize::try_from(*bin).ok());
    for bin in pixels.iter().filter(|k| layer.has(**k)).filter_map(|k| bin_of(*k)) {
        chosen[bin] += 1;
    }
    let mut sigma = vec![0.0; layer.flux.len()];
    for (own, chosen) in members.bins.iter().zip(chosen).filter(|(_, chosen)| *chosen > 0) {
        let area = together(layer, own, width);
        // Of the mean over n: sigma^2 area / n^2.
        let mean = own.first().map_or(0.0, |k| layer.noise_sigma(*k));
        let each = mean * chosen as f64 / area.sqrt();
        own.iter().for_each(|k| sigma[*k] = each);
    }
    total(layer, pixels, &sigma, width)
}

/// Sum of the correlations of all pairs of a bin's pixels.
fn together(layer: &Layer, own: &[usize], width: usize) -> f64 {
    let side = 2 * layer.noise.reach() + 1;
    let area = if own.len() > 4 * side * side {
        let mut alone = vec![0.0; layer.flux.len()];
        own.iter().for_each(|k| alone[*k] = 1.0);
        layer.noise.variance_of_sum(&alone, width)
    } else {
        let places: Vec<_> = own.iter().map(|k| ((k % width) as i64, (k / width) as i64, 1.0)).collect();
        layer.noise.variance_of(&places)
    };
    area.max(f64::MIN_POSITIVE)
}

fn sum(layer: &Layer, pixels: &[usize], width: usize) -> Sum {
    let mut sigma = vec![0.0; layer.flux.len()];
    pixels.iter().filter(|k| layer.has(**k)).for_each(|k| sigma[*k] = layer.noise_sigma(*k));
    total(layer, pixels, &sigma, width)
}

/// Sum over pixels, with the noise `sigma` of all that is in it.
fn total(layer: &Layer, pixels: &[usize], sigma: &[f64], width: usize) -> Sum {
    let with: Vec<usize> = pixels.iter().copied().filter(|k| layer.has(*k)).collect();
    // Of no pixels 0, where `sum` gives -0.
    let flux_jy = with.iter().fold(0.0, |sum, k| sum + f64::from(layer.flux[*k]));
    let noise_jy = layer.noise.variance_of_sum(sigma, width).sqrt();
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
        assert!(cube.sums(&[])[0].flux_jy.is_sign_positive());
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
