//! Skies of known level, slope, scatter and correlation.

use super::*;

/// Nearly normal numbers of unit variance.
pub(crate) struct Normal(u64);

impl Normal {
    pub(crate) fn new(seed: u64) -> Normal {
        Normal(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn next(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

fn galaxy(x: f64, y: f64) -> f64 {
    40.0 * libm::exp(-libm::hypot(x - 150.0, y - 150.0) / 15.0)
}

#[test]
fn level_and_scatter_are_found_beside_a_galaxy_and_stars() {
    let width = 300;
    let mut random = Normal::new(3);
    let values: Vec<f64> = (0..width * width)
        .map(|k| {
            let (x, y) = ((k % width) as f64, (k / width) as f64);
            let star = 500.0 * libm::exp(-((x - 40.0) * (x - 40.0) + (y - 220.0) * (y - 220.0)) / 8.0);
            17.0 + 2.0 * random.next() + galaxy(x, y) + star
        })
        .collect();
    let object: Vec<bool> =
        (0..values.len()).map(|k| libm::hypot((k % width) as f64 - 150.0, (k / width) as f64 - 150.0) < 90.0).collect();
    let sky = Sky::measure(Field { values: &values, width, object: &object }, SkyModel::Constant).unwrap();
    assert!((sky.level - 17.0).abs() < 0.05, "{}", sky.level);
    assert!((sky.sigma / 2.0 - 1.0).abs() < 0.02, "{}", sky.sigma);
    assert!(sky.level_sigma > 0.004 && sky.level_sigma < 0.03, "{}", sky.level_sigma);
    assert_eq!(sky.correlation, NoiseCorrelation::none());
}

#[test]
fn a_plane_is_found_and_taken_away() {
    let width = 200;
    let mut random = Normal::new(5);
    let mut values: Vec<f64> = (0..width * 150)
        .map(|k| 100.0 + 0.02 * (k % width) as f64 - 0.05 * (k / width) as f64 + random.next())
        .collect();
    let sky = Sky::measure(Field { values: &values, width, object: &[] }, SkyModel::Plane).unwrap();
    assert!((sky.slope.0 - 0.02).abs() < 5e-4 && (sky.slope.1 + 0.05).abs() < 5e-4, "{:?}", sky.slope);
    sky.subtract(&mut values, width);
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    assert!(mean.abs() < 0.03, "{mean}");
}

#[test]
fn few_counts_keep_their_mean() {
    // One count in twenty pixels, as in far-ultraviolet images: a median would say 0.
    let width = 240;
    let mut random = Normal::new(11);
    let count = 0.006;
    let values: Vec<f64> = (0..width * width).map(|_| if random.uniform() < 0.05 { count } else { 0.0 }).collect();
    let sky = Sky::measure(Field { values: &values, width, object: &[] }, SkyModel::Constant).unwrap();
    assert!((sky.level / (0.05 * count) - 1.0).abs() < 0.06, "{}", sky.level);
    assert!((sky.sigma / (count * (0.05f64 * 0.95).sqrt()) - 1.0).abs() < 0.1, "{}", sky.sigma);
}

#[test]
fn correlated_noise_is_known_for_what_it_is() {
    let width = 300;
    let mut random = Normal::new(7);
    let white: Vec<f64> = (0..width * width).map(|_| random.next()).collect();
    // Means over three by three pixels: correlation 2/3 and 1/3 along an axis, area 9.
    let values = box_mean(&white, width, 1);
    let sky = Sky::measure(Field { values: &values, width, object: &[] }, SkyModel::Constant).unwrap();
    assert!((sky.correlation.at(1, 0) - 2.0 / 3.0).abs() < 0.03, "{}", sky.correlation.at(1, 0));
    assert!((sky.correlation.at(0, 2) - 1.0 / 3.0).abs() < 0.04);
    assert!((sky.correlation.area() / 9.0 - 1.0).abs() < 0.15, "{}", sky.correlation.area());
}

#[test]
fn images_without_a_sky_have_none() {
    assert!(Sky::measure(Field { values: &[5.0; 400], width: 20, object: &[] }, SkyModel::Constant).is_none());
    assert!(Sky::measure(Field { values: &[f64::NAN; 400], width: 20, object: &[] }, SkyModel::Constant).is_none());
}
