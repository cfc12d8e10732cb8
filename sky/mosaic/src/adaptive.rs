//! Adaptive resampling: each output pixel is a weighted mean of the input pixels under its own footprint, the weights
//! a filter that is as wide as the larger of the two pixels in each direction, so that nothing is aliased.
//!
//! Source: DeForest 2004, Solar Physics 219, 3: the local linear map from output to input is taken apart into two
//! rotations and two stretches, and stretches below 1 are raised to 1.

use crate::exact::lattice::{Corners, Lattice, Layout};
use crate::exact::pair::Pair;
use crate::exact::pairs::Geometry;
use crate::exact::{Accumulator, OverlapError, Source, Window};
use pogson_image::wcs::Wcs;

/// Shape of the filter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Filter {
    /// exp(-2 r² / width²), r in output pixels and `width` twice the standard deviation, over a square along the input's
    /// axes whose side is 4 times the greatest stretch, as astropy's reproject cuts it off. A width of 1.3 is a good
    /// compromise of sharpness and smoothness.
    Gaussian {
        /// Twice the standard deviation, output pixels.
        width: f64,
    },
    /// Raised cosines along both axes, 2 output pixels wide: conserves flux to rounding where the map is even.
    Hann,
}

/// How to resample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Shape of the filter.
    pub filter: Filter,
    /// Whether values are multiplied by the ratio of output to input pixel area, so that sums are kept instead of
    /// surface brightness.
    pub conserve_flux: bool,
    /// Whether an output pixel is left out if any input pixel under its filter is bad or absent; otherwise the good
    /// ones make it up, and `area` says their share.
    pub strict: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { filter: Filter::Gaussian { width: 1.3 }, conserve_flux: false, strict: false }
    }
}

/// How far an output pixel's place on the input may be off, in input pixels.
const TOLERANCE: f64 = 1e-6;

/// Resamples an input image onto an output grid with adaptive, anti-aliased filters.
#[derive(Debug)]
pub struct AdaptiveMap {
    back: Pair,
    /// Patches of output pixels and their places on the input.
    lattice: Lattice,
    footprint: Window,
    in_size: (usize, usize),
    options: Options,
}

impl AdaptiveMap {
    /// Works out where the output pixels lie on the input.
    ///
    /// # Errors
    /// [`OverlapError`]: no pixels, frames that do not reach each other, a filter width that is not positive.
    pub fn new(
        input: &Wcs,
        in_size: (usize, usize),
        output: &Wcs,
        out_size: (usize, usize),
        options: Options,
    ) -> Result<AdaptiveMap, OverlapError> {
        OverlapError::check(input, in_size, output, out_size)?;
        if let Filter::Gaussian { width } = options.filter
            && (width.is_nan() || width <= 0.0)
        {
            return Err(OverlapError::Parameter { name: "width", value: width, wanted: "output pixels, above 0" });
        }
        let forth = Pair::new(input, output);
        let map = |x: &[f64], y: &[f64], u: &mut [f64], v: &mut [f64]| forth.across(x, y, u, v);
        let there = Lattice::new(&map, Window::whole(in_size), out_size, 0.1);
        let mut footprint = there.footprint(out_size);
        if !footprint.is_empty() {
            footprint = Window {
                x0: footprint.x0.saturating_sub(3),
                y0: footprint.y0.saturating_sub(3),
                x1: (footprint.x1 + 3).min(out_size.0),
                y1: (footprint.y1 + 3).min(out_size.1),
            };
        }
        let back = Pair::new(output, input);
        let map = |x: &[f64], y: &[f64], u: &mut [f64], v: &mut [f64]| back.across(x, y, u, v);
        let lattice = Lattice::new(&map, footprint, in_size, TOLERANCE);
        Ok(AdaptiveMap { back, lattice, footprint, in_size, options })
    }

    /// Output pixels that the input may touch, empty if none: a little generous.
    pub fn footprint(&self) -> Window {
        self.footprint
    }

