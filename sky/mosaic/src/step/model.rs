//! Step 4: the corrections of all images from the fits over their overlaps.

use super::fits::Fits;
use super::grid::Listed;
use crate::background::fit::PairFit;
use crate::background::solve::{Solution, solve};
use crate::error::MosaicError;
use std::path::Path;

/// Brings the fits of several tables together, in the order of a sweep over the output, as [`crate::pipeline`] has it.
///
/// # Errors
/// [`MosaicError::Table`] when a pair stands in two tables, or a degree is asked for that a table has no sums for.
pub fn gather(
    tables: Vec<(&Path, Fits)>,
    images: &Listed,
    degree: Option<usize>,
) -> Result<(Vec<PairFit>, usize), MosaicError> {
    let most = tables.iter().map(|(_, fits)| fits.degree).min().unwrap_or(1);
    let degree = degree.unwrap_or(most);
    let mut pairs = Vec::new();
    for (path, fits) in tables {
        if fits.degree < degree && !fits.pairs.is_empty() {
            return Err(MosaicError::Table {
                path: path.to_path_buf(),
                reason: format!(
                    "it has sums for polynomials of degree {} and {degree} is asked for; repeat `step diff-fit` with \
                     that background",
                    fits.degree
                ),
            });
        }
        for pair in fits.pairs {
            pairs.push((path, pair));
        }
    }
    let place = |pair: &PairFit| {
        let shared = images.windows[pair.a].intersect(&images.windows[pair.b]).unwrap_or(images.windows[pair.a]);
        (shared.y, shared.x, pair.a.min(pair.b), pair.a.max(pair.b))
    };
    pairs.sort_by_key(|(_, pair)| place(pair));
    if let Some(twice) = pairs.windows(2).find(|w| place(&w[0].1) == place(&w[1].1)) {
        let number = |k: usize| images.entries[k].cntr;
        return Err(MosaicError::Table {
            path: twice[1].0.to_path_buf(),
            reason: format!(
                "images {} and {} are fitted twice; give each overlap once",
                number(twice[0].1.a),
                number(twice[0].1.b)
            ),
        });
    }
    Ok((pairs.into_iter().map(|(_, pair)| pair).collect(), degree))
}

/// What the solution leaves over the overlaps.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Residual {
    /// Pixel-weighted mean over overlaps of the absolute difference's level, before matching.
    pub before: f64,
    /// The same after matching.
    pub after: f64,
}

/// Solves for the corrections, and says what remains.
pub fn model(images: &Listed, pairs: &[PairFit], degree: usize) -> (Solution, Residual) {
    let solution = solve(&images.windows, pairs, degree);
    let (mut before, mut after, mut weight) = (0.0, 0.0, 0.0);
    for pair in pairs {
        let centre = pair.difference.centre;
        let [a, b] = [pair.a, pair.b].map(|k| solution.corrections[k].about(centre));
        let change: Vec<f64> = a.coefficients.iter().zip(&b.coefficients).map(|(a, b)| a - b).collect();
        let step = |poly: &[f64]| pair.moments.residual_mean(poly, degree).unwrap_or(0.0).abs();
        let pixels = pair.moments.pixels();
        before += pixels * step(&vec![0.0; change.len()]);
        after += pixels * step(&change);
        weight += pixels;
    }
    let mean = |sum: f64| if weight > 0.0 { sum / weight } else { 0.0 };
    (solution, Residual { before: mean(before), after: mean(after) })
}
