//! Differences of two tiles where both cover the output.

use crate::error::MosaicError;
use crate::interpolated::EDGE_WEIGHT;
use crate::mapping::Window;
use crate::patch::{Patch, Projector};
use crate::spare;
use crate::tile::Tile;

/// A run of pixels in one row of an overlap.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// Output row.
    pub y: i64,
    /// First output column.
    pub x: i64,
    /// Where the run starts in the values.
    pub start: usize,
    /// Pixels.
    pub length: usize,
}

/// Differences `a - b` over the overlap of two tiles.
#[derive(Debug, Default)]
pub struct Difference {
    /// Indices of the tiles.
    pub pair: (usize, usize),
    /// Rows of the overlap.
    pub runs: Vec<Run>,
    /// Values, run after run.
    pub values: Vec<f32>,
    /// `2/n` where `n` tiles share the pixel, 0 where one of the two has nothing.
    pub weights: Vec<f32>,
    /// Largest absolute value that was subtracted: sets the rounding error.
    pub magnitude: f32,
    /// First and past-the-last column and row: x0, y0, x1, y1.
    bounds: (i64, i64, i64, i64),
}

/// Parts that an overlap is cut into along its longer side, for the error of its mean.
pub const PARTS: usize = 16;

/// A tile with what projects it.
pub struct Projected<'a> {
    /// Index in the list of tiles.
    pub index: usize,
    /// Its geometry.
    pub projector: &'a dyn Projector,
    /// Its pixels.
    pub tile: &'a Tile,
}

/// Rows that are projected at a time.
const ROWS: usize = 64;

thread_local! {
    /// A thread's two patches, kept between overlaps.
    static PATCHES: std::cell::Cell<(Patch, Patch)> = std::cell::Cell::default();
}

/// Weight that a pixel needs in both tiles: that of the very edge. What is extrapolated near it matters at stars alone, which
/// clipping leaves out, and each row less costs certainty of the slopes.
const LEAST_WEIGHT: f32 = EDGE_WEIGHT;
/// Least cover in both tiles.
const LEAST_COVER: f32 = 0.999;

impl Drop for Difference {
    fn drop(&mut self) {
        spare::give(std::mem::take(&mut self.values));
        spare::give(std::mem::take(&mut self.weights));
    }
}

impl Difference {
    /// Projects both tiles over the window that they share and subtracts.
    ///
    /// - `others`: projectors of further tiles that may cover the same pixels.
    ///
    /// # Errors
    /// Those of projection.
    pub fn measure(
        a: &Projected<'_>,
        b: &Projected<'_>,
        others: &[&dyn Projector],
        window: Window,
    ) -> Result<Difference, MosaicError> {
        let mut out = Difference::with_room((a.index, b.index), window.area());
        let (mut pa, mut pb) = PATCHES.take();
        // Equal pedestals cancel in the difference; a's own keeps the numbers small.
        let pedestal = a.tile.pedestal;
        for first in (0..window.height).step_by(ROWS) {
            let band = Window { y: window.y + first as i64, height: ROWS.min(window.height - first), ..window };
            a.projector.project(a.tile, band, pedestal, false, &mut pa)?;
            b.projector.project(b.tile, band, pedestal, false, &mut pb)?;
            for j in 0..band.height {
                let at = j * band.width..(j + 1) * band.width;
                out.push_row(band.y + j as i64, band.x, [&pa, &pb], at, others);
            }
        }
        PATCHES.set((pa, pb));
        out.bounds = out.enclose();
        Ok(out)
    }

    /// Without pixels, in buffers that were used before.
    fn with_room(pair: (usize, usize), pixels: usize) -> Difference {
        let (mut values, mut weights) = (spare::take(pixels), spare::take(pixels));
        values.clear();
        weights.clear();
        let runs = Vec::new();
        Difference { pair, runs, values, weights, magnitude: 0.0, bounds: (0, 0, 0, 0) }
    }

