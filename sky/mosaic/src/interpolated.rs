//! Projection of a tile by interpolation.

use crate::error::MosaicError;
use crate::kernel::Kernel;
use crate::kernel::prefilter::MARGIN;
use crate::mapping::{GridMap, Window};
use crate::patch::{Patch, Projector};
use crate::tile::{BadPixels, Pixels, Tile, Variance};
use pogson_image::lanes;

/// Pixels over which a tile's weight rises from the edge to its full value, past the part that leans on what was
/// extrapolated.
const TAPER_PX: f32 = 12.0;

/// Weight at the very edge: enough to decide where no other tile is, nothing where one is. It grows by as much with each
/// pixel, so that weights in the rim still tell the depth.
pub(crate) const EDGE_WEIGHT: f32 = 1e-4;

/// Interpolation of a tile at the centres of output pixels.
pub struct Interpolated {
    map: GridMap,
    kernel: Kernel,
    width: usize,
    height: usize,
    taper: bool,
    flux: bool,
}

impl Interpolated {
    /// - `map`: from output pixels to the tile's.
    /// - `width`, `height`: size of the tile.
    /// - `taper`: whether weights fall towards the tile's edges (else they are 1 wherever the tile reaches).
    pub fn new(map: GridMap, kernel: Kernel, width: usize, height: usize, taper: bool) -> Interpolated {
        Interpolated { map, kernel, width, height, taper, flux: false }
    }

    /// The same for fluxes: values are multiplied by the number of tile pixels in an output pixel.
    pub fn conserving_flux(mut self) -> Interpolated {
        self.flux = true;
        self
    }
}

impl Projector for Interpolated {
    fn window(&self) -> Window {
        self.map.window()
    }

    fn project(
        &self,
        tile: &Tile,
        window: Window,
        pedestal: f64,
        variance: bool,
        patch: &mut Patch,
    ) -> Result<(), MosaicError> {
        patch.reset(window.width, window.height, variance);
        // A tile loaded for another method has nothing to interpolate.
        let Pixels::Samples(samples) = &tile.pixels else { return Ok(()) };
        let mut u = vec![0.0; window.width];
        let mut v = vec![0.0; window.width];
        let offset = (tile.pedestal - pedestal) as f32;
        let edge = if self.taper { self.kernel.edge_px() } else { 0.0 };
        let taper = if self.taper { TAPER_PX } else { 0.0 };
        let right = self.width as f64 - 0.5;
        let top = self.height as f64 - 0.5;
        for j in 0..window.height {
            self.map.row(window.y + j as i64, window.x, &mut u, &mut v);
            let Some((first, last)) = span(&u, &v, right, top) else { continue };
            let row = j * window.width;
            let (u, v) = (&u[first..last], &v[first..last]);
            let (from, to) = (row + first, row + last);
            let values = &mut patch.value[from..to];
            samples.row(self.kernel, u, v, values);
            let weights = &mut patch.weight[from..to];
            finish_row(u, v, [right as f32, top as f32], [edge, taper], offset, values, weights);
            let covers = &mut patch.cover[from..to];
            for (cover, weight) in covers.iter_mut().zip(weights.iter()) {
                *cover = if *weight > 0.0 { 1.0 } else { 0.0 };
            }
            if let Some(bad) = &tile.bad
                && bad.near_rows(lowest(v), highest(v))
            {
                self.shun_bad(bad, u, v, weights, covers);
            }
            if variance {
                self.propagate(tile, u, v, &mut patch.variance[from..to]);
            }
            if self.flux {
                let mut ratio = vec![0.0; last - first];
                self.map.jacobian_row(window.y + j as i64, window.x + first as i64, &mut ratio);
                for (k, ratio) in (from..to).zip(ratio) {
                    patch.value[k] = ((f64::from(patch.value[k]) + pedestal) * ratio - pedestal) as f32;
                    if variance {
                        patch.variance[k] *= (ratio * ratio) as f32;
                    }
                }
            }
        }
        Ok(())
    }

    fn count_row(&self, y: i64, x: i64, count: &mut [u8]) {
        self.map.count_inside((self.width, self.height), y, x, count);
    }
}

fn lowest(v: &[f64]) -> f64 {
    v.iter().fold(f64::INFINITY, |a, b| a.min(*b))
}

fn highest(v: &[f64]) -> f64 {
    v.iter().fold(f64::NEG_INFINITY, |a, b| a.max(*b))
}

/// First and past-the-last position inside the tile; positions between may still be outside.
fn span(u: &[f64], v: &[f64], right: f64, top: f64) -> Option<(usize, usize)> {
    let inside = |k: &usize| u[*k] >= -0.5 && u[*k] <= right && v[*k] >= -0.5 && v[*k] <= top;
    let first = (0..u.len()).find(inside)?;
    let last = (first..u.len()).rev().find(inside)?;
    Some((first, last + 1))
}

