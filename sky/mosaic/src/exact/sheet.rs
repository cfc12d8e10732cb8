//! A patch of input pixels laid on the output grid, all at once or pixel by pixel.

use super::accumulate::{Accumulator, Source};
use super::density::Density;
use super::lattice::{Corners, Patch};
use super::raster::{Moments, OWN, Raster};

/// Coverage below this part of a pixel is rounding, not overlap.
const DUST: f64 = 1e-13;

/// Buffers that a thread reuses from patch to patch.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    raster: Raster,
    /// Value and weight of the patch's pixels within a border of zeros, row by row.
    pixels: Vec<(f64, f64)>,
    u: Vec<f64>,
    v: Vec<f64>,
}

/// What is summed for each pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Value x shared area: divided by the area, surface brightness.
    Brightness,
    /// Value x shared area / the input pixel's own area: the part of its flux that falls there, per unit area.
    Flux,
    /// Shared area alone.
    Area,
}

impl Sheet {
    /// Adds one patch, whose corners are given, into a block.
    pub(crate) fn add(
        &mut self,
        patch: &Patch,
        corners: &Corners,
        source: &Source<'_>,
        quantity: Quantity,
        density: &Density,
        into: &mut Accumulator<'_>,
    ) {
        if into.variance.is_some() && source.variance.is_some() {
            self.one_by_one(patch, corners, source, quantity, density, f64::INFINITY, into);
            return;
        }
        let points = corners.u.iter().copied().zip(corners.v.iter().copied());
        let Some(frame) = Frame::around(points, into) else { return };
        self.u.clear();
        self.v.clear();
        self.u.extend(corners.u.iter().map(|u| u - frame.u0));
        self.v.extend(corners.v.iter().map(|v| v - frame.v0));
        let largest = self.load(patch, corners, source, quantity, density);
        let c = corners.quad(0, 0);
        let sense = if Density::Flat.signed_area(&c) < 0.0 { -1.0 } else { 1.0 };
        self.raster.reset(density.order(), frame.width, frame.height);
        lay(&mut self.raster, &self.pixels, [&self.u, &self.v], patch.size, sense, (density.order(), frame.cut));
        collect(&self.raster, &frame, density, DUST * largest, into);
    }

    /// Values and weights within a border of zeros; returns the largest weight.
    fn load(
        &mut self,
        patch: &Patch,
        corners: &Corners,
        source: &Source<'_>,
        quantity: Quantity,
        density: &Density,
    ) -> f64 {
        let width = patch.size.0 + 2;
        self.pixels.clear();
        self.pixels.resize(width * (patch.size.1 + 2), (0.0, 0.0));
        let mut largest = 0.0_f64;
        for j in 0..patch.size.1 {
            let start = (patch.first.1 + j) * source.width + patch.first.0;
            let row = &mut self.pixels[(j + 1) * width + 1..(j + 2) * width - 1];
            for (i, slot) in row.iter_mut().enumerate() {
                let mut pixel = source.weighted(start + i);
                match quantity {
                    Quantity::Brightness => {}
                    Quantity::Flux if pixel.1 > 0.0 => pixel.0 /= density.of_quad(&corners.quad(i, j)),
                    Quantity::Flux => {}
                    Quantity::Area => pixel.0 = 0.0,
                }
                largest = largest.max(pixel.1);
                *slot = pixel;
            }
        }
        largest
    }

