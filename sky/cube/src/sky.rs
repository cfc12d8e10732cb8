//! The level, the scatter and the correlation of the sky away from objects.

mod correlate;
#[cfg(test)]
pub(crate) mod tests;

use crate::correlation::NoiseCorrelation;
use crate::input::SkyModel;

/// Deviations beyond which pixels do not count, standard deviations.
const CLIP: f64 = 3.0;
/// Standard deviation of a normal distribution cut at [`CLIP`].
const CUT_WIDTH: f64 = 0.986_58;
/// Significance of smoothed pixels that are taken for objects.
const OBJECT: f64 = 2.5;
/// Share of equal values from which an image is one of few counts, which is binned first.
const FEW_COUNTS: f64 = 0.18;
/// Largest bin.
const MOST_BINNED: usize = 32;
/// Fewest sky pixels that a level may rest on.
const FEWEST: usize = 30;

/// The sky of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Sky {
    /// Level at the middle of the image.
    pub level: f64,
    /// Change of the level per pixel along x and y.
    pub slope: (f64, f64),
    /// Standard deviation of a pixel.
    pub sigma: f64,
    /// Standard deviation of the level.
    pub level_sigma: f64,
    /// Correlation of the noise between pixels.
    pub correlation: NoiseCorrelation,
    /// Pixels that it was measured in.
    pub pixels: usize,
}

/// An image and what of it does not count.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// Values, row by row; NaN where there are no data.
    pub values: &'a [f64],
    /// Columns.
    pub width: usize,
    /// Pixels that belong to an object, laid out as `values`; may be empty.
    pub object: &'a [bool],
}

impl Sky {
    /// The level at a pixel.
    pub fn at(&self, x: usize, y: usize, width: usize, height: usize) -> f64 {
        let (dx, dy) = (x as f64 - 0.5 * (width as f64 - 1.0), y as f64 - 0.5 * (height as f64 - 1.0));
        self.level + self.slope.0 * dx + self.slope.1 * dy
    }

    /// Takes the sky from an image.
    pub fn subtract(&self, values: &mut [f64], width: usize) {
        let height = values.len() / width.max(1);
        for (k, value) in values.iter_mut().enumerate() {
            *value -= self.at(k % width, k / width, width, height);
        }
    }

    /// The same sky, but only its noise: nothing is subtracted, the level is exact.
    pub fn noise_alone(self) -> Sky {
        Sky { level: 0.0, slope: (0.0, 0.0), level_sigma: 0.0, ..self }
    }

    /// Measures the sky where there are no objects; None if too few pixels are left, or they do not differ at all.
    ///
    /// Objects are found in the smoothed image and widened; what is left is clipped. Images of few counts, in which most
    /// pixels are alike, are binned until that is not so, for clipping would take every count for an object. The
    /// uncertainty of the level is the larger of that from the pixels' noise and that from the scatter of the levels of
    /// sixteen parts of the image.
    pub fn measure(field: Field<'_>, model: SkyModel) -> Option<Sky> {
        let bin = binning(field)?;
        if bin > 1 {
            let (values, object, width) = binned(field, bin);
            let mut sky = measure_plain(Field { values: &values, width, object: &object }, model, bin)?;
            sky.sigma *= bin as f64;
            sky.slope = (sky.slope.0 / bin as f64, sky.slope.1 / bin as f64);
            sky.correlation = NoiseCorrelation::none();
            sky.pixels *= bin * bin;
            return Some(sky);
        }
        measure_plain(field, model, 1)
    }
}

fn measure_plain(field: Field<'_>, model: SkyModel, bin: usize) -> Option<Sky> {
    let width = field.width;
    let height = field.values.len() / width.max(1);
    let mut counts = away_from_objects(field, bin);
    let mut fit = Fit::default();
    let mut sigma = f64::INFINITY;
    for _ in 0..12 {
        fit = Fit::of(field.values, &counts, width, model)?;
        let mut sum = 0.0;
        let mut number = 0usize;
        for k in (0..counts.len()).filter(|&k| counts[k]) {
            let off = field.values[k] - fit.at(k, width, height);
            sum += off * off;
            number += 1;
        }
        let found = (sum / number.max(1) as f64).sqrt();
        let mut changed = false;
        for k in (0..counts.len()).filter(|&k| field.values[k].is_finite()) {
            let off = (field.values[k] - fit.at(k, width, height)).abs();
            if counts[k] && off > CLIP * found.min(sigma) {
                counts[k] = false;
                changed = true;
            }
        }
        sigma = found;
        if !changed {
            break;
        }
    }
    let pixels = counts.iter().filter(|c| **c).count();
    if pixels < FEWEST || sigma.is_nan() || sigma <= 0.0 {
        return None;
    }
    let residual: Vec<f64> = (0..counts.len())
        .map(|k| if counts[k] { field.values[k] - fit.at(k, width, height) } else { f64::NAN })
        .collect();
    let correlation = correlate::correlation(&residual, width);
    let by_noise = sigma * (correlation.area().max(1.0) / pixels as f64).sqrt();
    let level_sigma = by_noise.max(by_parts(&residual, width));
    Some(Sky { level: fit.level, slope: fit.slope, sigma: sigma / CUT_WIDTH, level_sigma, correlation, pixels })
}

