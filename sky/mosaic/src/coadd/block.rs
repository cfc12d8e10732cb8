//! A block of the output while tiles are added to it.

use super::Combine;
use super::stack::Stack;
use crate::background::polynomial::{LENGTH_PX, Polynomial};
use crate::mapping::Window;
use crate::patch::Patch;
use crate::spare;
use pogson_image::lanes;

/// Finished planes of a block, row-major over its window.
#[derive(Debug, Default)]
pub struct Finished {
    /// Combined values; NaN where no tile has any.
    pub value: Vec<f32>,
    /// Sum of the tiles' cover: 1 where one tile covers the pixel fully.
    pub footprint: Vec<f32>,
    /// Variance of the values; empty when not asked for, NaN where there is no value.
    pub variance: Vec<f32>,
    /// Number of tiles with cover.
    pub count: Vec<f32>,
}

impl Drop for Finished {
    fn drop(&mut self) {
        for plane in [&mut self.value, &mut self.footprint, &mut self.variance, &mut self.count] {
            spare::give(std::mem::take(plane));
        }
    }
}

/// A plane of `n` equal values.
fn plane(n: usize, value: f32) -> Vec<f32> {
    let mut plane = spare::take(n);
    plane.fill(value);
    plane
}

/// Running sums over a window of the output.
pub struct Block {
    window: Window,
    combine: Combine,
    with_variance: bool,
    sum: Vec<f32>,
    weight: Vec<f32>,
    cover: Vec<f32>,
    variance: Vec<f32>,
    count: Vec<f32>,
    stack: Option<Stack>,
}

impl Block {
    /// An empty block.
    ///
    /// - `with_variance`: whether the variance of the result is wanted.
    pub fn new(window: Window, combine: Combine, with_variance: bool) -> Block {
        let n = window.area();
        let start = match combine {
            Combine::Min => f32::INFINITY,
            Combine::Max => f32::NEG_INFINITY,
            _ => 0.0,
        };
        Block {
            window,
            combine,
            with_variance,
            sum: plane(n, start),
            weight: plane(n, 0.0),
            cover: plane(n, 0.0),
            variance: plane(if with_variance { n } else { 0 }, 0.0),
            count: plane(n, 0.0),
            stack: combine.needs_stack().then(|| Stack::new(n)),
        }
    }

    /// Adds one tile's patch.
    ///
    /// - `window`: the patch's window, inside the block's.
    /// - `correction`: subtracted from the values.
    pub fn add(&mut self, window: Window, patch: &mut Patch, correction: Option<&Polynomial>) {
        let x0 = (window.x - self.window.x) as usize;
        let y0 = (window.y - self.window.y) as usize;
        for j in 0..window.height {
            let from = j * window.width;
            let at = from..from + window.width;
            if let Some(correction) = correction {
                let y = (window.y + j as i64) as f64;
                let t0 = (window.x as f64 - correction.centre.0) / LENGTH_PX;
                subtract_row(&correction.along_row(y), t0, &mut patch.value[at.clone()]);
            }
            let to = (y0 + j) * self.window.width + x0;
            let to = to..to + window.width;
            add_cover(
                &patch.weight[at.clone()],
                &patch.cover[at.clone()],
                &mut self.cover[to.clone()],
                &mut self.count[to.clone()],
            );
            self.add_row(to, at, patch);
        }
    }

