//! Stars: round sources as narrow as the point spread function.

/// Full width at half maximum over the standard deviation of a Gaussian.
const FWHM: f64 = 2.354_820_045;

/// A source and its width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Compact {
    /// Column, 0-based.
    pub x: f64,
    /// Row.
    pub y: f64,
    /// Full width at half maximum, pixels, of the round Gaussian that weighs its light best.
    pub fwhm: f64,
    /// Difference of its second moments along the two axes and diagonals, over their sum.
    pub ellipticity: f64,
    /// Central brightness above its surroundings.
    pub peak: f64,
    /// Flux of the Gaussian.
    pub flux: f64,
}

/// An image without its sky, and its noise.
#[derive(Debug, Clone, Copy)]
pub struct Image<'a> {
    /// Values, row by row.
    pub values: &'a [f64],
    /// Columns.
    pub width: usize,
    /// Standard deviation of the sky in a pixel.
    pub sigma: f64,
}

/// Sources whose peaks stand out by `significance` standard deviations and are no wider than three of the expected widths,
/// the brightest first.
///
/// - `expected`: usual width at half maximum, pixels
pub fn compact_sources(image: Image<'_>, expected: f64, significance: f64) -> Vec<Compact> {
    let width = image.width;
    let height = image.values.len() / width.max(1);
    let reach = (1.5 * expected).ceil().max(2.0) as usize;
    let mut found = Vec::new();
    if width <= 2 * reach || height <= 2 * reach {
        return found;
    }
    for y in reach..height - reach {
        for x in reach..width - reach {
            let value = image.values[y * width + x];
            if value > significance * image.sigma
                && is_peak(image, x, y, (expected * 0.75).ceil().max(1.0) as usize)
                && let Some(source) = measure(image, x, y, expected)
                && source.peak > significance * image.sigma
            {
                found.push(source);
            }
        }
    }
    found.sort_by(|a, b| b.peak.total_cmp(&a.peak));
    found
}

fn is_peak(image: Image<'_>, x: usize, y: usize, reach: usize) -> bool {
    let value = image.values[y * image.width + x];
    for v in y - reach..=y + reach {
        for u in x - reach..=x + reach {
            let other = image.values[v * image.width + u];
            if other.is_nan() || other > value || (other == value && (v, u) < (y, x)) {
                return false;
            }
        }
    }
    true
}

/// Adaptive moments (Bernstein & Jarvis 2002, AJ 123, 583, with a round weight): the Gaussian whose width its own weighted
/// moments reproduce.
fn measure(image: Image<'_>, x: usize, y: usize, expected: f64) -> Option<Compact> {
    let width = image.width;
    let height = image.values.len() / width;
    let outer = (3.0 * expected).ceil().max(5.0) as i64;
    let near = |reach: f64| {
        let r = reach.ceil() as i64;
        let clip = move |v: i64, n: usize| v.clamp(0, n as i64 - 1) as usize;
        let rows = clip(y as i64 - r, height)..=clip(y as i64 + r, height);
        rows.flat_map(move |v| (clip(x as i64 - r, width)..=clip(x as i64 + r, width)).map(move |u| (u, v)))
    };
    let mut around: Vec<f64> = near(outer as f64)
        .filter(|(u, v)| {
            let r = libm::hypot(*u as f64 - x as f64, *v as f64 - y as f64);
            r > 2.0 * expected && r <= outer as f64
        })
        .map(|(u, v)| image.values[v * width + u])
        .filter(|v| v.is_finite())
        .collect();
    if around.len() < 8 {
        return None;
    }
    let level = crate::sky::median(&mut around);
    let (mut cx, mut cy, mut s) = (x as f64, y as f64, expected / FWHM);
    let mut shape = (0.0, 0.0);
    let mut flux = 0.0;
    for _ in 0..30 {
        let (mut sum, mut mx, mut my, mut xx, mut yy, mut xy, mut ww) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
        for (u, v) in near(4.0 * s + 1.0) {
            let value = image.values[v * width + u] - level;
            if !value.is_finite() {
                return None;
            }
            let (dx, dy) = (u as f64 - cx, v as f64 - cy);
            let weight = libm::exp(-(dx * dx + dy * dy) / (2.0 * s * s));
            sum += weight * value;
            mx += weight * value * dx;
            my += weight * value * dy;
            xx += weight * value * dx * dx;
            yy += weight * value * dy * dy;
            xy += weight * value * dx * dy;
            ww += weight * weight;
        }
        if sum <= 0.0 {
            return None;
        }
        (cx, cy) = (cx + mx / sum, cy + my / sum);
        let second = 0.5 * (xx + yy) / sum;
        flux = sum / ww * 2.0 * std::f64::consts::PI * s * s;
        shape = ((xx - yy) / (xx + yy), 2.0 * xy / (xx + yy));
        // A weight of the source's own width halves its variance.
        let wanted = 1.0 / (1.0 / second.max(1e-3) - 1.0 / (s * s));
        if wanted.is_nan() || wanted <= 0.0 || wanted.sqrt() * FWHM > 3.0 * expected {
            return None;
        }
        let next = wanted.sqrt();
        let done = (next - s).abs() < 1e-4 * s;
        s = 0.5 * (s + next);
        if done {
            break;
        }
    }
    let ellipticity = libm::hypot(shape.0, shape.1);
    let peak = flux / (2.0 * std::f64::consts::PI * s * s);
    let moved = libm::hypot(cx - x as f64, cy - y as f64);
    (moved < expected && s * FWHM > 0.8).then_some(Compact { x: cx, y: cy, fwhm: s * FWHM, ellipticity, peak, flux })
}