    /// Adds the input image into a block of the output: `area` gains the good share of the filter (at most about 1)
    /// times the mean weight under it, `sum` that times the filtered value.
    pub fn accumulate(&self, source: &Source<'_>, into: &mut Accumulator<'_>) {
        let map = |x: &[f64], y: &[f64], u: &mut [f64], v: &mut [f64]| self.back.across(x, y, u, v);
        let mut points = Corners::new(Layout::Halves);
        for patch in &self.lattice.patches {
            let (x, y) = (patch.first.0 as i64, patch.first.1 as i64);
            let (x1, y1) = (x + patch.size.0 as i64, y + patch.size.1 as i64);
            let (bx, by) = (into.origin.0 as i64, into.origin.1 as i64);
            if x1 <= bx || y1 <= by || x >= bx + into.width as i64 || y >= by + into.height as i64 {
                continue;
            }
            points.of(patch, &map);
            for j in 0..patch.size.1 {
                for i in 0..patch.size.0 {
                    if let Some(at) = into.at(x + i as i64, y + j as i64)
                        && let Some(spot) = Spot::at(&points, i, j)
                    {
                        self.sample(&spot, source, at, into);
                    }
                }
            }
        }
    }

    /// The filtered value at a spot.
    fn sample(&self, spot: &Spot, source: &Source<'_>, at: usize, into: &mut Accumulator<'_>) {
        let w = &spot.widened;
        let reach = match self.options.filter {
            Filter::Gaussian { .. } => (2.0 * spot.widest, 2.0 * spot.widest),
            Filter::Hann => (w[0].abs() + w[1].abs(), w[2].abs() + w[3].abs()),
        };
        let first = |c: f64, r: f64| (c - r).ceil() as i64;
        let last = |c: f64, r: f64| (c + r).floor() as i64;
        let [mut sum, mut good, mut all, mut spread] = [0.0; 4];
        for row in first(spot.place.1, reach.1)..=last(spot.place.1, reach.1) {
            let dy = row as f64 - spot.place.1;
            for column in first(spot.place.0, reach.0)..=last(spot.place.0, reach.0) {
                let dx = column as f64 - spot.place.0;
                let n = &spot.narrowed;
                let (s, t) = (n[0].mul_add(dx, n[1] * dy), n[2].mul_add(dx, n[3] * dy));
                let weight = match self.options.filter {
                    Filter::Gaussian { width } => libm::exp(-2.0 * s.mul_add(s, t * t) / (width * width)),
                    Filter::Hann => raised_cosine(s) * raised_cosine(t),
                };
                all += weight;
                let inside = column >= 0
                    && row >= 0
                    && (column as usize) < self.in_size.0.min(source.width)
                    && (row as usize) < self.in_size.1.min(source.height);
                let pixel =
                    if inside { source.weighted(row as usize * source.width + column as usize) } else { (0.0, 0.0) };
                if pixel.1 > 0.0 {
                    sum = weight.mul_add(pixel.0, sum);
                    good = weight.mul_add(pixel.1, good);
                    if into.variance.is_some() {
                        let part = weight * pixel.1;
                        let variance = source.variance(row as usize * source.width + column as usize);
                        spread = (part * part).mul_add(variance, spread);
                    }
                } else if self.options.strict && weight > 0.0 {
                    return;
                }
            }
        }
        if good > 0.0 && all > 0.0 {
            let scale = if self.options.conserve_flux { spot.area } else { 1.0 };
            into.add(at, scale * sum / all, good / all);
            into.add_variance(at, scale * scale * spread / (all * all));
        }
    }
}

/// An output pixel on the input: its centre, and the linear map about it.
#[derive(Debug, Clone, Copy)]
struct Spot {
    place: (f64, f64),
    /// From the filter's plane to input pixels, stretches at least 1.
    widened: [f64; 4],
    /// Its inverse.
    narrowed: [f64; 4],
    /// The greater of the two stretches.
    widest: f64,
    /// Area of the output pixel in input pixels.
    area: f64,
}