    /// The overlaps of each pixel by itself, for sums that are not linear in them; pixels wider than `limit` output
    /// pixels are left out.
    #[allow(clippy::too_many_arguments)]
    fn one_by_one(
        &mut self,
        patch: &Patch,
        corners: &Corners,
        source: &Source<'_>,
        quantity: Quantity,
        density: &Density,
        limit: f64,
        into: &mut Accumulator<'_>,
    ) {
        for j in 0..patch.size.1 {
            for i in 0..patch.size.0 {
                let at = (patch.first.1 + j) * source.width + patch.first.0 + i;
                let (value, weight) = source.weighted(at);
                if weight <= 0.0 {
                    continue;
                }
                let quad = corners.quad(i, j);
                if span(&quad) > limit || span(&quad).is_nan() {
                    continue;
                }
                let scale = match quantity {
                    Quantity::Brightness => 1.0,
                    Quantity::Flux => 1.0 / density.of_quad(&quad),
                    Quantity::Area => 0.0,
                };
                self.add_quad(&quad, density, [scale * value, weight, scale * weight], source.variance(at), into);
            }
        }
    }

    /// As [`Sheet::add`] for a patch of which some pixels have no place on the output or are drawn across a cut:
    /// those are left out.
    pub(crate) fn add_sound(
        &mut self,
        patch: &Patch,
        corners: &Corners,
        source: &Source<'_>,
        quantity: Quantity,
        density: &Density,
        into: &mut Accumulator<'_>,
    ) {
        let spans = (0..patch.size.0 * patch.size.1).map(|k| span(&corners.quad(k % patch.size.0, k / patch.size.0)));
        let mut sizes: Vec<f64> = spans.filter(|s| s.is_finite()).collect();
        sizes.sort_by(f64::total_cmp);
        // A pixel across a cut is as wide as the output; few are.
        let limit = sizes.get(sizes.len() / 4).map_or(0.0, |s| 20.0 * s + 2.0);
        self.one_by_one(patch, corners, source, quantity, density, limit, into);
    }

    /// Adds a drop by itself: `factors` (value and weight) times the part of it in each output pixel.
    pub(crate) fn add_drop(
        &mut self,
        quad: &[(f64, f64); 4],
        factors: [f64; 2],
        variance: f64,
        into: &mut Accumulator<'_>,
    ) {
        let own = Density::Flat.signed_area(quad).abs();
        if own > 0.0 {
            let [value, weight] = factors.map(|f| f / own);
            self.add_quad(quad, &Density::Flat, [value, weight, weight], variance, into);
        }
    }

    /// Adds one quadrilateral (corners in output pixels, in order) by itself: its shared area with each output pixel
    /// times `factors[0]` to the sum, times `factors[1]` to the area; `variance` times the square of the shared area
    /// times `factors[2]` to the variance.
    pub(crate) fn add_quad(
        &mut self,
        quad: &[(f64, f64); 4],
        density: &Density,
        factors: [f64; 3],
        variance: f64,
        into: &mut Accumulator<'_>,
    ) {
        let Some(frame) = Frame::around(quad.iter().copied(), into) else { return };
        let corners = quad.map(|(u, v)| (u - frame.u0, v - frame.v0));
        self.raster.reset(density.order(), frame.width, frame.height);
        one(&mut self.raster, &corners, &frame, density, &factors, variance, into);
    }
}

pogson_image::lanes! {
    /// Lays the edges of all pixels, each once with the difference of the two that it parts.
    fn lay(
        raster: &mut Raster,
        pixels: &[(f64, f64)],
        corners: [&[f64]; 2],
        size: (usize, usize),
        sense: f64,
        mode: (usize, bool),
    ) {
        match mode {
            (0, false) => lay_edges::<0, false>(raster, pixels, corners, size, sense),
            (0, true) => lay_edges::<0, true>(raster, pixels, corners, size, sense),
            (1, false) => lay_edges::<1, false>(raster, pixels, corners, size, sense),
            (1, true) => lay_edges::<1, true>(raster, pixels, corners, size, sense),
            (_, false) => lay_edges::<2, false>(raster, pixels, corners, size, sense),
            (_, true) => lay_edges::<2, true>(raster, pixels, corners, size, sense),
        }
    }
}