/// Side of bins in which no value is common.
fn binning(field: Field<'_>) -> Option<usize> {
    let mut bin = 1;
    while bin <= MOST_BINNED {
        let (values, _, _) = if bin == 1 { (field.values.to_vec(), vec![], 0) } else { binned(field, bin) };
        let mut finite: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
        if finite.len() < FEWEST {
            return (bin > 1).then_some(bin / 2);
        }
        finite.sort_unstable_by(f64::total_cmp);
        let mut longest = 0;
        let mut start = 0;
        for k in 1..=finite.len() {
            if k == finite.len() || finite[k] != finite[start] {
                longest = longest.max(k - start);
                start = k;
            }
        }
        if (longest as f64) < FEW_COUNTS * finite.len() as f64 {
            return Some(bin);
        }
        bin *= 2;
    }
    None
}

/// Means over squares; a square counts where all of its pixels do.
fn binned(field: Field<'_>, bin: usize) -> (Vec<f64>, Vec<bool>, usize) {
    let height = field.values.len() / field.width.max(1);
    let (columns, rows) = (field.width / bin, height / bin);
    let mut values = Vec::with_capacity(columns * rows);
    let mut object = Vec::with_capacity(columns * rows);
    for j in 0..rows {
        for i in 0..columns {
            let pixels = (0..bin * bin).map(|k| (j * bin + k / bin) * field.width + i * bin + k % bin);
            values.push(pixels.clone().map(|k| field.values[k]).sum::<f64>() / (bin * bin) as f64);
            object.push(pixels.into_iter().any(|k| field.object.get(k).copied().unwrap_or(false)));
        }
    }
    (values, object, columns)
}

/// Finite pixels that no object covers: given ones, and those found in the smoothed image, widened.
fn away_from_objects(field: Field<'_>, bin: usize) -> Vec<bool> {
    // Pixels of the image before it was binned.
    let (smooth, widen) = ((4 / bin).min(2), (8 / bin).clamp(1, 4));
    let width = field.width;
    let free: Vec<bool> = (0..field.values.len())
        .map(|k| field.values[k].is_finite() && !field.object.get(k).copied().unwrap_or(false))
        .collect();
    let masked: Vec<f64> = free.iter().zip(field.values).map(|(f, v)| if *f { *v } else { f64::NAN }).collect();
    let mean = box_mean(&masked, width, smooth);
    let mut sorted: Vec<f64> = mean.iter().copied().filter(|v| v.is_finite()).collect();
    if sorted.is_empty() {
        return free;
    }
    let middle = median(&mut sorted);
    let mut off: Vec<f64> = sorted.iter().filter(|v| **v <= middle).map(|v| middle - v).collect();
    // Below the middle there are no objects.
    let scatter = 1.4826 * median(&mut off);
    let found: Vec<f64> = mean.iter().map(|v| f64::from(u8::from(*v > middle + OBJECT * scatter))).collect();
    // A pixel that stands out alone is noise; on bins it is an object.
    let few = if bin == 1 { 0.04 } else { 0.0 };
    let wide = box_mean(&found, width, widen);
    let out: Vec<bool> = free.iter().zip(&wide).map(|(f, w)| *f && *w <= few).collect();
    // A field that is all object by this measure has no better sky than its clipped middle.
    if out.iter().filter(|c| **c).count() < FEWEST { free } else { out }
}

