//! What two tiles show of the same stars and knots.

use super::contrast::{Aperture, Planes, contrasts};

/// The same object in two tiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Object {
    /// Contrast in the first tile.
    pub a: f64,
    /// Contrast in the second tile.
    pub b: f64,
    /// Standard deviation of `a` by noise.
    pub sigma_a: f64,
    /// Standard deviation of `b`.
    pub sigma_b: f64,
}

impl Object {
    /// Best estimate of what `a` shows without noise, if `a` is `ratio` times `b`; its error does not correlate with that of
    /// `a - ratio b`, so that a choice made by it favours no ratio.
    pub fn signal(&self, ratio: f64) -> f64 {
        let (wa, wb) = self.weights(ratio);
        (self.a * wa + ratio * self.b * wb) / (wa + wb)
    }

    /// Variance of [`Object::signal`].
    pub fn signal_variance(&self, ratio: f64) -> f64 {
        let (wa, wb) = self.weights(ratio);
        1.0 / (wa + wb)
    }

    fn weights(&self, ratio: f64) -> (f64, f64) {
        (1.0 / (self.sigma_a * self.sigma_a), 1.0 / (ratio * ratio * self.sigma_b * self.sigma_b))
    }
}

/// Two tiles over a window of the output.
pub struct Pair<'a> {
    /// The planes; pixels that do not count hold 0.
    pub planes: Planes<'a>,
    /// Standard deviation of a pixel's noise in the first tile, and in the second.
    pub noise: (f64, f64),
    /// What rounding may change in a pixel.
    pub rounding: f64,
    /// Output pixels in a tile pixel, by area.
    pub pixels: f64,
}

/// Contrast over noise that makes an object.
const DETECTION: f64 = 5.0;

/// Side of the cells whose medians stand for the background while outliers are sought.
const CELL: usize = 32;

/// Pixels that a first guess of the ratio rests on.
const GUESS: usize = 200;

/// Finds objects, and the pixels' own outliers first.
///
/// - `rows`: rows in which an object's centre may lie.
pub fn find(pair: &Pair<'_>, aperture: &Aperture, rows: std::ops::Range<usize>) -> Vec<Object> {
    let Some(rough) = Rough::of(pair) else { return Vec::new() };
    let good = rough.without_outliers(pair);
    let planes = Planes { good: &good, ..pair.planes };
    let (fa, fb) = contrasts(&planes, aperture);
    let Some((sigma_a, sigma_b)) = deviations(pair, aperture, rough.ratio, (&fa, &fb)) else { return Vec::new() };
    let object = |k: usize| Object { a: fa[k], b: fb[k], sigma_a, sigma_b };
    let limit = DETECTION * object(0).signal_variance(rough.ratio).sqrt();
    let signal: Vec<f64> = (0..fa.len()).map(|k| object(k).signal(rough.ratio)).collect();
    let width = pair.planes.width;
    let height = good.len() / width.max(1);
    let reach = aperture.inner;
    let mut found = Vec::new();
    for y in rows {
        for x in 0..width {
            let k = y * width + x;
            if signal[k] > limit && is_peak(&signal, (width, height), (x, y), reach) {
                found.push(object(k));
            }
        }
    }
    found
}

/// Whether no other within reach is higher, and of equals this is the first; the next neighbours must be known, or the peak
/// may lie beyond them.
fn is_peak(signal: &[f64], (width, height): (usize, usize), (x, y): (usize, usize), reach: usize) -> bool {
    let here = y * width + x;
    (y.saturating_sub(reach)..(y + reach + 1).min(height)).all(|j| {
        (x.saturating_sub(reach)..(x + reach + 1).min(width)).all(|i| {
            let k = j * width + i;
            if signal[k].is_nan() {
                return i.abs_diff(x) > 1 || j.abs_diff(y) > 1;
            }
            if k < here { signal[k] < signal[here] } else { signal[k] <= signal[here] }
        })
    })
}

/// Levels of cells, a first ratio and the scatter of differences.
struct Rough {
    cells: Vec<(f32, f32)>,
    columns: usize,
    ratio: f64,
    spread: f64,
}

impl Rough {
    fn of(pair: &Pair<'_>) -> Option<Rough> {
        let planes = &pair.planes;
        let height = planes.good.len() / planes.width.max(1);
        let columns = planes.width.div_ceil(CELL);
        let mut cells = Vec::new();
        let (mut va, mut vb) = (Vec::new(), Vec::new());
        for cy in 0..height.div_ceil(CELL) {
            for cx in 0..columns {
                va.clear();
                vb.clear();
                for y in cy * CELL..((cy + 1) * CELL).min(height) {
                    for k in y * planes.width + cx * CELL..y * planes.width + ((cx + 1) * CELL).min(planes.width) {
                        if planes.good[k] {
                            va.push(planes.a[k]);
                            vb.push(planes.b[k]);
                        }
                    }
                }
                cells.push((median(&mut va), median(&mut vb)));
            }
        }
        let mut rough = Rough { cells, columns, ratio: 1.0, spread: 0.0 };
        rough.guess(pair)?;
        Some(rough)
    }