    fn push_row(
        &mut self,
        y: i64,
        x: i64,
        [pa, pb]: [&Patch; 2],
        at: std::ops::Range<usize>,
        others: &[&dyn Projector],
    ) {
        let shared = |k: usize| {
            pa.weight[k] > LEAST_WEIGHT
                && pb.weight[k] > LEAST_WEIGHT
                && pa.cover[k] > LEAST_COVER
                && pb.cover[k] > LEAST_COVER
        };
        let Some(first) = at.clone().find(|&k| shared(k)) else { return };
        let last = at.clone().rfind(|&k| shared(k)).unwrap_or(first) + 1;
        let run = Run { y, x: x + (first - at.start) as i64, start: self.values.len(), length: last - first };
        let mut count = vec![2u8; run.length];
        for other in others {
            count_within(*other, y, run.x, &mut count);
        }
        for (k, count) in (first..last).zip(count) {
            let weight = if shared(k) { 2.0 / f32::from(count) } else { 0.0 };
            self.magnitude = self.magnitude.max(if weight > 0.0 { pa.value[k].abs() } else { 0.0 });
            self.values.push(if weight > 0.0 { pa.value[k] - pb.value[k] } else { 0.0 });
            self.weights.push(weight);
        }
        self.runs.push(run);
    }

    /// Pixels that both tiles cover.
    pub fn covered(&self) -> usize {
        self.weights.iter().filter(|w| **w > 0.0).count()
    }

    /// Centre of the overlap's bounding box, in output pixels.
    pub fn centre(&self) -> (f64, f64) {
        let (x0, y0, x1, y1) = self.bounds;
        (((x0 + x1) / 2) as f64, ((y0 + y1) / 2) as f64)
    }

    fn enclose(&self) -> (i64, i64, i64, i64) {
        let start = (i64::MAX, i64::MAX, i64::MIN, i64::MIN);
        let (x0, y0, x1, y1) = self.runs.iter().fold(start, |(x0, y0, x1, y1), run| {
            (x0.min(run.x), y0.min(run.y), x1.max(run.x + run.length as i64), y1.max(run.y + 1))
        });
        if x1 > x0 { (x0, y0, x1, y1) } else { (0, 0, 1, 1) }
    }

    /// How large a difference rounding alone can make.
    pub fn rounding(&self) -> f64 {
        f64::from(self.magnitude) * f64::from(f32::EPSILON) * 4.0
    }

    /// Number of parts.
    pub fn parts(&self) -> usize {
        PARTS
    }

    /// The part that pixel `k` of a run belongs to, and where in the run that part ends.
    pub fn part(&self, run: &Run, k: usize) -> (usize, usize) {
        let (x0, y0, x1, y1) = self.bounds;
        let n = PARTS as i64;
        if y1 - y0 >= x1 - x0 {
            (((run.y - y0) * n / (y1 - y0)) as usize, run.length)
        } else {
            let size = x1 - x0;
            let part = (run.x + k as i64 - x0) * n / size;
            // First column of the next part, rounded up as the division above rounds down.
            let next = ((part + 1) * size + n - 1) / n + x0;
            (part as usize, ((next - run.x) as usize).min(run.length).max(k + 1))
        }
    }
}

/// Adds 1 to the pixels of a row that another tile covers, where its window meets the row.
fn count_within(other: &dyn Projector, y: i64, x: i64, count: &mut [u8]) {
    let row = Window { x, y, width: count.len(), height: 1 };
    if let Some(shared) = other.window().intersect(&row) {
        let from = (shared.x - x) as usize;
        other.count_row(y, shared.x, &mut count[from..from + shared.width]);
    }
}

#[cfg(test)]
impl Difference {
    /// A difference known as a function of output pixels, over a full window.
    pub(crate) fn from_function(pair: (usize, usize), window: Window, value: impl Fn(i64, i64) -> f64) -> Difference {
        let mut out = Difference::with_room(pair, 0);
        out.magnitude = 1.0;
        for y in window.y..window.y + window.height as i64 {
            out.runs.push(Run { y, x: window.x, start: out.values.len(), length: window.width });
            out.values.extend((window.x..window.x + window.width as i64).map(|x| value(x, y) as f32));
        }
        out.weights = vec![1.0; out.values.len()];
        out.bounds = out.enclose();
        out
    }
}
