//! Tap weights of each kernel for a fractional position.

use std::sync::OnceLock;

/// Lanes that kernels work on at once.
pub const LANES: usize = 16;

/// Weights of `N` neighbouring taps for a position `t` in `[0, 1)` between taps `N/2 - 1` and `N/2`.
pub trait TapWeights<const N: usize>: Copy {
    /// Weights for [`LANES`] positions at once: `out[tap][lane]`.
    fn weights(self, t: &[f32; LANES], out: &mut [[f32; LANES]; N]);
}

/// Linear interpolation.
#[derive(Clone, Copy)]
pub struct Linear;

impl TapWeights<2> for Linear {
    #[inline(always)]
    fn weights(self, t: &[f32; LANES], out: &mut [[f32; LANES]; 2]) {
        for l in 0..LANES {
            out[0][l] = 1.0 - t[l];
            out[1][l] = t[l];
        }
    }
}

/// Cubic convolution, a = -1/2. Source: Keys 1981, eq. 15.
#[derive(Clone, Copy)]
pub struct Keys;

impl TapWeights<4> for Keys {
    #[inline(always)]
    fn weights(self, t: &[f32; LANES], out: &mut [[f32; LANES]; 4]) {
        for l in 0..LANES {
            let t = t[l];
            let s = 1.0 - t;
            out[0][l] = -0.5 * t * s * s;
            out[3][l] = -0.5 * s * t * t;
            out[1][l] = (1.5f32.mul_add(t, -2.5) * t).mul_add(t, 1.0);
            out[2][l] = (1.5f32.mul_add(s, -2.5) * s).mul_add(s, 1.0);
        }
    }
}

/// Cubic B-spline.
#[derive(Clone, Copy)]
pub struct Cubic;

impl TapWeights<4> for Cubic {
    #[inline(always)]
    fn weights(self, t: &[f32; LANES], out: &mut [[f32; LANES]; 4]) {
        const SIXTH: f32 = 1.0 / 6.0;
        const TWO_THIRDS: f32 = 2.0 / 3.0;
        for l in 0..LANES {
            let t = t[l];
            let s = 1.0 - t;
            out[0][l] = s * s * s * SIXTH;
            out[1][l] = (0.5f32.mul_add(t, -1.0) * t).mul_add(t, TWO_THIRDS);
            out[2][l] = (0.5f32.mul_add(s, -1.0) * s).mul_add(s, TWO_THIRDS);
            out[3][l] = t * t * t * SIXTH;
        }
    }
}

/// Quintic B-spline.
#[derive(Clone, Copy)]
pub struct Quintic;

impl Quintic {
    /// The centred spline for a distance `d` in `[0, 1]`.
    #[inline(always)]
    fn inner(d: f32) -> f32 {
        const A: f32 = 11.0 / 20.0;
        let d2 = d * d;
        ((-1.0f32 / 12.0).mul_add(d, 0.25) * d2 - 0.5).mul_add(d2, A)
    }

    /// The centred spline for a distance `d` in `[1, 2]`.
    #[inline(always)]
    fn middle(d: f32) -> f32 {
        const C: [f32; 6] = [17.0 / 40.0, 5.0 / 8.0, -7.0 / 4.0, 5.0 / 4.0, -3.0 / 8.0, 1.0 / 24.0];
        let mut sum = C[5];
        for c in [C[4], C[3], C[2], C[1], C[0]] {
            sum = sum.mul_add(d, c);
        }
        sum
    }

    /// The centred spline for a distance `3 - e`, `e` in `[0, 1]`.
    #[inline(always)]
    fn outer(e: f32) -> f32 {
        let e2 = e * e;
        e2 * e2 * e * (1.0 / 120.0)
    }
}

impl TapWeights<6> for Quintic {
    #[inline(always)]
    fn weights(self, t: &[f32; LANES], out: &mut [[f32; LANES]; 6]) {
        for l in 0..LANES {
            let t = t[l];
            let s = 1.0 - t;
            out[0][l] = Self::outer(s);
            out[1][l] = Self::middle(1.0 + t);
            out[2][l] = Self::inner(t);
            out[3][l] = Self::inner(s);
            out[4][l] = Self::middle(1.0 + s);
            out[5][l] = Self::outer(t);
        }
    }
}

