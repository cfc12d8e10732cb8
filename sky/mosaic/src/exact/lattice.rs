//! Where the corners of input pixels fall on the output grid: exact formulas at the nodes of patches, polynomials
//! between them where they are measured to hold, and the exact formulas at every corner elsewhere.
//!
//! A patch is a square of up to [`SIDE`] input pixels. Its corners are interpolated by a polynomial of degree
//! [`DEGREE`] in each direction through Chebyshev-Lobatto nodes, and compared with the exact mapping at points
//! between the nodes. Sky projections are analytic, so a polynomial that agrees there to a tolerance does so all over
//! the patch but at singular points; those (poles, edges, cuts) fail the comparison.

use super::accumulate::Window;

/// Input pixels along the side of a patch.
pub(crate) const SIDE: usize = 32;
/// Degree of the polynomial in each direction.
const DEGREE: usize = 4;
pub(super) const NODES: usize = DEGREE + 1;
/// Where polynomial and formula are compared, in units of the patch's side: away from nodes, towards the edges.
pub(super) const PROBES: [(f64, f64); 6] =
    [(0.05, 0.05), (0.95, 0.05), (0.05, 0.95), (0.95, 0.95), (0.3, 0.7), (0.63, 0.27)];

/// Maps rows of input pixel coordinates (x, y) to output pixel coordinates; NaN where undefined.
pub(crate) type Mapping<'a> = dyn Fn(&[f64], &[f64], &mut [f64], &mut [f64]) + Sync + 'a;

/// How the corners of a patch are had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// By the polynomial.
    Smooth,
    /// By the exact mapping at each corner.
    Formula,
    /// Some corner has no place on the output, or neighbours lie far apart.
    Broken,
    /// No pixel of the patch comes near the output.
    Outside,
}

/// A square of input pixels and what is known of its corners.
#[derive(Debug, Clone)]
pub(crate) struct Patch {
    /// First input column and row.
    pub(crate) first: (usize, usize),
    /// Input pixels across and down.
    pub(crate) size: (usize, usize),
    pub(crate) kind: Kind,
    /// Bounds of the corners in output pixel coordinates (x0, y0, x1, y1), a little generous.
    pub(crate) bounds: [f64; 4],
    /// Output coordinates at the nodes, row by row, when smooth.
    nodes: [[f64; NODES * NODES]; 2],
}

/// The patches of one input image, in order of rows.
#[derive(Debug, Clone)]
pub(crate) struct Lattice {
    pub(crate) patches: Vec<Patch>,
    /// The largest disagreement of a smooth patch with the exact mapping at the points compared, in output pixels.
    pub(crate) worst: f64,
}

impl Lattice {
    /// Measures the mapping of a region of input pixels onto an output of `out_size` pixels; polynomials may differ
    /// from it by `tolerance` output pixels.
    pub(crate) fn new(map: &Mapping<'_>, region: Window, out_size: (usize, usize), tolerance: f64) -> Lattice {
        let mut lattice = Lattice { patches: Vec::new(), worst: 0.0 };
        for y in (region.y0..region.y1).step_by(SIDE) {
            for x in (region.x0..region.x1).step_by(SIDE) {
                let size = ((region.x1 - x).min(SIDE), (region.y1 - y).min(SIDE));
                let patch = Patch::new(map, (x, y), size, out_size, tolerance, &mut lattice.worst);
                if patch.kind != Kind::Outside {
                    lattice.patches.push(patch);
                }
            }
        }
        lattice
    }

    /// Output pixels that the patches may touch, within an output of `out_size`; all of it if one is broken.
    pub(crate) fn footprint(&self, out_size: (usize, usize)) -> Window {
        if self.patches.iter().any(|p| p.kind == Kind::Broken) {
            return Window { x0: 0, y0: 0, x1: out_size.0, y1: out_size.1 };
        }
        let mut b = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
        for p in &self.patches {
            b = [b[0].min(p.bounds[0]), b[1].min(p.bounds[1]), b[2].max(p.bounds[2]), b[3].max(p.bounds[3])];
        }
        // A cast from NaN or beyond the range saturates.
        Window {
            x0: b[0].floor() as usize,
            y0: b[1].floor() as usize,
            x1: ((b[2].ceil() + 1.0) as usize).min(out_size.0),
            y1: ((b[3].ceil() + 1.0) as usize).min(out_size.1),
        }
    }

