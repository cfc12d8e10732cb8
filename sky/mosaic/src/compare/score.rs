//! Measured stars against the truth, summed up.

use serde::Serialize;

use super::aperture::plane_fit;

/// One star, measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StarResult {
    /// Right ascension as listed, in degrees.
    pub ra: f64,
    /// Declination as listed, in degrees.
    pub dec: f64,
    /// Flux as listed.
    pub true_flux: f64,
    /// Flux as measured.
    pub flux: f64,
    /// Measured minus true place, in pixels.
    pub dx: f64,
    /// The same along the other axis.
    pub dy: f64,
    /// Local background at the star.
    pub background: f64,
    /// True place in the image, 1-based pixels.
    pub x: f64,
    /// The same along the other axis.
    pub y: f64,
    /// True when an edge of a tile passes by.
    pub seam: bool,
}

/// A group of stars in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GroupScore {
    /// Stars in the group.
    pub n: usize,
    /// Median of measured over true flux minus one, in percent.
    pub flux_median: f64,
    /// Its scatter (standard deviation about the mean), in percent.
    pub flux_rms: f64,
    /// Its largest size, in percent.
    pub flux_max: f64,
    /// Root mean square distance of measured from true places, in pixels.
    pub centroid_rms: f64,
    /// The largest one.
    pub centroid_max: f64,
}

/// All measured stars of one image in numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Stars measured.
    pub stars: usize,
    /// Those above the flux that counts as bright.
    pub bright_stars: usize,
    /// Scatter of the local backgrounds after one plane over the whole image is taken out (overlaps do not fix that).
    pub background_rms: f64,
    /// The same with the plane left in.
    pub background_rms_with_plane: f64,
    /// Every star.
    pub all: Option<GroupScore>,
    /// The bright ones.
    pub bright: Option<GroupScore>,
    /// The bright ones near an edge of a tile.
    pub bright_seam: Option<GroupScore>,
    /// The other bright ones.
    pub bright_other: Option<GroupScore>,
}

impl Score {
    /// Sums up; `bright_above` is the flux from which a star counts as bright.
    pub fn of(stars: &[StarResult], bright_above: f64) -> Score {
        let bright = |star: &&StarResult| star.true_flux > bright_above;
        let (background_rms, background_rms_with_plane) = background_scatter(stars);
        Score {
            stars: stars.len(),
            bright_stars: stars.iter().filter(bright).count(),
            background_rms,
            background_rms_with_plane,
            all: group(stars.iter()),
            bright: group(stars.iter().filter(bright)),
            bright_seam: group(stars.iter().filter(bright).filter(|star| star.seam)),
            bright_other: group(stars.iter().filter(bright).filter(|star| !star.seam)),
        }
    }
}

fn group<'a>(stars: impl Iterator<Item = &'a StarResult>) -> Option<GroupScore> {
    let stars: Vec<&StarResult> = stars.collect();
    if stars.is_empty() {
        return None;
    }
    let excess: Vec<f64> = stars.iter().map(|star| 100.0 * (star.flux / star.true_flux - 1.0)).collect();
    let distance: Vec<f64> = stars.iter().map(|star| libm::hypot(star.dx, star.dy)).collect();
    let largest = |values: &[f64]| values.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    Some(GroupScore {
        n: stars.len(),
        flux_median: median(&excess),
        flux_rms: deviation(&excess),
        flux_max: largest(&excess),
        centroid_rms: (distance.iter().map(|d| d * d).sum::<f64>() / distance.len() as f64).sqrt(),
        centroid_max: largest(&distance),
    })
}

/// Scatter of the backgrounds after and before one plane is taken out; stars beyond 4 robust sigmas do not shape the plane.
fn background_scatter(stars: &[StarResult]) -> (f64, f64) {
    let all: Vec<f64> = stars.iter().map(|star| star.background).collect();
    let mut keep = vec![true; stars.len()];
    let mut rest = all.clone();
    for _ in 0..5 {
        let kept = stars.iter().zip(&keep).filter(|(_, keep)| **keep);
        let Some(plane) = plane_fit(kept.map(|(star, _)| [star.x, star.y, star.background])) else { break };
        rest = stars.iter().map(|star| star.background - plane[0] - plane[1] * star.x - plane[2] * star.y).collect();
        let sizes: Vec<f64> = rest.iter().map(|r| r.abs()).collect();
        let limit = 4.0 * 1.4826 * median(&sizes) + 1e-9;
        keep = sizes.iter().map(|size| *size < limit).collect();
    }
    (deviation(&rest), deviation(&all))
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    match n {
        0 => f64::NAN,
        _ if n % 2 == 1 => sorted[n / 2],
        _ => 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]),
    }
}

/// Standard deviation about the mean, divided by the number.
fn deviation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn star(flux: f64, background: f64, x: f64, y: f64, seam: bool) -> StarResult {
        StarResult { ra: 0.0, dec: 0.0, true_flux: 100.0, flux, dx: 0.3, dy: 0.4, background, x, y, seam }
    }

    #[test]
    fn a_sloping_background_scatters_only_before_the_plane_is_out() {
        let stars: Vec<_> = (0..50)
            .map(|i| {
                star(100.0, 3.0 + f64::from(i % 7) - 2.0 * f64::from(i / 7), f64::from(i % 7), f64::from(i / 7), false)
            })
            .collect();
        let score = Score::of(&stars, 10.0);
        assert!(score.background_rms < 1e-12 && score.background_rms_with_plane > 1.0);
    }

    #[test]
    fn groups_part_bright_from_faint_and_seams_from_the_rest() {
        let stars =
            [star(101.0, 0.0, 0.0, 0.0, true), star(99.0, 0.0, 1.0, 0.0, false), star(100.0, 0.0, 0.0, 1.0, false)];
        let score = Score::of(&stars, 10.0);
        let (seam, other) = (score.bright_seam.unwrap(), score.bright_other.unwrap());
        assert_eq!((seam.n, other.n), (1, 2));
        assert!((seam.flux_max - 1.0).abs() < 1e-12 && (other.flux_rms - 0.5).abs() < 1e-12);
        assert!((seam.centroid_rms - 0.5).abs() < 1e-12);
        assert_eq!(Score::of(&stars, 1000.0).bright, None);
    }
}
