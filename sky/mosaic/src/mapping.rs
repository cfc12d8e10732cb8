//! From output pixels to input pixels, fast: exact formulas at the nodes of a grid, cubics between them.
//!
//! The map between two images is smooth on the scale of many pixels. Its exact value is computed at nodes a few
//! dozen pixels apart and interpolated by cubic Lagrange polynomials in both directions; the error is measured in
//! the middle of every cell against the exact formulas. Cells where it is above the tolerance (a projection's
//! boundary, a wrap, a rough distortion) are computed exactly, pixel by pixel.

use pogson_image::lanes;
use pogson_image::wcs::PixelMap;

/// An exact map of pixel coordinates, row-wise: `(x, y)` of the output image to `(u, v)` of the input image, both
/// 0-based with whole numbers at pixel centres. Where the map is undefined the results are NaN.
pub trait ExactMap: Sync + Send {
    /// Maps all points; the four slices have one length.
    fn apply(&self, x: &[f64], y: &[f64], u: &mut [f64], v: &mut [f64]);
}

impl ExactMap for PixelMap {
    fn apply(&self, x: &[f64], y: &[f64], u: &mut [f64], v: &mut [f64]) {
        PixelMap::apply(self, x, y, u, v);
    }
}

/// A rectangle of pixels of the output image, which may start at negative coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First column.
    pub x: i64,
    /// First row.
    pub y: i64,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Window {
    /// The part that two windows share, if any.
    pub fn intersect(&self, other: &Window) -> Option<Window> {
        let x = self.x.max(other.x);
        let y = self.y.max(other.y);
        let x1 = (self.x + self.width as i64).min(other.x + other.width as i64);
        let y1 = (self.y + self.height as i64).min(other.y + other.height as i64);
        (x1 > x && y1 > y).then(|| Window { x, y, width: (x1 - x) as usize, height: (y1 - y) as usize })
    }

    /// The least window that holds both.
    pub fn join(&self, other: &Window) -> Window {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let right = (self.x + self.width as i64).max(other.x + other.width as i64);
        let top = (self.y + self.height as i64).max(other.y + other.height as i64);
        Window { x, y, width: (right - x) as usize, height: (top - y) as usize }
    }

    /// Number of pixels.
    pub fn area(&self) -> usize {
        self.width * self.height
    }
}

/// Widest spacing of nodes, in output pixels.
const WIDEST: usize = 64;
/// Narrowest spacing before the exact formulas are used everywhere.
const NARROWEST: usize = 8;

/// An interpolated map over a window of the output image.
pub struct GridMap {
    exact: Box<dyn ExactMap>,
    window: Window,
    step: usize,
    /// Nodes per row, two more than cells plus one: a ring lies outside the window.
    columns: usize,
    u: Vec<f64>,
    v: Vec<f64>,
    /// Cells that take the exact formulas.
    rough: Vec<bool>,
    cells_x: usize,
    error_px: f64,
}

impl GridMap {
    /// Builds the map over `window`, with an error of at most `tolerance_px` input pixels (or exact formulas where
    /// that does not hold).
    pub fn new(mut exact: Box<dyn ExactMap>, window: Window, tolerance_px: f64) -> GridMap {
        let mut step = WIDEST;
        loop {
            let (map, rough) = GridMap::with_step(exact, window, step, tolerance_px);
            if rough * 4 <= map.rough.len() || step <= NARROWEST {
                return map;
            }
            exact = map.exact;
            step /= 2;
        }
    }

    fn with_step(exact: Box<dyn ExactMap>, window: Window, step: usize, tolerance_px: f64) -> (GridMap, usize) {
        let cells_x = window.width.div_ceil(step).max(1);
        let cells_y = window.height.div_ceil(step).max(1);
        let columns = cells_x + 3;
        let rows = cells_y + 3;
        let (mut x, mut y) = (Vec::with_capacity(columns * rows), Vec::with_capacity(columns * rows));
        for j in 0..rows {
            for i in 0..columns {
                x.push((window.x + (i as i64 - 1) * step as i64) as f64);
                y.push((window.y + (j as i64 - 1) * step as i64) as f64);
            }
        }
        let mut u = vec![0.0; x.len()];
        let mut v = vec![0.0; x.len()];
        exact.apply(&x, &y, &mut u, &mut v);
        let mut map = GridMap {
            exact,
            window,
            step,
            columns,
            u,
            v,
            rough: vec![false; cells_x * cells_y],
            cells_x,
            error_px: 0.0,
        };
        let rough = map.measure(cells_y, tolerance_px);
        (map, rough)
    }