    /// The patches that may touch a rectangle of the output, grown by `margin` pixels, in order.
    pub(crate) fn near(
        &self,
        origin: (usize, usize),
        size: (usize, usize),
        margin: f64,
    ) -> impl Iterator<Item = &Patch> {
        let (x0, y0) = (origin.0 as f64 - 0.5 - margin, origin.1 as f64 - 0.5 - margin);
        let (x1, y1) = (x0 + size.0 as f64 + 2.0 * margin, y0 + size.1 as f64 + 2.0 * margin);
        self.patches.iter().filter(move |p| {
            let b = &p.bounds;
            p.kind == Kind::Broken || (b[2] >= x0 && b[3] >= y0 && b[0] <= x1 && b[1] <= y1)
        })
    }
}

impl Patch {
    fn new(
        map: &Mapping<'_>,
        first: (usize, usize),
        size: (usize, usize),
        out_size: (usize, usize),
        tolerance: f64,
        worst: &mut f64,
    ) -> Patch {
        const POINTS: usize = NODES * NODES + PROBES.len();
        let (mut x, mut y, mut u, mut v) = ([0.0; POINTS], [0.0; POINTS], [0.0; POINTS], [0.0; POINTS]);
        let place = |s: f64, start: usize, n: usize| (n as f64).mul_add(s, start as f64 - 0.5);
        for k in 0..POINTS {
            let (s, t) = match k.checked_sub(NODES * NODES) {
                None => (node(k % NODES), node(k / NODES)),
                Some(k) => PROBES[k],
            };
            x[k] = place(s, first.0, size.0);
            y[k] = place(t, first.1, size.1);
        }
        map(&x, &y, &mut u, &mut v);
        let mut patch = Patch { first, size, kind: Kind::Smooth, bounds: [0.0; 4], nodes: [[0.0; NODES * NODES]; 2] };
        patch.nodes[0].copy_from_slice(&u[..NODES * NODES]);
        patch.nodes[1].copy_from_slice(&v[..NODES * NODES]);
        let error = patch.error(&u[NODES * NODES..], &v[NODES * NODES..]);
        if error <= tolerance {
            *worst = worst.max(error);
            patch.bounds = bounds(&u, &v);
            let margin = 1.0 + 0.05 * (patch.bounds[2] - patch.bounds[0]).max(patch.bounds[3] - patch.bounds[1]);
            patch.bounds = grown(&patch.bounds, margin);
        } else {
            patch.kind = Kind::Formula;
            patch.judge(map);
        }
        if patch.kind != Kind::Broken && patch.kind != Kind::Outside && !touches(&patch.bounds, out_size) {
            patch.kind = Kind::Outside;
        }
        patch
    }

    /// Largest distance between polynomial and formula at the probes; NaN or infinite where something is undefined.
    fn error(&self, u: &[f64], v: &[f64]) -> f64 {
        let mut error = 0.0_f64;
        for (k, (s, t)) in PROBES.iter().enumerate() {
            let (a, b) = (lagrange(*s), lagrange(*t));
            let (mut pu, mut pv) = (0.0, 0.0);
            for (j, b) in b.iter().enumerate() {
                for (i, a) in a.iter().enumerate() {
                    pu += a * b * self.nodes[0][j * NODES + i];
                    pv += a * b * self.nodes[1][j * NODES + i];
                }
            }
            let off = (pu - u[k]).abs().max((pv - v[k]).abs());
            if !off.is_finite() {
                return f64::INFINITY;
            }
            error = error.max(off);
        }
        error
    }

    /// Looks at every corner of a patch that is not smooth: bounds, gaps and folds.
    fn judge(&mut self, map: &Mapping<'_>) {
        let mut corners = Corners::new(Layout::Corners);
        corners.by_formula(self, map);
        let mut middles = Corners::new(Layout::Drops(0.0));
        middles.by_formula(self, map);
        self.bounds = grown(&bounds(&corners.u, &corners.v), 1.0);
        let nowhere = |c: &Corners| c.u.iter().zip(&c.v).all(|(u, v)| u.is_nan() || v.is_nan());
        if nowhere(&corners) && nowhere(&middles) {
            self.kind = Kind::Outside;
        } else if !corners.are_sound(&middles) {
            self.kind = Kind::Broken;
        }
    }
}

