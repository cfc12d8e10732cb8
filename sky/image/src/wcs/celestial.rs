//! Where the native sphere of a projection lies among the celestial ones.
//!
//! Source: Calabretta & Greisen 2002, A&A 395, 1077, sections 2.2 to 2.5.

use super::error::WcsError;
use crate::sphere::Rotation;
use crate::sphere::trig::{RAD, atan2_deg, sincos_deg};

/// What fixes the native sphere, all in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fiducial {
    /// Native longitude and latitude of the fiducial point (φ0, θ0).
    pub(super) native: (f64, f64),
    /// Its celestial ones (CRVAL).
    pub(super) celestial: (f64, f64),
    /// LONPOLE: native longitude of the celestial pole.
    pub(super) lonpole: Option<f64>,
    /// LATPOLE: picks one of two solutions.
    pub(super) latpole: Option<f64>,
}

/// The solved orientation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Orientation {
    /// From native to celestial axes.
    pub(super) rotation: Rotation,
    /// LONPOLE in force.
    pub(super) lonpole: f64,
    /// LATPOLE in force: the latitude of the native pole, or what the header says where it decides.
    pub(super) latpole: f64,
}

/// Below this an angle counts as zero (degrees, sines).
const TINY: f64 = 1e-10;

impl Fiducial {
    /// Finds the native pole and the rotation.
    ///
    /// # Errors
    /// [`WcsError::NoPole`] where no pole fits.
    pub(super) fn orient(&self) -> Result<Orientation, WcsError> {
        let (phi0, theta0) = self.native;
        let (alpha0, delta0) = self.celestial;
        let default = if delta0 >= theta0 { phi0 } else { phi0 + 180.0 };
        let default = if default > 180.0 { default - 360.0 } else { default };
        let lonpole = self.lonpole.unwrap_or(default);
        let latpole = self.latpole.unwrap_or(90.0);
        let (alpha_p, delta_p) = if theta0 == 90.0 {
            (alpha0, delta0)
        } else {
            self.pole(lonpole, latpole).ok_or(WcsError::NoPole { latitude: delta0, lonpole, latpole })?
        };
        // Native axes are turned to the celestial meridian, tilted, and turned by the pole's longitude.
        let (s, c) = sincos_deg(delta_p);
        let tilt = Rotation([[-s, 0.0, c], [0.0, -1.0, 0.0], [c, 0.0, s]]);
        let rotation = Rotation::axes_about_z(lonpole).then(&tilt).then(&Rotation::axes_about_z(-alpha_p));
        let latpole = if theta0 == 90.0 { self.latpole.unwrap_or(delta_p) } else { delta_p };
        Ok(Orientation { rotation, lonpole, latpole })
    }

    /// Celestial coordinates of the native pole: equations 8 to 10 and their special cases.
    fn pole(&self, lonpole: f64, latpole: f64) -> Option<(f64, f64)> {
        let (phi0, theta0) = self.native;
        let (alpha0, delta0) = self.celestial;
        let (sin_theta0, cos_theta0) = sincos_deg(theta0);
        let (sin_delta0, cos_delta0) = sincos_deg(delta0);
        let (sin_phi, cos_phi) = sincos_deg(lonpole - phi0);
        let (x, y) = (cos_theta0 * cos_phi, sin_theta0);
        let z = libm::hypot(x, y);
        let delta_p = if z < 1e-15 {
            if sin_delta0.abs() > TINY {
                return None;
            }
            latpole.clamp(-90.0, 90.0)
        } else {
            let square = (z - sin_delta0) * (z + sin_delta0);
            if square < -TINY {
                return None;
            }
            let u = atan2_deg(y, x);
            let v = if z == 1.0 { 90.0 - delta0 } else { atan2_deg(square.max(0.0).sqrt(), sin_delta0) };
            let turn = |angle: f64| {
                if angle > 180.0 {
                    angle - 360.0
                } else if angle < -180.0 {
                    angle + 360.0
                } else {
                    angle
                }
            };
            let (first, second) = (turn(u + v), turn(u - v));
            let valid = |angle: f64| angle.abs() < 90.0 + TINY;
            let first_nearer = (latpole - first).abs() < (latpole - second).abs();
            let (near, far) = if first_nearer { (first, second) } else { (second, first) };
            let chosen = if valid(near) { near } else { far };
            if !valid(chosen) {
                return None;
            }
            chosen.clamp(-90.0, 90.0)
        };
        let (sin_delta_p, cos_delta_p) = sincos_deg(delta_p);
        let scale = cos_delta_p * cos_delta0;
        let alpha_p = if scale.abs() < TINY {
            if cos_delta0.abs() < TINY {
                alpha0
            } else if delta_p > 0.0 {
                alpha0 + lonpole - phi0 - 180.0
            } else {
                alpha0 - lonpole + phi0
            }
        } else {
            let x = (sin_theta0 - sin_delta_p * sin_delta0) / scale;
            let y = sin_phi * cos_theta0 / cos_delta0;
            if x == 0.0 && y == 0.0 {
                return None;
            }
            alpha0 - libm::atan2(y, x) * RAD
        };
        Some((alpha_p, delta_p))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sphere::SkyCoord;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_fiducial_point_lands_on_crval(
            theta0 in -90.0..90.0_f64, phi0 in -180.0..180.0_f64,
            alpha0 in 0.0..360.0_f64, delta0 in -90.0..90.0_f64, lonpole in -180.0..180.0_f64,
        ) {
            let fiducial = Fiducial {
                native: (phi0, theta0),
                celestial: (alpha0, delta0),
                lonpole: Some(lonpole),
                latpole: None,
            };
            if let Ok(orientation) = fiducial.orient() {
                let native = SkyCoord { lon_deg: phi0, lat_deg: theta0 }.to_vector();
                let there = SkyCoord::from_vector(orientation.rotation.apply(native));
                let wanted = SkyCoord { lon_deg: alpha0, lat_deg: delta0 };
                prop_assert!(there.separation_deg(wanted) < 1e-6, "{there:?}");
            }
        }
    }

    #[test]
    fn a_pole_that_cannot_be_is_an_error() {
        let fiducial = Fiducial { native: (0.0, 0.0), celestial: (0.0, 60.0), lonpole: Some(90.0), latpole: None };
        assert!(matches!(fiducial.orient(), Err(WcsError::NoPole { .. })));
    }
}
