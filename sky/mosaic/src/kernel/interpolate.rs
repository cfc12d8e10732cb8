//! Values of an image at many positions of one output row.
#![allow(clippy::needless_range_loop, reason = "indices run over several arrays at once")]

use super::Kernel;
use super::prefilter::{MARGIN, Samples};
use super::weights::{Cubic, Keys, LANES, Linear, Quintic, TapWeights, lanczos2, lanczos3, lanczos4};
use pogson_image::lanes;

impl Samples {
    /// Interpolated values at `(u, v)`, 0-based pixels. Positions outside the image are moved to its edge and NaN
    /// to its corner: coverage is the caller's to judge.
    pub fn row(&self, kernel: Kernel, u: &[f64], v: &[f64], out: &mut [f32]) {
        match kernel {
            Kernel::Nearest => nearest(self, u, v, out),
            Kernel::Bilinear => bilinear(self, u, v, out),
            Kernel::Bicubic => bicubic(self, u, v, out),
            Kernel::BSpline3 => cubic(self, u, v, out),
            Kernel::BSpline5 => quintic(self, u, v, out),
            Kernel::Lanczos(2) => sinc2(self, u, v, out),
            Kernel::Lanczos(3) => sinc3(self, u, v, out),
            Kernel::Lanczos(_) => sinc4(self, u, v, out),
        }
    }
}

lanes! {
    fn nearest(samples: &Samples, u: &[f64], v: &[f64], out: &mut [f32]) {
        for ((u, v), out) in u.iter().zip(v).zip(out) {
            let x = (u + 0.5).floor().max(0.0).min(samples.width as f64 - 1.0) as usize;
            let y = (v + 0.5).floor().max(0.0).min(samples.height as f64 - 1.0) as usize;
            *out = samples.data[(y + MARGIN) * samples.stride + x + MARGIN];
        }
    }
}

lanes! { fn bilinear(samples: &Samples, u: &[f64], v: &[f64], out: &mut [f32]) { separable::<2, _>(samples, Linear, u, v, out); } }
lanes! { fn bicubic(samples: &Samples, u: &[f64], v: &[f64], out: &mut [f32]) { separable::<4, _>(samples, Keys, u, v, out); } }
lanes! { fn cubic(samples: &Samples, u: &[f64], v: &[f64], out: &mut [f32]) { separable::<4, _>(samples, Cubic, u, v, out); } }
lanes! { fn quintic(samples: &Samples, u: &[f64], v: &[f64], out: &mut [f32]) { separable::<6, _>(samples, Quintic, u, v, out); } }
lanes! { fn sinc2(samples: &Samples, u: &[f64], v: &[f64], out: &mut [f32]) { separable::<4, _>(samples, lanczos2(), u, v, out); } }
lanes! { fn sinc3(samples: &Samples, u: &[f64], v: &[f64], out: &mut [f32]) { separable::<6, _>(samples, lanczos3(), u, v, out); } }
lanes! { fn sinc4(samples: &Samples, u: &[f64], v: &[f64], out: &mut [f32]) { separable::<8, _>(samples, lanczos4(), u, v, out); } }

/// Positions that are worked on at once.
const BLOCK: usize = 128;
/// Room behind a block's arrays, so that a run may read a full set of lanes from its last position.
const ROOM: usize = BLOCK + LANES;

/// Runs of neighbouring pixels shorter than this are taken one by one.
const LEAST_RUN: usize = 3;

#[inline(always)]
fn separable<const N: usize, W: TapWeights<N>>(samples: &Samples, kernel: W, u: &[f64], v: &[f64], out: &mut [f32]) {
    for ((u, v), out) in u.chunks(BLOCK).zip(v.chunks(BLOCK)).zip(out.chunks_mut(BLOCK)) {
        block(samples, kernel, u, v, out);
    }
}