/// Which points of each pixel are wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Layout {
    /// The corners, shared by neighbours: one more each way than there are pixels.
    Corners,
    /// The corners of each pixel shrunk about its centre to this part of its side: two each way for a pixel.
    Drops(f64),
    /// Corners, middles of sides and centres: one more each way than twice the pixels.
    Halves,
}

impl Layout {
    /// Places along a side of `pixels` pixels, from 0 to `pixels`.
    fn lines(self, pixels: usize) -> Vec<f64> {
        match self {
            Layout::Corners => (0..=pixels).map(|i| i as f64).collect(),
            Layout::Halves => (0..=2 * pixels).map(|i| 0.5 * i as f64).collect(),
            Layout::Drops(part) => {
                let sides = [0.5 - 0.5 * part, 0.5 + 0.5 * part];
                (0..pixels).flat_map(|i| sides.map(|s| i as f64 + s)).collect()
            }
        }
    }

    /// Lines from one pixel to the next, and from one side of a pixel to the other.
    fn steps(self) -> (usize, usize) {
        match self {
            Layout::Corners => (1, 1),
            Layout::Drops(_) => (2, 1),
            Layout::Halves => (2, 2),
        }
    }
}

/// Coefficients for places along a side of some number of pixels.
#[derive(Debug)]
struct Basis {
    pixels: usize,
    lines: Vec<f64>,
    rows: Vec<[f64; NODES]>,
}

/// Points of a patch's pixels in output pixel coordinates, row by row.
#[derive(Debug)]
pub(crate) struct Corners {
    pub(crate) u: Vec<f64>,
    pub(crate) v: Vec<f64>,
    pub(crate) stride: usize,
    layout: Layout,
    scratch: [Vec<f64>; 2],
    basis: Vec<Basis>,
}

impl Corners {
    /// None yet; `layout` says which points to fill in.
    pub(crate) fn new(layout: Layout) -> Corners {
        Corners { u: Vec::new(), v: Vec::new(), stride: 0, layout, scratch: Default::default(), basis: Vec::new() }
    }

    /// Fills in the points of `patch`.
    pub(crate) fn of(&mut self, patch: &Patch, map: &Mapping<'_>) {
        match patch.kind {
            Kind::Smooth => self.by_polynomial(patch),
            _ => self.by_formula(patch, map),
        }
    }

    /// Corners (of the drop) of the pixel in column `i`, row `j` of the patch, in order round it.
    #[inline(always)]
    pub(crate) fn quad(&self, i: usize, j: usize) -> [(f64, f64); 4] {
        let (pixel, side) = self.layout.steps();
        let k = (j * self.stride + i) * pixel;
        let up = k + side * self.stride;
        [k, k + side, up + side, up].map(|k| (self.u[k], self.v[k]))
    }

    fn by_formula(&mut self, patch: &Patch, map: &Mapping<'_>) {
        let (across, down) = self.shape(patch);
        let [x, y] = &mut self.scratch;
        x.clear();
        y.clear();
        for t in &self.basis[down].lines {
            for s in &self.basis[across].lines {
                x.push(patch.first.0 as f64 - 0.5 + s);
                y.push(patch.first.1 as f64 - 0.5 + t);
            }
        }
        map(x, y, &mut self.u, &mut self.v);
    }

    fn by_polynomial(&mut self, patch: &Patch) {
        let (across, down) = self.shape(patch);
        let [scratch, _] = &mut self.scratch;
        for (nodes, out) in patch.nodes.iter().zip([&mut self.u, &mut self.v]) {
            interpolate(nodes, &self.basis[across].rows, &self.basis[down].rows, scratch, out);
        }
    }

    /// Makes room; the bases across and down.
    fn shape(&mut self, patch: &Patch) -> (usize, usize) {
        let (across, down) = (self.basis_for(patch.size.0), self.basis_for(patch.size.1));
        self.stride = self.basis[across].lines.len();
        let n = self.stride * self.basis[down].lines.len();
        self.u.resize(n, 0.0);
        self.v.resize(n, 0.0);
        (across, down)
    }

    fn basis_for(&mut self, pixels: usize) -> usize {
        if let Some(at) = self.basis.iter().position(|b| b.pixels == pixels) {
            return at;
        }
        let lines = self.layout.lines(pixels);
        let rows = lines.iter().map(|s| lagrange(s / pixels as f64)).collect();
        self.basis.push(Basis { pixels, lines, rows });
        self.basis.len() - 1
    }

