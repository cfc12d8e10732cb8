//! Solid angles of the output pixels themselves: polynomials between a few where they are measured to hold, and pixel
//! by pixel elsewhere.

use super::accumulate::Window;
use super::divide::outlines;
use super::lattice::{NODES, PROBES, interpolate, lagrange, node};
use super::outline::{Outline, Skyward};

/// Side of the squares of pixels that share a polynomial; squares start at multiples of it, so that areas do not
/// depend on the window that is asked for.
const SIDE: usize = 32;

/// Relative error allowed to the polynomials, where the corners' own digits are not fewer.
const TOLERANCE: f64 = 1e-10;

/// Fills in the solid angles of a window's pixels, in steradians; 0 off the sky. `parity`: the sense of the pixel grid on
/// the sky.
pub(super) fn areas(place: &Skyward<'_>, window: Window, parity: f64, areas: &mut [f64]) {
    let width = window.x1.saturating_sub(window.x0);
    let rows: Vec<[f64; NODES]> = (0..SIDE).map(|k| lagrange(k as f64 / (SIDE - 1) as f64)).collect();
    let (mut scratch, mut square) = (Vec::new(), vec![0.0; SIDE * SIDE]);
    for y in (window.y0 / SIDE * SIDE..window.y1).step_by(SIDE) {
        for x in (window.x0 / SIDE * SIDE..window.x1).step_by(SIDE) {
            let (left, right) = (x.max(window.x0), (x + SIDE).min(window.x1));
            let smooth = nodes(place, (x, y), parity);
            if let Some(nodes) = &smooth {
                interpolate(nodes, &rows, &rows, &mut scratch, &mut square);
            }
            for row in y.max(window.y0)..(y + SIDE).min(window.y1) {
                let start = (row - window.y0) * width;
                let line = &mut areas[start + left - window.x0..start + right - window.x0];
                match smooth {
                    Some(_) => line.copy_from_slice(&square[(row - y) * SIDE + left - x..(row - y) * SIDE + right - x]),
                    None => one_by_one(place, (left, row), parity, line),
                }
            }
        }
    }
}

/// Areas at the nodes of the square that starts at pixel `first`, if a polynomial through them holds between them.
fn nodes(place: &Skyward<'_>, first: (usize, usize), parity: f64) -> Option<[f64; NODES * NODES]> {
    const POINTS: usize = NODES * NODES + PROBES.len();
    let mut found = [0.0; POINTS];
    let mut size = 0.0_f64;
    let mut parts = Vec::new();
    for (k, area) in found.iter_mut().enumerate() {
        let (s, t) = match k.checked_sub(NODES * NODES) {
            None => (node(k % NODES), node(k / NODES)),
            Some(k) => PROBES[k],
        };
        let along = |first: usize, s: f64| first as f64 + s * (SIDE - 1) as f64;
        parts.clear();
        outlines(place, (along(first.0, s), along(first.1, t)), parity, &mut parts);
        // Anything but a plain quadrilateral is no smooth function of its place.
        let [quad] = parts.as_slice() else { return None };
        if quad.count() != 4 || quad.sign < 0.0 {
            return None;
        }
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
fn one_by_one(place: &Skyward<'_>, (x, y): (usize, usize), parity: f64, areas: &mut [f64]) {
    let mut parts = Vec::new();
    for (k, area) in areas.iter_mut().enumerate() {
        parts.clear();
        outlines(place, ((x + k) as f64, y as f64), parity, &mut parts);
        *area = parts.iter().map(Outline::solid_angle).sum();
    }
}
