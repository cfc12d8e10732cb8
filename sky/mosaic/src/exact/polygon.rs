//! Convex polygons in a gnomonic plane, where great circles are straight: clipping and solid angle.

/// Most vertices that a clipped polygon can have here: two polygons of at most [`MOST`] / 2.
pub(crate) const MOST: usize = 24;

/// A convex polygon in a plane, counter-clockwise.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Polygon {
    pub(crate) vertices: [(f64, f64); MOST],
    pub(crate) count: usize,
}

impl Polygon {
    /// No vertex.
    pub(crate) const EMPTY: Polygon = Polygon { vertices: [(0.0, 0.0); MOST], count: 0 };

    /// Takes the vertices in either sense and stores them counter-clockwise. More than [`MOST`] are dropped.
    pub(crate) fn new(points: &[(f64, f64)]) -> Polygon {
        let mut polygon = Polygon::EMPTY;
        for p in points {
            polygon.push(*p);
        }
        if polygon.doubled_area() < 0.0 {
            polygon.vertices[..polygon.count].reverse();
        }
        polygon
    }

    #[inline(always)]
    fn push(&mut self, p: (f64, f64)) {
        if let Some(slot) = self.vertices.get_mut(self.count) {
            *slot = p;
            self.count += 1;
        }
    }

    /// Its vertices.
    pub(crate) fn points(&self) -> &[(f64, f64)] {
        &self.vertices[..self.count]
    }

    /// Twice its area, negative if it runs clockwise. Differences from the first vertex keep the digits.
    pub(crate) fn doubled_area(&self) -> f64 {
        let Some((a, rest)) = self.points().split_first() else { return 0.0 };
        rest.windows(2).map(|w| turn(*a, w[0], w[1])).sum()
    }

    /// Whether it turns left, or straight on, at every vertex, and once round in all: vertices that all but coincide, as
    /// where a rim is one point of the sky, may run round each other once more.
    pub(crate) fn is_convex(&self) -> bool {
        // Sine of the angle by which rounding may bend a straight side.
        const SLACK: f64 = -1e-9;
        let n = self.count;
        let p = self.points();
        let edge = |k: usize| {
            let (a, b) = (p[k % n], p[(k + 1) % n]);
            (b.0 - a.0, b.1 - a.1)
        };
        let left = (0..n).all(|k| {
            let (a, b) = (edge(k), edge(k + 1));
            a.0 * b.1 - a.1 * b.0 >= SLACK * libm::hypot(a.0, a.1) * libm::hypot(b.0, b.1)
        });
        // Once round, sides turn from rightwards to leftwards once, and back once.
        let turns = || (0..n).filter(|&k| (edge(k).0 > 0.0) != (edge(k + 1).0 > 0.0)).count();
        left && turns() <= 2
    }

    /// What it shares with the convex polygon `other`.
    ///
    /// Source: Sutherland & Hodgman 1974.
    pub(crate) fn clipped(&self, other: &Polygon) -> Polygon {
        let mut kept = *self;
        if other.doubled_area() <= 0.0 {
            return Polygon::EMPTY;
        }
        let n = other.count;
        for k in 0..n {
            let (a, b) = (other.vertices[k], other.vertices[(k + 1) % n]);
            if a == b {
                continue;
            }
            kept = kept.left_of(a, b);
            if kept.count < 3 {
                return Polygon::EMPTY;
            }
        }
        kept
    }

    /// The part to the left of the line from `a` to `b`.
    #[inline(always)]
    fn left_of(&self, a: (f64, f64), b: (f64, f64)) -> Polygon {
        let mut side = [0.0; MOST];
        let mut inside = 0;
        for (s, p) in side.iter_mut().zip(self.points()) {
            *s = turn(a, b, *p);
            inside += usize::from(*s >= 0.0);
        }
        if inside == self.count {
            return *self;
        }
        let mut kept = Polygon::EMPTY;
        if inside == 0 {
            return kept;
        }
        for k in 0..self.count {
            let next = (k + 1) % self.count;
            let (p, q, sp, sq) = (self.vertices[k], self.vertices[next], side[k], side[next]);
            if sp >= 0.0 {
                kept.push(p);
            }
            if (sp >= 0.0) != (sq >= 0.0) {
                // From the nearer end, for the digits.
                let t = sp / (sp - sq);
                kept.push(match t < 0.5 {
                    true => ((q.0 - p.0).mul_add(t, p.0), (q.1 - p.1).mul_add(t, p.1)),
                    false => {
                        let t = sq / (sq - sp);
                        ((p.0 - q.0).mul_add(t, q.0), (p.1 - q.1).mul_add(t, q.1))
                    }
                });
            }
        }
        kept
    }

    /// Solid angle in steradians, the plane touching the unit sphere at its origin.
    ///
    /// Source: Van Oosterom & Strackee 1983, eq. 8, on a fan of triangles; the triple product is that of the
    /// differences, so that a pixel of 1e-9 rad keeps its digits.
    pub(crate) fn solid_angle(&self) -> f64 {
        let p = self.points();
        if p.len() < 3 {
            return 0.0;
        }
        let norm = |p: (f64, f64)| p.0.mul_add(p.0, p.1.mul_add(p.1, 1.0)).sqrt();
        let dot = |p: (f64, f64), q: (f64, f64)| p.0.mul_add(q.0, p.1.mul_add(q.1, 1.0));
        let a = p[0];
        let na = norm(a);
        let (mut b, mut nb, mut ab) = (p[1], norm(p[1]), dot(a, p[1]));
        let mut sum = 0.0;
        for &c in &p[2..] {
            let (nc, ac) = (norm(c), dot(a, c));
            let below = (na * nb).mul_add(nc, ab.mul_add(nc, dot(b, c).mul_add(na, ac * nb)));
            sum += 2.0 * angle(turn(a, b, c), below);
            (b, nb, ab) = (c, nc, ac);
        }
        sum
    }
}

/// atan2(y, x), short for small angles.
#[inline(always)]
fn angle(y: f64, x: f64) -> f64 {
    let t = y / x;
    if x > 0.0 && t.abs() < 1e-3 {
        let t2 = t * t;
        return t * t2.mul_add(t2.mul_add(0.2, -1.0 / 3.0), 1.0);
    }
    libm::atan2(y, x)
}

/// Twice the area of the triangle `a`, `b`, `c`; positive where it turns left.
#[inline(always)]
pub(crate) fn turn(a: (f64, f64), b: (f64, f64), c: (f64, f64)) -> f64 {
    (b.0 - a.0).mul_add(c.1 - a.1, -((b.1 - a.1) * (c.0 - a.0)))
}
