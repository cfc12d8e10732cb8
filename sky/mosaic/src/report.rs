//! What a mosaic was made of and how well its tiles fit: figures for people and scripts.

use crate::background::fit::PairFit;
use crate::background::polynomial::Polynomial;
use crate::pipeline::Outcome;
use crate::source::{LeftOut, Source};
use std::path::PathBuf;

/// One overlap before and after matching, in the mosaic's unit.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Overlap {
    /// First tile, as an index into [`Report::tiles`].
    pub a: usize,
    /// Second tile.
    pub b: usize,
    /// Pixels that both cover and that were not clipped.
    pub pixels: u64,
    /// Pixels left out as outliers.
    pub clipped: u64,
    /// Mean of `a - b` before matching.
    pub step_before: f64,
    /// Mean of `a - b` after matching.
    pub step_after: f64,
    /// Standard error of `step_after`, from the scatter between parts along the overlap.
    pub step_error: f64,
    /// Root mean square of `a - b` before matching.
    pub rms_before: f64,
    /// Root mean square of `a - b` after matching.
    pub rms_after: f64,
    /// Centre of the overlap in output pixels, 1-based.
    pub x: f64,
    /// Row of the centre.
    pub y: f64,
}

/// One tile.
#[derive(Debug, Clone, serde::Serialize)]
pub struct TileReport {
    /// The file.
    pub path: PathBuf,
    /// Number of the HDU.
    pub hdu: usize,
    /// Factor to the common flux scale.
    pub scale: f64,
    /// Island that the tile belongs to.
    pub island: usize,
    /// Centre of its window in output pixels, 1-based.
    pub x: f64,
    /// Row of the centre.
    pub y: f64,
    /// Correction subtracted at the centre.
    pub level: f64,
    /// Slope of the correction along x, per output pixel.
    pub slope_x: f64,
    /// Slope of the correction along y, per output pixel.
    pub slope_y: f64,
}

/// All of it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Report {
    /// Tiles that took part.
    pub tiles: Vec<TileReport>,
    /// Files that did not, and why.
    pub left_out: Vec<LeftOut>,
    /// Overlaps.
    pub overlaps: Vec<Overlap>,
    /// Groups of tiles that hang together.
    pub islands: usize,
    /// Reprojection.
    pub method: String,
    /// Pixel-weighted mean over overlaps of the absolute difference's level: before matching.
    pub residual_before: f64,
    /// The same after matching.
    pub residual_after: f64,
}

impl Report {
    /// Gathers the figures of a run.
    pub fn new(sources: &[Source], mut left_out: Vec<LeftOut>, outcome: &Outcome) -> Report {
        let tiles = outcome.used.iter().enumerate().map(|(k, &used)| tile(&sources[used], outcome, k)).collect();
        let overlaps: Vec<Overlap> =
            outcome.pairs.iter().map(|pair| overlap(pair, &outcome.solution.corrections)).collect();
        left_out.extend(outcome.left_out.iter().cloned());
        let mean = |value: &dyn Fn(&Overlap) -> f64| {
            let weight: f64 = overlaps.iter().map(|o| o.pixels as f64).sum();
            let sum: f64 = overlaps.iter().map(|o| o.pixels as f64 * value(o)).sum();
            if weight > 0.0 { sum / weight } else { 0.0 }
        };
        Report {
            tiles,
            left_out,
            islands: outcome.solution.island_count,
            method: outcome.method.name(),
            residual_before: mean(&|o| o.step_before.abs()),
            residual_after: mean(&|o| o.step_after.abs()),
            overlaps,
        }
    }
}

fn tile(source: &Source, outcome: &Outcome, k: usize) -> TileReport {
    let correction = &outcome.solution.corrections[k];
    let (x, y) = correction.centre;
    TileReport {
        path: source.path.clone(),
        hdu: source.hdu,
        scale: source.scale,
        island: outcome.solution.islands[k],
        x: x + 1.0,
        y: y + 1.0,
        level: correction.at(x, y),
        slope_x: correction.at(x + 0.5, y) - correction.at(x - 0.5, y),
        slope_y: correction.at(x, y + 0.5) - correction.at(x, y - 0.5),
    }
}

fn overlap(pair: &PairFit, corrections: &[Polynomial]) -> Overlap {
    let degree = pair.difference.degree;
    let centre = pair.difference.centre;
    let (a, b) = (corrections[pair.a].about(centre), corrections[pair.b].about(centre));
    let change: Vec<f64> = a.coefficients.iter().zip(&b.coefficients).map(|(a, b)| a - b).collect();
    let none = vec![0.0; change.len()];
    let weight = pair.moments.weight().max(f64::MIN_POSITIVE);
    let rms = |poly: &[f64]| (pair.moments.residual_square(poly, degree) / weight).sqrt();
    let step = |poly: &[f64]| pair.moments.residual_mean(poly, degree).unwrap_or(0.0);
    let means: Vec<f64> = pair.parts.iter().filter_map(|part| part.residual_mean(&change, degree)).collect();
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n.max(1.0);
    let scatter = means.iter().map(|m| (m - mean) * (m - mean)).sum::<f64>();
    Overlap {
        a: pair.a,
        b: pair.b,
        pixels: pair.moments.pixels() as u64,
        clipped: (pair.covered as f64 - pair.moments.pixels()).max(0.0) as u64,
        step_before: step(&none),
        step_after: step(&change),
        step_error: if n > 1.0 { (scatter / (n - 1.0) / n).sqrt() } else { pair.sigma },
        rms_before: rms(&none),
        rms_after: rms(&change),
        x: centre.0 + 1.0,
        y: centre.1 + 1.0,
    }
}
