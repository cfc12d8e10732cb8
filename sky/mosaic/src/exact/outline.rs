//! The outline of a pixel on the sky: one quadrilateral of great circles, or, where the projection ends within the
//! pixel, the polygons that make up its part of the sky.

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
}

impl Outline {
    /// From up to seven vertices in order, in either sense.
    pub(crate) fn new(vertices: &[Direction]) -> Outline {
        let mut outline = Outline { vertices: [[0.0; 3]; MOST], count: 0, centre: [0.0; 3], radius: 0.0 };
        for (slot, v) in outline.vertices.iter_mut().zip(vertices) {
            *slot = *v;
            outline.count += 1;
            outline.centre = std::array::from_fn(|k| outline.centre[k] + v[k]);
        }
        outline.centre = unit(&outline.centre);
        outline.radius = outline.points().iter().map(|v| chord(v, &outline.centre)).fold(0.0, f64::max);
        outline
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

    /// Its solid angle in steradians.
    pub(crate) fn solid_angle(&self) -> f64 {
        self.on(&Tangent::at(&self.centre)).map_or(0.0, |p| p.solid_angle())
    }

    /// It, or the triangles that it is made of if it is not convex, appended to `out`.
    fn push_convex(self, out: &mut Vec<Outline>) {
        let Some(flat) = self.on(&Tangent::at(&self.centre)) else { return };
        if flat.doubled_area() < SLIVER * self.radius * self.radius {
            return;
        }
        if self.count == 3 || flat.is_convex() {
            out.push(self);
            return;
        }
        // Triangles about a vertex that sees all others add up to the polygon; about another, to more.
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
            triangle.push_convex(out);
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

/// Most divisions of a pixel that a cut runs through: 2³ each way.
const DEPTH: usize = 3;

/// Appends the outlines that make up the pixel at (x, y) to `out`: none where it lies off the sky.
pub(crate) fn outlines(place: &Skyward<'_>, x: f64, y: f64, out: &mut Vec<Outline>) {
    divide(place, x, y, 0.5, 0, out);
}

/// As [`outlines`] for a square of half-side `half` pixels.
fn divide(place: &Skyward<'_>, x: f64, y: f64, half: f64, depth: usize, out: &mut Vec<Outline>) {
    let around = [(-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0)];
    let between = [(0.0, -1.0), (1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, 0.0)];
    let (mut px, mut py) = ([0.0; 9], [0.0; 9]);
    for (k, (a, b)) in around.iter().chain(&between).enumerate() {
        (px[k], py[k]) = (x + half * a, y + half * b);
    }
    let v = directions(place, &px, &py);
    let defined = v.iter().filter(|v| is_defined(v)).count();
    if defined == 0 {
        return;
    }
    let corners = [v[0], v[1], v[2], v[3]];
    // Neighbours share their corners and cut their common side at the same point, so sums over pixels have neither
    // gaps nor laps; that is why a pixel is divided only where there is no other way. A gap within a pixel that has
    // all its corners closes on the sky.
    let done = if corners.iter().all(is_defined) {
        let even = strain(&v) < 0.9;
        if even {
            Outline::new(&corners).push_convex(out);
        }
        even
    } else {
        cut(place, &px, &py, &corners, out)
    };
    if !done && depth < DEPTH {
        let h = 0.5 * half;
        for (a, b) in around {
            divide(place, x + h * a, y + h * b, h, depth + 1, out);
        }
    }
}

/// How far the middles of sides lie off the great circles through their ends, in units of the longest side; infinite
/// for squares larger than 35 degrees.
fn strain(v: &[Direction; 9]) -> f64 {
    let longest = (0..4).map(|k| chord(&v[k], &v[(k + 1) % 4])).fold(0.0, f64::max);
    if longest > 0.6 {
        return f64::INFINITY;
    }
    let mut off = 0.0_f64;
    for k in 0..4 {
        let normal = cross(&v[k], &v[(k + 1) % 4]);
        let length = dot(&normal, &normal).sqrt();
        // An undefined middle, or a side of no length (at a pole), tells nothing: max passes NaN over.
        off = off.max((dot(&v[4 + k], &normal) / length).abs());
    }
    off / longest.max(1e-300)
}

/// The defined part of a square with undefined corners: its defined corners and the points where the edge cuts its
/// sides. False, and nothing appended, if those are no single polygon.
fn cut(place: &Skyward<'_>, px: &[f64; 9], py: &[f64; 9], corners: &[Direction; 4], out: &mut Vec<Outline>) -> bool {
    let mut kept: Vec<Direction> = Vec::with_capacity(MOST);
    let mut leave: Option<(f64, f64)> = None;
    let mut enter: Option<(f64, f64, usize)> = None;
    let mut middle = (0.0, 0.0, 0.0);
    for k in 0..4 {
        let next = (k + 1) % 4;
        let (here, there) = (is_defined(&corners[k]), is_defined(&corners[next]));
        if here {
            kept.push(corners[k]);
            middle = (middle.0 + px[k], middle.1 + py[k], middle.2 + 1.0);
        }
        if here != there {
            let (a, b) = if here { (k, next) } else { (next, k) };
            let (v, x, y) = last_defined(place, (px[a], py[a]), (px[b], py[b]), corners[a]);
            kept.push(v);
            match here {
                true => leave = Some((x, y)),
                false => enter = Some((x, y, kept.len() - 1)),
            }
        }
    }
    if !(3..6).contains(&kept.len()) {
        return false;
    }
    if let (Some(from), Some((x, y, at))) = (leave, enter)
        && let Some(v) = tip(place, from, (x, y), (middle.0 / middle.2, middle.1 / middle.2))
    {
        // Between the way out and the way in; the way in may have been met first.
        kept.insert(at, v);
    }
    let longest = (0..kept.len()).map(|k| chord(&kept[k], &kept[(k + 1) % kept.len()])).fold(0.0, f64::max);
    if longest > 0.6 {
        return false;
    }
    Outline::new(&kept).push_convex(out);
    true
}

/// The point of the projection's edge farthest outside the line between its two cuts of a pixel's sides: where the
/// edge turns a corner, as at the poles of HPX, that corner. `inside`: a defined point. None if the edge is straight.
fn tip(place: &Skyward<'_>, a: (f64, f64), b: (f64, f64), inside: (f64, f64)) -> Option<Direction> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = (dx * dx + dy * dy).sqrt();
    if length < 1e-9 {
        return None;
    }
    let (mut nx, mut ny) = (-dy / length, dx / length);
    if nx * (inside.0 - a.0) + ny * (inside.1 - a.1) > 0.0 {
        (nx, ny) = (-nx, -ny);
    }
    let height = |t: f64| {
        // From a little inside, where the edge may be met.
        let start = (a.0 + t * dx - 1e-6 * nx, a.1 + t * dy - 1e-6 * ny);
        let first = directions(place, &[start.0], &[start.1])[0];
        if !is_defined(&first) {
            return (0.0, first);
        }
        let (v, x, y) = last_defined(place, start, (start.0 + 1.5 * nx, start.1 + 1.5 * ny), first);
        ((x - start.0) * nx + (y - start.1) * ny, v)
    };
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..32 {
        let (left, right) = (low + (high - low) * 0.382, low + (high - low) * 0.618);
        if height(left).0 < height(right).0 {
            low = left;
        } else {
            high = right;
        }
    }
    let (far, v) = height(0.5 * (low + high));
    (far > 1e-4).then_some(v)
}

/// The last defined direction on the way from a defined point to an undefined one, and its pixel.
fn last_defined(place: &Skyward<'_>, from: (f64, f64), to: (f64, f64), start: Direction) -> (Direction, f64, f64) {
    let (mut low, mut high, mut best) = (0.0, 1.0, (start, from.0, from.1));
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        let (x, y) = (middle * (to.0 - from.0) + from.0, middle * (to.1 - from.1) + from.1);
        let v = directions(place, &[x], &[y])[0];
        if is_defined(&v) {
            (low, best) = (middle, (v, x, y));
        } else {
            high = middle;
        }
    }
    best
}

fn directions<const N: usize>(place: &Skyward<'_>, x: &[f64; N], y: &[f64; N]) -> [Direction; N] {
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
