//! What convolution and reprojection by areas make of noise.

use super::Kernel;
use crate::correlation::NoiseCorrelation;
use crate::fft::Complex2d;

/// Correlation coefficients below which the reach of the noise ends.
const NEGLIGIBLE: f64 = 1e-3;
/// Largest reach that is kept, output pixels.
const FARTHEST: i64 = 24;

/// What becomes of noise of variance 1 in each input pixel (a flux per pixel) on output pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Propagated {
    /// Variance in an output pixel (a flux per pixel).
    pub variance: f64,
    /// Correlation between output pixels.
    pub correlation: NoiseCorrelation,
}

/// Noise through a kernel and a sharing out by areas, averaged over how the two grids of pixels fall on each other.
///
/// - `native`: correlation of the noise between input pixels
/// - `scale`: side of an output pixel over that of an input pixel
///
/// With weights `w` of input pixels in an output pixel, the covariance at a distance is the kernel's autocorrelation
/// convolved with that of the overlap of two squares, a cubic spline along each axis (turns of the grids are left out of
/// account: kernels are nearly round).
pub fn propagate(kernel: &Kernel, native: &NoiseCorrelation, scale: f64) -> Propagated {
    let finer = kernel.finer;
    let scale = scale * finer as f64;
    let lattice = Lattice::new(kernel, native);
    let overlap = Overlap { scale };
    let share = 1.0 / (finer * finer) as f64;
    let covariance = |i: i64, j: i64| share * lattice.against(&overlap, i as f64 * scale, j as f64 * scale);
    let variance = covariance(0, 0);
    let mut reach = 0;
    while reach < FARTHEST {
        let next = reach + 1;
        let edge = covariance(next, 0).abs().max(covariance(0, next).abs());
        if edge < NEGLIGIBLE * variance {
            break;
        }
        reach = next;
    }
    let mut rho = Vec::new();
    for j in -reach..=reach {
        for i in -reach..=reach {
            // Half of the square stands for the other half.
            rho.push(if (j, i) >= (0, 0) { (covariance(i, j) / variance) as f32 } else { 0.0 });
        }
    }
    let last = rho.len() - 1;
    for k in 0..last / 2 {
        rho[k] = rho[last - k];
    }
    let correlation = NoiseCorrelation::new(reach as usize, rho).unwrap_or_else(NoiseCorrelation::none);
    Propagated { variance, correlation }
}

/// The kernel's autocorrelation, with that of the input's noise, on the kernel's samples.
struct Lattice {
    values: Complex2d,
    reach: i64,
}

impl Lattice {
    fn new(kernel: &Kernel, native: &NoiseCorrelation) -> Lattice {
        let reach = 2 * kernel.reach + native.reach() * kernel.finer;
        let side = 2 * reach + 1;
        let mut values = Complex2d::zeros(side, side);
        for (k, value) in kernel.values.iter().enumerate() {
            values.re[(k / kernel.side()) * values.width + k % kernel.side()] = *value;
        }
        values.forward();
        for k in 0..values.re.len() {
            values.re[k] = values.re[k] * values.re[k] + values.im[k] * values.im[k];
            values.im[k] = 0.0;
        }
        if native.reach() > 0 {
            let mut noise = Complex2d::zeros(side, side);
            let r = native.reach() as i64;
            for dy in -r..=r {
                for dx in -r..=r {
                    let x = (dx * kernel.finer as i64).rem_euclid(noise.width as i64) as usize;
                    let y = (dy * kernel.finer as i64).rem_euclid(noise.height as i64) as usize;
                    noise.re[y * noise.width + x] += native.at(dx, dy);
                }
            }
            noise.forward();
            values.multiply(&noise);
        }
        values.backward();
        Lattice { values, reach: reach as i64 }
    }

    /// Sum over samples of the value times that of the overlap at a distance from them.
    fn against(&self, overlap: &Overlap, dx: f64, dy: f64) -> f64 {
        let far = 1.0 + overlap.scale;
        let span =
            |d: f64| ((d - far).ceil().max(-self.reach as f64) as i64, (d + far).floor().min(self.reach as f64) as i64);
        let ((x0, x1), (y0, y1)) = (span(dx), span(dy));
        let along: Vec<f64> = (x0..=x1).map(|m| overlap.correlation(dx - m as f64)).collect();
        let mut total = 0.0;
        for m in y0..=y1 {
            let row = m.rem_euclid(self.values.height as i64) as usize * self.values.width;
            let mut line = 0.0;
            for (weight, n) in along.iter().zip(x0..=x1) {
                line += weight * self.values.re[row + n.rem_euclid(self.values.width as i64) as usize];
            }
            total += line * overlap.correlation(dy - m as f64);
        }
        total
    }
}

/// Overlap of an input pixel of side 1 with an output pixel, as a share of the former.
struct Overlap {
    /// Side of the output pixel.
    scale: f64,
}

impl Overlap {
    /// Autocorrelation of the overlap along one axis at distance `t`: two boxes of side 1 and two of side `scale`, convolved.
    fn correlation(&self, t: f64) -> f64 {
        let s = self.scale;
        let cube = |v: f64| if v > 0.0 { v * v * v / 6.0 } else { 0.0 };
        // Second differences with steps 1 and s of the truncated cube.
        let second = |v: f64| cube(v + 1.0) - 2.0 * cube(v) + cube(v - 1.0);
        // The overlap is symmetric; far from 0 the sum of cubes would cancel less well on the other side.
        let t = -t.abs();
        (second(t + s) - 2.0 * second(t) + second(t - s)).max(0.0)
    }
}
