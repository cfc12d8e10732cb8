//! Pseudo-cylindrical projections and their like: SFL, PAR, MOL, AIT.
//!
//! Source: Calabretta & Greisen 2002, section 5.3.

use super::Angular;
use super::solve::solve_increasing;
use crate::sphere::trig::{DEG, RAD, atan2_deg, sincos_deg};
use std::f64::consts::{FRAC_PI_2, PI, SQRT_2};

/// Sanson-Flamsteed (sinusoidal).
#[derive(Debug)]
pub(super) struct Sfl;

impl Angular for Sfl {
    fn to_plane(&self, phi: f64, theta: f64) -> Option<(f64, f64)> {
        Some((phi * sincos_deg(theta).1, theta))
    }

    fn to_sphere(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        meridian(x, sincos_deg(y).1).map(|phi| (phi, y))
    }
}

/// Longitude of `x` on a parallel of relative length `scale`; on a pole only x = 0 is on the map.
fn meridian(x: f64, scale: f64) -> Option<f64> {
    if scale > 0.0 { Some(x / scale) } else { (x.abs() < 1e-12).then_some(0.0) }
}

/// Parabolic (Craster).
#[derive(Debug)]
pub(super) struct Par;

impl Angular for Par {
    fn to_plane(&self, phi: f64, theta: f64) -> Option<(f64, f64)> {
        let (s, _) = sincos_deg(theta / 3.0);
        Some((phi * (1.0 - 4.0 * s * s), 180.0 * s))
    }

    fn to_sphere(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let s = y / 180.0;
        if s.abs() > 0.5 + 1e-13 {
            return None;
        }
        let scale = (1.0 - 2.0 * s) * (1.0 + 2.0 * s);
        Some((meridian(x, scale.max(0.0))?, (3.0 * libm::asin(s) * RAD).clamp(-90.0, 90.0)))
    }
}

/// Mollweide.
#[derive(Debug)]
pub(super) struct Mol;

/// 2 g - sin 2 g, exact for small g.
fn lens(g: f64) -> f64 {
    if g > 0.4 {
        return 2.0 * g - libm::sin(2.0 * g);
    }
    let u = 4.0 * g * g;
    let tail = 1.0 / 6.0
        - u * (1.0 / 120.0
            - u * (1.0 / 5040.0 - u * (1.0 / 362_880.0 - u * (1.0 / 39_916_800.0 - u / 6_227_020_800.0))));
    2.0 * g * u * tail
}

impl Angular for Mol {
    fn to_plane(&self, phi: f64, theta: f64) -> Option<(f64, f64)> {
        let (half, _) = sincos_deg(0.5 * (90.0 - theta.abs()));
        let target = PI * 2.0 * half * half;
        // The auxiliary angle counted from the pole, where its equation is well conditioned.
        let f = |g: f64| {
            let s = libm::sin(g);
            (lens(g) - target, 4.0 * s * s)
        };
        let g = if target == 0.0 { 0.0 } else { solve_increasing(f, 0.0, FRAC_PI_2, libm::cbrt(0.75 * target)) };
        let (s, c) = libm::sincos(g);
        Some((2.0 * SQRT_2 / PI * phi * s, SQRT_2 * RAD * c.copysign(theta)))
    }

    fn to_sphere(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let c = (y * DEG / SQRT_2).abs();
        if c > 1.0 + 1e-13 {
            return None;
        }
        let s = ((1.0 - c) * (1.0 + c)).max(0.0).sqrt();
        let t = lens(libm::atan2(s, c)) / PI;
        let theta = atan2_deg(1.0 - t, (t * (2.0 - t)).max(0.0).sqrt());
        Some((meridian(x * (PI / (2.0 * SQRT_2)), s)?, theta.copysign(y)))
    }
}

/// Hammer-Aitoff.
#[derive(Debug)]
pub(super) struct Ait;

impl Angular for Ait {
    fn to_plane(&self, phi: f64, theta: f64) -> Option<(f64, f64)> {
        let ((sp, cp), (st, ct)) = (sincos_deg(0.5 * phi), sincos_deg(theta));
        let gamma = RAD * (2.0 / (1.0 + ct * cp)).sqrt();
        Some((2.0 * gamma * ct * sp, gamma * st))
    }

    fn to_sphere(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let (a, b) = (x * DEG / 4.0, y * DEG / 2.0);
        let z2 = 1.0 - a * a - b * b;
        if z2 < 0.5 - 1e-13 {
            return None;
        }
        let z = z2.sqrt();
        let s = 2.0 * b * z;
        let phi = 2.0 * libm::atan2(2.0 * a * z, 2.0 * z2 - 1.0) * RAD;
        // cos θ is the length of the other two components: good at the poles too.
        let c = libm::hypot(2.0 * z2 - 1.0, 2.0 * a * z);
        Some((phi, libm::atan2(s, c) * RAD))
    }
}
