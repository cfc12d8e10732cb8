//! Where the corners of input pixels fall on the output grid: exact formulas at the nodes of patches, polynomials
//! between them where they are measured to hold, and the exact formulas at every corner elsewhere.
//!
//! A patch is a square of up to [`SIDE`] input pixels. Its corners are interpolated by a polynomial of degree
//! [`DEGREE`] in each direction through Chebyshev-Lobatto nodes, and compared with the exact mapping at points
//! between the nodes. Sky projections are analytic, so a polynomial that agrees there to a tolerance does so all over
//! the patch but at singular points; those (poles, edges, cuts) fail the comparison.

/// Input pixels along the side of a patch.
pub(super) const SIDE: usize = 32;
/// Degree of the polynomial in each direction.
const DEGREE: usize = 4;
const NODES: usize = DEGREE + 1;
/// Where polynomial and formula are compared, in units of the patch's side: away from nodes, towards the edges.
const PROBES: [(f64, f64); 6] = [(0.05, 0.05), (0.95, 0.05), (0.05, 0.95), (0.95, 0.95), (0.3, 0.7), (0.63, 0.27)];

/// Maps rows of input pixel coordinates (x, y) to output pixel coordinates; NaN where undefined.
pub(super) type Mapping<'a> = dyn Fn(&[f64], &[f64], &mut [f64], &mut [f64]) + Sync + 'a;

/// How the corners of a patch are had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
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
pub(super) struct Patch {
    /// First input column and row.
    pub(super) first: (usize, usize),
    /// Input pixels across and down.
    pub(super) size: (usize, usize),
    pub(super) kind: Kind,
    /// Bounds of the corners in output pixel coordinates (x0, y0, x1, y1), a little generous.
    pub(super) bounds: [f64; 4],
    /// Output coordinates at the nodes, row by row, when smooth.
    nodes: [[f64; NODES * NODES]; 2],
}

/// The patches of one input image, in order of rows.
#[derive(Debug, Clone)]
pub(super) struct Lattice {
    pub(super) patches: Vec<Patch>,
    /// The largest disagreement of a smooth patch with the exact mapping at the points compared, in output pixels.
    pub(super) worst: f64,
}

impl Lattice {
    /// Measures the mapping of an input image of `size` pixels onto an output of `out_size` pixels; polynomials may
    /// differ from it by `tolerance` output pixels.
    pub(super) fn new(map: &Mapping<'_>, size: (usize, usize), out_size: (usize, usize), tolerance: f64) -> Lattice {
        let mut lattice = Lattice { patches: Vec::new(), worst: 0.0 };
        for y in (0..size.1).step_by(SIDE) {
            for x in (0..size.0).step_by(SIDE) {
                let size = ((size.0 - x).min(SIDE), (size.1 - y).min(SIDE));
                let patch = Patch::new(map, (x, y), size, out_size, tolerance, &mut lattice.worst);
                if patch.kind != Kind::Outside {
                    lattice.patches.push(patch);
                }
            }
        }
        lattice
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
        if patch.kind != Kind::Broken && !touches(&patch.bounds, out_size) {
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
        let mut corners = Corners::default();
        corners.by_formula(self, map);
        self.bounds = grown(&bounds(&corners.u, &corners.v), 1.0);
        if !corners.are_sound() {
            self.kind = Kind::Broken;
        }
    }
}

/// The corners of a patch in output pixel coordinates, row by row, one more than there are pixels each way.
#[derive(Debug, Default)]
pub(super) struct Corners {
    pub(super) u: Vec<f64>,
    pub(super) v: Vec<f64>,
    pub(super) stride: usize,
    scratch: [Vec<f64>; 2],
    /// Lagrange coefficients for sides of this many pixels.
    basis: Vec<(usize, Vec<[f64; NODES]>)>,
}

impl Corners {
    /// Fills in the corners of `patch`.
    pub(super) fn of(&mut self, patch: &Patch, map: &Mapping<'_>) {
        match patch.kind {
            Kind::Smooth => self.by_polynomial(patch),
            _ => self.by_formula(patch, map),
        }
    }

    /// Corners of the pixel in column `i`, row `j` of the patch, in order round it.
    #[inline(always)]
    pub(super) fn quad(&self, i: usize, j: usize) -> [(f64, f64); 4] {
        let k = j * self.stride + i;
        [k, k + 1, k + self.stride + 1, k + self.stride].map(|k| (self.u[k], self.v[k]))
    }

    fn by_formula(&mut self, patch: &Patch, map: &Mapping<'_>) {
        self.shape(patch);
        let [x, y] = &mut self.scratch;
        x.clear();
        y.clear();
        for j in 0..=patch.size.1 {
            for i in 0..=patch.size.0 {
                x.push((patch.first.0 + i) as f64 - 0.5);
                y.push((patch.first.1 + j) as f64 - 0.5);
            }
        }
        map(x, y, &mut self.u, &mut self.v);
    }

    fn by_polynomial(&mut self, patch: &Patch) {
        self.shape(patch);
        let (across, down) = (self.basis_for(patch.size.0), self.basis_for(patch.size.1));
        let [scratch, _] = &mut self.scratch;
        for (nodes, out) in patch.nodes.iter().zip([&mut self.u, &mut self.v]) {
            interpolate(nodes, &self.basis[across].1, &self.basis[down].1, scratch, out);
        }
    }

    fn shape(&mut self, patch: &Patch) {
        self.stride = patch.size.0 + 1;
        let n = self.stride * (patch.size.1 + 1);
        self.u.resize(n, 0.0);
        self.v.resize(n, 0.0);
    }

    fn basis_for(&mut self, pixels: usize) -> usize {
        if let Some(at) = self.basis.iter().position(|(n, _)| *n == pixels) {
            return at;
        }
        let rows = (0..=pixels).map(|i| lagrange(i as f64 / pixels as f64)).collect();
        self.basis.push((pixels, rows));
        self.basis.len() - 1
    }

    /// Whether every pixel is a quadrilateral that turns the same way as its neighbours, and no corner is undefined
    /// or absurdly far.
    fn are_sound(&self) -> bool {
        const FAR: f64 = 1e8;
        let Some(rows) = (self.u.len() / self.stride.max(1)).checked_sub(1) else { return false };
        if self.u.iter().chain(&self.v).any(|c| !(c.abs() < FAR)) {
            return false;
        }
        let (mut positive, mut negative) = (false, false);
        for j in 0..rows {
            for i in 0..self.stride - 1 {
                let k = j * self.stride + i;
                let p = [k, k + 1, k + self.stride + 1, k + self.stride].map(|k| (self.u[k], self.v[k]));
                for c in 0..4 {
                    let (a, b, d) = (p[c], p[(c + 1) % 4], p[(c + 3) % 4]);
                    let turn = (b.0 - a.0) * (d.1 - a.1) - (b.1 - a.1) * (d.0 - a.0);
                    positive |= turn > 0.0;
                    negative |= turn < 0.0;
                }
            }
        }
        positive != negative
    }
}

pogson_image::lanes! {
    /// Evaluates the polynomial through `nodes` at the product of two sets of places.
    fn interpolate(
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
fn node(k: usize) -> f64 {
    const HALF_ROOT: f64 = std::f64::consts::FRAC_1_SQRT_2 * 0.5;
    [0.0, 0.5 - HALF_ROOT, 0.5, 0.5 + HALF_ROOT, 1.0][k]
}

/// The Lagrange polynomials of the nodes at `s`.
fn lagrange(s: f64) -> [f64; NODES] {
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
