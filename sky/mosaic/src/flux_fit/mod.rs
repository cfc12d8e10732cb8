//! Relative flux scales of tiles, from the stars and knots that their overlaps share.
//!
//! Each overlap gives the ratio of what its two tiles show above their local backgrounds (`contrast`, `objects`,
//! `ratio`); one least-squares solution over all overlaps gives each tile's factor (`solve`). What overlaps cannot tell, one
//! common factor for each island of tiles, is fixed by convention.
//!
//! Scales come before backgrounds: the contrast does not see levels and slopes, so that the ratios need no matched
//! backgrounds; a background fit, however, takes a scale that is off for a level (a sky of 600 that is scaled by 1.01 lies 6
//! higher), and what it subtracted would have to be scaled as well.

pub mod contrast;
pub mod objects;
pub mod ratio;
pub mod solve;

use crate::cache::TileCache;
use crate::error::MosaicError;
use crate::mapping::Window;
use crate::patch::{Patch, Projector};
use crate::pipeline::{Settings, method_for, overlapping, scale_ratio};
use crate::place::{Placing, Target, place};
use crate::source::{OnBad, Source};
use crate::tile::{Tile, Variance};
use crate::work::{Watch, sweep};
use contrast::{Aperture, Planes};
use objects::{Object, Pair};
use ratio::Ratio;
use solve::{Link, Scales};

/// An overlap's ratio beside the solution.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Overlap {
    /// First tile, an index into the sources.
    pub a: usize,
    /// Second tile.
    pub b: usize,
    /// What the objects say; the ratio is of the first tile's values to the second's as observed.
    #[serde(flatten)]
    pub ratio: Ratio,
    /// Logarithm of the ratio less that of the solution, over its error.
    pub pull: f64,
}

/// The fitted scales.
#[derive(Debug, Clone)]
pub struct Fitted {
    /// Factors, errors and islands, one for each source; a source that is out of sight has factor 1.
    pub scales: Scales,
    /// Overlaps with a ratio.
    pub overlaps: Vec<Overlap>,
    /// Overlaps with too few stars for a ratio.
    pub silent: usize,
    /// Sources in the frame that no ratio ties to another.
    pub loose: Vec<usize>,
    /// Islands of two and more tiles.
    pub groups: usize,
    /// Scatter of objects beyond noise, as a part of their signal.
    pub excess: f64,
}

/// Rows times columns that are looked at in one go.
const BAND_PIXELS: usize = 4 << 20;

/// Weight that a pixel needs in both tiles: inside what is extrapolated, and away from bad pixels.
const LEAST_WEIGHT: f32 = 0.15;
/// Objects that make an overlap sure of itself.
const LEAST_TRUSTED: usize = 3;
/// Deviation from all others, in standard errors, at which an overlap of fewer objects is not believed.
const WORST_PULL: f64 = 5.0;

/// Least cover in both tiles.
const LEAST_COVER: f32 = 0.999;

/// Measures and solves.
///
/// - `reference`: the source whose factor is 1, if one is to be; else an island's factors have the mean 1.
///
/// # Errors
/// Those of reading and projecting, and [`MosaicError::Interrupted`]. Tiles that cannot be read are passed over with
/// [`OnBad::LeaveOut`]; the mosaic itself reports them.
pub fn fit(
    sources: &[Source],
    target: &Target,
    settings: &Settings,
    reference: Option<usize>,
    watch: &dyn Watch,
) -> Result<Fitted, MosaicError> {
    let ratio = scale_ratio(sources, target);
    let method = method_for(sources, target, settings);
    let how = Placing { method, tolerance_px: settings.tolerance_px, flux: false };
    watch.stage("placing tiles", sources.len());
    let placed = sweep(settings.threads, sources.len(), watch, |k| place(&sources[k], target, &how))?;
    let (used, projectors): (Vec<usize>, Vec<Box<dyn Projector>>) =
        placed.into_iter().enumerate().filter_map(|(k, p)| p.map(|p| (k, p))).unzip();
    let windows: Vec<Window> = projectors.iter().map(|p| p.window()).collect();
    let mut loading = settings.loading.clone();
    loading.variance = true;
    let load = |tile: usize| sources[used[tile]].load(method.kernel(), &loading);
    let cache = TileCache::new(used.len(), settings.memory / 2, &load);
    let pairs = overlapping(&windows);
    watch.stage("comparing fluxes", pairs.len());
    let aperture = Aperture::of_scale(1.0 / ratio);
    let found = sweep(settings.threads, pairs.len(), watch, |k| {
        let (a, b, shared) = pairs[k];
        let tile = |index: usize| match cache.get(index) {
            Ok(tile) => Ok(Some(tile)),
            Err(_) if settings.on_bad == OnBad::LeaveOut => Ok(None),
            Err(error) => Err(error),
        };
        let (Some(ta), Some(tb)) = (tile(a)?, tile(b)?) else { return Ok(Vec::new()) };
        let overlap = Overlapping {
            tiles: [(&ta, projectors[a].as_ref()), (&tb, projectors[b].as_ref())],
            window: shared,
            pixels: 1.0 / (ratio * ratio),
        };
        overlap.objects(&aperture)
    })?;
    let (ratios, excess) = ratio::ratios(&found);
    let tied: Vec<(usize, usize, Ratio)> =
        pairs.iter().zip(&ratios).filter_map(|((a, b, _), r)| r.map(|r| (used[*a], used[*b], r))).collect();
    Ok(solution(sources.len(), &used, &tied, pairs.len(), excess, reference))
}