    /// Whether every pixel is a quadrilateral that turns the same way as its neighbours, with its middle about
    /// where it belongs, and no corner undefined or absurdly far.
    fn are_sound(&self, middles: &Corners) -> bool {
        const FAR: f64 = 1e8;
        let Some(rows) = (self.u.len() / self.stride.max(1)).checked_sub(1) else { return false };
        if self.u.iter().chain(&self.v).chain(&middles.u).any(|c| c.is_nan() || c.abs() > FAR) {
            return false;
        }
        let (mut positive, mut negative) = (false, false);
        for j in 0..rows {
            for i in 0..self.stride - 1 {
                let p = self.quad(i, j);
                for c in 0..4 {
                    let (a, b, d) = (p[c], p[(c + 1) % 4], p[(c + 3) % 4]);
                    let turn = (b.0 - a.0) * (d.1 - a.1) - (b.1 - a.1) * (d.0 - a.0);
                    positive |= turn > 0.0;
                    negative |= turn < 0.0;
                }
                let b = p.iter().fold([p[0].0, p[0].1, p[0].0, p[0].1], |b, p| {
                    [b[0].min(p.0), b[1].min(p.1), b[2].max(p.0), b[3].max(p.1)]
                });
                let middle = middles.quad(i, j)[0];
                let mean = |f: fn(&(f64, f64)) -> f64| 0.25 * p.iter().map(f).sum::<f64>();
                let off = (middle.0 - mean(|p| p.0)).abs().max((middle.1 - mean(|p| p.1)).abs());
                if off > 0.25 * (b[2] - b[0]).max(b[3] - b[1]) {
                    return false;
                }
            }
        }
        positive != negative
    }
}

pogson_image::lanes! {
    /// Evaluates the polynomial through `nodes` at the product of two sets of places.
    pub(super) fn interpolate(
        nodes: &[f64; NODES * NODES],
        across: &[[f64; NODES]],
        down: &[[f64; NODES]],
        scratch: &mut Vec<f64>,
        out: &mut [f64],
    ) {
        let width = across.len();
        scratch.resize(NODES * width, 0.0);
        for (line, nodes) in scratch.chunks_exact_mut(width).zip(nodes.chunks_exact(NODES)) {
            for (s, a) in line.iter_mut().zip(across) {
                let mut sum = 0.0;
                for k in 0..NODES {
                    sum = a[k].mul_add(nodes[k], sum);
                }
                *s = sum;
            }
        }
        let lines: [&[f64]; NODES] = std::array::from_fn(|k| &scratch[k * width..(k + 1) * width]);
        for (row, b) in out.chunks_exact_mut(width).zip(down) {
            for (i, out) in row.iter_mut().enumerate() {
                let mut sum = 0.0;
                for k in 0..NODES {
                    sum = b[k].mul_add(lines[k][i], sum);
                }
                *out = sum;
            }
        }
    }
}

/// Chebyshev-Lobatto node `k` on `[0, 1]`: (1 - cos(pi k / 4)) / 2.
pub(super) fn node(k: usize) -> f64 {
    const HALF_ROOT: f64 = std::f64::consts::FRAC_1_SQRT_2 * 0.5;
    [0.0, 0.5 - HALF_ROOT, 0.5, 0.5 + HALF_ROOT, 1.0][k]
}

/// The Lagrange polynomials of the nodes at `s`.
pub(super) fn lagrange(s: f64) -> [f64; NODES] {
    std::array::from_fn(|k| (0..NODES).filter(|j| *j != k).map(|j| (s - node(j)) / (node(k) - node(j))).product())
}

fn bounds(u: &[f64], v: &[f64]) -> [f64; 4] {
    let start = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    u.iter().zip(v).fold(start, |b, (u, v)| [b[0].min(*u), b[1].min(*v), b[2].max(*u), b[3].max(*v)])
}

fn grown(b: &[f64; 4], margin: f64) -> [f64; 4] {
    [b[0] - margin, b[1] - margin, b[2] + margin, b[3] + margin]
}

fn touches(b: &[f64; 4], size: (usize, usize)) -> bool {
    b[2] >= -0.5 && b[3] >= -0.5 && b[0] <= size.0 as f64 - 0.5 && b[1] <= size.1 as f64 - 0.5
}
