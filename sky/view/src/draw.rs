//! Lines, circles and dots with smooth edges, drawn as a layer of coverage that is laid over a picture at once.

use crate::picture::{Picture, Rgb};

/// A point of the picture: x to the right, y down, in pixels; (0, 0) is the corner of the top left pixel and
/// (0.5, 0.5) its centre.
pub type Point = (f64, f64);

/// How much of each pixel a drawing covers. Strokes that cross or touch do not darken each other.
#[derive(Debug, Clone)]
pub struct Layer {
    width: usize,
    height: usize,
    covered: Vec<u8>,
}

impl Layer {
    /// An empty layer for a picture of this size in pixels.
    pub fn new(width: usize, height: usize) -> Layer {
        Layer { width, height, covered: vec![0; width * height] }
    }

    /// An empty layer of the picture's size.
    pub fn over(picture: &Picture) -> Layer {
        Layer::new(picture.width(), picture.height())
    }

    /// Covers the pixels whose centres have a positive `depth` under the edge, fading over one pixel about it.
    ///
    /// `box_` is (left, top, right, bottom) in pixels; nothing outside is looked at.
    fn cover(&mut self, box_: (f64, f64, f64, f64), depth: impl Fn(f64, f64) -> f64) {
        let clip = |v: f64, most: usize| v.clamp(0.0, most as f64) as usize;
        let (left, right) = (clip(box_.0.floor(), self.width), clip(box_.2.ceil(), self.width));
        let (top, bottom) = (clip(box_.1.floor(), self.height), clip(box_.3.ceil(), self.height));
        for y in top..bottom {
            for x in left..right {
                let share = (depth(x as f64 + 0.5, y as f64 + 0.5) + 0.5).clamp(0.0, 1.0);
                let byte = (share * 255.0 + 0.5) as u8;
                let pixel = &mut self.covered[y * self.width + x];
                *pixel = (*pixel).max(byte);
            }
        }
    }

    /// A straight line of `thickness` pixels with round ends. Undefined ends draw nothing.
    pub fn line(&mut self, from: Point, to: Point, thickness: f64) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length2 = dx.mul_add(dx, dy * dy);
        if !length2.is_finite() {
            return;
        }
        let half = thickness / 2.0;
        // Long slanted lines in pieces: the pixels looked at stay near the line.
        let pieces = ((length2.sqrt() / 48.0).ceil()).clamp(1.0, 4096.0) as usize;
        for k in 0..pieces {
            let at = |k: usize| {
                let t = k as f64 / pieces as f64;
                (dx.mul_add(t, from.0), dy.mul_add(t, from.1))
            };
            let (a, b) = (at(k), at(k + 1));
            let reach = half + 1.0;
            let box_ = (a.0.min(b.0) - reach, a.1.min(b.1) - reach, a.0.max(b.0) + reach, a.1.max(b.1) + reach);
            self.cover(box_, |x, y| {
                let (px, py) = (x - from.0, y - from.1);
                let t = if length2 > 0.0 { (px.mul_add(dx, py * dy) / length2).clamp(0.0, 1.0) } else { 0.0 };
                half - libm::hypot(px - t * dx, py - t * dy)
            });
        }
    }

    /// Lines from point to point, and back to the first if `closed`.
    pub fn polyline(&mut self, points: &[Point], closed: bool, thickness: f64) {
        for pair in points.windows(2) {
            self.line(pair[0], pair[1], thickness);
        }
        if let (true, Some(first), Some(last)) = (closed, points.first(), points.last()) {
            self.line(*last, *first, thickness);
        }
    }

    /// A ring of `radius` pixels (to the middle of the stroke) and `thickness` pixels.
    pub fn circle(&mut self, centre: Point, radius: f64, thickness: f64) {
        let half = thickness / 2.0;
        let reach = radius + half + 1.0;
        if !(reach.is_finite() && centre.0.is_finite() && centre.1.is_finite()) {
            return;
        }
        if radius > 48.0 {
            // A large ring's box is mostly empty: chords of a twentieth of a pixel's sagitta instead.
            let steps = (core::f64::consts::PI * (radius / 0.1).sqrt()).min(4096.0) as usize + 8;
            let points: Vec<Point> = (0..steps)
                .map(|k| {
                    let (s, c) = libm::sincos(k as f64 / steps as f64 * std::f64::consts::TAU);
                    (radius.mul_add(c, centre.0), radius.mul_add(s, centre.1))
                })
                .collect();
            return self.polyline(&points, true, thickness);
        }
        self.cover(box_about(centre, reach), |x, y| half - (libm::hypot(x - centre.0, y - centre.1) - radius).abs());
    }

    /// A filled disc of `radius` pixels.
    pub fn disc(&mut self, centre: Point, radius: f64) {
        if centre.0.is_finite() && centre.1.is_finite() && radius.is_finite() {
            self.cover(box_about(centre, radius + 1.0), |x, y| radius - libm::hypot(x - centre.0, y - centre.1));
        }
    }

    /// Fills the rectangle between two corners.
    pub fn rectangle(&mut self, from: Point, to: Point) {
        let (left, right) = (from.0.min(to.0), from.0.max(to.0));
        let (top, bottom) = (from.1.min(to.1), from.1.max(to.1));
        self.cover((left - 1.0, top - 1.0, right + 1.0, bottom + 1.0), |x, y| {
            (x - left).min(right - x).min(y - top).min(bottom - y)
        });
    }

    /// Fills a polygon by the even-odd rule, without smooth edges (draw its outline for those).
    pub fn polygon(&mut self, points: &[Point]) {
        if points.iter().any(|(x, y)| !(x.is_finite() && y.is_finite())) {
            return;
        }
        for row in 0..self.height {
            let y = row as f64 + 0.5;
            let mut crossings: Vec<f64> = (0..points.len())
                .filter_map(|i| {
                    let (a, b) = (points[i], points[(i + 1) % points.len()]);
                    ((a.1 <= y) != (b.1 <= y)).then(|| (y - a.1) / (b.1 - a.1) * (b.0 - a.0) + a.0)
                })
                .collect();
            crossings.sort_unstable_by(f64::total_cmp);
            for pair in crossings.chunks_exact(2) {
                let clip = |v: f64| (v + 0.5).clamp(0.0, self.width as f64) as usize;
                let (from, to) = (clip(pair[0]), clip(pair[1]));
                self.covered[row * self.width + from..row * self.width + to].fill(255);
            }
        }
    }

    /// Lays the layer over `picture` in one colour; `opacity` in `[0, 1]`.
    pub fn lay(&self, picture: &mut Picture, colour: Rgb, opacity: f32) {
        for (i, &covered) in self.covered.iter().enumerate() {
            if covered > 0 {
                let share = f32::from(covered) / 255.0 * opacity;
                picture.blend(i % self.width, i / self.width, colour, share);
            }
        }
    }
}