    /// A pixel of both tiles above its cell's level.
    fn above(&self, planes: &Planes<'_>, k: usize) -> (f64, f64) {
        let (x, y) = (k % planes.width, k / planes.width);
        let (la, lb) = self.cells[y / CELL * self.columns + x / CELL];
        (f64::from(planes.a[k] - la), f64::from(planes.b[k] - lb))
    }

    /// The ratio of the pixels that are brightest in both tiles: a hot pixel is bright in one alone.
    fn guess(&mut self, pair: &Pair<'_>) -> Option<()> {
        let planes = &pair.planes;
        let good: Vec<(f64, f64)> =
            (0..planes.good.len()).filter(|&k| planes.good[k]).map(|k| self.above(planes, k)).collect();
        if good.is_empty() {
            return None;
        }
        // In units of each tile's noise, or tiles on very different scales would be judged by one alone.
        let floor = pair.rounding.max(f64::MIN_POSITIVE);
        let unit = (pair.noise.0.max(floor), pair.noise.1.max(floor));
        let mut bright: Vec<(f64, f64)> = good
            .iter()
            .map(|(a, b)| ((a / unit.0).min(b / unit.1), a / b))
            .filter(|(least, ratio)| *least > DETECTION && ratio.is_finite())
            .collect();
        bright.sort_by(|p, q| q.0.total_cmp(&p.0));
        bright.truncate(GUESS);
        let mut ratios: Vec<f64> = bright.iter().map(|p| p.1).collect();
        ratios.sort_by(f64::total_cmp);
        self.ratio = ratios.get(ratios.len() / 2).copied().unwrap_or(1.0);
        let step = (good.len() / 16384).max(1);
        let mut differences: Vec<f32> =
            good.iter().step_by(step).map(|(a, b)| (a - self.ratio * b).abs() as f32).collect();
        let noise = libm::hypot(pair.noise.0, self.ratio * pair.noise.1);
        self.spread = (1.4826 * f64::from(median(&mut differences))).max(noise).max(pair.rounding);
        Some(())
    }

    /// Pixels that count, less those that two tiles disagree on by far more than noise and seeing can do.
    fn without_outliers(&self, pair: &Pair<'_>) -> Vec<bool> {
        let planes = &pair.planes;
        let sane = |k: usize| {
            let (a, b) = self.above(planes, k);
            let b = self.ratio * b;
            (a - b).abs() <= 8.0 * self.spread + 0.5 * a.abs().min(b.abs())
        };
        (0..planes.good.len()).map(|k| planes.good[k] && sane(k)).collect()
    }
}

/// Standard deviations of the contrasts: in the proportion that the tiles' noise has, as large as the contrasts' own
/// differences are typically (noise of resampled images correlates, and crowds differ by seeing).
fn deviations(pair: &Pair<'_>, aperture: &Aperture, ratio: f64, (fa, fb): (&[f64], &[f64])) -> Option<(f64, f64)> {
    // One pixel of a tile may be spread over several of the output.
    let per_pixel = aperture.noise_factor() * pair.pixels.max(1.0);
    let least = pair.rounding.max(1e-3 * pair.noise.0.max(pair.noise.1)).max(f64::MIN_POSITIVE);
    let (na, nb) = (pair.noise.0.max(least), pair.noise.1.max(least));
    let expected = per_pixel.sqrt() * libm::hypot(na, ratio * nb);
    let (width, height) = (pair.planes.width, fa.len() / pair.planes.width.max(1));
    let step = aperture.inner.max(1);
    let mut differences: Vec<f32> = Vec::new();
    for y in (0..height).step_by(step) {
        differences.extend(
            (0..width)
                .step_by(step)
                .map(|x| y * width + x)
                .map(|k| (fa[k] - ratio * fb[k]).abs() as f32)
                .filter(|d| d.is_finite()),
        );
    }
    if differences.is_empty() {
        return None;
    }
    let few = differences.len() < 50;
    let found = 1.4826 * f64::from(median(&mut differences));
    let total = if few { found.max(expected) } else { found.max(per_pixel.sqrt() * pair.rounding) };
    let factor = per_pixel.sqrt() * total / expected;
    Some((na * factor, nb * factor))
}

/// Median, of an even number the upper of the middle two; 0 of none.
fn median(values: &mut [f32]) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f32::total_cmp).1
}
