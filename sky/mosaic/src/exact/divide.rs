//! A pixel as pieces of the sky: one quadrilateral of great circles where its sides are about that, and where they are
//! not, or the projection ends within it, the pieces that follow its outline.
//!
//! Neighbours must share their common side to the last digit, or sums over pixels have gaps and laps. So whether a side
//! is divided depends on nothing but the side, and a square is divided when one of its sides is; the other sides' middles
//! then lie on the great circle that they stand for.

use super::outline::{Direction, Outline, Skyward, chord, directions, is_defined, unit};

/// How far a side may bulge from the great circle through its ends, as a part of its length or of the pixel's width,
/// whichever is less.
const BULGE: f64 = 0.05;

/// Longest side that is not divided, as a chord of the unit sphere.
const LONGEST: f64 = 0.3;

/// Most divisions of a pixel: 2 to this power each way.
const DEPTH: u32 = 6;

/// Vertices that lie closer than this part of an outline's size are one.
const SAME: f64 = 1e-9;

/// Places along a side where its bulge is measured: two, as a side may bulge to either hand.
pub(super) const PROBES: [f64; 2] = [0.375, 0.625];

/// Distance from a side's middle, in sides, of the points that tell the width of the squares beside it.
pub(super) const HAND: f64 = 0.05;

/// A point of the pixel grid, and where it lies on the sky.
#[derive(Debug, Clone, Copy)]
struct Spot {
    x: f64,
    y: f64,
    v: Direction,
}

impl Spot {
    fn is_defined(&self) -> bool {
        is_defined(&self.v)
    }

    fn towards(&self, other: &Spot, part: f64) -> (f64, f64) {
        (self.x + part * (other.x - self.x), self.y + part * (other.y - self.y))
    }
}

/// A side of a square, its ends in the order of their coordinates.
#[derive(Debug, Clone, Copy)]
struct Side {
    a: Spot,
    b: Spot,
    /// Where the projection ends on it, if just one end is defined: the last point that is.
    edge: Option<Spot>,
    /// Whether the great circle between its defined ends stands for it.
    straight: bool,
}

/// Corners at the ends of the sides: below, right, above, left; corners go round from the lower left.
const ENDS: [(usize, usize); 4] = [(0, 1), (1, 2), (3, 2), (0, 3)];

/// Appends the outlines that make up the pixel at (x, y) to `out`: none where it lies off the sky.
///
/// `parity`: 1 if the axes of the pixel grid turn counter-clockwise on the sky, seen from outside, else -1
/// ([`parity`]).
pub(crate) fn outlines(place: &Skyward<'_>, (x, y): (f64, f64), parity: f64, out: &mut Vec<Outline>) {
    // All that a plain pixel needs, at one go: corners, then the probes of each side.
    let (mut px, mut py) = ([0.0; 20], [0.0; 20]);
    let corner = [(x - 0.5, y - 0.5), (x + 0.5, y - 0.5), (x + 0.5, y + 0.5), (x - 0.5, y + 0.5)];
    for k in 0..4 {
        (px[k], py[k]) = corner[k];
        let probes = probes(corner[ENDS[k].0], corner[ENDS[k].1]);
        for (i, probe) in probes.iter().enumerate() {
            (px[4 + 4 * k + i], py[4 + 4 * k + i]) = *probe;
        }
    }
    let v = directions(place, &px, &py);
    let corners: [Spot; 4] = std::array::from_fn(|k| Spot { x: px[k], y: py[k], v: v[k] });
    let mut divider = Divider { place, parity, out };
    let sides = std::array::from_fn(|k| {
        let (a, b) = (corners[ENDS[k].0], corners[ENDS[k].1]);
        match a.is_defined() && b.is_defined() {
            true => Side { a, b, edge: None, straight: straight(&a, &b, &v[4 + 4 * k..8 + 4 * k]) },
            false => divider.side(a, b, DEPTH),
        }
    });
    divider.square(&corners, &sides, DEPTH);
}

/// Points that tell whether the side from `a` to `b` is straight: two along it, one on each hand.
fn probes(a: (f64, f64), b: (f64, f64)) -> [(f64, f64); 4] {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let at = |along: f64, aside: f64| (a.0 + along * dx - aside * dy, a.1 + along * dy + aside * dx);
    [at(PROBES[0], 0.0), at(PROBES[1], 0.0), at(0.5, HAND), at(0.5, -HAND)]
}

/// Whether the great circle between two spots stands for a side, given the places of its [`probes`].
fn straight(a: &Spot, b: &Spot, found: &[Direction]) -> bool {
    is_straight(&a.v, &b.v, &found[..2], chord(&found[2], &found[3]) / (2.0 * HAND))
}