fn solution(
    count: usize,
    used: &[usize],
    tied: &[(usize, usize, Ratio)],
    pairs: usize,
    excess: f64,
    reference: Option<usize>,
) -> Fitted {
    let links: Vec<Link> = tied
        .iter()
        .map(|(a, b, ratio)| Link { a: *a, b: *b, log_ratio: libm::log(ratio.ratio), error: ratio.error })
        .collect();
    let mut scales = solve::solve(count, &links, reference);
    // One or two stars cannot tell that one of them varies; their neighbours can.
    let pull = |scales: &Scales, link: &Link| {
        (link.log_ratio - libm::log(scales.factors[link.b] / scales.factors[link.a])) / link.error
    };
    let trusted: Vec<Link> = links
        .iter()
        .zip(tied)
        .filter(|(link, (_, _, ratio))| ratio.objects >= LEAST_TRUSTED || pull(&scales, link).abs() < WORST_PULL)
        .map(|(link, _)| *link)
        .collect();
    if trusted.len() < links.len() {
        let again = solve::solve(count, &trusted, reference);
        // Not at the price of a tile that hangs on nothing else.
        if again.island_count == scales.island_count {
            scales = again;
        }
    }
    let overlaps = tied
        .iter()
        .map(|&(a, b, ratio)| {
            let link = Link { a, b, log_ratio: libm::log(ratio.ratio), error: ratio.error };
            Overlap { a, b, ratio, pull: pull(&scales, &link) }
        })
        .collect();
    let is_tied = |tile: &usize| tied.iter().any(|(a, b, _)| a == tile || b == tile);
    let loose: Vec<usize> = used.iter().copied().filter(|tile| !is_tied(tile)).collect();
    let groups = scales.island_count - (count - (0..count).filter(is_tied).count());
    Fitted { scales, overlaps, silent: pairs - tied.len(), loose, groups, excess }
}

/// Two tiles and the window that they share.
struct Overlapping<'a> {
    tiles: [(&'a Tile, &'a dyn Projector); 2],
    window: Window,
    /// Output pixels in a tile pixel.
    pixels: f64,
}

impl Overlapping<'_> {
    fn objects(&self, aperture: &Aperture) -> Result<Vec<Object>, MosaicError> {
        // Centres of a band need what lies around them.
        let halo = aperture.outer + aperture.inner;
        let window = self.window;
        let rows = (BAND_PIXELS / window.width.max(1)).max(4 * halo);
        let [(ta, projector_a), (tb, projector_b)] = self.tiles;
        let (mut pa, mut pb) = (Patch::default(), Patch::default());
        let mut found = Vec::new();
        for first in (0..window.height).step_by(rows) {
            let below = first.min(halo);
            let height = (rows + below + halo).min(window.height - first + below);
            let band = Window { y: window.y + (first - below) as i64, height, ..window };
            projector_a.project(ta, band, ta.pedestal, false, &mut pa)?;
            projector_b.project(tb, band, tb.pedestal, false, &mut pb)?;
            let good: Vec<bool> = (0..band.area()).map(|k| counts(&pa, k) && counts(&pb, k)).collect();
            let mut magnitude = ta.pedestal.abs().max(tb.pedestal.abs());
            for (k, good) in good.iter().enumerate() {
                if *good {
                    magnitude = magnitude.max(f64::from(pa.value[k].abs().max(pb.value[k].abs())));
                } else {
                    (pa.value[k], pb.value[k]) = (0.0, 0.0);
                }
            }
            let pair = Pair {
                planes: Planes { a: &pa.value, b: &pb.value, good: &good, width: band.width },
                noise: (noise(ta), noise(tb)),
                rounding: magnitude * f64::from(f32::EPSILON),
                pixels: self.pixels,
            };
            found.extend(objects::find(&pair, aperture, below..(below + rows).min(height)));
        }
        Ok(found)
    }
}

fn counts(patch: &Patch, k: usize) -> bool {
    patch.weight[k] > LEAST_WEIGHT && patch.cover[k] > LEAST_COVER && patch.value[k].is_finite()
}

/// Standard deviation of a tile's noise: of a map its median.
fn noise(tile: &Tile) -> f64 {
    let variance = match &tile.variance {
        Variance::Uniform(variance) => *variance,
        Variance::Map(map) => {
            let step = (map.len() / 4096).max(1);
            let mut some: Vec<f32> = map.iter().step_by(step).copied().filter(|v| *v > 0.0).collect();
            if some.is_empty() {
                return 0.0;
            }
            let middle = some.len() / 2;
            *some.select_nth_unstable_by(middle, f32::total_cmp).1
        }
    };
    f64::from(variance).max(0.0).sqrt()
}
