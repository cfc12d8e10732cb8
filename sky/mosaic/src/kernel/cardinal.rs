//! The weight of each pixel in an interpolated value, filters folded in.

use super::Kernel;
use super::prefilter;
use super::weights::{Cubic, Keys, LANES, Linear, Quintic, TapWeights, lanczos2, lanczos3, lanczos4};

/// A kernel's weights on pixel values: for B-splines the cardinal spline, cut where it falls below 1e-4.
pub struct Cardinal {
    kernel: Kernel,
    filter: Vec<f32>,
}

impl Cardinal {
    /// The cardinal form of a kernel.
    pub fn of(kernel: Kernel) -> Cardinal {
        let mut filter = prefilter::taps(kernel);
        let keep = filter.iter().rposition(|c| c.abs() > 1e-4).unwrap_or(0) + 1;
        filter.truncate(keep);
        Cardinal { kernel, filter }
    }

    /// Squared weights of the pixels around position `x`, and the first pixel's index. `out` is overwritten.
    pub fn squares(&self, x: f64, out: &mut Vec<f32>) -> i64 {
        let first = self.weights(x, out);
        for weight in out.iter_mut() {
            *weight *= *weight;
        }
        first
    }

    /// Weights of the pixels around position `x`, and the first pixel's index. `out` is overwritten.
    pub fn weights(&self, x: f64, out: &mut Vec<f32>) -> i64 {
        if self.kernel == Kernel::Nearest {
            out.clear();
            out.push(1.0);
            return (x + 0.5).floor() as i64;
        }
        let floor = x.floor();
        let t = (x - floor) as f32;
        let mut direct = [0.0f32; 8];
        let n = self.kernel.taps();
        match self.kernel {
            Kernel::Nearest | Kernel::Bilinear => tap(Linear, t, &mut direct),
            Kernel::Bicubic => tap(Keys, t, &mut direct),
            Kernel::BSpline3 => tap(Cubic, t, &mut direct),
            Kernel::BSpline5 => tap::<6, _>(Quintic, t, &mut direct),
            Kernel::Lanczos(2) => tap(lanczos2(), t, &mut direct),
            Kernel::Lanczos(3) => tap(lanczos3(), t, &mut direct),
            Kernel::Lanczos(_) => tap(lanczos4(), t, &mut direct),
        }
        let reach = self.filter.len() - 1;
        out.clear();
        out.resize(n + 2 * reach, 0.0);
        for (k, weight) in direct[..n].iter().enumerate() {
            for (d, c) in self.filter.iter().enumerate() {
                out[k + reach - d] += weight * c;
                if d > 0 {
                    out[k + reach + d] += weight * c;
                }
            }
        }
        floor as i64 - (n as i64 / 2 - 1) - reach as i64
    }
}

fn tap<const N: usize, W: TapWeights<N>>(kernel: W, t: f32, out: &mut [f32; 8]) {
    let mut lanes = [[0.0; LANES]; N];
    kernel.weights(&[t; LANES], &mut lanes);
    for (out, lane) in out.iter_mut().zip(lanes) {
        *out = lane[0];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cardinal_spline_is_one_at_its_pixel_and_none_at_the_others() {
        for kernel in [Kernel::BSpline3, Kernel::BSpline5] {
            let mut out = Vec::new();
            let first = Cardinal::of(kernel).weights(20.0, &mut out);
            for (k, weight) in out.iter().enumerate() {
                let known = if first + k as i64 == 20 { 1.0 } else { 0.0 };
                assert!((weight - known).abs() < 3e-4, "{kernel} tap {k}: {weight}");
            }
        }
    }
}
