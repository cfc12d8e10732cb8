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
    /// Where the image's centre is mapped to, and how far from there a second search is worth its while.
    reach: (f64, f64, f64),
}

/// Rings are sampled out to this many half diagonals, this many of them to each.
const RINGS: (usize, usize) = (8, 4);
/// Points on a ring.
const SPOKES: usize = 32;
/// Second searches are made within this many half diagonals of the image.
const REACH: f64 = 3.0;
/// Below this share of the centre's determinant a map counts as folding over.
const FOLD: f64 = 0.02;
/// Steps of Newton's method before a point counts as unreachable.
const STEPS: usize = 30;

impl Domain {
    /// A domain without bounds; `tolerance` in the map's unit.
    pub(super) fn unbounded(centre: (f64, f64), half_diagonal: f64, tolerance: f64) -> Self {
        Self { centre, half_diagonal, radius: f64::INFINITY, tolerance, reach: (0.0, 0.0, f64::INFINITY) }
    }

    /// Measures how far from its centre the map keeps its orientation.
    ///
    /// Outside the image a fitted polynomial may fold over; a point there would have a second, false solution
    /// inside the image. The image itself always belongs to the domain.
    pub(super) fn measured<W: Warp>(mut self, warp: &W) -> Self {
        let (cx, cy) = self.centre;
        let image = warp.map_with_slopes(&[cx; LANES], &[cy; LANES]);
        let here = image.determinant(0);
        if here.is_finite() && here != 0.0 {
            let reach = REACH * self.half_diagonal * here.abs().sqrt();
            self.reach = (image.x[0], image.y[0], reach * reach);
            self.radius = self.orientation_radius(warp, here);
        }
        self
    }

    /// The largest sampled radius inside which the determinant keeps the sign and some of the size it has `here`, at
    /// the centre.
    fn orientation_radius<W: Warp>(&self, warp: &W, here: f64) -> f64 {
        let (cx, cy) = self.centre;
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
                if (0..LANES).any(|i| !matches!(image.determinant(i) / here, share if share >= FOLD)) {
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
    for (x, y) in x.chunks_mut(LANES).zip(y.chunks_mut(LANES)) {
        let (ox, oy) = warp.map(&load(x), &load(y));
        store(ox, x);
        store(oy, y);
    }
}

/// Replaces each point by the one that maps to it; NaN where there is none in the domain.
#[inline(always)]
pub(super) fn inverse_rows<W: Warp>(warp: &W, x: &mut [f64], y: &mut [f64]) {
    for (x, y) in x.chunks_mut(LANES).zip(y.chunks_mut(LANES)) {
        let (ox, oy) = inverse(warp, &load(x), &load(y));
        store(ox, x);
        store(oy, y);
    }
}

/// A lane from the start of a row; what is missing at the row's end is filled up with its first value.
#[inline(always)]
fn load(row: &[f64]) -> Lane {
    if let Ok(lane) = Lane::try_from(row) {
        return lane;
    }
    let mut lane = [row.first().copied().unwrap_or(f64::NAN); LANES];
    for (l, r) in lane.iter_mut().zip(row) {
        *l = *r;
    }
    lane
}

/// Puts as much of a lane into a row as it holds.
#[inline(always)]
fn store(lane: Lane, row: &mut [f64]) {
    for (r, l) in row.iter_mut().zip(lane) {
        *r = l;
    }
}

#[inline(always)]
fn inverse<W: Warp>(warp: &W, x: &Lane, y: &Lane) -> (Lane, Lane) {
    let (gx, gy) = warp.guess(x, y);
    let mut found = (gx, gy);
    solve(warp, x, y, f64::INFINITY, &mut found);
    let domain = warp.domain();
    let mut lost = false;
    for i in 0..LANES {
        let (dx, dy) = (x[i] - domain.reach.0, y[i] - domain.reach.1);
        lost |= found.0[i].is_nan() && dx.mul_add(dx, dy * dy) < domain.reach.2;
    }
    if lost {
        // A careful search for the lost points alone: from the centre, with short steps.
        let mut second = ([domain.centre.0; LANES], [domain.centre.1; LANES]);
        solve(warp, x, y, domain.half_diagonal, &mut second);
        for i in 0..LANES {
            let (dx, dy) = (x[i] - domain.reach.0, y[i] - domain.reach.1);
            if found.0[i].is_nan() && dx.mul_add(dx, dy * dy) < domain.reach.2 {
                found.0[i] = second.0[i];
                found.1[i] = second.1[i];
            }
        }
    }
    found
}

/// Newton's method from a guess, each lane for itself: what one lane gets doesn't depend on its neighbours.
#[inline(always)]
fn solve<W: Warp>(warp: &W, x: &Lane, y: &Lane, stride: f64, found: &mut (Lane, Lane)) {
    let domain = warp.domain();
    let (mut ox, mut oy) = *found;
    // 1 while a lane is on its way, 0 once it has settled.
    let mut moving: Lane = [1.0; LANES];
    for _ in 0..STEPS {
        let image = warp.map_with_slopes(&ox, &oy);
        let (dx, dy) = newton_step(&image, x, y, stride);
        for i in 0..LANES {
            ox[i] = if moving[i] > 0.0 { ox[i] - dx[i] } else { ox[i] };
            oy[i] = if moving[i] > 0.0 { oy[i] - dy[i] } else { oy[i] };
        }
        let mut left: Lane = [0.0; LANES];
        for i in 0..LANES {
            let size = ox[i].abs().max(oy[i].abs()) + x[i].abs().max(y[i].abs());
            let close = domain.tolerance.max(4.0 * f64::EPSILON * size);
            // A NaN counts as settled, since it never becomes a number again.
            left[i] = if dx[i].abs().max(dy[i].abs()) > close { moving[i] } else { 0.0 };
        }
        moving = left;
        if moving == [0.0; LANES] {
            break;
        }
    }
    let limit = domain.radius * domain.radius;
    for i in 0..LANES {
        let (fx, fy) = (ox[i] - domain.centre.0, oy[i] - domain.centre.1);
        let off = if fx.mul_add(fx, fy * fy) <= limit { moving[i] } else { 1.0 };
        ox[i] = if off == 0.0 { ox[i] } else { f64::NAN };
        oy[i] = if off == 0.0 { oy[i] } else { f64::NAN };
    }
    *found = (ox, oy);
}

/// What to take off a guess whose image is `image` to come to `(x, y)`; each coordinate is at most `stride`.
#[inline(always)]
fn newton_step(image: &Image, x: &Lane, y: &Lane, stride: f64) -> (Lane, Lane) {
    let (mut dx, mut dy): (Lane, Lane) = ([0.0; LANES], [0.0; LANES]);
    for i in 0..LANES {
        let (rx, ry) = (image.x[i] - x[i], image.y[i] - y[i]);
        let d = 1.0 / image.determinant(i);
        let sx = rx.mul_add(image.y_by[1][i], -(ry * image.x_by[1][i])) * d;
        let sy = ry.mul_add(image.x_by[0][i], -(rx * image.y_by[0][i])) * d;
        let length = sx.abs().max(sy.abs());
        let share = if length > stride { stride / length } else { 1.0 };
        dx[i] = sx * share;
        dy[i] = sy * share;
    }
    (dx, dy)
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
