//! Rectangles about points in the plane.

use crate::sphere::trig::{atan2_deg, sincos_deg};

/// A rectangle in the plane of a projection, degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rectangle {
    /// From the plane's y axis (north) to the rectangle's own, through +x (east).
    pub(super) angle_deg: f64,
    /// Range along the rectangle's own x axis, which points east at angle 0.
    pub(super) u: (f64, f64),
    /// Range along its y axis.
    pub(super) v: (f64, f64),
}

impl Rectangle {
    /// Its middle in its own axes.
    pub(super) fn middle(&self) -> (f64, f64) {
        (0.5 * (self.u.0 + self.u.1), 0.5 * (self.v.0 + self.v.1))
    }

    /// Its middle in the plane.
    pub(super) fn centre(&self) -> (f64, f64) {
        let (s, c) = sincos_deg(self.angle_deg);
        let (u, v) = self.middle();
        (u * c + v * s, v * c - u * s)
    }

    fn area(&self) -> f64 {
        (self.u.1 - self.u.0) * (self.v.1 - self.v.0)
    }
}

/// The rectangle about points at a given angle.
pub(super) fn upright(points: &[(f64, f64)], angle_deg: f64) -> Rectangle {
    let (s, c) = sincos_deg(angle_deg);
    let none = (f64::INFINITY, f64::NEG_INFINITY);
    let (mut u, mut v) = (none, none);
    for (x, y) in points {
        let (a, b) = (x * c - y * s, x * s + y * c);
        u = (u.0.min(a), u.1.max(a));
        v = (v.0.min(b), v.1.max(b));
    }
    Rectangle { angle_deg, u, v }
}

/// The rectangle of least area: one of its sides lies along a side of the convex hull (Freeman & Shapira 1975). Its angle is
/// within 45 degrees of 0.
pub(super) fn smallest(points: &[(f64, f64)]) -> Rectangle {
    let hull = hull(points);
    let mut best = upright(&hull, 0.0);
    for (i, a) in hull.iter().enumerate() {
        let b = hull[(i + 1) % hull.len()];
        let along = atan2_deg(b.1 - a.1, b.0 - a.0);
        // The own x axis lies along the side, or square to it.
        let angle = -along - 90.0 * (-along / 90.0).round();
        let rectangle = upright(&hull, angle);
        // A gain of rounding is none: of equals the first stays.
        if rectangle.area() < best.area() * (1.0 - 1e-9) {
            best = rectangle;
        }
    }
    best
}

/// Convex hull, counter-clockwise (Andrew 1979).
fn hull(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    sorted.dedup();
    if sorted.len() < 3 {
        return sorted;
    }
    let mut out: Vec<(f64, f64)> = Vec::new();
    let upper: Vec<(f64, f64)> = sorted.iter().rev().copied().collect();
    for chain in [&sorted, &upper] {
        let start = out.len();
        for p in chain {
            while out.len() >= start + 2 && turn(out[out.len() - 2], out[out.len() - 1], *p) <= 0.0 {
                out.pop();
            }
            out.push(*p);
        }
        out.pop();
    }
    out
}

fn turn(a: (f64, f64), b: (f64, f64), c: (f64, f64)) -> f64 {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_smallest_rectangle_holds_all_points_and_is_not_larger_than_any(
            points in prop::collection::vec((-5.0..5.0_f64, -5.0..5.0_f64), 3..40), angle in -45.0..45.0_f64,
        ) {
            let best = smallest(&points);
            let again = upright(&points, best.angle_deg);
            prop_assert!((again.area() - best.area()).abs() < 1e-9);
            prop_assert!(best.area() <= upright(&points, angle).area() * (1.0 + 1e-8));
            prop_assert!(best.angle_deg.abs() <= 45.0 + 1e-9);
        }
    }

    #[test]
    fn a_turned_rectangle_is_found() {
        let truth = Rectangle { angle_deg: 17.0, u: (-2.0, 5.0), v: (1.0, 2.0) };
        let (s, c) = sincos_deg(17.0);
        let corner = |u: f64, v: f64| (u * c + v * s, v * c - u * s);
        let points = [corner(-2.0, 1.0), corner(5.0, 1.0), corner(5.0, 2.0), corner(-2.0, 2.0)];
        let found = smallest(&points);
        assert!((found.angle_deg - truth.angle_deg).abs() < 1e-9 && (found.area() - 7.0).abs() < 1e-9);
        let (a, b) = (found.centre(), truth.centre());
        assert!(libm::hypot(a.0 - b.0, a.1 - b.1) < 1e-9);
    }
}
