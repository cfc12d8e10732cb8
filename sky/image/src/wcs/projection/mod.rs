//! The map projections: plane coordinates in degrees to native unit vectors and back.
//!
//! One family per file. Zenithal ones go straight between plane and vector; the others ([`Angular`]) by native
//! longitude and latitude, whose sines and cosines are taken for whole rows by vector kernels. What lies outside a
//! projection's domain is NaN.

mod conic;
mod cylindrical;
mod healpix;
mod perspective;
mod polyconic;
mod pseudocylindrical;
mod quadcube;
mod radial;
mod solve;
#[cfg(test)]
mod tests;
mod zenithal;

use crate::sphere::trig::{native_in_place, vectors_in_place};
use std::fmt::Debug;
use std::sync::Arc;

/// A projection over rows of points, in place; slices of one length.
trait Native: Debug + Send + Sync {
    /// Plane (x, y), degrees, to native unit vectors (x, y, z).
    fn deproject(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]);
    /// Native unit vectors to plane (x, y), degrees; z is left as it is or spoilt.
    fn project(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]);
}

/// A projection by native longitude φ in [-180, 180] and latitude θ, degrees.
trait Angular: Debug + Send + Sync {
    /// (φ, θ) to (x, y), degrees.
    fn to_plane(&self, phi: f64, theta: f64) -> Option<(f64, f64)>;
    /// (x, y) to (φ, θ); what lies beyond the poles or the date line is cut off by the caller.
    fn to_sphere(&self, x: f64, y: f64) -> Option<(f64, f64)>;
    /// θ of the fiducial point (θa for cones).
    fn fiducial_latitude(&self) -> f64 {
        0.0
    }
}

/// An [`Angular`] projection over rows, longitudes within half a turn of `middle`.
#[derive(Debug)]
struct ByAngles<P> {
    projection: P,
    middle: f64,
}

/// Degrees by which rounding may carry a point over an edge.
const EDGE: f64 = 1e-10;

impl<P: Angular> Native for ByAngles<P> {
    fn deproject(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        for (x, y) in x.iter_mut().zip(y.iter_mut()) {
            let place = self
                .projection
                .to_sphere(*x, *y)
                .filter(|(phi, theta)| (phi - self.middle).abs() <= 180.0 + EDGE && theta.abs() <= 90.0 + EDGE);
            (*x, *y) = place.unwrap_or((f64::NAN, f64::NAN));
        }
        vectors_in_place(x, y, z);
    }

    fn project(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        native_in_place(x, y, z);
        for (x, y) in x.iter_mut().zip(y.iter_mut()) {
            let phi = if self.middle == 0.0 { *x } else { *x - 360.0 * ((*x - self.middle) / 360.0).round() };
            let defined = phi.is_finite() && y.is_finite();
            let place = if defined { self.projection.to_plane(phi, *y) } else { None };
            (*x, *y) = place.unwrap_or((f64::NAN, f64::NAN));
        }
    }
}

/// Applies a function to points in place; none becomes NaN.
#[inline(always)]
fn each_point(x: &mut [f64], y: &mut [f64], z: &mut [f64], f: impl Fn([f64; 3]) -> Option<[f64; 3]>) {
    for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter_mut()) {
        [*x, *y, *z] = f([*x, *y, *z]).unwrap_or([f64::NAN; 3]);
    }
}

/// Projection parameters: PVi_m of the latitude axis, by m.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters(pub(super) Vec<(usize, f64)>);

impl Parameters {
    /// Parameters by their numbers.
    pub fn new(values: &[(usize, f64)]) -> Parameters {
        Parameters(values.to_vec())
    }

    /// PVi_m, or none.
    pub fn get(&self, m: usize) -> Option<f64> {
        self.0.iter().find(|(n, _)| *n == m).map(|(_, v)| *v)
    }

    fn or(&self, m: usize, default: f64) -> f64 {
        self.get(m).unwrap_or(default)
    }

    fn list(&self) -> Vec<f64> {
        let size = self.0.iter().map(|(m, _)| m + 1).max().unwrap_or(0).min(100);
        (0..size).map(|m| self.or(m, 0.0)).collect()
    }
}

/// The codes that [`Projection::new`] knows, each with its place in CTYPE.
pub const CODES: [&str; 29] = [
    "AZP", "SZP", "TAN", "STG", "SIN", "NCP", "ARC", "ZPN", "ZEA", "AIR", "CYP", "CEA", "CAR", "MER", "SFL", "PAR",
    "MOL", "AIT", "COP", "COE", "COD", "COO", "BON", "PCO", "TSC", "CSC", "QSC", "HPX", "XPH",
];

/// A map projection with its parameters.
#[derive(Debug, Clone)]
pub struct Projection {
    code: &'static str,
    parameters: Parameters,
    theta0: f64,
    native: Arc<dyn Native>,
}

impl Projection {
    /// A projection by its three-letter code in CTYPE and its parameters; `NCP` needs `SIN` with its slant instead.
    ///
    /// None for an unknown code or parameters for which it is not defined (as COP without PVi_1).
    pub fn new(code: &str, parameters: &Parameters) -> Option<Projection> {
        let code = CODES.iter().find(|known| **known == code)?;
        let (native, theta0) = build(code, parameters, 0.0)?;
        Some(Projection { code, parameters: parameters.clone(), theta0, native })
    }