/// One block of positions. Sums run over the rows of the taps first, then over the columns, each as a chain of fused
/// multiply-adds, in runs and one by one alike.
#[inline(always)]
fn block<const N: usize, W: TapWeights<N>>(samples: &Samples, kernel: W, u: &[f64], v: &[f64], out: &mut [f32]) {
    let n = out.len();
    let (mut tx, mut ty) = ([0.0f32; ROOM], [0.0f32; ROOM]);
    // Index of the first tap, less the position's number: equal along a run of neighbouring pixels.
    let mut keys = [i64::MIN; ROOM];
    let (right, top) = (samples.width as f64 - 0.5, samples.height as f64 - 0.5);
    let lead = (MARGIN - (N / 2 - 1)) as i64;
    let stride = samples.stride as i64;
    for k in 0..n {
        let (x, y) = (u[k].max(-0.5).min(right), v[k].max(-0.5).min(top));
        let (fx, fy) = (x.floor(), y.floor());
        tx[k] = (x - fx) as f32;
        ty[k] = (y - fy) as f32;
        keys[k] = (i64::from(fy as i32) + lead) * stride + i64::from(fx as i32) + lead - k as i64;
    }
    let (mut wx, mut wy) = ([[0.0f32; ROOM]; N], [[0.0f32; ROOM]; N]);
    for start in (0..n).step_by(LANES) {
        weights_at(kernel, &tx, start, &mut wx);
        weights_at(kernel, &ty, start, &mut wy);
    }
    let mut k = 0;
    while k < n {
        let key = keys[k];
        let length = run_length(&keys, k);
        let start = (key + k as i64) as usize;
        let end = start + (N - 1) * samples.stride + LANES + N - 1;
        if length >= LEAST_RUN && end <= samples.data.len() {
            let length = length.min(n - k);
            let values = run(samples, start, k, &wx, &wy);
            out[k..k + length].copy_from_slice(&values[..length]);
            k += length;
        } else {
            out[k] = single(samples, start, k, &wx, &wy);
            k += 1;
        }
    }
}

#[inline(always)]
fn weights_at<const N: usize, W: TapWeights<N>>(kernel: W, t: &[f32; ROOM], start: usize, out: &mut [[f32; ROOM]; N]) {
    let mut position = [0.0f32; LANES];
    position.copy_from_slice(&t[start..start + LANES]);
    let mut weights = [[0.0f32; LANES]; N];
    kernel.weights(&position, &mut weights);
    for (out, weights) in out.iter_mut().zip(&weights) {
        out[start..start + LANES].copy_from_slice(weights);
    }
}

/// Positions from `k` on that share its key, up to a set of lanes.
#[inline(always)]
fn run_length(keys: &[i64; ROOM], k: usize) -> usize {
    let mut equal = [false; LANES];
    let mut all = true;
    for l in 0..LANES {
        equal[l] = keys[k + l] == keys[k];
        all &= equal[l];
    }
    if all { LANES } else { equal.iter().take_while(|e| **e).count() }
}

/// A set of lanes as neighbouring pixels, the first tap of the first at `start`.
#[inline(always)]
fn run<const N: usize>(
    samples: &Samples,
    start: usize,
    k: usize,
    wx: &[[f32; ROOM]; N],
    wy: &[[f32; ROOM]; N],
) -> [f32; LANES] {
    let mut columns = [[0.0f32; LANES]; N];
    for i in 0..N {
        let row = &samples.data[start + i * samples.stride..][..LANES + N - 1];
        let weight = &wy[i][k..k + LANES];
        for j in 0..N {
            for l in 0..LANES {
                columns[j][l] = row[j + l].mul_add(weight[l], columns[j][l]);
            }
        }
    }
    let mut sum = [0.0f32; LANES];
    for j in 0..N {
        let weight = &wx[j][k..k + LANES];
        for l in 0..LANES {
            sum[l] = columns[j][l].mul_add(weight[l], sum[l]);
        }
    }
    sum
}