impl Spot {
    /// The output pixel in column `i`, row `j` of the patch; None where a point about it is undefined.
    fn at(points: &Corners, i: usize, j: usize) -> Option<Spot> {
        let k = (2 * j + 1) * points.stride + 2 * i + 1;
        let (left, right, down, up) = (k - 1, k + 1, k - points.stride, k + points.stride);
        let jacobian = [
            points.u[right] - points.u[left],
            points.u[up] - points.u[down],
            points.v[right] - points.v[left],
            points.v[up] - points.v[down],
        ];
        let place = (points.u[k], points.v[k]);
        let fine = jacobian.iter().chain([&place.0, &place.1]).all(|c| c.is_finite() && c.abs() < 1e8);
        fine.then(|| Spot::new(place, &jacobian))
    }

    fn new(place: (f64, f64), m: &[f64; 4]) -> Spot {
        let (left, stretch, right) = taken_apart(m);
        let wide = stretch.map(|s| s.max(1.0));
        let product = |a: &[f64; 4], d: [f64; 2], b: &[f64; 4]| -> [f64; 4] {
            let ad = [a[0] * d[0], a[1] * d[1], a[2] * d[0], a[3] * d[1]];
            [
                ad[0].mul_add(b[0], ad[1] * b[2]),
                ad[0].mul_add(b[1], ad[1] * b[3]),
                ad[2].mul_add(b[0], ad[3] * b[2]),
                ad[2].mul_add(b[1], ad[3] * b[3]),
            ]
        };
        let turned = |a: &[f64; 4]| [a[0], a[2], a[1], a[3]];
        Spot {
            place,
            widened: product(&left, wide, &right),
            narrowed: product(&turned(&right), wide.map(|s| 1.0 / s), &turned(&left)),
            widest: wide[0].max(wide[1]),
            area: (m[0] * m[3] - m[1] * m[2]).abs(),
        }
    }
}

/// Singular values of a 2 x 2 matrix: m = left diag(stretch) right, left and right orthogonal.
fn taken_apart(m: &[f64; 4]) -> ([f64; 4], [f64; 2], [f64; 4]) {
    let (e, f) = (0.5 * (m[0] + m[3]), 0.5 * (m[0] - m[3]));
    let (g, h) = (0.5 * (m[2] + m[1]), 0.5 * (m[2] - m[1]));
    let (q, r) = (e.mul_add(e, h * h).sqrt(), f.mul_add(f, g * g).sqrt());
    let (a, b) = (libm::atan2(g, f), libm::atan2(h, e));
    let (sl, cl) = libm::sincos(0.5 * (b + a));
    let (sr, cr) = libm::sincos(0.5 * (b - a));
    let small = q - r;
    let sign = if small < 0.0 { -1.0 } else { 1.0 };
    ([cl, -sl, sl, cl], [q + r, small.abs()], [cr, -sr, sign * sr, sign * cr])
}

/// (1 + cos(pi x)) / 2 within 1.
fn raised_cosine(x: f64) -> f64 {
    if x.abs() >= 1.0 { 0.0 } else { 0.5 * (1.0 + libm::cos(std::f64::consts::PI * x)) }
}

#[cfg(test)]
mod tests {
    use super::taken_apart;

    #[test]
    fn a_matrix_is_the_product_of_its_parts() {
        for m in [[1.0, 2.0, 3.0, 4.0], [0.0, -2.0, 1.0, 0.0], [2.0, 0.0, 0.0, -0.5], [1.0, 1.0, 1.0, 1.0]] {
            let (l, s, r) = taken_apart(&m);
            for (k, m) in m.iter().enumerate() {
                let (i, j) = (k / 2, k % 2);
                let product = l[2 * i] * s[0] * r[j] + l[2 * i + 1] * s[1] * r[2 + j];
                assert!((product - m).abs() < 1e-14, "{k}: {product} for {m}");
            }
            assert!(s[0] >= s[1] && s[1] >= 0.0);
        }
    }
}
