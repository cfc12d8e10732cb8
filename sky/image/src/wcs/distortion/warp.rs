//! What every smooth distortion is: a map of the plane with slopes, and its inverse by Newton's method.

use super::polynomial::{LANES, Lane};

/// Where a lane of points goes, and the map's slopes there.
pub(super) struct Image {
    /// The mapped first coordinate.
    pub(super) x: Lane,
    /// The mapped second coordinate.
    pub(super) y: Lane,
    /// Derivatives of `x` by the first and the second variable.
    pub(super) x_by: [Lane; 2],
    /// Derivatives of `y` by the first and the second variable.
    pub(super) y_by: [Lane; 2],
}

impl Image {
    /// The map's determinant at lane `i`.
    #[inline(always)]
    fn determinant(&self, i: usize) -> f64 {
        self.x_by[0][i].mul_add(self.y_by[1][i], -(self.x_by[1][i] * self.y_by[0][i]))
    }
}

/// A map of the plane to itself that is one to one around its domain.
pub(super) trait Warp {
    /// Where the points go.
    fn map(&self, x: &Lane, y: &Lane) -> (Lane, Lane);

    /// Where the points go, with slopes.
    fn map_with_slopes(&self, x: &Lane, y: &Lane) -> Image;

    /// A first guess at the points that map to `(x, y)`.
    fn guess(&self, x: &Lane, y: &Lane) -> (Lane, Lane);

    /// Where the map can be turned round.
    fn domain(&self) -> &Domain;
}

/// The disc in which a map is one to one, as far as samples tell.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Domain {
    /// Centre of the image, in the map's input coordinates.
    pub(super) centre: (f64, f64),
    /// Half the image's diagonal.
    pub(super) half_diagonal: f64,
    /// Solutions beyond this distance from the centre are refused; infinite when no fold was met.
    pub(super) radius: f64,
    /// Newton's steps below this length end the search.
    pub(super) tolerance: f64,
}

/// Rings are sampled out to this many half diagonals, this many of them to each.
const RINGS: (usize, usize) = (8, 4);
/// Points on a ring.
const SPOKES: usize = 32;
/// Steps of Newton's method before a point counts as unreachable.
const STEPS: usize = 30;

impl Domain {
    /// A domain without bounds; `tolerance` in the map's unit.
    pub(super) fn unbounded(centre: (f64, f64), half_diagonal: f64, tolerance: f64) -> Self {
        Self { centre, half_diagonal, radius: f64::INFINITY, tolerance }
    }

    /// Measures how far from its centre the map keeps its orientation.
    ///
    /// Outside the image a fitted polynomial may fold over; a point there would have a second, false solution
    /// inside the image. The image itself always belongs to the domain.
    pub(super) fn measure<W: Warp>(&self, warp: &W) -> f64 {
        let (cx, cy) = self.centre;
        let here = warp.map_with_slopes(&[cx; LANES], &[cy; LANES]).determinant(0);
        if !here.is_finite() || here == 0.0 {
            return f64::INFINITY;
        }
        let ring = self.half_diagonal / RINGS.1 as f64;
        for k in 1..=RINGS.0 * RINGS.1 {
            let r = ring * k as f64;
            for block in 0..SPOKES / LANES {
                let mut x = [0.0; LANES];
                let mut y = [0.0; LANES];
                for i in 0..LANES {
                    let angle = (block * LANES + i) as f64 * (std::f64::consts::TAU / SPOKES as f64);
                    let (sin, cos) = libm::sincos(angle);
                    x[i] = r.mul_add(cos, cx);
                    y[i] = r.mul_add(sin, cy);
                }
                let image = warp.map_with_slopes(&x, &y);
                if (0..LANES).any(|i| (image.determinant(i) / here).is_nan() || image.determinant(i) / here < 0.02) {
                    return (ring * (k - 1) as f64).max(self.half_diagonal * 1.000_001);
                }
            }
        }
        f64::INFINITY
    }
}

/// Maps each point in place.
#[inline(always)]
pub(super) fn forward_rows<W: Warp>(warp: &W, x: &mut [f64], y: &mut [f64]) {
    over_lanes(x, y, |x, y| warp.map(x, y));
}

