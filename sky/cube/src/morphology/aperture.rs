//! Sums over circles, ellipses and rings with exact shares of pixels.

use super::image::Field;

/// An ellipse about a centre in pixel coordinates (0-based, integers at pixel centres).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ellipse {
    /// Centre.
    pub centre: (f64, f64),
    /// Semi-major axis, pixels, above 0.
    pub a: f64,
    /// Semi-minor over semi-major axis, 0 to 1.
    pub q: f64,
    /// Angle of the major axis from +x towards +y, radians.
    pub theta: f64,
}

/// A sum over an aperture and the area that it was taken over, both without masked pixels and what lies outside.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sum {
    /// Sum of value times share of the pixel.
    pub sum: f64,
    /// Sum of shares.
    pub area: f64,
}

impl Sum {
    /// Mean over the area; 0 without area.
    pub fn mean(self) -> f64 {
        if self.area > 0.0 { self.sum / self.area } else { 0.0 }
    }

    fn minus(self, inner: Sum) -> Sum {
        Sum { sum: self.sum - inner.sum, area: self.area - inner.area }
    }
}

impl Ellipse {
    /// A circle.
    pub fn circle(centre: (f64, f64), radius: f64) -> Ellipse {
        Ellipse { centre, a: radius, q: 1.0, theta: 0.0 }
    }

    /// The same shape with another semi-major axis.
    pub fn with_a(self, a: f64) -> Ellipse {
        Ellipse { a, ..self }
    }

    /// Area without regard to any image.
    pub fn area(&self) -> f64 {
        std::f64::consts::PI * self.a * self.a * self.q
    }

    /// Semi-major axis of the ellipse of this shape through a point.
    pub fn radius_of(&self, x: f64, y: f64) -> f64 {
        let (s, c) = libm::sincos(self.theta);
        let (dx, dy) = (x - self.centre.0, y - self.centre.1);
        libm::hypot(c * dx + s * dy, (c * dy - s * dx) / self.q)
    }

    /// Sum of `value` over the ellipse; it is called with the index of each pixel that is not masked.
    pub fn sum(&self, field: &Field, value: impl Fn(usize) -> f64) -> Sum {
        let mut total = Sum::default();
        self.visit(field.width, field.height, |index, share| {
            if !field.masked[index] {
                total.sum += share * value(index);
                total.area += share;
            }
        });
        total
    }

    /// The same over the ring between the ellipses with semi-major axes `inner` and `self.a`.
    pub fn ring_sum(&self, inner: f64, field: &Field, value: impl Fn(usize) -> f64) -> Sum {
        let outer = self.sum(field, &value);
        if inner > 0.0 { outer.minus(self.with_a(inner).sum(field, &value)) } else { outer }
    }

    /// Calls `at` with each pixel that the ellipse touches and the share of it that lies inside.
    pub fn visit(&self, width: usize, height: usize, mut at: impl FnMut(usize, f64)) {
        if !(self.a > 0.0 && self.q > 0.0) {
            return;
        }
        let (s, c) = libm::sincos(self.theta);
        let b = self.a * self.q;
        let reach = (libm::hypot(self.a * c, b * s), libm::hypot(self.a * s, b * c));
        let range = |centre: f64, reach: f64, n: usize| {
            let low = (centre - reach + 0.5).floor().clamp(0.0, n as f64) as usize;
            let high = (centre + reach + 1.5).floor().clamp(0.0, n as f64) as usize;
            low..high
        };
        // Pixel offsets in the frame where the ellipse is the unit circle.
        let across = (c / self.a, -s / b);
        let up = (s / self.a, c / b);
        let corner = |x: f64, y: f64| {
            let (dx, dy) = (x - self.centre.0, y - self.centre.1);
            (dx * across.0 + dy * up.0, dx * across.1 + dy * up.1)
        };
        let half =
            0.5 * (libm::hypot(across.0 + up.0, across.1 + up.1).max(libm::hypot(across.0 - up.0, across.1 - up.1)));
        let cell = 1.0 / (self.a * b);
        for y in range(self.centre.1, reach.1, height) {
            for x in range(self.centre.0, reach.0, width) {
                let (px, py) = (x as f64, y as f64);
                let middle = corner(px, py);
                let distance = libm::hypot(middle.0, middle.1);
                let share = if distance + half <= 1.0 {
                    1.0
                } else if distance - half >= 1.0 {
                    0.0
                } else {
                    let corners = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)];
                    overlap(corners.map(|(dx, dy)| corner(px + dx, py + dy))) / cell
                };
                if share > 0.0 {
                    at(y * width + x, share.min(1.0));
                }
            }
        }
    }
}

/// Area that a quadrangle, counter-clockwise, shares with the unit circle.
fn overlap(corners: [(f64, f64); 4]) -> f64 {
    (0..4).map(|k| edge(corners[k], corners[(k + 1) % 4])).sum::<f64>().abs()
}

/// Signed area between the origin and an edge within the unit circle.
fn edge(p: (f64, f64), q: (f64, f64)) -> f64 {
    let sector = |p: (f64, f64), q: (f64, f64)| 0.5 * libm::atan2(p.0 * q.1 - p.1 * q.0, p.0 * q.0 + p.1 * q.1);
    let triangle = |p: (f64, f64), q: (f64, f64)| 0.5 * (p.0 * q.1 - p.1 * q.0);
    let d = (q.0 - p.0, q.1 - p.1);
    let (a, b, c) = (d.0 * d.0 + d.1 * d.1, p.0 * d.0 + p.1 * d.1, p.0 * p.0 + p.1 * p.1 - 1.0);
    let discriminant = b * b - a * c;
    if a == 0.0 || discriminant <= 0.0 {
        return sector(p, q);
    }
    let root = discriminant.sqrt();
    let (enter, leave) = ((-b - root) / a, (-b + root) / a);
    if leave <= 0.0 || enter >= 1.0 {
        return sector(p, q);
    }
    let at = |t: f64| (p.0 + t * d.0, p.1 + t * d.1);
    let (from, to) = (at(enter.max(0.0)), at(leave.min(1.0)));
    let before = if enter > 0.0 { sector(p, from) } else { 0.0 };
    let after = if leave < 1.0 { sector(to, q) } else { 0.0 };
    before + triangle(from, to) + after
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The shares of all pixels add up to the area of the ellipse.
        #[test]
        fn shares_add_up_to_the_area(a in 0.2..9.0f64, q in 0.1..1.0f64, theta in -4.0..4.0f64,
                                     x in 9.5..10.5f64, y in 9.5..10.5f64) {
            let ellipse = Ellipse { centre: (x, y), a, q, theta };
            let mut sum = 0.0;
            ellipse.visit(21, 21, |_, share| sum += share);
            prop_assert!((sum / ellipse.area() - 1.0).abs() < 1e-9, "{sum}");
        }
    }

    #[test]
    fn a_pixel_in_the_first_quadrant_of_a_circle_has_the_share_of_a_quarter() {
        // A circle of radius 1/2 about a pixel's corner covers pi/16 of each of the four pixels.
        let mut shares = vec![];
        Ellipse::circle((1.5, 1.5), 0.5).visit(4, 4, |index, share| shares.push((index, share)));
        assert_eq!(shares.iter().map(|s| s.0).collect::<Vec<_>>(), [5, 6, 9, 10]);
        for (_, share) in shares {
            assert!((share - std::f64::consts::PI / 16.0).abs() < 1e-14);
        }
    }
}
