//! The points that an image's frame has to hold.

use crate::sphere::{Frame, Vectors};
use crate::wcs::Wcs;

/// Points along each side of an image.
const ALONG: usize = 16;
/// Points across a coarse net over an image, for maps whose outline is off the sky.
const NET: usize = 33;

/// Adds the outline of an image (outer edges of its pixels), and a coarse net where the image is large or partly off the
/// sky, as unit vectors in `frame`.
pub(super) fn outline(image: &Wcs, frame: &Frame, points: &mut Vectors) {
    let (nx, ny) = image.naxis();
    if nx == 0 || ny == 0 {
        return;
    }
    let (right, top) = (nx as f64 - 0.5, ny as f64 - 0.5);
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for i in 0..=ALONG {
        let t = i as f64 / ALONG as f64;
        let (u, v) = (-0.5 + t * nx as f64, -0.5 + t * ny as f64);
        for (px, py) in [(u, -0.5), (u, top), (-0.5, v), (right, v)] {
            x.push(px);
            y.push(py);
        }
    }
    let whole = add(image, frame, &x, &y, points);
    let side = image.pixel_side_deg().unwrap_or(1.0);
    if whole && side * (nx.max(ny) as f64) < 30.0 {
        return;
    }
    (x, y) = (Vec::new(), Vec::new());
    for j in 0..NET {
        for i in 0..NET {
            x.push(-0.5 + i as f64 / (NET - 1) as f64 * nx as f64);
            y.push(-0.5 + j as f64 / (NET - 1) as f64 * ny as f64);
        }
    }
    add(image, frame, &x, &y, points);
}

/// Adds those that are on the sky; whether all are.
fn add(image: &Wcs, frame: &Frame, x: &[f64], y: &[f64], points: &mut Vectors) -> bool {
    let mut vectors = Vectors::new();
    image.pix_to_vectors(x, y, &mut vectors);
    image.frame().convert(frame, &mut vectors);
    let before = points.len();
    for v in (0..vectors.len()).filter_map(|i| vectors.get(i)) {
        if v.iter().all(|c| c.is_finite()) {
            points.push(v);
        }
    }
    points.len() - before == x.len()
}
