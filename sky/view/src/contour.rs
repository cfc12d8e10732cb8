//! Lines of equal value through an image (marching squares).

use crate::draw::Point;

/// A piece of a contour: from, to.
pub type Segment = (Point, Point);

/// The contour of `level` through `values`, as pieces between pixel centres, in pixel coordinates (0-based, y up as the
/// rows go).
///
/// - `values`: rows of `width`. Squares of four pixels that touch an undefined one have no contour.
///
/// Values of exactly the level count as above it. Saddles are cut by the mean of the four corners.
pub fn contour(values: &[f32], width: usize, level: f32) -> Vec<Segment> {
    let height = values.len() / width.max(1);
    let mut pieces = Vec::new();
    if width < 2 {
        return pieces;
    }
    for y in 0..height.saturating_sub(1) {
        for x in 0..width - 1 {
            let at = y * width + x;
            // Counter-clockwise from the lower left.
            let v = [values[at], values[at + 1], values[at + width + 1], values[at + width]].map(f64::from);
            if v.iter().any(|v| !v.is_finite()) {
                continue;
            }
            square(v, f64::from(level), (x as f64, y as f64), &mut pieces);
        }
    }
    pieces
}

/// The pieces within one square with the corner values `v`, counter-clockwise from the lower left.
fn square(v: [f64; 4], level: f64, (x, y): Point, pieces: &mut Vec<Segment>) {
    const CORNERS: [Point; 4] = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)];
    let above = v.map(|v| v >= level);
    // Where the contour crosses side `k`, from corner k to the next one.
    let cross = |k: usize| {
        let n = (k + 1) % 4;
        let t = (level - v[k]) / (v[n] - v[k]);
        let ((ax, ay), (bx, by)) = (CORNERS[k], CORNERS[n]);
        (x + ax + t * (bx - ax), y + ay + t * (by - ay))
    };
    let sides: Vec<usize> = (0..4).filter(|k| above[*k] != above[(k + 1) % 4]).collect();
    match sides[..] {
        [a, b] => pieces.push((cross(a), cross(b))),
        [..] if sides.len() == 4 => {
            let middle = v.iter().sum::<f64>() / 4.0 >= level;
            // The two corners unlike the middle are cut off, each by its own sides.
            for k in (0..4).filter(|k| above[*k] != middle) {
                pieces.push((cross((k + 3) % 4), cross(k)));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contour_of_a_cone_is_a_circle() {
        let values: Vec<f32> =
            (0..41 * 41).map(|k| libm::hypot((k % 41) as f64 - 20.0, (k / 41) as f64 - 20.0) as f32).collect();
        let pieces = contour(&values, 41, 11.0);
        let length: f64 = pieces.iter().map(|(a, b)| libm::hypot(a.0 - b.0, a.1 - b.1)).sum();
        assert!((length / (std::f64::consts::TAU * 11.0) - 1.0).abs() < 0.005, "{length}");
        for (a, _) in &pieces {
            assert!((libm::hypot(a.0 - 20.0, a.1 - 20.0) - 11.0).abs() < 0.03);
        }
    }

    #[test]
    fn saddles_have_two_pieces_and_undefined_pixels_none() {
        assert_eq!(contour(&[1.0, 0.0, 0.0, 1.0], 2, 0.5).len(), 2);
        assert!(contour(&[1.0, 0.0, 0.0, f32::NAN], 2, 0.5).is_empty());
        assert!(contour(&[1.0, 0.0, 1.0], 1, 0.5).is_empty() && contour(&[], 0, 0.5).is_empty());
    }
}
