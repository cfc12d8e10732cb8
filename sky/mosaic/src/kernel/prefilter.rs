//! B-spline coefficients of an image, by a short symmetric filter in each direction.
//!
//! The inverse of the sampled B-spline is a two-sided exponential; cut where it falls below the precision of f32
//! it is a filter of a few dozen taps that runs at full vector width, where the usual recursion can't.

use super::Kernel;
use pogson_image::lanes;

/// Where the filter is cut, relative to its centre.
const CUT: f64 = 3e-8;

/// Pixels of margin around stored coefficients: room for the taps of every kernel.
pub const MARGIN: usize = 8;

/// An image ready for interpolation: row-major samples with [`MARGIN`] pixels on every side.
pub struct Samples {
    /// The samples, `stride * (height + 2 * MARGIN)` of them.
    pub data: Vec<f32>,
    /// Columns stored in a row.
    pub stride: usize,
    /// Columns of the image.
    pub width: usize,
    /// Rows of the image.
    pub height: usize,
}

impl Drop for Samples {
    fn drop(&mut self) {
        crate::spare::give(std::mem::take(&mut self.data));
    }
}

/// One half of the symmetric filter, centre first, for a kernel; a single 1 where no filter is needed.
///
/// For poles `z_1..z_n` the impulse response is the sum over `i` of
/// `g_i * z_i^|k|`, found here by expanding the cascade of the factors `-z(1 - z)... ` numerically.
pub fn taps(kernel: Kernel) -> Vec<f32> {
    let poles = kernel.poles();
    if poles.is_empty() {
        return vec![1.0];
    }
    // Each factor's response is (1-z)/(1+z) z^|k|: unit sum, and the cascade's sum stays one.
    let reach = 64usize;
    let mut response = vec![0.0f64; 2 * reach + 1];
    response[reach] = 1.0;
    for &z in poles {
        let gain = (1.0 - z) / (1.0 + z);
        let mut next = vec![0.0; response.len()];
        for (i, out) in next.iter_mut().enumerate() {
            let mut power = gain;
            *out += response[i] * power;
            for d in 1..=reach {
                power *= z;
                if i >= d {
                    *out += response[i - d] * power;
                }
                if i + d < response.len() {
                    *out += response[i + d] * power;
                }
            }
        }
        response = next;
    }
    let centre = response[reach];
    let length = (0..=reach).rev().find(|&d| response[reach + d].abs() > CUT * centre.abs()).unwrap_or(0) + 1;
    let mut half: Vec<f64> = response[reach..reach + length].to_vec();
    // What was cut goes to the centre, so that a constant keeps its value.
    let sum = half[0] + 2.0 * half[1..].iter().sum::<f64>();
    half[0] += 1.0 - sum;
    half.iter().map(|&c| c as f32).collect()
}

/// Turns pixels into samples for a kernel, extending the image past its edges by point reflection about the edge
/// pixel (`2 f(0) - f(k)`), which keeps level and slope.
///
/// - `pixels`: row-major, `width * height`, finite.
pub fn prepare(kernel: Kernel, pixels: &[f32], width: usize, height: usize) -> Samples {
    let taps = taps(kernel);
    let stride = width + 2 * MARGIN;
    // Along rows first. Rows of the margin follow by reflection from filtered rows, for the filter is linear.
    ACROSS.with_borrow_mut(|across| {
        across.resize(stride * height, 0.0);
        let data = both_ways(pixels, width, height, &taps, across);
        Samples { data, stride, width, height }
    })
}