    /// Compares with the exact formulas at the middle and near a corner of each cell; marks the cells that fail.
    fn measure(&mut self, cells_y: usize, tolerance_px: f64) -> usize {
        let mut count = 0;
        let n = self.cells_x;
        let mut x = vec![0.0; 2 * n];
        let (mut eu, mut ev, mut y) = (x.clone(), x.clone(), x.clone());
        for j in 0..cells_y {
            let half = self.step as f64 * 0.5;
            let quarter = self.step as f64 * 0.25;
            for i in 0..n {
                x[i] = self.window.x as f64 + (i * self.step) as f64 + half;
                y[i] = self.window.y as f64 + (j * self.step) as f64 + half;
                x[n + i] = x[i] - quarter;
                y[n + i] = y[i] + quarter;
            }
            self.exact.apply(&x, &y, &mut eu, &mut ev);
            for i in 0..n {
                let mut worst = 0.0f64;
                for k in [i, n + i] {
                    let (u, v) = self.at(
                        i,
                        j,
                        (x[k] - self.window.x as f64) / self.step as f64 - i as f64,
                        (y[k] - self.window.y as f64) / self.step as f64 - j as f64,
                    );
                    let error = (u - eu[k]).abs() + (v - ev[k]).abs();
                    worst = if error.is_nan() { f64::INFINITY } else { worst.max(error) };
                }
                if worst > tolerance_px {
                    self.rough[j * n + i] = true;
                    count += 1;
                } else {
                    self.error_px = self.error_px.max(worst);
                }
            }
        }
        count
    }

    fn at(&self, i: usize, j: usize, tx: f64, ty: f64) -> (f64, f64) {
        let wx = lagrange(tx);
        let wy = lagrange(ty);
        let (mut u, mut v) = (0.0, 0.0);
        for (k, wy) in wy.iter().enumerate() {
            let row = (j + k) * self.columns + i;
            for (l, wx) in wx.iter().enumerate() {
                u += self.u[row + l] * (wx * wy);
                v += self.v[row + l] * (wx * wy);
            }
        }
        (u, v)
    }

    /// The window that the map serves.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The largest error that was measured in the interpolated cells, in input pixels.
    pub fn error_px(&self) -> f64 {
        self.error_px
    }

    /// Fraction of the cells that take the exact formulas.
    pub fn exact_fraction(&self) -> f64 {
        self.rough.iter().filter(|r| **r).count() as f64 / self.rough.len() as f64
    }

    /// Input coordinates of `u.len()` output pixels in row `y` from column `x` on; all must lie in the window.
    pub fn row(&self, y: i64, x: i64, u: &mut [f64], v: &mut [f64]) {
        let dy = (y - self.window.y) as usize;
        let j = dy / self.step;
        let wy = lagrange((dy % self.step) as f64 / self.step as f64);
        let mut done = 0;
        while done < u.len() {
            let dx = (x - self.window.x) as usize + done;
            let i = dx / self.step;
            let first = dx % self.step;
            let n = (self.step - first).min(u.len() - done);
            let (u, v) = (&mut u[done..done + n], &mut v[done..done + n]);
            if self.rough[j * self.cells_x + i] {
                self.exact_row(y, x + done as i64, u, v);
            } else {
                let (mut nu, mut nv) = ([0.0; 4], [0.0; 4]);
                for (k, wy) in wy.iter().enumerate() {
                    let at = (j + k) * self.columns + i;
                    for l in 0..4 {
                        nu[l] += self.u[at + l] * wy;
                        nv[l] += self.v[at + l] * wy;
                    }
                }
                let scale = 1.0 / self.step as f64;
                cubic_row(&cubic(nu), first as f64, scale, u);
                cubic_row(&cubic(nv), first as f64, scale, v);
            }
            done += n;
        }
    }

    /// Adds 1 to `count` for each pixel of row `y`, from column `x` on, whose centre falls inside an image of `size`
    /// (columns, rows).
    pub fn count_inside(&self, size: (usize, usize), y: i64, x: i64, count: &mut [u8]) {
        let mut u = vec![0.0; count.len()];
        let mut v = vec![0.0; count.len()];
        self.row(y, x, &mut u, &mut v);
        let (right, top) = (size.0 as f64 - 0.5, size.1 as f64 - 0.5);
        for ((u, v), count) in u.iter().zip(&v).zip(count) {
            let inside = (*u >= -0.5) & (*u <= right) & (*v >= -0.5) & (*v <= top);
            *count = count.saturating_add(u8::from(inside));
        }
    }

