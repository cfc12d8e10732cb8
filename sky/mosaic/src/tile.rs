//! A tile's pixels in memory, ready to be brought onto the output grid.

use crate::kernel::Kernel;
use crate::kernel::prefilter::{Samples, prepare};
use pogson_image::lanes;

/// Loaded pixels of one tile.
pub struct Tile {
    /// The pixels, `scale * pixel - pedestal`.
    pub pixels: Pixels,
    /// What was subtracted from the scaled pixels.
    pub pedestal: f64,
    /// For samples: where pixels are bad (NaN or masked); `None` when all are good.
    pub bad: Option<BadPixels>,
    /// Variance of each scaled pixel, or one figure for all.
    pub variance: Variance,
}

/// Bad pixels of a tile, and how far their reach goes.
pub struct BadPixels {
    /// One per pixel, row-major.
    map: Vec<bool>,
    /// The same, true also within a kernel's reach of a bad pixel.
    near: Vec<bool>,
    /// Rows in which a kernel may touch a bad pixel.
    rows: Vec<bool>,
    width: usize,
}

/// Pixels that a kernel reaches at most, and one for the position between pixels.
const REACH: usize = 5;

impl BadPixels {
    fn new(map: Vec<bool>, width: usize) -> BadPixels {
        let height = map.len() / width.max(1);
        let mut rows = vec![false; height];
        let mut near = vec![false; map.len()];
        for (k, _) in map.iter().enumerate().filter(|(_, bad)| **bad) {
            let (x, y) = (k % width, k / width);
            let (left, right) = (x.saturating_sub(REACH), (x + REACH + 1).min(width));
            for row in y.saturating_sub(REACH)..(y + REACH + 1).min(height) {
                rows[row] = true;
                near[row * width + left..row * width + right].fill(true);
            }
        }
        BadPixels { map, near, rows, width }
    }

    /// Whether a kernel centred in the pixel may touch a bad pixel.
    pub fn near(&self, x: usize, y: usize) -> bool {
        self.near[y * self.width + x]
    }

    /// Whether the pixel is bad.
    pub fn at(&self, x: usize, y: usize) -> bool {
        self.map[y * self.width + x]
    }

    /// Whether a kernel centred between these rows may touch a bad pixel.
    pub fn near_rows(&self, from: f64, to: f64) -> bool {
        let last = self.rows.len().saturating_sub(1);
        let row = |v: f64| (v.max(0.0) as usize).min(last);
        self.rows[row(from.min(to))..=row(from.max(to))].iter().any(|b| *b)
    }
}

/// Pixels as a method needs them.
pub enum Pixels {
    /// Samples of a kernel; bad pixels are filled in from their neighbours.
    Samples(Samples),
    /// Row-major, bad pixels NaN.
    Plain(Vec<f32>),
    /// On the output grid already, read from a file; its cover follows from its weights.
    Projected(crate::patch::Patch),
}

/// Noise of a tile.
#[derive(Debug, Clone)]
pub enum Variance {
    /// The same for all pixels.
    Uniform(f32),
    /// One per pixel, row-major.
    Map(Vec<f32>),
}

impl Tile {
    /// Prepares pixels for a kernel, or keeps them plain for `None`.
    ///
    /// - `pixels`: row-major, `width * height`; NaN marks bad pixels. They are changed in place.
    /// - `scale`: factor to the common flux scale.
    pub fn new(kernel: Option<Kernel>, pixels: &mut [f32], width: usize, height: usize, scale: f64) -> Tile {
        // Methods of areas sum in f64 and need no pedestal.
        let pedestal = if kernel.is_some() { (typical(pixels) * scale) as f32 } else { 0.0 };
        let bad_count = adapt(pixels, scale as f32, pedestal);
        let (pixels, bad) = match kernel {
            None => (Pixels::Plain(pixels.to_vec()), None),
            Some(kernel) => {
                let bad = (bad_count > 0).then(|| BadPixels::new(fill(pixels, width, height), width));
                (Pixels::Samples(prepare(kernel, pixels, width, height)), bad)
            }
        };
        Tile { pixels, pedestal: f64::from(pedestal), bad, variance: Variance::Uniform(0.0) }
    }