lanes! {
    /// Adds the offset to values and sets weights from the distance to the tile's edges; 0 outside.
    fn finish_row(
        u: &[f64], v: &[f64], limits: [f32; 2], edge_taper: [f32; 2], offset: f32, values: &mut [f32], weights: &mut [f32],
    ) {
        let [right, top] = limits;
        let [edge, taper] = edge_taper;
        let slope = if taper > 0.0 { 1.0 / taper } else { f32::INFINITY };
        for k in 0..values.len() {
            let (x, y) = (u[k] as f32, v[k] as f32);
            let depth = (x + 0.5).min(right - x).min((y + 0.5).min(top - y));
            // The test is on the f64 positions, as everywhere else that asks whether a tile covers a pixel.
            let inside = (u[k] >= -0.5) & (u[k] <= f64::from(right)) & (v[k] >= -0.5) & (v[k] <= f64::from(top));
            let t = ((depth - edge) * slope).clamp(0.0, 1.0);
            let smooth = t * t * t * t.mul_add(t.mul_add(6.0, -15.0), 10.0);
            let rise = if taper > 0.0 { smooth.max(EDGE_WEIGHT * (1.0 + depth)) } else { 1.0 };
            weights[k] = if inside { rise } else { 0.0 };
            values[k] += offset;
        }
    }
}

impl Interpolated {
    /// Lowers weights by bad pixels among the taps.
    fn shun_bad(&self, bad: &BadPixels, u: &[f64], v: &[f64], weights: &mut [f32], covers: &mut [f32]) {
        let reach = (self.kernel.taps().max(2) / 2) as i64;
        for k in 0..u.len() {
            if weights[k] == 0.0 {
                continue;
            }
            let (x, y) = (u[k], v[k]);
            // Positions inside the tile are at least -0.5: cutting the fraction off rounds them down.
            let nearest = |p: f64, n: usize| ((p + 0.5) as i64).clamp(0, n as i64 - 1);
            let (nx, ny) = (nearest(x, self.width), nearest(y, self.height));
            if !bad.near(nx as usize, ny as usize) {
                continue;
            }
            if bad.at(nx as usize, ny as usize) {
                weights[k] = 0.0;
                covers[k] = 0.0;
                continue;
            }
            let (mut good, mut all) = (0.0f32, 0.0f32);
            for j in (ny - reach).max(0)..(ny + reach + 1).min(self.height as i64) {
                for i in (nx - reach).max(0)..(nx + reach + 1).min(self.width as i64) {
                    // A tent over the taps stands for the kernel's reach.
                    let tent = |d: f64| (1.0 - d.abs() / (reach as f64 + 0.5)).max(0.0) as f32;
                    let weight = tent(x - i as f64) * tent(y - j as f64);
                    all += weight;
                    if !bad.at(i as usize, j as usize) {
                        good += weight;
                    }
                }
            }
            // Filled pixels are guesses: a value that leans on them counts little where another tile has a better.
            let share = if all > 0.0 { good / all } else { 0.0 };
            weights[k] *= if share < 1.0 { share * share * 0.1 } else { 1.0 };
        }
    }

    /// Variance of the interpolated values: the kernel's squared weights on the pixels' variances.
    ///
    /// For B-splines the weights are those of the cardinal spline, in which each coefficient's filter is folded.
    fn propagate(&self, tile: &Tile, u: &[f64], v: &[f64], out: &mut [f32]) {
        let cardinal = crate::kernel::cardinal::Cardinal::of(self.kernel);
        let (mut wx, mut wy) = (Vec::new(), Vec::new());
        for ((x, y), out) in u.iter().zip(v).zip(out) {
            if !(x.is_finite() && y.is_finite()) {
                continue;
            }
            let x0 = cardinal.squares(*x, &mut wx);
            let y0 = cardinal.squares(*y, &mut wy);
            match &tile.variance {
                Variance::Uniform(variance) => {
                    *out = variance * wx.iter().sum::<f32>() * wy.iter().sum::<f32>();
                }
                Variance::Map(map) => {
                    let mut sum = 0.0f32;
                    for (j, wy) in wy.iter().enumerate() {
                        let row = (y0 + j as i64).clamp(0, self.height as i64 - 1) as usize * self.width;
                        for (i, wx) in wx.iter().enumerate() {
                            let column = (x0 + i as i64).clamp(0, self.width as i64 - 1) as usize;
                            sum += map[row + column] * (wx * wy);
                        }
                    }
                    *out = sum;
                }
            }
        }
    }
}

const _: () = assert!(MARGIN >= 5, "margins hold the taps of the widest kernel");