    /// The gnomonic projection, TAN.
    pub fn tan() -> Projection {
        Projection { code: "TAN", parameters: Parameters::default(), theta0: 90.0, native: Arc::new(zenithal::Tan) }
    }

    /// Its three-letter code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Its parameters as given.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Native latitude of the fiducial point, degrees; its native longitude is 0.
    pub fn theta0(&self) -> f64 {
        self.theta0
    }

    /// Whether it is zenithal: the fiducial point is the native pole.
    pub fn is_zenithal(&self) -> bool {
        self.theta0 == 90.0 && self.code != "XPH" && !self.is_conic()
    }

    /// Whether it is a cone about the native pole.
    pub fn is_conic(&self) -> bool {
        matches!(self.code, "COP" | "COE" | "COD" | "COO")
    }

    /// Whether it is a cylinder, on which a full turn can start at any longitude.
    pub fn is_cylindrical(&self) -> bool {
        matches!(self.code, "CYP" | "CEA" | "CAR" | "MER")
    }

    /// The same cylinder cut half a turn from native longitude `middle`, degrees; others unchanged.
    pub(super) fn cut_about(&self, middle: f64) -> Projection {
        let mut out = self.clone();
        if self.is_cylindrical()
            && let Some((native, _)) = build(self.code, &self.parameters, middle)
        {
            out.native = native;
        }
        out
    }

    /// Plane (x, y), degrees, to native unit vectors, in place; NaN outside the map. Slices of one length.
    pub fn deproject(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        self.native.deproject(x, y, z);
    }

    /// Native unit vectors to plane (x, y), degrees, in place; NaN where not drawn. `z` is spoilt.
    pub fn project(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        self.native.project(x, y, z);
    }
}

fn build(code: &str, pv: &Parameters, middle: f64) -> Option<(Arc<dyn Native>, f64)> {
    fn angular<P: Angular + 'static>(projection: P, middle: f64) -> (Arc<dyn Native>, f64) {
        let theta0 = projection.fiducial_latitude();
        (Arc::new(ByAngles { projection, middle }), theta0)
    }
    fn pole(native: impl Native + 'static) -> (Arc<dyn Native>, f64) {
        (Arc::new(native), 90.0)
    }
    let cone = |kind| conic::Conic::new(kind, pv.get(1)?, pv.or(2, 0.0));
    Some(match code {
        "TAN" => pole(zenithal::Tan),
        "STG" => pole(zenithal::Stg),
        "SIN" | "NCP" => {
            let slant = perspective::SlantSin { xi: pv.or(1, 0.0), eta: pv.or(2, 0.0) };
            if !(slant.xi.is_finite() && slant.eta.is_finite()) {
                return None;
            }
            if slant.xi == 0.0 && slant.eta == 0.0 { pole(zenithal::Sin) } else { pole(slant) }
        }
        "ARC" => pole(zenithal::Arc),
        "ZEA" => pole(zenithal::Zea),
        "AZP" => pole(perspective::Azp::new(pv.or(1, 0.0), pv.or(2, 0.0))?),
        "SZP" => pole(perspective::Szp::new(pv.or(1, 0.0), pv.or(2, 0.0), pv.or(3, 90.0))?),
        "ZPN" => pole(radial::Radial(radial::Polynomial::new(&pv.list())?)),
        "AIR" => pole(radial::Radial(radial::Airy::new(pv.or(1, 90.0))?)),
        "CYP" => angular(cylindrical::Cyp::new(pv.or(1, 1.0), pv.or(2, 1.0))?, middle),
        "CEA" => angular(cylindrical::Cea::new(pv.or(1, 1.0))?, middle),
        "CAR" => angular(cylindrical::Car, middle),
        "MER" => angular(cylindrical::Mer, middle),
        "SFL" => angular(pseudocylindrical::Sfl, 0.0),
        "PAR" => angular(pseudocylindrical::Par, 0.0),
        "MOL" => angular(pseudocylindrical::Mol, 0.0),
        "AIT" => angular(pseudocylindrical::Ait, 0.0),
        "COP" => angular(cone(conic::Kind::Perspective)?, 0.0),
        "COE" => angular(cone(conic::Kind::EqualArea)?, 0.0),
        "COD" => angular(cone(conic::Kind::Equidistant)?, 0.0),
        "COO" => angular(cone(conic::Kind::Orthomorphic)?, 0.0),
        "BON" if pv.get(1)? == 0.0 => angular(pseudocylindrical::Sfl, 0.0),
        "BON" => angular(polyconic::Bon::new(pv.get(1)?)?, 0.0),
        "PCO" => angular(polyconic::Pco, 0.0),
        "TSC" => (Arc::new(quadcube::Cube(quadcube::Tangential)), 0.0),
        "CSC" => (Arc::new(quadcube::Cube(quadcube::Cobe)), 0.0),
        "QSC" => (Arc::new(quadcube::Cube(quadcube::EqualArea)), 0.0),
        "HPX" => angular(healpix::Hpx::new(pv.or(1, 4.0), pv.or(2, 3.0))?, 0.0),
        "XPH" => (Arc::new(ByAngles { projection: healpix::Xph, middle: 0.0 }), 90.0),
        _ => return None,
    })
}