    fn add_row(&mut self, to: std::ops::Range<usize>, at: std::ops::Range<usize>, patch: &mut Patch) {
        let value = &patch.value[at.clone()];
        let weight = &patch.weight[at.clone()];
        let cover = &patch.cover[at.clone()];
        let variance = if patch.variance.is_empty() { &[][..] } else { &patch.variance[at] };
        let (sum, total) = (&mut self.sum[to.clone()], &mut self.weight[to.clone()]);
        match self.combine {
            Combine::Mean => {
                add_weighted(value, weight, sum, total);
                if self.with_variance {
                    add_variance(weight, variance, &mut self.variance[to]);
                }
            }
            Combine::Weighted => {
                let weights: Vec<f32> =
                    weight.iter().zip(variance).map(|(w, v)| if *v > 0.0 { w / v } else { 0.0 }).collect();
                add_weighted(value, &weights, sum, total);
                if self.with_variance {
                    add_variance(&weights, variance, &mut self.variance[to]);
                }
            }
            Combine::Sum => {
                add_weighted(value, cover, sum, total);
                if self.with_variance {
                    add_variance(cover, variance, &mut self.variance[to]);
                }
            }
            Combine::Chi => {
                for k in 0..value.len() {
                    if weight[k] > 0.0 && variance[k] > 0.0 {
                        sum[k] += value[k] * value[k] / variance[k];
                        total[k] += 1.0;
                    }
                }
            }
            Combine::Count => {
                for (total, weight) in total.iter_mut().zip(weight) {
                    *total += if *weight > 0.0 { 1.0 } else { 0.0 };
                }
            }
            Combine::Min | Combine::Max | Combine::First | Combine::Last => {
                let replaces = |new: f32, old: f32, empty: bool| match self.combine {
                    Combine::Min => new < old,
                    Combine::Max => new > old,
                    Combine::First => empty,
                    _ => true,
                };
                for k in 0..value.len() {
                    if weight[k] > 0.0 && replaces(value[k], sum[k], total[k] == 0.0) {
                        sum[k] = value[k];
                        total[k] = 1.0;
                        if self.with_variance {
                            self.variance[to.start + k] = variance[k];
                        }
                    }
                }
            }
            Combine::Median | Combine::Clipped(_) => {
                if let Some(stack) = &mut self.stack {
                    for k in 0..value.len() {
                        if weight[k] > 0.0 {
                            stack.push(to.start + k, value[k], weight[k], variance.get(k).copied().unwrap_or(0.0));
                        }
                    }
                }
            }
        }
    }

    /// The combined planes.
    ///
    /// - `pedestal`: added back to values.
    /// - `threshold`: least footprint that a pixel needs to have a value.
    pub fn finish(mut self, pedestal: f64, threshold: f32) -> Finished {
        if let Some(stack) = self.stack.take() {
            stack.combine(self.combine, &mut self.sum, &mut self.weight, &mut self.variance);
        }
        let level = pedestal as f32;
        let rest = (pedestal - f64::from(level)) as f32;
        for k in 0..self.sum.len() {
            let (sum, weight) = (self.sum[k], self.weight[k]);
            let value = match self.combine {
                Combine::Mean | Combine::Weighted => sum / weight + rest + level,
                Combine::Sum => (f64::from(sum) + f64::from(weight) * pedestal) as f32,
                Combine::Chi => (sum / weight).sqrt(),
                Combine::Count => weight,
                _ => sum + rest + level,
            };
            let known = weight > 0.0 && self.cover[k] >= threshold;
            self.sum[k] = if known { value } else { f32::NAN };
            if self.with_variance {
                let scale = match self.combine {
                    Combine::Mean | Combine::Weighted => weight * weight,
                    _ => 1.0,
                };
                self.variance[k] = if known { self.variance[k] / scale } else { f32::NAN };
            }
        }
        spare::give(self.weight);
        Finished { value: self.sum, footprint: self.cover, variance: self.variance, count: self.count }
    }
}

lanes! {
    pub(crate) fn subtract_row(row: &[f64; 4], t0: f64, values: &mut [f32]) {
        const STEP: f64 = 1.0 / LENGTH_PX;
        for (k, value) in values.iter_mut().enumerate() {
            let t = (k as f64).mul_add(STEP, t0);
            let model = row[3].mul_add(t, row[2]).mul_add(t, row[1]).mul_add(t, row[0]);
            *value = (f64::from(*value) - model) as f32;
        }
    }
}

lanes! {
    fn add_weighted(value: &[f32], weight: &[f32], sum: &mut [f32], total: &mut [f32]) {
        for k in 0..value.len() {
            // A value without weight may be anything, NaN included.
            let value = if weight[k] > 0.0 { value[k] } else { 0.0 };
            sum[k] = value.mul_add(weight[k], sum[k]);
            total[k] += weight[k];
        }
    }
}

lanes! {
    fn add_cover(weight: &[f32], cover: &[f32], total: &mut [f32], count: &mut [f32]) {
        for k in 0..weight.len() {
            total[k] += cover[k];
            count[k] += if weight[k] > 0.0 { 1.0 } else { 0.0 };
        }
    }
}

fn add_variance(weight: &[f32], variance: &[f32], sum: &mut [f32]) {
    for ((weight, variance), sum) in weight.iter().zip(variance).zip(sum) {
        *sum = (weight * weight).mul_add(*variance, *sum);
    }
}