    /// Whether no pixel has a value.
    pub fn is_blank(&self) -> bool {
        match &self.pixels {
            Pixels::Samples(_) => self.bad.as_ref().is_some_and(|bad| bad.map.iter().all(|b| *b)),
            Pixels::Plain(pixels) => pixels.iter().all(|p| !p.is_finite()),
            Pixels::Projected(_) => false,
        }
    }

    /// Bytes that the tile keeps in memory.
    pub fn bytes(&self) -> usize {
        let map = match &self.variance {
            Variance::Map(map) => map.len() * 4,
            Variance::Uniform(_) => 0,
        };
        let pixels = match &self.pixels {
            Pixels::Samples(samples) => samples.data.len(),
            Pixels::Plain(pixels) => pixels.len(),
            Pixels::Projected(patch) => patch.value.len() + patch.weight.len() + patch.variance.len(),
        };
        pixels * 4 + self.bad.as_ref().map_or(0, |b| 2 * b.map.len()) + map
    }
}

lanes! {
    /// `factor * pixel - pedestal`; returns how many are not finite.
    fn adapt(pixels: &mut [f32], factor: f32, pedestal: f32) -> u32 {
        let mut bad = 0u32;
        for pixel in pixels {
            *pixel = pixel.mul_add(factor, -pedestal);
            bad += u32::from(!pixel.is_finite());
        }
        bad
    }
}

/// Median of about a thousand finite pixels; 0 when there are none.
pub(crate) fn typical(pixels: &[f32]) -> f64 {
    let step = (pixels.len() / 1009).max(1);
    let mut some: Vec<f32> = pixels.iter().step_by(step).copied().filter(|p| p.is_finite()).collect();
    if some.is_empty() {
        return 0.0;
    }
    let middle = some.len() / 2;
    let (_, median, _) = some.select_nth_unstable_by(middle, f32::total_cmp);
    f64::from(*median)
}

/// Rings of bad pixels that are filled from their neighbours; what lies deeper gets 0, the pedestal.
const RINGS: usize = 12;

/// Fills bad pixels with means of good neighbours, ring by ring inwards; returns the map of bad pixels.
fn fill(pixels: &mut [f32], width: usize, height: usize) -> Vec<bool> {
    let bad: Vec<bool> = pixels.iter().map(|p| !p.is_finite()).collect();
    let mut open: Vec<usize> = (0..pixels.len()).filter(|&k| bad[k]).collect();
    for &k in &open {
        pixels[k] = f32::NAN;
    }
    for _ in 0..RINGS {
        let mut found = Vec::new();
        let mut rest = Vec::new();
        for &k in &open {
            let (x, y) = (k % width, k / width);
            let (mut sum, mut n) = (0.0f32, 0.0f32);
            for j in y.saturating_sub(1)..(y + 2).min(height) {
                for i in x.saturating_sub(1)..(x + 2).min(width) {
                    let value = pixels[j * width + i];
                    if value.is_finite() {
                        sum += value;
                        n += 1.0;
                    }
                }
            }
            if n > 0.0 { found.push((k, sum / n)) } else { rest.push(k) }
        }
        if found.is_empty() {
            break;
        }
        for (k, value) in found {
            pixels[k] = value;
        }
        open = rest;
    }
    for k in open {
        pixels[k] = 0.0;
    }
    bad
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_pixels_in_a_plane_are_filled_close_to_the_plane() {
        let (w, h) = (30, 20);
        let mut pixels: Vec<f32> = (0..w * h).map(|k| (k % w) as f32 + (k / w) as f32).collect();
        for k in [5 * w + 7, 5 * w + 8, 6 * w + 7] {
            pixels[k] = f32::NAN;
        }
        let bad = fill(&mut pixels, w, h);
        assert_eq!(bad.iter().filter(|b| **b).count(), 3);
        assert!((pixels[5 * w + 7] - 12.0).abs() < 1.0);
    }

    #[test]
    fn a_tile_of_nothing_but_nan_is_all_bad() {
        let tile = Tile::new(Some(Kernel::BSpline3), &mut [f32::NAN; 64], 8, 8, 1.0);
        assert!(tile.bad.is_some_and(|b| b.map.iter().all(|b| *b)));
        let Pixels::Samples(samples) = tile.pixels else { panic!("a kernel was given") };
        assert!(samples.data.iter().all(|v| *v == 0.0));
    }
}