pogson_image::lanes! {
    /// Adds the raster's moments, as areas, to the block.
    fn collect(raster: &Raster, frame: &Frame, density: &Density, dust: f64, into: &mut Accumulator<'_>) {
        match density.order() {
            0 => collect_rows::<0>(raster, frame, density, dust, into),
            1 => collect_rows::<1>(raster, frame, density, dust, into),
            _ => collect_rows::<2>(raster, frame, density, dust, into),
        }
    }
}

pogson_image::lanes! {
    fn one(
        raster: &mut Raster,
        corners: &[(f64, f64); 4],
        frame: &Frame,
        density: &Density,
        factors: &[f64; 3],
        variance: f64,
        into: &mut Accumulator<'_>,
    ) {
        match density.order() {
            0 => one_quad::<0>(raster, corners, frame, density, factors, variance, into),
            1 => one_quad::<1>(raster, corners, frame, density, factors, variance, into),
            _ => one_quad::<2>(raster, corners, frame, density, factors, variance, into),
        }
    }
}

#[inline(always)]
fn lay_edges<const ORDER: usize, const CUT: bool>(
    raster: &mut Raster,
    pixels: &[(f64, f64)],
    corners: [&[f64]; 2],
    size: (usize, usize),
    sense: f64,
) {
    let (width, stride) = (size.0 + 2, size.0 + 1);
    for j in 0..=size.1 {
        let (below, here) = (&pixels[j * width..(j + 1) * width], &pixels[(j + 1) * width..(j + 2) * width]);
        for i in 0..size.0 {
            let at = j * stride + i;
            between::<ORDER, CUT>(raster, corners, (at, at + 1), below[i + 1], here[i + 1], sense);
        }
        if j < size.1 {
            for i in 0..=size.0 {
                let at = j * stride + i;
                between::<ORDER, CUT>(raster, corners, (at, at + stride), here[i + 1], here[i], sense);
            }
        }
    }
}

/// Lays the edge between the corners `ends`, with pixel `left` on its one side and `right` on the other.
#[inline(always)]
fn between<const ORDER: usize, const CUT: bool>(
    raster: &mut Raster,
    corners: [&[f64]; 2],
    ends: (usize, usize),
    left: (f64, f64),
    right: (f64, f64),
    sense: f64,
) {
    let (value, weight) = (sense * (left.0 - right.0), sense * (left.1 - right.1));
    if value != 0.0 || weight != 0.0 {
        let (a, b) = ((corners[0][ends.0], corners[1][ends.0]), (corners[0][ends.1], corners[1][ends.1]));
        match CUT {
            true => raster.edge_within::<ORDER>(a, b, value, weight),
            false => raster.edge::<ORDER>(a, b, value, weight),
        }
    }
}

#[inline(always)]
fn collect_rows<const ORDER: usize>(
    raster: &Raster,
    frame: &Frame,
    density: &Density,
    dust: f64,
    into: &mut Accumulator<'_>,
) {
    for row in frame.rows(into) {
        let out_row = frame.row + row as i64;
        let scale = density.row(out_row as f64);
        for (column, (value, weight)) in raster.row::<ORDER>(row).enumerate() {
            if weight[0] <= dust {
                continue;
            }
            let out_column = frame.column + column as i64;
            if let Some(at) = into.at(out_column, out_row) {
                let factors = scale.at::<ORDER>(out_column as f64);
                into.add(at, integral::<ORDER>(&factors, &value), integral::<ORDER>(&factors, &weight));
            }
        }
    }
}

