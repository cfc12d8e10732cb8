//! Profiles along the major axis: means over elliptical rings.

use serde::Serialize;

use super::aperture::Ellipse;
use super::image::Field;

/// One ring.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ring {
    /// Inner semi-major axis, pixels.
    pub inner: f64,
    /// Outer semi-major axis, pixels.
    pub outer: f64,
    /// Area of pixels with values, pixels.
    pub area: f64,
    /// Mean of the values, weighted by the share of each pixel in the ring.
    pub mean: f64,
    /// Standard deviation of that mean: what the uncertainties of the pixels say, with `pixels_per_beam` of them as one;
    /// without uncertainties from the scatter within the ring.
    pub sigma: f64,
    /// Standard deviation of the values within the ring.
    pub scatter: f64,
    /// Median of the values of pixels that lie in the ring for more than half.
    pub median: f64,
    /// Mean inside the outer edge.
    pub mean_within: f64,
}

/// Rings of equal width about a centre, out to where less than a twentieth of a ring has values.
///
/// - `shape`: centre, axis ratio and angle; its `a` does not matter;
/// - `width`: of a ring along the major axis, pixels, above 0;
/// - `sigmas`: standard deviations of the pixels; empty where unknown;
/// - `pixels_per_beam`: pixels whose errors are one and the same, at least 1.
pub fn profile(field: &Field, shape: Ellipse, width: f64, sigmas: &[f64], pixels_per_beam: f64) -> Vec<Ring> {
    let mut rings = Vec::new();
    if width.is_nan() || width <= 0.0 {
        return rings;
    }
    let most = (field.diagonal() / shape.q / width).ceil().clamp(0.0, 10_000.0) as usize;
    let (mut sum_within, mut area_within) = (0.0, 0.0);
    let mut before: Vec<f64> = vec![0.0; field.values.len()];
    for k in 0..most {
        let (inner, outer) = (width * k as f64, width * (k + 1) as f64);
        let mut shares = Vec::new();
        shape.with_a(outer).visit(field.width, field.height, |at, share| {
            let new = share - before[at];
            before[at] = share;
            if new > 1e-12 && !field.masked[at] {
                shares.push((at, new));
            }
        });
        let area: f64 = shares.iter().map(|(_, s)| s).sum();
        let full = shape.with_a(outer).area() - shape.with_a(inner).area();
        if area < 0.05 * full {
            break;
        }
        let sum: f64 = shares.iter().map(|(at, s)| s * field.values[*at]).sum();
        let mean = sum / area;
        let spread = |at: usize| (field.values[at] - mean) * (field.values[at] - mean);
        let variance = shares.iter().map(|(at, s)| s * spread(*at)).sum::<f64>() / area;
        let beam = pixels_per_beam.max(1.0);
        let known: f64 = shares
            .iter()
            .filter_map(|(at, s)| sigmas.get(*at).filter(|v| v.is_finite()).map(|v| s * s * v * v))
            .sum::<f64>()
            / (area * area);
        let of_mean = if sigmas.is_empty() { variance / area.max(1.0) } else { known };
        let mut inside: Vec<f64> = shares.iter().filter(|(_, s)| *s > 0.5).map(|(at, _)| field.values[*at]).collect();
        inside.sort_by(f64::total_cmp);
        sum_within += sum;
        area_within += area;
        rings.push(Ring {
            inner,
            outer,
            area,
            mean,
            sigma: (of_mean * beam).sqrt(),
            scatter: variance.sqrt(),
            median: inside.get(inside.len() / 2).copied().unwrap_or(mean),
            mean_within: sum_within / area_within,
        });
    }
    rings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disc(side: usize, q: f64) -> (Field, Ellipse) {
        let centre = side as f64 / 2.0;
        let shape = Ellipse { centre: (centre, centre), a: 1.0, q, theta: 0.4 };
        let values: Vec<f64> = (0..side * side)
            .map(|k| libm::exp(-shape.radius_of((k % side) as f64, (k / side) as f64) / 12.0))
            .collect();
        (Field::new(&values, side, &[]), shape)
    }

    #[test]
    fn the_profile_of_an_inclined_disc_is_its_exponential() {
        let (field, shape) = disc(101, 0.5);
        let rings = profile(&field, shape, 2.0, &[], 1.0);
        for ring in rings.iter().skip(2).take(16) {
            // The mean of exp(-r / h) over the ring, in closed form.
            let f = |r: f64| -12.0 * (r + 12.0) * libm::exp(-r / 12.0);
            let truth = 2.0 * (f(ring.outer) - f(ring.inner)) / (ring.outer * ring.outer - ring.inner * ring.inner);
            assert!((ring.mean / truth - 1.0).abs() < 0.01, "{ring:?} {truth}");
        }
        assert!(rings[0].mean > rings[1].mean && rings[5].mean_within > rings[5].mean);
    }

    #[test]
    fn the_sigma_of_a_mean_falls_with_the_root_of_its_area() {
        let field = Field::new(&[3.0; 61 * 61], 61, &[]);
        let shape = Ellipse::circle((30.0, 30.0), 1.0);
        let sigmas = [0.5; 61 * 61];
        let rings = profile(&field, shape, 5.0, &sigmas, 1.0);
        let ring = rings[3];
        assert!((ring.mean - 3.0).abs() < 1e-12 && ring.scatter < 1e-7);
        // Pixels at the rim count with the square of their share.
        assert!(ring.sigma < 0.5 / ring.area.sqrt() && ring.sigma > 0.9 * 0.5 / ring.area.sqrt());
        let beams = profile(&field, shape, 5.0, &sigmas, 16.0);
        assert!((beams[3].sigma / ring.sigma - 4.0).abs() < 1e-12);
    }

    #[test]
    fn rings_end_where_values_end() {
        let mut values = vec![f64::NAN; 81 * 81];
        let shape = Ellipse::circle((40.0, 40.0), 1.0);
        for (k, v) in values.iter_mut().enumerate() {
            if shape.radius_of((k % 81) as f64, (k / 81) as f64) < 21.0 {
                *v = 1.0;
            }
        }
        let rings = profile(&Field::new(&values, 81, &[]), shape, 2.0, &[], 1.0);
        assert_eq!(rings.len(), 11);
        assert!(profile(&Field::new(&values, 81, &[]), shape, 0.0, &[], 1.0).is_empty());
    }
}
