//! Conic projections: COP, COE, COD, COO. Source: Calabretta & Greisen 2002, section 5.4.
//!
//! A parallel is an arc of radius R(θ) about (0, Y0); a meridian of longitude φ lies at the angle C φ.

use super::Angular;
use crate::sphere::trig::{DEG, RAD, sincos_deg};

/// Which parallels keep which property.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// COP: perspective.
    Perspective,
    /// COE: equal area.
    EqualArea,
    /// COD: equidistant.
    Equidistant,
    /// COO: orthomorphic.
    Orthomorphic,
}

/// A conic projection with two standard parallels.
#[derive(Debug)]
pub(super) struct Conic {
    kind: Kind,
    theta_a: f64,
    /// The constant of the cone.
    c: f64,
    y0: f64,
    /// γ = sin θ1 + sin θ2 (COE), ψ (COO), R0 cos η (COP).
    scale: f64,
    /// 1 + sin θ1 sin θ2 (COE), cot θa (COP).
    offset: f64,
}

impl Conic {
    /// Standard parallels `theta_a` ± `eta`, degrees. None where the cone degenerates (parallels opposite).
    pub(super) fn new(kind: Kind, theta_a: f64, eta: f64) -> Option<Conic> {
        if !(theta_a.abs() <= 90.0 && eta.is_finite()) || theta_a == 0.0 {
            return None;
        }
        let (sin_a, cos_a) = sincos_deg(theta_a);
        let (sin_1, cos_1) = sincos_deg(theta_a - eta);
        let (sin_2, cos_2) = sincos_deg(theta_a + eta);
        let (sin_e, cos_e) = sincos_deg(eta);
        let mut out = Conic { kind, theta_a, c: sin_a, y0: 0.0, scale: 1.0, offset: 0.0 };
        match kind {
            Kind::Perspective => {
                out.scale = RAD * cos_e;
                out.offset = cos_a / sin_a;
            }
            Kind::EqualArea => {
                out.scale = sin_1 + sin_2;
                out.c = 0.5 * out.scale;
                out.offset = 1.0 + sin_1 * sin_2;
            }
            Kind::Equidistant => {
                let ratio = if eta == 0.0 { DEG } else { sin_e / eta };
                out.c = RAD * sin_a * ratio;
                // η cot η cot θa, the distance of the apex from the middle parallel.
                out.offset = cos_e / ratio * cos_a / sin_a;
            }
            Kind::Orthomorphic => {
                let tan_half = |theta: f64| libm::tan(0.5 * (90.0 - theta) * DEG);
                if eta != 0.0 {
                    out.c = libm::log(cos_2 / cos_1) / libm::log(tan_half(theta_a + eta) / tan_half(theta_a - eta));
                }
                out.scale = RAD * cos_1 / (out.c * libm::pow(tan_half(theta_a - eta), out.c));
            }
        }
        out.y0 = out.radius(theta_a)?;
        let sound = out.c != 0.0 && out.c.is_finite() && out.scale != 0.0 && out.scale.is_finite();
        (sound && out.y0.is_finite()).then_some(out)
    }

    /// R(θ) in degrees; its sign follows θa.
    fn radius(&self, theta: f64) -> Option<f64> {
        match self.kind {
            Kind::Perspective => {
                let (s, c) = sincos_deg(theta - self.theta_a);
                (c > 0.0).then(|| self.scale * (self.offset - s / c))
            }
            Kind::EqualArea => {
                let square = self.offset - self.scale * sincos_deg(theta).0;
                (square >= -1e-13).then(|| RAD * 2.0 / self.scale * square.max(0.0).sqrt())
            }
            Kind::Equidistant => Some(self.theta_a - theta + self.offset),
            Kind::Orthomorphic => {
                let t = libm::tan(0.5 * (90.0 - theta) * DEG);
                let r = if theta <= -90.0 {
                    if self.c < 0.0 { 0.0 } else { f64::INFINITY }
                } else {
                    self.scale * libm::pow(t, self.c)
                };
                r.is_finite().then_some(r)
            }
        }
    }

    /// θ in degrees of a signed radius.
    fn latitude(&self, r: f64) -> Option<f64> {
        match self.kind {
            Kind::Perspective => Some(self.theta_a + libm::atan(self.offset - r / self.scale) * RAD),
            Kind::EqualArea => {
                let w = r * self.scale * (0.5 * DEG);
                let s = (self.offset - w * w) / self.scale;
                (s.abs() <= 1.0 + 1e-13).then(|| libm::asin(s.clamp(-1.0, 1.0)) * RAD)
            }
            Kind::Equidistant => Some(self.theta_a - r + self.offset),
            Kind::Orthomorphic => {
                if r == 0.0 {
                    return Some(90.0_f64.copysign(self.c));
                }
                let t = libm::pow(r / self.scale, 1.0 / self.c);
                t.is_finite().then(|| 90.0 - 2.0 * libm::atan(t) * RAD)
            }
        }
    }
}

impl Angular for Conic {
    fn to_plane(&self, phi: f64, theta: f64) -> Option<(f64, f64)> {
        let r = self.radius(theta)?;
        // Beyond the apex the perspective cone has no parallels.
        if self.kind == Kind::Perspective && r * self.theta_a < 0.0 {
            return None;
        }
        let (s, c) = sincos_deg(self.c * phi);
        Some((r * s, self.y0 - r * c))
    }

    fn to_sphere(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let dy = self.y0 - y;
        let r = libm::hypot(x, dy).copysign(self.theta_a);
        let alpha = if r == 0.0 { 0.0 } else { libm::atan2(x / r, dy / r) };
        Some((alpha * RAD / self.c, self.latitude(r)?))
    }

    fn fiducial_latitude(&self) -> f64 {
        self.theta_a
    }
}
