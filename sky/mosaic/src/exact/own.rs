//! Solid angles of the output pixels themselves: polynomials between a few where they are measured to hold, and pixel
//! by pixel elsewhere.

use super::accumulate::Window;
use super::lattice::{NODES, PROBES, interpolate, lagrange, node};
use super::outline::{self, Direction, Outline, Skyward};
use pogson_image::sphere::Vectors;

/// Side of the squares of pixels that share a polynomial; squares start at multiples of it, so that areas do not
/// depend on the window that is asked for.
const SIDE: usize = 32;

/// Relative error allowed to the polynomials, where the corners' own digits are not fewer.
const TOLERANCE: f64 = 1e-10;

/// Fills in the solid angles of a window's pixels, in steradians; 0 off the sky.
pub(super) fn areas(place: &Skyward<'_>, window: Window, areas: &mut [f64]) {
    let width = window.x1.saturating_sub(window.x0);
    let rows: Vec<[f64; NODES]> = (0..SIDE).map(|k| lagrange(k as f64 / (SIDE - 1) as f64)).collect();
    let (mut scratch, mut square) = (Vec::new(), vec![0.0; SIDE * SIDE]);
    for y in (window.y0 / SIDE * SIDE..window.y1).step_by(SIDE) {
        for x in (window.x0 / SIDE * SIDE..window.x1).step_by(SIDE) {
            let (left, right) = (x.max(window.x0), (x + SIDE).min(window.x1));
            let smooth = nodes(place, (x, y));
            if let Some(nodes) = &smooth {
                interpolate(nodes, &rows, &rows, &mut scratch, &mut square);
            }
            for row in y.max(window.y0)..(y + SIDE).min(window.y1) {
                let start = (row - window.y0) * width;
                let line = &mut areas[start + left - window.x0..start + right - window.x0];
                match smooth {
                    Some(_) => line.copy_from_slice(&square[(row - y) * SIDE + left - x..(row - y) * SIDE + right - x]),
                    None => one_by_one(place, left, row, line),
                }
            }
        }
    }
}

/// Areas at the nodes of the square that starts at pixel `first`, if a polynomial through them holds between them.
fn nodes(place: &Skyward<'_>, first: (usize, usize)) -> Option<[f64; NODES * NODES]> {
    const POINTS: usize = NODES * NODES + PROBES.len();
    let (mut x, mut y) = (Vec::with_capacity(4 * POINTS), Vec::with_capacity(4 * POINTS));
    for k in 0..POINTS {
        let (s, t) = match k.checked_sub(NODES * NODES) {
            None => (node(k % NODES), node(k / NODES)),
            Some(k) => PROBES[k],
        };
        let (px, py) = (first.0 as f64 + s * (SIDE - 1) as f64, first.1 as f64 + t * (SIDE - 1) as f64);
        for (a, b) in [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)] {
            x.push(px + a);
            y.push(py + b);
        }
    }
    let n = x.len();
    let mut v = Vectors { x: vec![0.0; n], y: vec![0.0; n], z: vec![0.0; n] };
    place(&x, &y, &mut v);
    let mut found = [0.0; POINTS];
    let mut size = 0.0_f64;
    for (k, area) in found.iter_mut().enumerate() {
        let quad = plain_quad(std::array::from_fn(|c| [v.x[4 * k + c], v.y[4 * k + c], v.z[4 * k + c]]))?;
        size = size.max(quad.radius);
        *area = quad.solid_angle();
    }
    let tolerance = TOLERANCE + 1e-15 / size;
    let nodes: [f64; NODES * NODES] = std::array::from_fn(|k| found[k]);
    for ((s, t), area) in PROBES.iter().zip(&found[NODES * NODES..]) {
        let (a, b) = (lagrange(*s), lagrange(*t));
        let along = |j: usize| (0..NODES).map(|i| a[i] * nodes[j * NODES + i]).sum::<f64>();
        let there: f64 = (0..NODES).map(|j| b[j] * along(j)).sum();
        if (there / area - 1.0).abs() > tolerance {
            return None;
        }
    }
    Some(nodes)
}

/// The solid angles of the pixels of row `y` from column `x` on.
fn one_by_one(place: &Skyward<'_>, x: usize, y: usize, areas: &mut [f64]) {
    let n = areas.len() + 1;
    let corners: Vec<f64> = (0..n).map(|k| (x + k) as f64 - 0.5).collect();
    let line = |y: f64| {
        let mut v = Vectors { x: vec![0.0; n], y: vec![0.0; n], z: vec![0.0; n] };
        place(&corners, &vec![y; n], &mut v);
        move |k: usize| -> Direction { [v.x[k], v.y[k], v.z[k]] }
    };
    let (below, above) = (line(y as f64 - 0.5), line(y as f64 + 0.5));
    let mut parts = Vec::new();
    for (k, area) in areas.iter_mut().enumerate() {
        *area = match plain_quad([below(k), below(k + 1), above(k + 1), above(k)]) {
            Some(quad) => quad.solid_angle(),
            None => {
                parts.clear();
                outline::outlines(place, (x + k) as f64, y as f64, &mut parts);
                parts.iter().map(Outline::solid_angle).sum()
            }
        };
    }
}

/// A pixel as one quadrilateral, if it plainly is one: defined, small, and not drawn out as across a cut.
fn plain_quad(v: [Direction; 4]) -> Option<Outline> {
    let sides: [f64; 4] = std::array::from_fn(|i| outline::chord(&v[i], &v[(i + 1) % 4]));
    let (short, long) = sides.iter().fold((f64::INFINITY, 0.0_f64), |s, c| (s.0.min(*c), s.1.max(*c)));
    (v.iter().all(outline::is_defined) && long < 0.1 && long < 3.0 * short).then(|| Outline::new(&v))
}
