//! Overlaps in double-double arithmetic (about 32 digits), by clipping: what the fast paths are held to in tests.

use std::ops::{Add, Div, Mul, Neg, Sub};

/// A number as the sum of two doubles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Wide(f64, f64);

fn two_sum(a: f64, b: f64) -> Wide {
    let s = a + b;
    let t = s - a;
    Wide(s, (a - (s - t)) + (b - t))
}

impl From<f64> for Wide {
    fn from(v: f64) -> Wide {
        Wide(v, 0.0)
    }
}

impl Add for Wide {
    type Output = Wide;
    fn add(self, o: Wide) -> Wide {
        let s = two_sum(self.0, o.0);
        let t = two_sum(self.1, o.1);
        let u = two_sum(s.0, s.1 + t.0);
        two_sum(u.0, u.1 + t.1)
    }
}

impl Neg for Wide {
    type Output = Wide;
    fn neg(self) -> Wide {
        Wide(-self.0, -self.1)
    }
}

impl Sub for Wide {
    type Output = Wide;
    fn sub(self, o: Wide) -> Wide {
        self + -o
    }
}

impl Mul for Wide {
    type Output = Wide;
    fn mul(self, o: Wide) -> Wide {
        let p = self.0 * o.0;
        let e = self.0.mul_add(o.0, -p);
        two_sum(p, e + (self.0 * o.1 + self.1 * o.0))
    }
}

impl Div for Wide {
    type Output = Wide;
    fn div(self, o: Wide) -> Wide {
        let q1 = self.0 / o.0;
        let r = self - o * Wide::from(q1);
        let q2 = r.0 / o.0;
        let r = r - o * Wide::from(q2);
        Wide::from(q1) + Wide::from(q2) + Wide::from(r.0 / o.0)
    }
}

impl Wide {
    pub(super) fn round(self) -> f64 {
        self.0 + self.1
    }

    fn sqrt(self) -> Wide {
        let x = Wide::from(self.0.sqrt());
        let half = Wide::from(0.5);
        let x = half * (x + self / x);
        half * (x + self / x)
    }

    /// Arc tangent of small numbers, by its series.
    fn atan_small(self) -> Wide {
        assert!(self.0.abs() < 0.02);
        let square = self * self;
        let mut power = self;
        let mut sum = self;
        for k in 1..10 {
            power = -(power * square);
            sum = sum + power / Wide::from(f64::from(2 * k + 1));
        }
        sum
    }
}

pub(super) type Point = (Wide, Wide);

fn turn(a: Point, b: Point, c: Point) -> Wide {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

/// Twice the signed area.
pub(super) fn doubled_area(p: &[Point]) -> Wide {
    let mut sum = Wide::from(0.0);
    for k in 2..p.len() {
        sum = sum + turn(p[0], p[k - 1], p[k]);
    }
    sum
}

/// Clips a polygon by a convex one, both counter-clockwise.
pub(super) fn clip(subject: &[Point], convex: &[Point]) -> Vec<Point> {
    let mut kept = subject.to_vec();
    for k in 0..convex.len() {
        let (a, b) = (convex[k], convex[(k + 1) % convex.len()]);
        let old = std::mem::take(&mut kept);
        for i in 0..old.len() {
            let (p, q) = (old[i], old[(i + 1) % old.len()]);
            let (sp, sq) = (turn(a, b, p), turn(a, b, q));
            if sp.0 >= 0.0 {
                kept.push(p);
            }
            if (sp.0 >= 0.0) != (sq.0 >= 0.0) {
                let t = sp / (sp - sq);
                kept.push((p.0 + t * (q.0 - p.0), p.1 + t * (q.1 - p.1)));
            }
        }
    }
    kept
}

/// Solid angle of a polygon in the plane that touches the unit sphere at the origin.
pub(super) fn solid_angle(p: &[Point]) -> Wide {
    let one = Wide::from(1.0);
    let dot = |a: Point, b: Point| a.0 * b.0 + a.1 * b.1 + one;
    let norm = |a: Point| dot(a, a).sqrt();
    let mut sum = Wide::from(0.0);
    for k in 2..p.len() {
        let (a, b, c) = (p[0], p[k - 1], p[k]);
        let (na, nb, nc) = (norm(a), norm(b), norm(c));
        let below = na * nb * nc + dot(a, b) * nc + dot(b, c) * na + dot(c, a) * nb;
        sum = sum + Wide::from(2.0) * (turn(a, b, c) / below).atan_small();
    }
    sum
}

/// A polygon of doubles, counter-clockwise.
pub(super) fn wide(points: &[(f64, f64)]) -> Vec<Point> {
    let mut p: Vec<Point> = points.iter().map(|p| (p.0.into(), p.1.into())).collect();
    if doubled_area(&p).0 < 0.0 {
        p.reverse();
    }
    p
}
