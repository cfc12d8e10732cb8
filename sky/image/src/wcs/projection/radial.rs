//! Zenithal projections whose radius follows a formula that has no closed inverse: ZPN and AIR.
//!
//! Source: Calabretta & Greisen 2002, sections 5.1.7 and 5.1.8.

use super::solve::solve_increasing;
use super::{Native, each_point};
use crate::sphere::trig::{DEG, RAD};

/// A radius as a function of the distance from the native pole, both in radians, rising over its domain.
trait Radius: std::fmt::Debug + Send + Sync {
    /// Radius at zenith distance `zeta`, or none outside the domain.
    fn radius(&self, zeta: f64) -> Option<f64>;
    /// Zenith distance at a radius, or none outside the range.
    fn zeta(&self, radius: f64) -> Option<f64>;
}

/// A zenithal projection by its [`Radius`].
#[derive(Debug)]
pub(super) struct Radial<R>(pub(super) R);

impl<R: Radius> Native for Radial<R> {
    fn deproject(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        each_point(x, y, z, |[x, y, _]| {
            let r = libm::hypot(x, y) * DEG;
            let zeta = self.0.zeta(r)?;
            let (s, c) = libm::sincos(zeta);
            let f = if r > 0.0 { s / r * DEG } else { s * DEG };
            Some([-y * f, x * f, c])
        });
    }

    fn project(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        each_point(x, y, z, |[l, m, n]| {
            let c = libm::hypot(l, m);
            let r = self.0.radius(libm::atan2(c, n))? * RAD;
            // On the pole the azimuth is free: native longitude 0 lies below.
            Some(if c > 0.0 { [m / c * r, -l / c * r, 0.0] } else { [0.0, -r, 0.0] })
        });
    }
}

/// Zenithal polynomial.
#[derive(Debug)]
pub(super) struct Polynomial {
    coefficients: Vec<f64>,
    /// Where the radius stops rising, at most π.
    zeta_max: f64,
    radius_max: f64,
}

impl Polynomial {
    /// R = Σ P_m ζ^m in radians. None where the radius does not rise from the pole.
    pub(super) fn new(pv: &[f64]) -> Option<Polynomial> {
        let degree = pv.iter().rposition(|p| *p != 0.0)?;
        let coefficients = pv[..=degree].to_vec();
        if degree == 0 || coefficients[1] <= 0.0 || coefficients.iter().any(|p| !p.is_finite()) {
            return None;
        }
        let mut out = Polynomial { coefficients, zeta_max: 0.0, radius_max: 0.0 };
        out.zeta_max = out.first_fall();
        out.radius_max = out.value(out.zeta_max);
        Some(out)
    }

    fn value(&self, zeta: f64) -> f64 {
        self.coefficients.iter().rev().fold(0.0, |sum, c| sum * zeta + c)
    }

    fn slope(&self, zeta: f64) -> f64 {
        let mut sum = 0.0;
        for (i, c) in self.coefficients.iter().enumerate().skip(1).rev() {
            sum = sum * zeta + i as f64 * c;
        }
        sum
    }

    /// The first zero of the slope in (0, π], or π.
    fn first_fall(&self) -> f64 {
        const STEPS: u32 = 3600;
        let step = std::f64::consts::PI / f64::from(STEPS);
        for i in 1..=STEPS {
            let (mut low, mut high) = (f64::from(i - 1) * step, f64::from(i) * step);
            if self.slope(high) > 0.0 {
                continue;
            }
            for _ in 0..64 {
                let middle = 0.5 * (low + high);
                if self.slope(middle) > 0.0 {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            return low;
        }
        std::f64::consts::PI
    }
}

impl Radius for Polynomial {
    fn radius(&self, zeta: f64) -> Option<f64> {
        (zeta <= self.zeta_max + 1e-13).then(|| self.value(zeta))
    }

    fn zeta(&self, radius: f64) -> Option<f64> {
        let inside = radius >= self.coefficients[0] - 1e-13 && radius <= self.radius_max + 1e-13;
        if !inside {
            return None;
        }
        if self.coefficients.len() == 2 {
            return Some(((radius - self.coefficients[0]) / self.coefficients[1]).max(0.0));
        }
        let f = |zeta: f64| (self.value(zeta) - radius, self.slope(zeta));
        Some(solve_increasing(f, 0.0, self.zeta_max, radius / self.coefficients[1]))
    }
}

/// Airy's projection of least error over a disc.
#[derive(Debug)]
pub(super) struct Airy {
    /// ln(cos ξ_b) / tan² ξ_b.
    k: f64,
}

impl Airy {
    /// `theta_b`: latitude of least error, degrees, in (-90, 90].
    pub(super) fn new(theta_b: f64) -> Option<Airy> {
        if !(theta_b > -90.0 && theta_b <= 90.0) {
            return None;
        }
        let xi = (90.0 - theta_b) * 0.5 * DEG;
        let k = if xi < 1e-4 { -0.5 } else { log_cosine(xi) / libm::pow(libm::tan(xi), 2.0) };
        Some(Airy { k })
    }

    /// Radius and its slope at half the zenith distance.
    fn at(&self, xi: f64) -> (f64, f64) {
        let (s, c) = libm::sincos(xi);
        // Both quotients go to -1/2 (times ξ) at the pole.
        let (ratio, first) = if xi < 1e-6 {
            (-0.5, -0.5 * xi)
        } else {
            let log = log_cosine(xi);
            (log / (s * s), log * c / s)
        };
        (-2.0 * (first + self.k * s / c), 2.0 * (1.0 + ratio - self.k / (c * c)))
    }
}

/// ln cos ξ, exact for small ξ.
fn log_cosine(xi: f64) -> f64 {
    let s = libm::sin(xi);
    0.5 * libm::log1p(-s * s)
}

impl Radius for Airy {
    fn radius(&self, zeta: f64) -> Option<f64> {
        (zeta < std::f64::consts::PI - 1e-9).then(|| self.at(0.5 * zeta).0)
    }

    fn zeta(&self, radius: f64) -> Option<f64> {
        let top = std::f64::consts::FRAC_PI_2 - 1e-9;
        if radius.is_nan() || radius >= self.at(top).0 {
            return None;
        }
        let f = |xi: f64| {
            let (value, slope) = self.at(xi);
            (value - radius, slope)
        };
        Some(2.0 * solve_increasing(f, 0.0, top, radius / (1.0 - 2.0 * self.k)))
    }
}