    /// Input pixels per output pixel, the map's Jacobian, along row `y` from column `x` on, by central differences.
    pub fn jacobian_row(&self, y: i64, x: i64, out: &mut [f64]) {
        let w = self.window;
        let n = out.len();
        let (left, right) = (x.max(w.x + 1) - 1, (x + n as i64).min(w.x + w.width as i64 - 1));
        let (below, above) = ((y - 1).max(w.y), (y + 1).min(w.y + w.height as i64 - 1));
        let row = |y: i64, from: i64, to: i64| {
            let length = (to - from + 1) as usize;
            let (mut u, mut v) = (vec![0.0; length], vec![0.0; length]);
            self.row(y, from, &mut u, &mut v);
            (u, v)
        };
        let (u, v) = row(y, left, right);
        let (u0, v0) = row(below, x, x + n as i64 - 1);
        let (u1, v1) = row(above, x, x + n as i64 - 1);
        for (k, out) in out.iter_mut().enumerate() {
            let at = x + k as i64;
            let (a, b) = ((at - 1).max(left), (at + 1).min(right));
            let (ia, ib) = ((a - left) as usize, (b - left) as usize);
            let (dx, dy) = ((b - a).max(1) as f64, (above - below).max(1) as f64);
            let (ux, vx) = ((u[ib] - u[ia]) / dx, (v[ib] - v[ia]) / dx);
            let (uy, vy) = ((u1[k] - u0[k]) / dy, (v1[k] - v0[k]) / dy);
            *out = (ux * vy - uy * vx).abs();
        }
    }

    fn exact_row(&self, y: i64, x: i64, u: &mut [f64], v: &mut [f64]) {
        let mut xs = [0.0; WIDEST];
        let ys = [y as f64; WIDEST];
        let n = u.len();
        for (k, value) in xs[..n].iter_mut().enumerate() {
            *value = (x + k as i64) as f64;
        }
        self.exact.apply(&xs[..n], &ys[..n], u, v);
    }
}

/// Weights of the nodes at -1, 0, 1, 2 for a point at `t` in `[0, 1]`.
fn lagrange(t: f64) -> [f64; 4] {
    let (a, b, c) = (t + 1.0, t - 1.0, t - 2.0);
    [-t * b * c / 6.0, a * b * c / 2.0, -a * t * c / 2.0, a * t * b / 6.0]
}

/// Coefficients in rising powers of the cubic through the values `f` at -1, 0, 1, 2.
fn cubic(f: [f64; 4]) -> [f64; 4] {
    let third = (f[3] - f[0]) / 6.0 + (f[1] - f[2]) / 2.0;
    let second = (f[0] + f[2]) / 2.0 - f[1];
    [f[1], f[2] - f[1] - second - third, second, third]
}

lanes! {
    /// Values of a cubic at `(first + k) * scale` for each `k`.
    fn cubic_row(c: &[f64; 4], first: f64, scale: f64, out: &mut [f64]) {
        for (k, out) in out.iter_mut().enumerate() {
            let t = (first + k as f64) * scale;
            *out = c[3].mul_add(t, c[2]).mul_add(t, c[1]).mul_add(t, c[0]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Formula<F>(F);

    impl<F: Fn(f64, f64) -> (f64, f64) + Sync + Send> ExactMap for Formula<F> {
        fn apply(&self, x: &[f64], y: &[f64], u: &mut [f64], v: &mut [f64]) {
            for (((x, y), u), v) in x.iter().zip(y).zip(u).zip(v) {
                (*u, *v) = self.0(*x, *y);
            }
        }
    }

    fn wave(x: f64, y: f64) -> (f64, f64) {
        let r2 = (x * x + y * y) * 1e-11;
        (0.9 * x - 0.3 * y + x * r2 + 5.0, 0.3 * x + 0.9 * y + y * r2 - 7.0)
    }

    #[test]
    fn interpolation_stays_within_the_tolerance_it_states() {
        let window = Window { x: -20, y: 13, width: 777, height: 401 };
        let map = GridMap::new(Box::new(Formula(wave)), window, 1e-7);
        assert_eq!(map.exact_fraction(), 0.0);
        let (mut u, mut v) = (vec![0.0; 777], vec![0.0; 777]);
        for y in 13..414 {
            map.row(y, -20, &mut u, &mut v);
            for k in 0..777 {
                let (eu, ev) = wave((k as i64 - 20) as f64, y as f64);
                assert!((u[k] - eu).abs() < 1e-7 && (v[k] - ev).abs() < 1e-7, "{k} {y}");
            }
        }
    }

    #[test]
    fn a_jump_is_mapped_exactly_on_both_sides() {
        let jump = |x: f64, y: f64| if x > 100.3 { (x - 1000.0, y) } else { (x, if x < 20.0 { f64::NAN } else { y }) };
        let window = Window { x: 0, y: 0, width: 640, height: 64 };
        let map = GridMap::new(Box::new(Formula(jump)), window, 1e-6);
        let (mut u, mut v) = (vec![0.0; 640], vec![0.0; 640]);
        map.row(5, 0, &mut u, &mut v);
        for k in 0..640 {
            let (eu, ev) = jump(k as f64, 5.0);
            assert!((u[k] - eu).abs() < 1e-6, "{k}");
            assert!(v[k].is_nan() == ev.is_nan());
        }
    }
}
