//! Drizzle: input pixels shrunk to drops that rain on the output grid.
//!
//! A drop gives its value to the output pixels with a weight: the part of the drop that falls there times the input
//! pixel's weight. Weights are counted in input pixels' areas on the output grid, so that an even rain of drops fills
//! the output to a weight of 1 whatever the scale: `area` is coverage, `sum / area` the mean surface brightness.
//!
//! Source: Fruchter & Hook 2002, PASP 114, 144.

use crate::exact::lattice::{Corners, Kind, Lattice, Layout};
use crate::exact::pair::Pair;
use crate::exact::pairs::Geometry;
use crate::exact::sheet::Sheet;
use crate::exact::{Accumulator, OverlapError, Source, Window};
use pogson_image::wcs::Wcs;

/// How a drop spreads over output pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// The shrunk pixel itself, its four corners mapped: conserves flux exactly.
    Square,
    /// A square along the output's axes, of the drop's side at the tile's middle: faster, and as good where nothing
    /// rotates.
    Turbo,
    /// All to the output pixel under the drop's centre.
    Point,
    /// A Gaussian whose full width at half maximum is the drop's side, out to 2.5 sigma and at least 1.2 input pixels.
    Gaussian,
    /// Evenly to the output pixels with centres within half a side.
    TopHat,
    /// Lanczos of order 2 about the drop's centre, in input pixels; for `pixfrac` 1.
    Lanczos2,
    /// Lanczos of order 3.
    Lanczos3,
}

/// How far drops may lie from their exact places, in output pixels.
const TOLERANCE: f64 = 1e-6;

/// Drizzles an input image onto an output grid.
#[derive(Debug)]
pub struct DrizzleMap {
    pair: Pair,
    lattice: Lattice,
    out_size: (usize, usize),
    kernel: Kernel,
    pixfrac: f64,
    /// Side of an input pixel at the tile's middle, in output pixels.
    side: f64,
}

impl DrizzleMap {
    /// Works out where the drops of an input image fall.
    ///
    /// - `in_size`, `out_size`: width and height in pixels
    /// - `pixfrac`: side of a drop over the side of its pixel, above 0 and at most 1
    ///
    /// # Errors
    /// [`OverlapError`]: no pixels, frames that do not reach each other, `pixfrac` out of range.
    pub fn new(
        input: &Wcs,
        in_size: (usize, usize),
        output: &Wcs,
        out_size: (usize, usize),
        kernel: Kernel,
        pixfrac: f64,
    ) -> Result<DrizzleMap, OverlapError> {
        OverlapError::check(input, in_size, output, out_size)?;
        if pixfrac.is_nan() || pixfrac <= 0.0 || pixfrac > 1.0 {
            let wanted = "above 0 and at most 1 (the point kernel is the limit of 0)";
            return Err(OverlapError::Parameter { name: "pixfrac", value: pixfrac, wanted });
        }
        let pair = Pair::new(input, output);
        let map = |x: &[f64], y: &[f64], u: &mut [f64], v: &mut [f64]| pair.across(x, y, u, v);
        let lattice = Lattice::new(&map, Window::whole(in_size), out_size, TOLERANCE);
        let side = pixel_side(&pair, in_size);
        Ok(DrizzleMap { pair, lattice, out_size, kernel, pixfrac, side })
    }

    /// Side of an input pixel at the tile's middle, in output pixels.
    pub fn pixel_side(&self) -> f64 {
        self.side
    }

    /// Output pixels that drops may touch, empty if none: a little generous.
    pub fn footprint(&self) -> Window {
        let mut w = self.lattice.footprint(self.out_size);
        let margin = self.reach().ceil() as usize;
        if !w.is_empty() {
            w = Window {
                x0: w.x0.saturating_sub(margin),
                y0: w.y0.saturating_sub(margin),
                x1: (w.x1 + margin).min(self.out_size.0),
                y1: (w.y1 + margin).min(self.out_size.1),
            };
        }
        w
    }

    /// Output pixels from a drop's centre that its kernel reaches.
    fn reach(&self) -> f64 {
        match self.kernel {
            Kernel::Square | Kernel::Point => 0.0,
            Kernel::Turbo | Kernel::TopHat => 0.5 * self.side,
            Kernel::Gaussian => (SIGMAS * self.pixfrac / FWHM).max(1.2) * self.side,
            Kernel::Lanczos2 => 2.0 * self.side.max(1.0),
            Kernel::Lanczos3 => 3.0 * self.side.max(1.0),
        }
    }

    /// Adds the input image into a block of the output.
    pub fn accumulate(&self, source: &Source<'_>, into: &mut Accumulator<'_>) {
        let map = |x: &[f64], y: &[f64], u: &mut [f64], v: &mut [f64]| self.pair.across(x, y, u, v);
        let part = if self.kernel == Kernel::Square { self.pixfrac } else { 0.0 };
        let mut drops = Corners::new(Layout::Drops(part));
        let mut sheet = Sheet::default();
        let whole = self.side * self.side;
        for patch in self.lattice.near(into.origin, (into.width, into.height), 1.0 + self.reach()) {
            drops.of(patch, &map);
            for j in 0..patch.size.1 {
                for i in 0..patch.size.0 {
                    let at = (patch.first.1 + j) * source.width + patch.first.0 + i;
                    let (value, weight) = source.weighted(at);
                    let quad = drops.quad(i, j);
                    if weight <= 0.0 || !quad.iter().all(|c| c.0.is_finite() && c.1.is_finite()) {
                        continue;
                    }
                    let factors = [value * whole, weight * whole];
                    if self.kernel == Kernel::Square {
                        if patch.kind == Kind::Broken && !self.is_sane(&quad) {
                            continue;
                        }
                        sheet.add_drop(&quad, factors, source.variance(at), into);
                    } else {
                        self.spread(quad[0], factors, source.variance(at), into);
                    }
                }
            }
        }
    }