thread_local! {
    /// Rows filtered one way: kept between tiles, for fresh memory costs more than the filter.
    static ACROSS: std::cell::RefCell<Vec<f32>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn both_ways(pixels: &[f32], width: usize, height: usize, taps: &[f32], across: &mut [f32]) -> Vec<f32> {
    let reach = taps.len() - 1;
    let margin = MARGIN + reach;
    let stride = width + 2 * MARGIN;
    let rows = height + 2 * MARGIN;
    let mut line = vec![0.0f32; width + 2 * margin];
    for (row, out) in pixels.chunks_exact(width.max(1)).zip(across.chunks_exact_mut(stride)) {
        line[margin..margin + width].copy_from_slice(row);
        extend(&mut line, margin, width);
        filter_row(&line, taps, out);
    }
    let mut data = crate::spare::take(stride * rows);
    let mut window: Vec<f32> = Vec::new();
    for (j, out) in data.chunks_exact_mut(stride).enumerate() {
        let centre = j as i64 - MARGIN as i64;
        if centre - (reach as i64) >= 0 && centre + (reach as i64) < height as i64 {
            let first = (centre - reach as i64) as usize;
            filter_columns(&across[first * stride..(first + 2 * reach + 1) * stride], stride, taps, out);
        } else {
            window.clear();
            for k in -(reach as i64)..=reach as i64 {
                push_reflected(across, stride, height, centre + k, &mut window);
            }
            filter_columns(&window, stride, taps, out);
        }
    }
    data
}

/// Fills the margins of a line by point reflection; lines shorter than the margin repeat their reflection.
fn extend(line: &mut [f32], margin: usize, width: usize) {
    let last = margin + width - 1;
    for k in 1..=margin {
        let inside = k.min(width - 1);
        line[margin - k] = 2.0 * line[margin] - line[margin + inside];
        line[last + k] = 2.0 * line[last] - line[last - inside];
    }
}

fn push_reflected(rows: &[f32], stride: usize, height: usize, at: i64, out: &mut Vec<f32>) {
    let row = |r: usize| &rows[r * stride..(r + 1) * stride];
    let last = height as i64 - 1;
    if (0..=last).contains(&at) {
        out.extend_from_slice(row(at as usize));
        return;
    }
    let (edge, inside) =
        if at < 0 { (0, (-at).min(last) as usize) } else { (height - 1, (last - (at - last).min(last)) as usize) };
    out.extend(row(edge).iter().zip(row(inside)).map(|(e, i)| 2.0 * e - i));
}

lanes! {
    /// Symmetric filter along a line; `out[k]` is centred on `line[k + taps.len() - 1]`.
    fn filter_row(line: &[f32], taps: &[f32], out: &mut [f32]) {
        let reach = taps.len() - 1;
        let n = out.len();
        let centre = &line[reach..reach + n];
        for (out, c) in out.iter_mut().zip(centre) {
            *out = c * taps[0];
        }
        // Blocks keep the running sums in registers.
        for start in (0..n).step_by(64) {
            let m = 64.min(n - start);
            if m == 64 {
                let mut sum = [0.0f32; 64];
                sum.copy_from_slice(&out[start..start + 64]);
                for (d, tap) in taps.iter().enumerate().skip(1) {
                    let left = &line[start + reach - d..][..64];
                    let right = &line[start + reach + d..][..64];
                    for l in 0..64 {
                        sum[l] = (left[l] + right[l]).mul_add(*tap, sum[l]);
                    }
                }
                out[start..start + 64].copy_from_slice(&sum);
            } else {
                for (d, tap) in taps.iter().enumerate().skip(1) {
                    let left = &line[start + reach - d..][..m];
                    let right = &line[start + reach + d..][..m];
                    for ((out, a), b) in out[start..].iter_mut().zip(left).zip(right) {
                        *out = (a + b).mul_add(*tap, *out);
                    }
                }
            }
        }
    }
}

lanes! {
    /// Symmetric filter across rows: `rows` holds `2 * taps.len() - 1` rows, the middle one is the centre.
    fn filter_columns(rows: &[f32], stride: usize, taps: &[f32], out: &mut [f32]) {
        let reach = taps.len() - 1;
        let n = out.len();
        for start in (0..n).step_by(64) {
            let m = 64.min(n - start);
            let centre = &rows[reach * stride + start..][..m];
            if m == 64 {
                let mut sum = [0.0f32; 64];
                for l in 0..64 {
                    sum[l] = centre[l] * taps[0];
                }
                for (d, tap) in taps.iter().enumerate().skip(1) {
                    let above = &rows[(reach - d) * stride + start..][..64];
                    let below = &rows[(reach + d) * stride + start..][..64];
                    for l in 0..64 {
                        sum[l] = (above[l] + below[l]).mul_add(*tap, sum[l]);
                    }
                }
                out[start..start + 64].copy_from_slice(&sum);
            } else {
                let out = &mut out[start..];
                for (out, c) in out.iter_mut().zip(centre) {
                    *out = c * taps[0];
                }
                for (d, tap) in taps.iter().enumerate().skip(1) {
                    let above = &rows[(reach - d) * stride + start..][..m];
                    let below = &rows[(reach + d) * stride + start..][..m];
                    for ((out, a), b) in out.iter_mut().zip(above).zip(below) {
                        *out = (a + b).mul_add(*tap, *out);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sampled B-splines at the whole numbers: coefficients convolved with these give the pixels back.
    fn knots(kernel: Kernel) -> Vec<f64> {
        match kernel {
            Kernel::BSpline3 => vec![4.0 / 6.0, 1.0 / 6.0],
            _ => vec![66.0 / 120.0, 26.0 / 120.0, 1.0 / 120.0],
        }
    }

    #[test]
    fn coefficients_times_the_sampled_spline_give_the_pixels_back() {
        for kernel in [Kernel::BSpline3, Kernel::BSpline5] {
            let (w, h) = (90, 75);
            let pixels: Vec<f32> = (0..w * h).map(|k| ((k * 7919) % 1013) as f32 - 300.0).collect();
            let samples = prepare(kernel, &pixels, w, h);
            let b = knots(kernel);
            let tap = |d: i64| b[d.unsigned_abs() as usize];
            let n = b.len() as i64 - 1;
            for y in 0..h as i64 {
                for x in 0..w as i64 {
                    let mut sum = 0.0;
                    for dy in -n..=n {
                        for dx in -n..=n {
                            let at =
                                (y + dy + MARGIN as i64) as usize * samples.stride + (x + dx + MARGIN as i64) as usize;
                            sum += tap(dx) * tap(dy) * f64::from(samples.data[at]);
                        }
                    }
                    let known = f64::from(pixels[y as usize * w + x as usize]);
                    assert!((sum - known).abs() < 2e-3, "{kernel} ({x}, {y}): {sum} for {known}");
                }
            }
        }
    }

    #[test]
    fn a_plane_stays_a_plane_past_the_edges() {
        let (w, h) = (40, 30);
        let pixels: Vec<f32> = (0..w * h).map(|k| (k % w) as f32 * 0.5 - (k / w) as f32 * 0.25).collect();
        let samples = prepare(Kernel::BSpline3, &pixels, w, h);
        for (k, value) in samples.data.iter().enumerate() {
            let x = (k % samples.stride) as f32 - MARGIN as f32;
            let y = (k / samples.stride) as f32 - MARGIN as f32;
            assert!((value - (x * 0.5 - y * 0.25)).abs() < 1e-4, "({x}, {y}) {value}");
        }
    }
}