fn box_about(centre: Point, reach: f64) -> (f64, f64, f64, f64) {
    (centre.0 - reach, centre.1 - reach, centre.0 + reach, centre.1 + reach)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(layer: &Layer) -> f64 {
        layer.covered.iter().map(|c| f64::from(*c) / 255.0).sum()
    }

    #[test]
    fn a_line_covers_its_length_times_its_thickness() {
        let mut layer = Layer::new(200, 200);
        layer.line((20.3, 31.7), (171.2, 120.9), 3.0);
        let length = libm::hypot(150.9, 89.2);
        let expected = 3.0 * length + std::f64::consts::PI * 1.5 * 1.5;
        assert!((area(&layer) / expected - 1.0).abs() < 0.01);
    }

    #[test]
    fn small_and_large_rings_cover_their_circumference() {
        for radius in [10.0, 80.0] {
            let mut layer = Layer::new(200, 200);
            layer.circle((100.2, 99.6), radius, 2.0);
            let expected = std::f64::consts::TAU * radius * 2.0;
            assert!((area(&layer) / expected - 1.0).abs() < 0.01, "{radius}");
        }
    }

    #[test]
    fn a_disc_covers_pi_r_squared_and_a_polygon_its_area() {
        let mut layer = Layer::new(60, 60);
        layer.disc((30.0, 30.0), 20.0);
        assert!((area(&layer) / (std::f64::consts::PI * 400.0) - 1.0).abs() < 0.005);
        let mut layer = Layer::new(60, 60);
        layer.polygon(&[(10.0, 10.0), (50.0, 10.0), (10.0, 50.0)]);
        assert!((area(&layer) / 800.0 - 1.0).abs() < 0.03);
    }

    #[test]
    fn drawing_outside_or_at_undefined_places_changes_nothing() {
        let mut layer = Layer::new(10, 10);
        layer.line((-50.0, -50.0), (-20.0, 90.0), 2.0);
        layer.line((f64::NAN, 0.0), (5.0, 5.0), 2.0);
        layer.circle((1e9, 1e9), 5.0, 1.0);
        layer.disc((f64::INFINITY, 0.0), 4.0);
        assert_eq!(area(&layer), 0.0);
    }
}