#[inline(always)]
fn one_quad<const ORDER: usize>(
    raster: &mut Raster,
    p: &[(f64, f64); 4],
    frame: &Frame,
    density: &Density,
    factors: &[f64; 3],
    variance: f64,
    into: &mut Accumulator<'_>,
) {
    let sense = if Density::Flat.signed_area(p) < 0.0 { 1.0 } else { -1.0 };
    for k in 0..4 {
        match frame.cut {
            true => raster.edge_within::<ORDER>(p[k], p[(k + 1) % 4], sense, 0.0),
            false => raster.edge::<ORDER>(p[k], p[(k + 1) % 4], sense, 0.0),
        }
    }
    for row in frame.rows(into) {
        let out_row = frame.row + row as i64;
        let scale = density.row(out_row as f64);
        for (column, (moments, _)) in raster.row::<ORDER>(row).enumerate() {
            let out_column = frame.column + column as i64;
            if moments[0] > DUST
                && let Some(at) = into.at(out_column, out_row)
            {
                let area = integral::<ORDER>(&scale.at::<ORDER>(out_column as f64), &moments);
                into.add(at, factors[0] * area, factors[1] * area);
                let spread = factors[2] * area;
                into.add_variance(at, spread * spread * variance);
            }
        }
    }
}

/// Sum of the moments times the Taylor coefficients of the density.
#[inline(always)]
fn integral<const ORDER: usize>(factors: &Moments, moments: &Moments) -> f64 {
    let mut sum = 0.0;
    for k in 0..OWN[ORDER] {
        sum = factors[k].mul_add(moments[k], sum);
    }
    sum
}

/// Width or height of a quadrilateral, whichever is larger; NaN if a corner is undefined.
fn span(quad: &[(f64, f64); 4]) -> f64 {
    let mut b = [quad[0].0, quad[0].1, quad[0].0, quad[0].1];
    for (u, v) in quad {
        if u.is_nan() || v.is_nan() {
            return f64::NAN;
        }
        b = [b[0].min(*u), b[1].min(*v), b[2].max(*u), b[3].max(*v)];
    }
    (b[2] - b[0]).max(b[3] - b[1])
}

/// The raster's place on the output grid.
#[derive(Debug)]
struct Frame {
    /// Output pixel of the raster's first cell.
    column: i64,
    row: i64,
    /// Output coordinates of the raster's corner.
    u0: f64,
    v0: f64,
    width: usize,
    height: usize,
    /// Whether edges may leave the raster; its first and last columns are then margins.
    cut: bool,
}

impl Frame {
    /// The output pixels that the points lie in, and one more each way for those on the very edge; only the part in
    /// the block, where that is much less. None if nothing lies in the block.
    fn around(points: impl Iterator<Item = (f64, f64)>, block: &Accumulator<'_>) -> Option<Frame> {
        const SPARE: f64 = 4096.0;
        let mut b = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for (u, v) in points {
            b = [b[0].min(u), b[1].min(v), b[2].max(u), b[3].max(v)];
        }
        let [u0, v0, u1, v1] = b.map(|c| (c + 0.5).floor());
        let (u1, v1) = (u1 + 2.0, v1 + 2.0);
        let (x0, y0) = (block.origin.0 as f64, block.origin.1 as f64);
        let (x1, y1) = (x0 + block.width as f64, y0 + block.height as f64);
        let inside = [u0.max(x0), v0.max(y0), u1.min(x1), v1.min(y1)];
        let (across, down) = (inside[2] - inside[0], inside[3] - inside[1]);
        if !(across > 0.0 && down > 0.0) {
            return None;
        }
        let cut = (u1 - u0) * (v1 - v0) > 4.0 * across * down + SPARE;
        let [u0, v0, u1, v1] =
            if cut { [inside[0] - 1.0, inside[1], inside[2] + 1.0, inside[3]] } else { [u0, v0, u1, v1] };
        Some(Frame {
            column: u0 as i64,
            row: v0 as i64,
            u0: u0 - 0.5,
            v0: v0 - 0.5,
            width: (u1 - u0) as usize,
            height: (v1 - v0) as usize,
            cut,
        })
    }

    /// Rows of the raster that lie in the block.
    fn rows(&self, block: &Accumulator<'_>) -> std::ops::Range<usize> {
        let first = (block.origin.1 as i64 - self.row).max(0) as usize;
        let last = (block.origin.1 as i64 + block.height as i64 - self.row).clamp(0, self.height as i64) as usize;
        first..last
    }
}