/// One position by itself.
#[inline(always)]
fn single<const N: usize>(
    samples: &Samples,
    start: usize,
    k: usize,
    wx: &[[f32; ROOM]; N],
    wy: &[[f32; ROOM]; N],
) -> f32 {
    // Eight columns are one register; what lies past the kernel's taps is dropped below.
    let mut columns = [0.0f32; 8];
    for i in 0..N {
        let row = &samples.data[start + i * samples.stride..];
        let weight = wy[i][k];
        if let Some(row) = row.first_chunk::<8>() {
            for j in 0..8 {
                columns[j] = row[j].mul_add(weight, columns[j]);
            }
        } else {
            for j in 0..N {
                columns[j] = row[j].mul_add(weight, columns[j]);
            }
        }
    }
    let mut sum = 0.0f32;
    for j in 0..N {
        sum = columns[j].mul_add(wx[j][k], sum);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::prefilter::prepare;

    const ALL: [Kernel; 8] = [
        Kernel::Nearest,
        Kernel::Bilinear,
        Kernel::Bicubic,
        Kernel::Lanczos(2),
        Kernel::Lanczos(3),
        Kernel::Lanczos(4),
        Kernel::BSpline3,
        Kernel::BSpline5,
    ];

    #[test]
    fn every_kernel_passes_through_the_pixels() {
        let (w, h) = (50, 40);
        let pixels: Vec<f32> = (0..w * h).map(|k| ((k * 7919) % 1013) as f32 * 0.1).collect();
        for kernel in ALL {
            let samples = prepare(kernel, &pixels, w, h);
            let u: Vec<f64> = (0..w).map(|x| x as f64).collect();
            let mut out = vec![0.0; w];
            for y in 0..h {
                samples.row(kernel, &u, &vec![y as f64; w], &mut out);
                for x in 0..w {
                    assert!((out[x] - pixels[y * w + x]).abs() < 3e-4, "{kernel} at ({x}, {y})");
                }
            }
        }
    }

    #[test]
    fn contiguous_and_scattered_positions_give_the_same_bytes() {
        let (w, h) = (64, 40);
        let pixels: Vec<f32> = (0..w * h).map(|k| ((k * 7919) % 1013) as f32 * 0.1).collect();
        for kernel in ALL {
            let samples = prepare(kernel, &pixels, w, h);
            let u: Vec<f64> = (0..48).map(|x| x as f64 + 3.3).collect();
            let v = vec![17.7; 48];
            let mut straight = vec![0.0; 48];
            samples.row(kernel, &u, &v, &mut straight);
            let back: Vec<f64> = u.iter().rev().copied().collect();
            let mut reversed = vec![0.0; 48];
            samples.row(kernel, &back, &v, &mut reversed);
            reversed.reverse();
            assert_eq!(
                straight.iter().map(|f| f.to_bits()).collect::<Vec<_>>(),
                reversed.iter().map(|f| f.to_bits()).collect::<Vec<_>>(),
                "{kernel}"
            );
        }
    }

    #[test]
    fn a_well_sampled_gaussian_is_followed_between_pixels() {
        let (w, h) = (48, 48);
        let sigma = 1.5f64;
        let gauss =
            |x: f64, y: f64| libm::exp(-((x - 23.4) * (x - 23.4) + (y - 24.1) * (y - 24.1)) / (2.0 * sigma * sigma));
        let pixels: Vec<f32> = (0..w * h).map(|k| gauss((k % w) as f64, (k / w) as f64) as f32).collect();
        for (kernel, tolerance) in [
            (Kernel::Bilinear, 0.1),
            (Kernel::Bicubic, 0.03),
            (Kernel::Lanczos(3), 0.01),
            (Kernel::BSpline3, 0.004),
            (Kernel::BSpline5, 0.0008),
        ] {
            let samples = prepare(kernel, &pixels, w, h);
            for step in 0..200 {
                let (x, y) = (20.0 + step as f64 * 0.037, 21.0 + step as f64 * 0.029);
                let mut out = [0.0];
                samples.row(kernel, &[x], &[y], &mut out);
                assert!(
                    (f64::from(out[0]) - gauss(x, y)).abs() < tolerance,
                    "{kernel} at {x} {y}: {} {}",
                    out[0],
                    gauss(x, y)
                );
            }
        }
    }

    #[test]
    fn undefined_and_distant_positions_do_no_harm() {
        let samples = prepare(Kernel::BSpline5, &[1.0; 12], 4, 3);
        let mut out = [0.0; 4];
        samples.row(Kernel::BSpline5, &[f64::NAN, -1e300, 1e300, f64::INFINITY], &[0.0, f64::NAN, 1e9, -1e9], &mut out);
        assert!(out.iter().all(|v| (v - 1.0).abs() < 1e-5));
    }
}
