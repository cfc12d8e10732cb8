//! Convex polygons on the sky, the pieces that pixels are made of, and the planes in which they are flat.

use super::polygon::Polygon;
use pogson_image::sphere::Vectors;

/// A direction as a unit vector.
pub(crate) type Direction = [f64; 3];

/// Most vertices of an outline: four corners, two cuts of the projection's edge, and a tip.
const MOST: usize = 7;

/// Outlines with less than this part of the square of their radius are lines, and clip nothing.
const SLIVER: f64 = 1e-9;

/// Pixel coordinates to unit vectors, NaN where undefined.
pub(crate) type Skyward<'a> = dyn Fn(&[f64], &[f64], &mut Vectors) + Sync + 'a;

/// A convex polygon on the sphere, its vertices joined by great circles.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outline {
    vertices: [Direction; MOST],
    count: usize,
    /// Direction of its middle.
    pub(crate) centre: Direction,
    /// Largest chord from the middle to a vertex.
    pub(crate) radius: f64,
    /// 1, or -1 for a piece that is to be taken away: where corners joined by great circles turn a part of a pixel inside
    /// out, so much is counted twice by other pieces.
    pub(crate) sign: f64,
}

impl Outline {
    /// From up to seven vertices in order, in either sense.
    pub(crate) fn new(vertices: &[Direction]) -> Outline {
        let mut outline = Outline { vertices: [[0.0; 3]; MOST], count: 0, centre: [0.0; 3], radius: 0.0, sign: 1.0 };
        for (slot, v) in outline.vertices.iter_mut().zip(vertices) {
            *slot = *v;
            outline.count += 1;
            outline.centre = std::array::from_fn(|k| outline.centre[k] + v[k]);
        }
        outline.centre = unit(&outline.centre);
        outline.radius = outline.points().iter().map(|v| chord(v, &outline.centre)).fold(0.0, f64::max);
        outline
    }

    /// Number of its vertices.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    fn points(&self) -> &[Direction] {
        &self.vertices[..self.count]
    }

    /// It in the gnomonic plane of `plane`; None if it reaches the plane's horizon.
    pub(crate) fn on(&self, plane: &Tangent) -> Option<Polygon> {
        let mut points = [(0.0, 0.0); MOST];
        for (slot, v) in points.iter_mut().zip(self.points()) {
            *slot = plane.project(v)?;
        }
        Some(Polygon::new(&points[..self.count]))
    }

    /// Its solid angle in steradians, negative for a piece to be taken away.
    pub(crate) fn solid_angle(&self) -> f64 {
        self.on(&Tangent::at(&self.centre)).map_or(0.0, |p| self.sign * p.solid_angle())
    }

    /// Twice its area about its own middle, positive where it runs counter-clockwise seen from outside; None for
    /// polygons as large as a hemisphere.
    pub(crate) fn turn(&self) -> Option<f64> {
        let plane = Tangent::at(&self.centre);
        let mut points = self.points().iter().map(|v| plane.project(v));
        let first = points.next()??;
        let mut last = points.next()??;
        let mut sum = 0.0;
        for point in points {
            let point = point?;
            sum += super::polygon::turn(first, last, point);
            last = point;
        }
        Some(sum)
    }

    /// It, or signed triangles that add up to it if it is not convex, appended to `out`. What runs in the sense of
    /// `parity` (1: counter-clockwise) counts positive.
    pub(crate) fn push(mut self, parity: f64, out: &mut Vec<Outline>) {
        let Some(turn) = self.turn() else { return };
        let whole = self.on(&Tangent::at(&self.centre)).is_some_and(|p| p.is_convex());
        if self.count == 3 || whole {
            self.sign = if turn * parity < 0.0 { -1.0 } else { 1.0 };
            if turn.abs() >= SLIVER * self.radius * self.radius {
                out.push(self);
            }
            return;
        }
        // Signed triangles about any vertex add up to the polygon; about one that sees all others none is negative.
        let n = self.count;
        let fan = |first: usize| {
            (1..n - 1).map(move |k| Outline::new(&[first, first + k, first + k + 1].map(|i| self.vertices[i % n])))
        };
        let total = |first: usize| fan(first).map(|t| t.solid_angle()).sum::<f64>();
        let best = (1..n).fold((0, total(0)), |best, k| {
            let area = total(k);
            if area < best.1 { (k, area) } else { best }
        });
        for triangle in fan(best.0) {
            triangle.push(parity, out);
        }
    }
}

/// A gnomonic plane that touches the sphere at `centre`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tangent {
    centre: Direction,
    east: Direction,
    north: Direction,
}

impl Tangent {
    /// The plane at a direction, its axes any.
    pub(crate) fn at(centre: &Direction) -> Tangent {
        let c = centre;
        let smallest = (0..3).fold(0, |s, k| if c[k].abs() < c[s].abs() { k } else { s });
        let mut helper = [0.0; 3];
        helper[smallest] = 1.0;
        let east = unit(&cross(&helper, c));
        Tangent { centre: *c, east, north: cross(c, &east) }
    }

    /// A direction in the plane; None beyond 87 degrees or where undefined.
    #[inline(always)]
    pub(crate) fn project(&self, v: &Direction) -> Option<(f64, f64)> {
        let z = dot(v, &self.centre);
        (z > 0.05).then(|| (dot(v, &self.east) / z, dot(v, &self.north) / z))
    }
}

/// Places of points on the sky.
pub(crate) fn directions<const N: usize>(place: &Skyward<'_>, x: &[f64; N], y: &[f64; N]) -> [Direction; N] {
    let mut v = Vectors { x: vec![0.0; N], y: vec![0.0; N], z: vec![0.0; N] };
    place(x, y, &mut v);
    std::array::from_fn(|k| [v.x[k], v.y[k], v.z[k]])
}

/// Whether a direction is one.
pub(crate) fn is_defined(v: &Direction) -> bool {
    v.iter().all(|c| c.is_finite())
}

/// Straight distance between two directions.
pub(crate) fn chord(a: &Direction, b: &Direction) -> f64 {
    let d: Direction = std::array::from_fn(|k| a[k] - b[k]);
    dot(&d, &d).sqrt()
}

/// The direction of a vector.
pub(crate) fn unit(v: &Direction) -> Direction {
    let n = dot(v, v).sqrt();
    v.map(|c| c / n)
}

#[inline(always)]
fn dot(a: &Direction, b: &Direction) -> f64 {
    a[0].mul_add(b[0], a[1].mul_add(b[1], a[2] * b[2]))
}

fn cross(a: &Direction, b: &Direction) -> Direction {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}
