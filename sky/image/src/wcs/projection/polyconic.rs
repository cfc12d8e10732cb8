//! Polyconic and pseudo-conic projections: BON, PCO. Source: Calabretta & Greisen 2002, section 5.5.

use super::Angular;
use super::solve::solve_increasing;
use crate::sphere::trig::{DEG, RAD, sincos_deg};

/// Bonne's equal area.
#[derive(Debug)]
pub(super) struct Bon {
    theta_1: f64,
    y0: f64,
}

impl Bon {
    /// `theta_1`: the conformal latitude, degrees, not 0 (that is SFL).
    pub(super) fn new(theta_1: f64) -> Option<Bon> {
        let (s, c) = sincos_deg(theta_1);
        (s != 0.0 && theta_1.abs() <= 90.0).then(|| Bon { theta_1, y0: RAD * c / s + theta_1 })
    }
}

impl Angular for Bon {
    fn to_plane(&self, phi: f64, theta: f64) -> Option<(f64, f64)> {
        let r = self.y0 - theta;
        let a = if r == 0.0 { 0.0 } else { RAD * phi * sincos_deg(theta).1 / r };
        let (s, c) = sincos_deg(a);
        Some((r * s, self.y0 - r * c))
    }

    fn to_sphere(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let dy = self.y0 - y;
        let r = libm::hypot(x, dy).copysign(self.theta_1);
        let theta = self.y0 - r;
        let a = if r == 0.0 { 0.0 } else { libm::atan2(x / r, dy / r) };
        let c = sincos_deg(theta).1;
        if theta.abs() > 90.0 + 1e-12 {
            return None;
        }
        // On a pole the arc shrinks to a point.
        if c.abs() < 1e-14 {
            return ((a * r).abs() < 1e-10).then_some((0.0, theta));
        }
        Some((a * r / c, theta))
    }
}

/// Polyconic.
#[derive(Debug)]
pub(super) struct Pco;

impl Angular for Pco {
    fn to_plane(&self, phi: f64, theta: f64) -> Option<(f64, f64)> {
        let (s, c) = sincos_deg(theta);
        if s == 0.0 {
            return Some((phi, 0.0));
        }
        let cot = RAD * c / s;
        let (sin_half, cos_half) = sincos_deg(0.5 * phi * s);
        Some((cot * 2.0 * sin_half * cos_half, theta + cot * 2.0 * sin_half * sin_half))
    }

    fn to_sphere(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        if y == 0.0 {
            return Some((x, 0.0));
        }
        let height = y.abs();
        // sin θ (x² + (y - θ)²) = 2 (y - θ) cos θ, all in radians; the left less the right rises with θ.
        let (xr, yr) = (x * DEG, height * DEG);
        let f = |t: f64| {
            let (s, c) = libm::sincos(t);
            let d = yr - t;
            let square = xr * xr + d * d;
            (s * square - 2.0 * d * c, c * square - 2.0 * s * d + 2.0 * c + 2.0 * d * s)
        };
        let top = yr.min(std::f64::consts::FRAC_PI_2);
        let t = solve_increasing(f, 0.0, top, yr / (1.0 + 0.5 * xr * xr));
        let (s, c) = libm::sincos(t);
        let d = yr - t;
        let (turn, scale) = (libm::atan2(xr * s, c - d * s), RAD / s);
        let phi = if s == 0.0 { x } else { turn * scale };
        Some((phi, (t * RAD).copysign(y)))
    }
}