    /// Sets bit `bit` (0 to 31) of each pixel of `context` (laid out as the block) that this image gives weight to.
    pub fn mark_context(
        &self,
        source: &Source<'_>,
        origin: (usize, usize),
        width: usize,
        bit: u32,
        context: &mut [u32],
    ) {
        let height = context.len() / width.max(1);
        let (mut sum, mut area) = (vec![0.0; width * height], vec![0.0; width * height]);
        self.accumulate(source, &mut Accumulator::new(origin, width, height, &mut sum, &mut area));
        for (c, a) in context.iter_mut().zip(&area) {
            if *a != 0.0 {
                *c |= 1u32.checked_shl(bit).unwrap_or(0);
            }
        }
    }

    /// Whether a drop is about as large as one should be, not drawn across a cut of the output's projection.
    fn is_sane(&self, quad: &[(f64, f64); 4]) -> bool {
        let across = (quad[2].0 - quad[0].0).abs().max((quad[2].1 - quad[0].1).abs());
        across < 30.0 * self.side.max(1.0)
    }

    /// A drop's weight over the output pixels about its centre.
    fn spread(&self, centre: (f64, f64), factors: [f64; 2], variance: f64, into: &mut Accumulator<'_>) {
        if self.kernel == Kernel::Point {
            give((centre.0.round() as i64, centre.1.round() as i64), 1.0, factors, variance, into);
            return;
        }
        let reach = self.reach();
        let half = 0.5 * self.pixfrac * self.side;
        let first = |c: f64, r: f64| (c - r).round() as i64;
        let r = if self.kernel == Kernel::Turbo { half } else { reach };
        for row in first(centre.1, r)..=first(centre.1, -r) {
            for column in first(centre.0, r)..=first(centre.0, -r) {
                let (dx, dy) = (column as f64 - centre.0, row as f64 - centre.1);
                let weight = match self.kernel {
                    Kernel::Turbo => shared(dx, half) * shared(dy, half) / (4.0 * half * half),
                    Kernel::TopHat => {
                        f64::from(u8::from(dx.mul_add(dx, dy * dy) <= half * half)) / (self.side * self.side)
                    }
                    Kernel::Gaussian => gaussian(dx.mul_add(dx, dy * dy), self.pixfrac * self.side),
                    Kernel::Lanczos2 => lanczos(dx / self.side, 2.0) * lanczos(dy / self.side, 2.0),
                    Kernel::Lanczos3 => lanczos(dx / self.side, 3.0) * lanczos(dy / self.side, 3.0),
                    Kernel::Square | Kernel::Point => 0.0,
                };
                if weight != 0.0 {
                    give((column, row), weight, factors, variance, into);
                }
            }
        }
    }
}

/// Full width at half maximum of a Gaussian, in sigmas: 2 sqrt(2 ln 2).
const FWHM: f64 = 2.354_820_045_030_949_3;
/// Where the Gaussian kernel ends, in sigmas.
const SIGMAS: f64 = 2.5;

/// Gaussian of unit integral at a squared distance, its full width at half maximum given; pixels.
fn gaussian(squared: f64, width: f64) -> f64 {
    let sigma = width / FWHM;
    let over = 0.5 / (sigma * sigma);
    over * std::f64::consts::FRAC_1_PI * libm::exp(-squared * over)
}

/// Length of [d - 1/2, d + 1/2] within [-half, half].
fn shared(d: f64, half: f64) -> f64 {
    ((d + 0.5).min(half) - (d - 0.5).max(-half)).max(0.0)
}

/// sinc(x) sinc(x / order) within `order`.
fn lanczos(x: f64, order: f64) -> f64 {
    if x.abs() < 1e-9 {
        return 1.0;
    }
    if x.abs() >= order {
        return 0.0;
    }
    let t = std::f64::consts::PI * x;
    order * libm::sin(t) * libm::sin(t / order) / (t * t)
}

fn give(pixel: (i64, i64), part: f64, factors: [f64; 2], variance: f64, into: &mut Accumulator<'_>) {
    if let Some(at) = into.at(pixel.0, pixel.1) {
        into.add(at, factors[0] * part, factors[1] * part);
        let spread = factors[1] * part;
        into.add_variance(at, spread * spread * variance);
    }
}

/// Root of the area of the input pixel in the tile's middle, or, where that is undefined, of another, in output
/// pixels.
fn pixel_side(pair: &Pair, size: (usize, usize)) -> f64 {
    for part in [0.5, 0.25, 0.75, 0.1, 0.9] {
        let (x, y) = (part * (size.0 as f64 - 1.0), part * (size.1 as f64 - 1.0));
        let (mut u, mut v) = ([0.0; 4], [0.0; 4]);
        pair.across(&[x - 0.5, x + 0.5, x + 0.5, x - 0.5], &[y - 0.5, y - 0.5, y + 0.5, y + 0.5], &mut u, &mut v);
        let area = 0.5 * ((u[2] - u[0]) * (v[3] - v[1]) - (u[3] - u[1]) * (v[2] - v[0])).abs();
        if area.is_finite() && area > 0.0 {
            return area.sqrt();
        }
    }
    1.0
}
