//! Zenithal projections between plane and unit vector without angles: TAN, STG, SIN, ZEA, and ARC.
//!
//! The native pole is the point of tangency. A plane point (x, y) and its unit vector (l, m, n) share their
//! azimuth: l = -y f, m = x f, where f is cos θ / R. All are vector kernels. Source: Calabretta & Greisen 2002,
//! A&A 395, 1077, section 5.1.

use super::Native;
use crate::sphere::trig::{DEG, RAD, atan2_deg, sincos_deg};

/// Gnomonic.
#[derive(Debug)]
pub(super) struct Tan;
/// Stereographic.
#[derive(Debug)]
pub(super) struct Stg;
/// Orthographic, without slant.
#[derive(Debug)]
pub(super) struct Sin;
/// Zenithal equal area.
#[derive(Debug)]
pub(super) struct Zea;
/// Zenithal equidistant.
#[derive(Debug)]
pub(super) struct Arc;

/// Half a dozen roundings beyond the edge still count as on it.
const EDGE: f64 = 1e-15;

macro_rules! zenithal {
    ($kind:ident, $deproject:ident, $project:ident) => {
        impl Native for $kind {
            fn deproject(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
                $deproject(x, y, z);
            }
            fn project(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
                $project(x, y, z);
            }
        }
    };
}
zenithal!(Tan, tan_deproject, tan_project);
zenithal!(Stg, stg_deproject, stg_project);
zenithal!(Sin, sin_deproject, sin_project);
zenithal!(Zea, zea_deproject, zea_project);
zenithal!(Arc, arc_deproject, arc_project);

crate::lanes! {
    fn tan_deproject(x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter_mut()) {
            let (a, b) = (*x * DEG, *y * DEG);
            let n = 1.0 / a.mul_add(a, b.mul_add(b, 1.0)).sqrt();
            *x = -b * n;
            *y = a * n;
            *z = n;
        }
    }
}

crate::lanes! {
    fn tan_project(x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter()) {
            let g = if *z > 0.0 { RAD / *z } else { f64::NAN };
            let (l, m) = (*x, *y);
            *x = m * g;
            *y = -l * g;
        }
    }
}

crate::lanes! {
    fn stg_deproject(x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter_mut()) {
            let (a, b) = (*x * (DEG / 2.0), *y * (DEG / 2.0));
            // Half-angle tangent squared: cos = (1 - u) / (1 + u), sin = 2 sqrt(u) / (1 + u).
            let u = a.mul_add(a, b * b);
            let f = 1.0 / (1.0 + u);
            *x = -2.0 * b * f;
            *y = 2.0 * a * f;
            *z = (1.0 - u) * f;
        }
    }
}

crate::lanes! {
    fn stg_project(x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter()) {
            let (l, m) = (*x, *y);
            let one_plus = one_plus_cosine(l, m, *z);
            let g = if one_plus > 0.0 { 2.0 * RAD / one_plus } else { f64::NAN };
            *x = m * g;
            *y = -l * g;
        }
    }
}

/// 1 + n of a unit vector, without cancellation below the equator.
#[inline(always)]
fn one_plus_cosine(l: f64, m: f64, n: f64) -> f64 {
    if n < 0.0 { l.mul_add(l, m * m) / (1.0 - n) } else { 1.0 + n }
}

crate::lanes! {
    fn sin_deproject(x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter_mut()) {
            let (a, b) = (*x * DEG, *y * DEG);
            let square = 1.0 - a.mul_add(a, b * b);
            let square = if square.abs() < EDGE { 0.0 } else { square };
            // The root of a negative number is NaN: outside the disc.
            let n = square.sqrt();
            let inside = if n >= 0.0 { 1.0 } else { f64::NAN };
            *x = -b * inside;
            *y = a * inside;
            *z = n;
        }
    }
}

crate::lanes! {
    fn sin_project(x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter()) {
            let g = if *z > -EDGE { RAD } else { f64::NAN };
            let (l, m) = (*x, *y);
            *x = m * g;
            *y = -l * g;
        }
    }
}

crate::lanes! {
    fn zea_deproject(x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter_mut()) {
            let (a, b) = (*x * (DEG / 2.0), *y * (DEG / 2.0));
            // Half-angle sine squared: cos = 1 - 2 u, sin = 2 sqrt(u (1 - u)).
            let u = a.mul_add(a, b * b);
            let rest = 1.0 - u;
            let rest = if rest.abs() < EDGE { 0.0 } else { rest };
            let f = 2.0 * rest.sqrt();
            *x = -b * f;
            *y = a * f;
            *z = if f >= 0.0 { rest - u } else { f64::NAN };
        }
    }
}

crate::lanes! {
    fn zea_project(x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter()) {
            let (l, m) = (*x, *y);
            let one_plus = one_plus_cosine(l, m, *z);
            let g = RAD * (2.0 / one_plus).sqrt();
            // The antipode is the whole rim; it takes the point below.
            *x = if one_plus > 0.0 { m * g } else { 0.0 };
            *y = if one_plus > 0.0 { -l * g } else { one_plus - 2.0 * RAD };
        }
    }
}

crate::lanes! {
    fn arc_deproject(x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter_mut()) {
            let r = x.mul_add(*x, *y * *y).sqrt();
            let (s, c) = sincos_deg(r);
            let f = if r > 0.0 { s / r } else { DEG };
            let f = if r <= 180.0 + 1e-12 { f } else { f64::NAN };
            let (a, b) = (*x, *y);
            *x = -b * f;
            *y = a * f;
            *z = if r <= 180.0 + 1e-12 { c } else { f64::NAN };
        }
    }
}

crate::lanes! {
    fn arc_project(x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter()) {
            let (l, m) = (*x, *y);
            let c = l.mul_add(l, m * m).sqrt();
            let r = atan2_deg(c, *z);
            let g = if c > 0.0 { r / c } else { RAD };
            *x = m * g;
            *y = if c > 0.0 || *z > 0.0 { -l * g } else { *z * 180.0 };
        }
    }
}