/// Replaces each point by the one that maps to it; NaN where there is none in the domain.
#[inline(always)]
pub(super) fn inverse_rows<W: Warp>(warp: &W, x: &mut [f64], y: &mut [f64]) {
    over_lanes(x, y, |x, y| {
        let (gx, gy) = warp.guess(x, y);
        let (mut ox, mut oy) = solve(warp, x, y, gx, gy, f64::INFINITY);
        let lost = (0..LANES).any(|i| ox[i].is_nan() && x[i].is_finite() && y[i].is_finite());
        if lost {
            // A careful second search for the lost ones alone: from the centre, with short steps.
            let domain = warp.domain();
            let (cx, cy) = domain.centre;
            let (sx, sy) = solve(warp, x, y, [cx; LANES], [cy; LANES], domain.half_diagonal);
            for i in 0..LANES {
                if ox[i].is_nan() {
                    ox[i] = sx[i];
                    oy[i] = sy[i];
                }
            }
        }
        (ox, oy)
    });
}

/// Newton's method from a guess, each lane for itself: what one lane gets doesn't depend on its neighbours.
#[inline(always)]
fn solve<W: Warp>(warp: &W, x: &Lane, y: &Lane, gx: Lane, gy: Lane, stride: f64) -> (Lane, Lane) {
    let domain = warp.domain();
    let (mut ox, mut oy) = (gx, gy);
    let mut settled = [false; LANES];
    for _ in 0..STEPS {
        let image = warp.map_with_slopes(&ox, &oy);
        let mut all = true;
        for i in 0..LANES {
            let (rx, ry) = (image.x[i] - x[i], image.y[i] - y[i]);
            let d = 1.0 / image.determinant(i);
            let mut dx = rx.mul_add(image.y_by[1][i], -(ry * image.x_by[1][i])) * d;
            let mut dy = ry.mul_add(image.x_by[0][i], -(rx * image.y_by[0][i])) * d;
            let length = dx.abs().max(dy.abs());
            if length > stride {
                dx *= stride / length;
                dy *= stride / length;
            }
            if !settled[i] {
                ox[i] -= dx;
                oy[i] -= dy;
                let rounding = 4.0 * f64::EPSILON * (ox[i].abs().max(oy[i].abs()) + x[i].abs().max(y[i].abs()));
                // A NaN never becomes a number again.
                settled[i] = length <= domain.tolerance.max(rounding) || length.is_nan();
            }
            all &= settled[i];
        }
        if all {
            break;
        }
    }
    for i in 0..LANES {
        let (fx, fy) = (ox[i] - domain.centre.0, oy[i] - domain.centre.1);
        let inside = fx.mul_add(fx, fy * fy) <= domain.radius * domain.radius;
        if !(settled[i] && inside) || ox[i].is_nan() || oy[i].is_nan() {
            ox[i] = f64::NAN;
            oy[i] = f64::NAN;
        }
    }
    (ox, oy)
}

/// Feeds whole lanes to `step`; the last lane is filled up with copies of its first point.
#[inline(always)]
fn over_lanes(x: &mut [f64], y: &mut [f64], step: impl Fn(&Lane, &Lane) -> (Lane, Lane)) {
    for (x, y) in x.chunks_mut(LANES).zip(y.chunks_mut(LANES)) {
        let n = x.len().min(y.len());
        let (mut lx, mut ly) = ([x[0]; LANES], [y[0]; LANES]);
        lx[..n].copy_from_slice(&x[..n]);
        ly[..n].copy_from_slice(&y[..n]);
        let (ox, oy) = step(&lx, &ly);
        x[..n].copy_from_slice(&ox[..n]);
        y[..n].copy_from_slice(&oy[..n]);
    }
}

/// Compiles the two row functions of a [`Warp`] for each SIMD level.
macro_rules! warp_rows {
    ($forward:ident, $inverse:ident, $warp:ty) => {
        $crate::lanes! {
            /// Maps each point in place.
            pub(super) fn $forward(warp: &$warp, x: &mut [f64], y: &mut [f64]) {
                $crate::wcs::distortion::warp::forward_rows(warp, x, y);
            }
        }
        $crate::lanes! {
            /// Replaces each point by the one that maps to it.
            pub(super) fn $inverse(warp: &$warp, x: &mut [f64], y: &mut [f64]) {
                $crate::wcs::distortion::warp::inverse_rows(warp, x, y);
            }
        }
    };
}
pub(super) use warp_rows;