/// Width of the stars of an image, pixels, and their number: the median of the densest group of widths within 15 % of each
/// other. None with fewer than four, or widths beyond a factor of 1.6 from what is expected.
pub fn width_of_stars(image: Image<'_>, expected: f64) -> Option<(f64, usize)> {
    const FEWEST: usize = 4;
    let sources = compact_sources(image, expected, 30.0);
    let mut widths: Vec<f64> = sources
        .iter()
        .filter(|s| s.ellipticity < 0.12 && s.fwhm > expected / 1.6 && s.fwhm < 1.6 * expected)
        .map(|s| s.fwhm)
        .collect();
    widths.sort_by(f64::total_cmp);
    let group = |k: usize| widths[k..].iter().take_while(|w| **w <= 1.15 * widths[k]).count();
    let start = (0..widths.len()).max_by_key(|&k| (group(k), std::cmp::Reverse(k)))?;
    let count = group(start);
    (count >= FEWEST && 2 * count >= widths.len()).then(|| (widths[start + count / 2], count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sky::tests::Normal;

    fn field(stars: &[(f64, f64, f64)], fwhm: f64, galaxy: bool) -> Vec<f64> {
        let width = 160;
        let mut random = Normal::new(21);
        let s = fwhm / FWHM;
        (0..width * width)
            .map(|k| {
                let (x, y) = ((k % width) as f64, (k / width) as f64);
                let light: f64 = stars
                    .iter()
                    .map(|(u, v, p)| p * libm::exp(-((x - u).powi(2) + (y - v).powi(2)) / (2.0 * s * s)))
                    .sum();
                let disc = if galaxy { 60.0 * libm::exp(-libm::hypot(x - 80.0, (y - 80.0) / 0.6) / 9.0) } else { 0.0 };
                light + disc + random.next()
            })
            .collect()
    }

    #[test]
    fn widths_of_stars_are_measured_though_a_galaxy_is_among_them() {
        let stars = [
            (20.3, 30.8, 300.0),
            (120.0, 40.5, 150.0),
            (60.7, 130.2, 800.0),
            (140.1, 120.6, 90.0),
            (30.0, 100.0, 200.0),
        ];
        let values = field(&stars, 4.2, true);
        let image = Image { values: &values, width: 160, sigma: 1.0 };
        let (width, count) = width_of_stars(image, 3.5).unwrap();
        assert!((width / 4.2 - 1.0).abs() < 0.02 && count == 5, "{width} {count}");
        assert_eq!(width_of_stars(image, 9.0), None);
        assert_eq!(width_of_stars(Image { values: &field(&stars[..2], 4.2, true), width: 160, sigma: 1.0 }, 4.0), None);
        let found = compact_sources(image, 4.2, 50.0);
        let first = found[0];
        assert!(libm::hypot(first.x - 60.7, first.y - 130.2) < 0.02, "{first:?}");
        let flux = 800.0 * 2.0 * std::f64::consts::PI * (4.2 / FWHM).powi(2);
        assert!((first.flux / flux - 1.0).abs() < 0.02 && (first.peak / 800.0 - 1.0).abs() < 0.02);
    }

    #[test]
    fn small_and_empty_images_have_no_stars() {
        assert!(compact_sources(Image { values: &[1.0; 9], width: 3, sigma: 0.1 }, 3.0, 5.0).is_empty());
        assert!(compact_sources(Image { values: &[], width: 0, sigma: 0.1 }, 3.0, 5.0).is_empty());
    }
}
