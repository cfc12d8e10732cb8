//! Perspective projections from any point onto a tangent or tilted plane: AZP, SZP, and SIN with slant (NCP too).
//!
//! Source: Calabretta & Greisen 2002, sections 5.1.1, 5.1.2 and 5.1.5.

use super::{Native, each_point};
use crate::sphere::trig::{DEG, RAD, sincos_deg};

/// Zenithal perspective: projection from a point `mu` sphere radii below the centre onto a plane tilted by gamma.
#[derive(Debug)]
pub(super) struct Azp {
    mu: f64,
    tan_gamma: f64,
    sin_gamma: f64,
    cos_gamma: f64,
}

impl Azp {
    /// `mu` in sphere radii, not -1; `gamma` in degrees, not ±90. None where these are degenerate.
    pub(super) fn new(mu: f64, gamma: f64) -> Option<Azp> {
        let (sin_gamma, cos_gamma) = sincos_deg(gamma);
        if mu == -1.0 || cos_gamma == 0.0 || !mu.is_finite() || !gamma.is_finite() {
            return None;
        }
        Some(Azp { mu, tan_gamma: sin_gamma / cos_gamma, sin_gamma, cos_gamma })
    }
}

impl Native for Azp {
    fn deproject(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        let mu = self.mu;
        each_point(x, y, z, |[x, y, _]| {
            let (a, b) = (x * DEG, y * DEG * self.cos_gamma);
            let depth = (mu + 1.0) + y * DEG * self.sin_gamma;
            let r2 = a * a + b * b;
            if depth == 0.0 {
                return None;
            }
            let rho2 = r2 / (depth * depth);
            let disc = 1.0 + rho2 * (1.0 - mu * mu);
            let root = (disc >= -1e-13).then(|| disc.max(0.0).sqrt())?;
            // Rays that meet the plane only backwards, possible with a tilt, take the other root.
            let root = if mu.abs() <= 1.0 && depth * (mu + 1.0) < 0.0 { -root } else { root };
            let n = (root - rho2 * mu) / (1.0 + rho2);
            let f = (mu + n) / depth;
            (f >= 0.0 && n.abs() <= 1.0 + 1e-13).then_some([-b * f, a * f, n])
        });
    }

    fn project(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        let mu = self.mu;
        each_point(x, y, z, |[l, m, n]| {
            let g = (mu + 1.0) / ((mu + n) + l * self.tan_gamma);
            let visible = mu.abs() <= 1.0 || n > -1.0 / mu - 1e-15;
            (g > 0.0 && visible).then(|| [m * g * RAD, -l * g * RAD / self.cos_gamma, 0.0])
        });
    }
}

/// Slant zenithal perspective: projection onto the tangent plane from a point anywhere.
#[derive(Debug)]
pub(super) struct Szp {
    mu: f64,
    /// Unit vector opposite to the point of projection (for positive `mu`).
    axis: [f64; 3],
    /// The point of projection over the plane: x, y and depth, sphere radii.
    point: [f64; 3],
}

impl Szp {
    /// `mu` in sphere radii; `phi`, `theta` in degrees. None where the point lies in the plane.
    pub(super) fn new(mu: f64, phi: f64, theta: f64) -> Option<Szp> {
        let ((sp, cp), (st, ct)) = (sincos_deg(phi), sincos_deg(theta));
        let point = [-mu * ct * sp, mu * ct * cp, mu * st + 1.0];
        if point[2] == 0.0 || point.iter().any(|v| !v.is_finite()) {
            return None;
        }
        Some(Szp { mu, axis: [ct * cp, ct * sp, st], point })
    }

    fn visible(&self, v: [f64; 3], sigma: f64) -> bool {
        let along = self.axis[0] * v[0] + self.axis[1] * v[1] + self.axis[2] * v[2];
        let near = self.mu.abs() <= 1.0 || (1.0 + self.mu * along) * self.mu.signum() > -1e-12;
        near && self.point[2] / (self.point[2] - sigma) > 0.0
    }
}

impl Native for Szp {
    fn deproject(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        let [xp, yp, zp] = self.point;
        each_point(x, y, z, |[x, y, _]| {
            let (x, y) = (x * DEG, y * DEG);
            let (u, v) = ((x - xp) / zp, (y - yp) / zp);
            // With σ = 1 - sin θ: m = x - u σ, l = -(y - v σ), and l² + m² = 2 σ - σ².
            let a = u * u + v * v + 1.0;
            let b = 1.0 + u * x + v * y;
            let c = x * x + y * y;
            let disc = b * b - a * c;
            let root = (disc >= -1e-13).then(|| disc.max(0.0).sqrt())?;
            // The smaller σ is the higher latitude.
            let small = if b > 0.0 { c / (b + root) } else { (b - root) / a };
            [small, (b + root) / a].into_iter().find_map(|sigma| {
                let v = [-(y - v * sigma), x - u * sigma, 1.0 - sigma];
                ((-1e-13..=2.0 + 1e-13).contains(&sigma) && self.visible(v, sigma)).then_some(v)
            })
        });
    }

    fn project(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        let [xp, yp, zp] = self.point;
        each_point(x, y, z, |[l, m, n]| {
            let sigma = below_pole(l, m, n);
            let scale = RAD / (zp - sigma);
            let place = [(zp * m - xp * sigma) * scale, -(zp * l + yp * sigma) * scale, 0.0];
            self.visible([l, m, n], sigma).then_some(place)
        });
    }
}

/// 1 - n of a unit vector, without cancellation near the pole.
fn below_pole(l: f64, m: f64, n: f64) -> f64 {
    if n > 0.0 { (l * l + m * m) / (1.0 + n) } else { 1.0 - n }
}

/// Slant orthographic (generalised SIN of synthesis arrays).
#[derive(Debug)]
pub(super) struct SlantSin {
    /// The two slants ξ and η, dimensionless.
    pub(super) xi: f64,
    pub(super) eta: f64,
}

impl Native for SlantSin {
    fn deproject(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        let (xi, eta) = (self.xi, self.eta);
        let a = 1.0 + xi * xi + eta * eta;
        each_point(x, y, z, |[x, y, _]| {
            let (x, y) = (x * DEG, y * DEG);
            let b = 1.0 + x * xi + y * eta;
            let c = x * x + y * y;
            let disc = b * b - a * c;
            let root = (disc >= -1e-13).then(|| disc.max(0.0).sqrt())?;
            let sigma = if b > 0.0 { c / (b + root) } else { (b - root) / a };
            let v = [-(y - eta * sigma), x - xi * sigma, 1.0 - sigma];
            (-1e-13..=2.0 + 1e-13).contains(&sigma).then_some(v)
        });
    }

    fn project(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        let (xi, eta) = (self.xi, self.eta);
        each_point(x, y, z, |[l, m, n]| {
            let sigma = below_pole(l, m, n);
            let visible = n + xi * m - eta * l > -1e-15;
            visible.then_some([(m + xi * sigma) * RAD, (eta * sigma - l) * RAD, 0.0])
        });
    }
}
