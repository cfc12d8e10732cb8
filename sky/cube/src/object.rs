//! The galaxy on the grid: where it is and how far it reaches.

use crate::sky::box_mean;

/// Significance of the smoothed sum of bands that counts as the object.
const THRESHOLD: f64 = 3.0;

/// An ellipse about the object, with the pixels that it was found in.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Column of the centre, 0-based.
    pub x: f64,
    /// Row.
    pub y: f64,
    /// Semi-major axis, pixels: that of the ellipse with the second moments of the detected pixels.
    pub a: f64,
    /// Semi-minor axis, pixels.
    pub b: f64,
    /// Angle of the major axis from the columns' axis towards the rows', degrees, -90 to 90.
    pub angle_deg: f64,
    /// Number of detected pixels.
    pub pixels: usize,
}

impl Object {
    /// Finds the object: of the joined areas above the threshold the one that is largest, where distance from the middle
    /// counts against it. None if nothing stands out.
    ///
    /// - `significance`: of each pixel, row by row; NaN where there are no data
    pub fn find(significance: &[f64], width: usize) -> Option<Object> {
        let height = significance.len() / width.max(1);
        // The mean of nine pixels has a third of the scatter.
        let smooth = box_mean(significance, width, 1);
        let above: Vec<bool> = smooth.iter().map(|s| 3.0 * s > 2.0 * THRESHOLD).collect();
        let middle = (0.5 * width as f64 - 0.5, 0.5 * height as f64 - 0.5);
        let near = 0.2 * width.min(height) as f64;
        let mut seen = vec![false; above.len()];
        let mut best: Option<(f64, Vec<usize>)> = None;
        for start in 0..above.len() {
            if !above[start] || seen[start] {
                continue;
            }
            let segment = segment(&above, &mut seen, start, width);
            let n = segment.len() as f64;
            let x = segment.iter().map(|k| (k % width) as f64).sum::<f64>() / n;
            let y = segment.iter().map(|k| (k / width) as f64).sum::<f64>() / n;
            let far = libm::hypot(x - middle.0, y - middle.1) / near.max(1.0);
            let score = n / (1.0 + far * far * far * far);
            if segment.len() >= 4 && best.as_ref().is_none_or(|(top, _)| score > *top) {
                best = Some((score, segment));
            }
        }
        let (_, segment) = best?;
        Some(Object::around(&segment, &smooth, width))
    }

    fn around(segment: &[usize], smooth: &[f64], width: usize) -> Object {
        // The centre goes by light, held down so that a star in front does not draw it; shape by area.
        let mut held: Vec<f64> = segment.iter().map(|k| smooth[*k]).collect();
        let top = 4.0 * crate::sky::median(&mut held);
        let mut sums = [0.0; 3];
        for &k in segment {
            let weight = smooth[k].min(top).max(0.0);
            for (sum, term) in sums.iter_mut().zip([1.0, (k % width) as f64, (k / width) as f64]) {
                *sum += weight * term;
            }
        }
        let (x, y) = (sums[1] / sums[0], sums[2] / sums[0]);
        let n = segment.len() as f64;
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for &k in segment {
            let (dx, dy) = ((k % width) as f64 - x, (k / width) as f64 - y);
            xx += dx * dx / n;
            xy += dx * dy / n;
            yy += dy * dy / n;
        }
        let (half, difference) = (0.5 * (xx + yy), 0.5 * (xx - yy));
        let root = libm::hypot(difference, xy);
        let axis = |v: f64| 2.0 * v.max(1.0 / 12.0).sqrt();
        let angle_deg = 0.5 * libm::atan2(2.0 * xy, xx - yy).to_degrees();
        Object { x, y, a: axis(half + root), b: axis(half - root), angle_deg, pixels: segment.len() }
    }

    /// Distance of a place from the centre in units of the ellipse's axes.
    pub fn radius(&self, x: f64, y: f64) -> f64 {
        let (s, c) = libm::sincos(self.angle_deg.to_radians());
        let (dx, dy) = (x - self.x, y - self.y);
        libm::hypot((c * dx + s * dy) / self.a, (c * dy - s * dx) / self.b)
    }
}

/// Pixels joined to `start` along sides and corners.
fn segment(above: &[bool], seen: &mut [bool], start: usize, width: usize) -> Vec<usize> {
    let height = above.len() / width;
    let mut found = vec![start];
    seen[start] = true;
    let mut next = 0;
    while next < found.len() {
        let (x, y) = (found[next] % width, found[next] / width);
        next += 1;
        for v in y.saturating_sub(1)..(y + 2).min(height) {
            for u in x.saturating_sub(1)..(x + 2).min(width) {
                let k = v * width + u;
                if above[k] && !seen[k] {
                    seen[k] = true;
                    found.push(k);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_elliptical_galaxy_is_found_with_its_axes_beside_stars() {
        let width = 200;
        let (s, c) = libm::sincos(0.5);
        let significance: Vec<f64> = (0..width * width)
            .map(|k| {
                let (dx, dy) = ((k % width) as f64 - 110.0, (k / width) as f64 - 95.0);
                let (u, v) = (c * dx + s * dy, c * dy - s * dx);
                let star = 1e4 * libm::exp(-((dx - 60.0) * (dx - 60.0) + (dy - 60.0) * (dy - 60.0)) / 4.0);
                // Falls through the threshold of 2 on the ellipse of axes 40 and 20.
                2.0 * libm::exp(8.0 * (1.0 - libm::hypot(u / 40.0, v / 20.0))) + star
            })
            .collect();
        let found = Object::find(&significance, width).unwrap();
        assert!((found.x - 110.0).abs() < 0.5 && (found.y - 95.0).abs() < 0.5, "{found:?}");
        assert!((found.a / 40.0 - 1.0).abs() < 0.04 && (found.b / 20.0 - 1.0).abs() < 0.06, "{found:?}");
        assert!((found.angle_deg - 0.5f64.to_degrees()).abs() < 1.0, "{found:?}");
        assert!((found.radius(found.x, found.y)).abs() < 1e-12);
    }

    #[test]
    fn nothing_is_found_where_nothing_is() {
        assert_eq!(Object::find(&vec![0.1; 900], 30), None);
        assert_eq!(Object::find(&[], 0), None);
    }
}
