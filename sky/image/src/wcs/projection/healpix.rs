//! HEALPix as projections: HPX and the polar butterfly XPH.
//!
//! Source: Calabretta & Roukema 2007, MNRAS 381, 865.

use super::Angular;
use crate::sphere::trig::{RAD, atan2_deg, sincos_deg};
use std::f64::consts::FRAC_1_SQRT_2;

/// The HEALPix projection with H facets round the equator and K rows of them.
#[derive(Debug)]
pub(super) struct Hpx {
    h: f64,
    k: f64,
    k_odd: bool,
}

impl Hpx {
    /// `h` and `k` are positive whole numbers.
    pub(super) fn new(h: f64, k: f64) -> Option<Hpx> {
        let whole = |v: f64| (1.0..=1e6).contains(&v) && v == v.round();
        (whole(h) && whole(k)).then(|| Hpx { h, k, k_odd: k % 2.0 == 1.0 })
    }

    /// Longitude of the middle of the polar facet that holds `phi`.
    fn facet(&self, phi: f64, north: bool) -> f64 {
        let omega = if self.k_odd || north { 1.0 } else { 0.0 };
        let index = ((phi + 180.0) * self.h / 360.0 + 0.5 * (1.0 - omega)).floor();
        -180.0 + (2.0 * index + omega) * 180.0 / self.h
    }
}

/// 1 - |sin θ| without cancellation at the poles.
fn below_pole(theta: f64) -> f64 {
    let (s, _) = sincos_deg(0.5 * (90.0 - theta.abs()));
    2.0 * s * s
}

/// θ in [0, 90] from t = 1 - sin θ.
fn latitude(t: f64) -> f64 {
    atan2_deg(1.0 - t, (t * (2.0 - t)).max(0.0).sqrt())
}

impl Angular for Hpx {
    fn to_plane(&self, phi: f64, theta: f64) -> Option<(f64, f64)> {
        let (h, k) = (self.h, self.k);
        let (s, _) = sincos_deg(theta);
        if s.abs() <= (k - 1.0) / k {
            return Some((phi, 90.0 * k / h * s));
        }
        let sigma = (k * below_pole(theta)).sqrt();
        let centre = self.facet(phi, theta > 0.0);
        let y = 180.0 / h * (0.5 * (k + 1.0) - sigma);
        Some((centre + (phi - centre) * sigma, y.copysign(theta)))
    }

    fn to_sphere(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let (h, k) = (self.h, self.k);
        if y.abs() <= 90.0 * (k - 1.0) / h {
            let s = y * h / (90.0 * k);
            return Some((x, libm::asin(s) * RAD));
        }
        let sigma = 0.5 * (k + 1.0) - y.abs() * h / 180.0;
        if sigma < -1e-13 {
            return None;
        }
        let sigma = sigma.max(0.0);
        let centre = self.facet(x, y > 0.0);
        let theta = latitude(sigma * sigma / k).copysign(y);
        if (x - centre).abs() > sigma * 180.0 / h + 1e-12 {
            return None;
        }
        let phi = if sigma == 0.0 { centre } else { centre + (x - centre) / sigma };
        Some((phi, theta))
    }
}

/// The butterfly: the four quarters of HPX (H = 4, K = 3) turned about the north pole.
#[derive(Debug)]
pub(super) struct Xph;

impl Angular for Xph {
    fn to_plane(&self, phi: f64, theta: f64) -> Option<(f64, f64)> {
        let turn = (phi + 180.0).rem_euclid(360.0);
        let quarter = (turn / 90.0).floor();
        let psi = turn - 90.0 * quarter;
        let (s, _) = sincos_deg(theta);
        let (xi, eta) = if s.abs() <= 2.0 / 3.0 {
            (psi, 67.5 * s)
        } else {
            let sigma = (3.0 * below_pole(theta)).sqrt();
            (45.0 + (psi - 45.0) * sigma, (45.0 * (2.0 - sigma)).copysign(theta))
        };
        let (xi, eta) = (xi - 45.0, eta - 90.0);
        let (x, y) = match quarter as i32 {
            0 => (-xi + eta, -xi - eta),
            1 => (xi + eta, -xi + eta),
            2 => (xi - eta, xi + eta),
            _ => (-xi - eta, xi - eta),
        };
        Some((x * FRAC_1_SQRT_2, y * FRAC_1_SQRT_2))
    }

    fn to_sphere(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let (x, y) = (x * FRAC_1_SQRT_2, y * FRAC_1_SQRT_2);
        // Each quarter of the plane is one wing; its own axes run along and across.
        let (start, xi, eta) = if x <= 0.0 && y > 0.0 {
            (-180.0, -x - y, x - y)
        } else if x < 0.0 && y <= 0.0 {
            (-90.0, x - y, x + y)
        } else if x >= 0.0 && y < 0.0 {
            (0.0, x + y, y - x)
        } else {
            (90.0, y - x, -x - y)
        };
        let (xi, eta) = (xi + 45.0, eta + 90.0);
        if eta.abs() <= 45.0 {
            let inside = (-1e-12..=90.0 + 1e-12).contains(&xi);
            return inside.then(|| (start + xi, libm::asin(eta / 67.5) * RAD));
        }
        let sigma = (2.0 - eta.abs() / 45.0).max(0.0);
        let theta = latitude(sigma * sigma / 3.0).copysign(eta);
        if eta.abs() > 90.0 + 1e-12 || (xi - 45.0).abs() > 45.0 * sigma + 1e-12 {
            return None;
        }
        let psi = if sigma == 0.0 { 45.0 } else { 45.0 + (xi - 45.0) / sigma };
        Some((start + psi, theta))
    }
}