/// Whether the axes of an image's pixel grid turn counter-clockwise on the sky, seen from outside: 1 or -1.
pub(crate) fn parity(place: &Skyward<'_>, size: (usize, usize)) -> f64 {
    const STEPS: usize = 9;
    const NEAR: f64 = 0.01;
    let mut sense = 0.0;
    for k in 0..STEPS * STEPS {
        let at = |k: usize, n: usize| (k as f64 + 0.5) / STEPS as f64 * n as f64 - 0.5;
        let (x, y) = (at(k % STEPS, size.0), at(k / STEPS, size.1));
        let corners = directions(place, &[x, x + NEAR, x], &[y, y, y + NEAR]);
        if corners.iter().all(is_defined) {
            sense += Outline::new(&corners).turn().map_or(0.0, |t| if t < 0.0 { -1.0 } else { 1.0 });
        }
    }
    if sense < 0.0 { -1.0 } else { 1.0 }
}

/// Whether the great circle from `a` to `b` stands for a side that passes through `probes`, of pixels that are `width`
/// wide (chord; not finite: unknown). It does not where a probe is undefined: the side leaves the projection and comes back.
pub(super) fn is_straight(a: &Direction, b: &Direction, probes: &[Direction], width: f64) -> bool {
    // Rounding of directions.
    const DUST: f64 = 1e-13;
    let length = chord(a, b);
    if length > LONGEST {
        return false;
    }
    // A width of NaN is passed over; a probe of NaN fails the comparison.
    let bulge = BULGE * length.min(width);
    probes.iter().all(|p| {
        // By way of a point that bulges by s from the middle, the length l grows by 2 s² / l.
        (chord(a, p) + chord(p, b) - length - DUST) * length <= 2.0 * bulge * bulge
    })
}

/// Cuts one pixel up.
struct Divider<'a> {
    place: &'a Skyward<'a>,
    parity: f64,
    out: &'a mut Vec<Outline>,
}