/// Mean over the finite pixels of squares of `2 reach + 1` about each pixel.
pub(crate) fn box_mean(values: &[f64], width: usize, reach: usize) -> Vec<f64> {
    let height = values.len() / width.max(1);
    // Sums over all rows and columns before.
    let mut sums = vec![0.0; (width + 1) * (height + 1)];
    let mut numbers = vec![0u32; sums.len()];
    for y in 0..height {
        let (mut sum, mut number) = (0.0, 0);
        for x in 0..width {
            let value = values[y * width + x];
            if value.is_finite() {
                sum += value;
                number += 1;
            }
            let (above, here) = (y * (width + 1) + x + 1, (y + 1) * (width + 1) + x + 1);
            sums[here] = sums[above] + sum;
            numbers[here] = numbers[above] + number;
        }
    }
    let mut out = Vec::with_capacity(values.len());
    for y in 0..height {
        let (y0, y1) = (y.saturating_sub(reach), (y + reach + 1).min(height));
        for x in 0..width {
            let (x0, x1) = (x.saturating_sub(reach), (x + reach + 1).min(width));
            let corner = |x: usize, y: usize| y * (width + 1) + x;
            let (a, b, c, d) = (corner(x1, y1), corner(x0, y1), corner(x1, y0), corner(x0, y0));
            let number = (numbers[a] + numbers[d]) - (numbers[b] + numbers[c]);
            out.push(if number > 0 { (sums[a] - sums[b] - sums[c] + sums[d]) / f64::from(number) } else { f64::NAN });
        }
    }
    out
}

pub(crate) fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// A level and a slope fitted to pixels.
#[derive(Debug, Clone, Copy, Default)]
struct Fit {
    level: f64,
    slope: (f64, f64),
}

impl Fit {
    fn of(values: &[f64], counts: &[bool], width: usize, model: SkyModel) -> Option<Fit> {
        let height = values.len() / width.max(1);
        let (cx, cy) = (0.5 * (width as f64 - 1.0), 0.5 * (height as f64 - 1.0));
        // Sums of 1, x, y, xx, xy, yy and of the value times 1, x, y; values less the first, which keeps digits.
        let first = (0..values.len()).find(|&k| counts[k]).map(|k| values[k])?;
        let mut s = [0.0f64; 9];
        for k in (0..values.len()).filter(|&k| counts[k]) {
            let (x, y, v) = ((k % width) as f64 - cx, (k / width) as f64 - cy, values[k] - first);
            for (sum, term) in s.iter_mut().zip([1.0, x, y, x * x, x * y, y * y, v, v * x, v * y]) {
                *sum += term;
            }
        }
        let n = s[0];
        if model != SkyModel::Plane {
            return Some(Fit { level: first + s[6] / n, slope: (0.0, 0.0) });
        }
        // About the pixels' own middle the constant is apart from the slopes.
        let (mx, my, mv) = (s[1] / n, s[2] / n, s[6] / n);
        let (xx, xy, yy) = (s[3] / n - mx * mx, s[4] / n - mx * my, s[5] / n - my * my);
        let (vx, vy) = (s[7] / n - mv * mx, s[8] / n - mv * my);
        let determinant = xx * yy - xy * xy;
        if determinant <= 1e-9 * (xx * yy).max(1e-300) {
            return Some(Fit { level: first + mv, slope: (0.0, 0.0) });
        }
        let slope = ((vx * yy - vy * xy) / determinant, (vy * xx - vx * xy) / determinant);
        Some(Fit { level: first + mv - slope.0 * mx - slope.1 * my, slope })
    }

    fn at(&self, k: usize, width: usize, height: usize) -> f64 {
        let (dx, dy) =
            ((k % width) as f64 - 0.5 * (width as f64 - 1.0), (k / width) as f64 - 0.5 * (height as f64 - 1.0));
        self.level + self.slope.0 * dx + self.slope.1 * dy
    }
}

/// Standard deviation of the mean of the levels of four by four parts.
fn by_parts(residual: &[f64], width: usize) -> f64 {
    const PARTS: usize = 4;
    let height = residual.len() / width.max(1);
    let mut sums = [(0.0, 0usize); PARTS * PARTS];
    for (k, value) in residual.iter().enumerate().filter(|(_, v)| v.is_finite()) {
        let part = (k / width * PARTS / height.max(1)) * PARTS + k % width * PARTS / width;
        sums[part].0 += value;
        sums[part].1 += 1;
    }
    let enough = residual.len() / (PARTS * PARTS * 8);
    let means: Vec<f64> = sums.iter().filter(|s| s.1 > enough.max(5)).map(|s| s.0 / s.1 as f64).collect();
    if means.len() < 4 {
        return 0.0;
    }
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    (means.iter().map(|m| (m - mean) * (m - mean)).sum::<f64>() / (n - 1.0) / n).sqrt()
}
