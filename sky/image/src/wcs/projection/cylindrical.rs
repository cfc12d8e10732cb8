//! Cylindrical projections: CYP, CEA, CAR, MER. Source: Calabretta & Greisen 2002, section 5.2.

use super::Angular;
use crate::sphere::trig::{DEG, RAD, sincos_deg};

/// Cylindrical perspective.
#[derive(Debug)]
pub(super) struct Cyp {
    mu: f64,
    lambda: f64,
}

impl Cyp {
    /// `mu`: distance of the point of projection, `lambda`: radius of the cylinder, sphere radii.
    pub(super) fn new(mu: f64, lambda: f64) -> Option<Cyp> {
        (lambda != 0.0 && mu != -lambda && mu.is_finite() && lambda.is_finite()).then_some(Cyp { mu, lambda })
    }
}

impl Angular for Cyp {
    fn to_plane(&self, phi: f64, theta: f64) -> Option<(f64, f64)> {
        let (s, c) = sincos_deg(theta);
        let depth = self.mu + c;
        (depth != 0.0).then(|| (self.lambda * phi, RAD * (self.mu + self.lambda) / depth * s))
    }

    fn to_sphere(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let eta = y * DEG / (self.mu + self.lambda);
        let sine = eta * self.mu / (eta * eta + 1.0).sqrt();
        (sine.abs() <= 1.0).then(|| (x / self.lambda, (libm::atan(eta) + libm::asin(sine)) * RAD))
    }
}

/// Cylindrical equal area.
#[derive(Debug)]
pub(super) struct Cea {
    lambda: f64,
}

impl Cea {
    /// `lambda`: squared cosine of the conformal latitude, in (0, 1].
    pub(super) fn new(lambda: f64) -> Option<Cea> {
        (lambda > 0.0 && lambda <= 1.0).then_some(Cea { lambda })
    }
}

impl Angular for Cea {
    fn to_plane(&self, phi: f64, theta: f64) -> Option<(f64, f64)> {
        Some((phi, RAD * sincos_deg(theta).0 / self.lambda))
    }

    fn to_sphere(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let s = y * DEG * self.lambda;
        let c2 = (1.0 - s) * (1.0 + s);
        (c2 >= -1e-13).then(|| (x, libm::atan2(s, c2.max(0.0).sqrt()) * RAD))
    }
}

/// Plate carrée.
#[derive(Debug)]
pub(super) struct Car;

impl Angular for Car {
    fn to_plane(&self, phi: f64, theta: f64) -> Option<(f64, f64)> {
        Some((phi, theta))
    }

    fn to_sphere(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        Some((x, y))
    }
}

/// Mercator.
#[derive(Debug)]
pub(super) struct Mer;

impl Angular for Mer {
    fn to_plane(&self, phi: f64, theta: f64) -> Option<(f64, f64)> {
        let (s, c) = sincos_deg(theta);
        (c > 1e-300).then(|| (phi, RAD * libm::asinh(s / c)))
    }

    fn to_sphere(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        Some((x, RAD * libm::atan(libm::sinh(y * DEG))))
    }
}