impl Divider<'_> {
    fn spot(&self, x: f64, y: f64) -> Spot {
        Spot { x, y, v: directions(self.place, &[x], &[y])[0] }
    }

    fn side(&self, a: Spot, b: Spot, left: u32) -> Side {
        let mut side = Side { a, b, edge: None, straight: true };
        let (from, to) = match (a.is_defined(), b.is_defined()) {
            (true, true) => (a, b),
            (true, false) => (a, self.last_defined(&a, &b)),
            (false, true) => (b, self.last_defined(&b, &a)),
            (false, false) => {
                let between = |part: f64| a.towards(&b, part);
                let probes = [between(0.25), between(0.5), between(0.75)];
                let found = directions(self.place, &probes.map(|p| p.0), &probes.map(|p| p.1));
                side.straight = left == 0 || !found.iter().any(is_defined);
                return side;
            }
        };
        if !(a.is_defined() && b.is_defined()) {
            side.edge = Some(to);
        }
        if left > 0 {
            let probes = probes((from.x, from.y), (to.x, to.y));
            let found = directions(self.place, &probes.map(|p| p.0), &probes.map(|p| p.1));
            side.straight = straight(&from, &to, &found);
        }
        side
    }

    /// The middle of a side, and its halves.
    fn halves(&self, side: &Side, left: u32) -> (Spot, Side, Side) {
        let (a, b) = (side.a, side.b);
        let (x, y) = a.towards(&b, 0.5);
        if !side.straight {
            let middle = self.spot(x, y);
            return (middle, self.side(a, middle, left), self.side(middle, b, left));
        }
        let plain = |a: Spot, b: Spot, edge: Option<Spot>| Side { a, b, edge, straight: true };
        let length = (b.x - a.x) + (b.y - a.y);
        let along = |p: &Spot| ((p.x - a.x) + (p.y - a.y)) / length;
        // The defined part of the side, in parts of its length.
        let (from, to) = match (&side.edge, a.is_defined()) {
            (None, true) => ((0.0, a.v), (1.0, b.v)),
            (None, false) => ((2.0, a.v), (2.0, b.v)),
            (Some(edge), true) => ((0.0, a.v), (along(edge), edge.v)),
            (Some(edge), false) => ((along(edge), edge.v), (1.0, b.v)),
        };
        let mut middle = Spot { x, y, v: [f64::NAN; 3] };
        if from.0 <= 0.5 && to.0 >= 0.5 {
            let part = (0.5 - from.0) / (to.0 - from.0).max(1e-300);
            middle.v = unit(&std::array::from_fn(|k| from.1[k] + part * (to.1[k] - from.1[k])));
        }
        // The edge lies between a defined point and an undefined one.
        let first = side.edge.filter(|_| a.is_defined() != middle.is_defined());
        let second = side.edge.filter(|_| b.is_defined() != middle.is_defined());
        (middle, plain(a, middle, first), plain(middle, b, second))
    }

    fn square(&mut self, corners: &[Spot; 4], sides: &[Side; 4], left: u32) {
        let edges = sides.iter().filter(|s| s.edge.is_some()).count();
        let nothing = edges == 0 && !corners[0].is_defined();
        let mut plain = sides.iter().all(|s| s.straight) && edges <= 2;
        if plain && nothing && left > 0 {
            let (x, y) = corners[0].towards(&corners[2], 0.5);
            plain = !self.spot(x, y).is_defined();
        }
        if left == 0 || plain {
            if !nothing {
                self.whole(corners, sides);
            }
            return;
        }
        let (x, y) = corners[0].towards(&corners[2], 0.5);
        let centre = self.spot(x, y);
        let [below, right, above, by_left] = [0, 1, 2, 3].map(|k| self.halves(&sides[k], left - 1));
        let down = self.side(below.0, centre, left - 1);
        let up = self.side(centre, above.0, left - 1);
        let west = self.side(by_left.0, centre, left - 1);
        let east = self.side(centre, right.0, left - 1);
        let [a, b, c, d] = *corners;
        self.square(&[a, below.0, centre, by_left.0], &[below.1, down, west, by_left.1], left - 1);
        self.square(&[below.0, b, right.0, centre], &[below.2, right.1, east, down], left - 1);
        self.square(&[centre, right.0, c, above.0], &[east, right.2, above.2, up], left - 1);
        self.square(&[by_left.0, centre, above.0, d], &[west, up, above.1, by_left.2], left - 1);
    }

    /// A square that is not divided: its defined corners, and the points where the edge cuts its sides.
    fn whole(&mut self, corners: &[Spot; 4], sides: &[Side; 4]) {
        let mut kept: Vec<Direction> = Vec::with_capacity(7);
        let (mut leave, mut enter): (Option<Spot>, Option<(Spot, usize)>) = (None, None);
        let mut middle = (0.0, 0.0, 0.0);
        for (k, (corner, side)) in corners.iter().zip(sides).enumerate() {
            if corner.is_defined() {
                kept.push(corner.v);
                middle = (middle.0 + corner.x, middle.1 + corner.y, middle.2 + 1.0);
            }
            if let Some(edge) = side.edge {
                match corners[k].is_defined() {
                    true => leave = Some(edge),
                    false => enter = Some((edge, kept.len())),
                }
                kept.push(edge.v);
            }
        }
        if !(3..=6).contains(&kept.len()) {
            return;
        }
        if let (Some(from), Some((to, at))) = (leave, enter)
            && let Some(v) = self.tip(&from, &to, (middle.0 / middle.2, middle.1 / middle.2), corners)
        {
            // Between the way out and the way in; the way in may have been met first.
            kept.insert(at, v);
        }
        // Two cuts may be the same point, a pole: a side between them would have any direction.
        let size = kept.iter().map(|v| chord(v, &kept[0])).fold(0.0, f64::max);
        kept.dedup_by(|a, b| chord(a, b) < SAME * size);
        while kept.len() > 1 && chord(&kept[0], &kept[kept.len() - 1]) < SAME * size {
            kept.pop();
        }
        if kept.len() > 2 {
            Outline::new(&kept).push(self.parity, self.out);
        }
    }

    /// The point of the projection's edge farthest outside the line between its two cuts of a square's sides: where the
    /// edge turns a corner, as at the poles of HPX, that corner. `inside`: a defined point. None if the edge is straight.
    fn tip(&self, a: &Spot, b: &Spot, inside: (f64, f64), corners: &[Spot; 4]) -> Option<Direction> {
        let size = corners[1].x - corners[0].x;
        let (dx, dy) = (b.x - a.x, b.y - a.y);
        let length = (dx * dx + dy * dy).sqrt();
        if length < 1e-9 * size {
            return None;
        }
        let (mut nx, mut ny) = (-dy / length, dx / length);
        if nx * (inside.0 - a.x) + ny * (inside.1 - a.y) > 0.0 {
            (nx, ny) = (-nx, -ny);
        }
        let height = |t: f64| {
            // From a little inside, where the edge may be met.
            let inner = 1e-6 * size;
            let start = self.spot(a.x + t * dx - inner * nx, a.y + t * dy - inner * ny);
            if !start.is_defined() {
                return (0.0, start.v);
            }
            // As far as the square reaches: beyond may be another lobe of the projection.
            let room = |p: f64, n: f64, low: f64, high: f64| ((if n > 0.0 { high } else { low }) - p) / n;
            let across = room(start.x, nx, corners[0].x, corners[2].x);
            let far = across.min(room(start.y, ny, corners[0].y, corners[2].y)).max(0.0);
            let outer = self.spot(start.x + far * nx, start.y + far * ny);
            if outer.is_defined() {
                return (0.0, outer.v);
            }
            let last = self.last_defined(&start, &outer);
            ((last.x - start.x) * nx + (last.y - start.y) * ny, last.v)
        };
        let bulge = 1e-4 * size;
        if [0.25, 0.5, 0.75].iter().all(|t| height(*t).0 < bulge) {
            return None;
        }
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
        (far > bulge).then_some(v)
    }

    /// The last defined point on the way from a defined point to an undefined one.
    fn last_defined(&self, from: &Spot, to: &Spot) -> Spot {
        let (mut low, mut high, mut best) = (0.0, 1.0, *from);
        for _ in 0..40 {
            let middle = 0.5 * (low + high);
            let (x, y) = from.towards(to, middle);
            let spot = self.spot(x, y);
            if spot.is_defined() {
                (low, best) = (middle, spot);
            } else {
                high = middle;
            }
        }
        best
    }
}