/// Intervals of the Lanczos tables; linear interpolation between them errs by less than 1e-6.
const STEPS: usize = 2048;

/// Lanczos kernel by table, for `N` taps, weights scaled to sum to one.
#[derive(Clone, Copy)]
pub struct Lanczos<const N: usize> {
    table: &'static [[f32; N]],
}

impl<const N: usize> Lanczos<N> {
    fn build() -> Vec<[f32; N]> {
        let lobes = (N / 2) as f64;
        (0..=STEPS + 1)
            .map(|step| {
                let t = step as f64 / STEPS as f64;
                let mut row = [0.0f64; N];
                for (k, weight) in row.iter_mut().enumerate() {
                    let d = t - (k as f64 - (lobes - 1.0));
                    *weight = if d.abs() >= lobes { 0.0 } else { sinc(d) * sinc(d / lobes) };
                }
                let total: f64 = row.iter().sum();
                row.map(|w| (w / total) as f32)
            })
            .collect()
    }
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        return 1.0;
    }
    let a = std::f64::consts::PI * x;
    libm::sin(a) / a
}

/// The Lanczos kernel with two lobes a side.
pub fn lanczos2() -> Lanczos<4> {
    static TABLE: OnceLock<Vec<[f32; 4]>> = OnceLock::new();
    Lanczos { table: TABLE.get_or_init(Lanczos::<4>::build) }
}

/// The Lanczos kernel with three lobes a side.
pub fn lanczos3() -> Lanczos<6> {
    static TABLE: OnceLock<Vec<[f32; 6]>> = OnceLock::new();
    Lanczos { table: TABLE.get_or_init(Lanczos::<6>::build) }
}

/// The Lanczos kernel with four lobes a side.
pub fn lanczos4() -> Lanczos<8> {
    static TABLE: OnceLock<Vec<[f32; 8]>> = OnceLock::new();
    Lanczos { table: TABLE.get_or_init(Lanczos::<8>::build) }
}

impl<const N: usize> TapWeights<N> for Lanczos<N> {
    #[inline(always)]
    fn weights(self, t: &[f32; LANES], out: &mut [[f32; LANES]; N]) {
        for l in 0..LANES {
            let at = t[l] * STEPS as f32;
            let step = (at as usize).min(STEPS);
            let rest = at - step as f32;
            let (low, high) = (&self.table[step], &self.table[step + 1]);
            for k in 0..N {
                out[k][l] = (high[k] - low[k]).mul_add(rest, low[k]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<const N: usize, W: TapWeights<N>>(kernel: W, tolerance: f32) {
        for step in 0..1000 {
            let t = step as f32 / 1000.0;
            let mut out = [[0.0; LANES]; N];
            kernel.weights(&[t; LANES], &mut out);
            let sum: f32 = out.iter().map(|w| w[0]).sum();
            assert!((sum - 1.0).abs() < 1e-6, "weights at {t} sum to {sum}");
            // The first moment is the position itself: a ramp is reproduced.
            let moment: f32 = out.iter().enumerate().map(|(k, w)| w[3] * (k as f32 - (N as f32 / 2.0 - 1.0))).sum();
            assert!((moment - t).abs() < tolerance, "a ramp at {t} gives {moment}");
        }
    }

    #[test]
    fn weights_sum_to_one_and_keep_a_ramp() {
        check::<2, _>(Linear, 1e-6);
        check::<4, _>(Keys, 1e-6);
        check::<4, _>(Cubic, 1e-6);
        check::<6, _>(Quintic, 2e-6);
        check::<4, _>(lanczos2(), 0.04);
        check::<6, _>(lanczos3(), 0.02);
        check::<8, _>(lanczos4(), 0.02);
    }

    #[test]
    fn quintic_weights_have_their_published_values_at_the_knots() {
        let mut out = [[0.0; LANES]; 6];
        Quintic.weights(&[0.0; LANES], &mut out);
        let knots: Vec<f32> = out.iter().map(|w| w[0] * 120.0).collect();
        for (found, known) in knots.iter().zip([1.0, 26.0, 66.0, 26.0, 1.0, 0.0]) {
            assert!((found - known).abs() < 1e-4, "{knots:?}");
        }
    }
}
