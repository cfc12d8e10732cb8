//! What no pair of a row with any model of a leaf can fit better than.
//!
//! Bands of starlight alone leave at least `left_s` whatever the scale, and exactly `left_s + C (a - a_s)^2` at scale `a`;
//! bands of dust alone leave `left_d + E (a L - l_d)^2`. The least over `a` of both is
//! `left_s + left_d + (a_s L - l_d)^2 C E / (C + L^2 E)`, which rises with `E` and with the distance of `a_s L` from `l_d`;
//! a leaf's least `left_d` and `E` and its range of `l_d` therefore bound all its models. Bands with both add what is
//! not negative. (All in units of the pixel's total.)
#![allow(clippy::needless_range_loop, reason = "lanes over several arrays at once")]

use crate::fit::weigh::Weighed;

/// The least and greatest of leaves (or slices) of columns.
pub(crate) struct Leaves {
    pub left: Vec<f32>,
    pub low: Vec<f32>,
    pub high: Vec<f32>,
    pub e: Vec<f32>,
}

impl Leaves {
    /// One entry for each `size` columns of `weighed`; `count` columns are real.
    pub(crate) fn new(weighed: &Weighed, size: usize, count: usize) -> Leaves {
        let mut leaves = Leaves { left: vec![], low: vec![], high: vec![], e: vec![] };
        for start in (0..weighed.left_by_dust.len()).step_by(size) {
            // Padding says nothing of a leaf; a leaf of padding alone does not exist.
            let range = start..(start + size).min(count);
            let least = |values: &[f32]| values[range.clone()].iter().copied().fold(f32::INFINITY, f32::min);
            let greatest = |values: &[f32]| values[range.clone()].iter().copied().fold(f32::NEG_INFINITY, f32::max);
            leaves.left.push(least(&weighed.left_by_dust));
            leaves.low.push(least(&weighed.luminosity_by_dust));
            leaves.high.push(greatest(&weighed.luminosity_by_dust));
            leaves.e.push(least(&weighed.e_pure));
        }
        leaves
    }
}

/// What a row brings to its bounds.
#[derive(Clone, Copy)]
pub(crate) struct RowBound {
    pub left: f32,
    /// The dust's luminosity that the stars ask for: `a_s L`.
    pub asked: f32,
    pub c: f32,
    /// `L^2`.
    pub square: f32,
}

impl RowBound {
    pub(crate) fn new(weighed: &Weighed, row: usize) -> RowBound {
        let luminosity = weighed.luminosity[row] as f32;
        RowBound {
            left: weighed.left_by_stars[row],
            asked: weighed.scale_by_stars[row] * luminosity,
            c: weighed.c_pure[row],
            square: luminosity * luminosity,
        }
    }
}

/// Bounds of one row with leaves `first..first + out.len()`.
#[inline(always)]
pub(crate) fn bounds(row: RowBound, leaves: &Leaves, first: usize, out: &mut [f32]) {
    let n = out.len();
    let left = &leaves.left[first..first + n];
    let low = &leaves.low[first..first + n];
    let high = &leaves.high[first..first + n];
    let e = &leaves.e[first..first + n];
    for i in 0..n {
        let below = low[i] - row.asked;
        let above = row.asked - high[i];
        let gap = if below > above { below } else { above };
        let gap = if gap > 0.0 { gap } else { 0.0 };
        let stiffness = row.c * e[i] / row.square.mul_add(e[i], row.c + f32::MIN_POSITIVE);
        out[i] = (gap * gap).mul_add(stiffness, row.left + left[i]);
    }
}

pogson_lanes::lanes! {
    /// The least bound of a row over slices `first..=last`.
    pub(crate) fn least_over_slices(row: RowBound, slices: &Leaves, first: usize, last: usize) -> f32 {
        let mut least = f32::INFINITY;
        let mut buffer = [0.0f32; 16];
        let mut at = first;
        while at <= last {
            let n = (last + 1 - at).min(16);
            bounds(row, slices, at, &mut buffer[..n]);
            for &bound in &buffer[..n] {
                least = if bound < least { bound } else { least };
            }
            at += n;
        }
        least
    }
}
