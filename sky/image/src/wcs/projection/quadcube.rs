//! Quadrilateralised spherical cubes: TSC, CSC, QSC. Source: Calabretta & Greisen 2002, section 5.6.
//!
//! The sphere is cut by the faces of a cube; faces lie in the plane as a cross, numbered 0 (north), 1 to 4 along
//! the equator, 5 (south), each 90 degrees wide.

use super::{Native, each_point};
use crate::sphere::trig::{DEG, RAD};
use std::f64::consts::FRAC_1_SQRT_2;

/// How one face is drawn: tangents χ = ξ/ζ, ψ = η/ζ in [-1, 1] to face coordinates in [-1, 1], and back.
trait Face: std::fmt::Debug + Send + Sync {
    /// Face coordinates of the direction (ξ, η, ζ), ζ the largest.
    fn flatten(&self, xi: f64, eta: f64, zeta: f64) -> (f64, f64);
    /// Unit direction (ξ, η, ζ) of face coordinates.
    fn raise(&self, x: f64, y: f64) -> [f64; 3];
}

/// A cube by its [`Face`].
#[derive(Debug)]
pub(super) struct Cube<F>(pub(super) F);

/// Centres of the faces, in units of 45 degrees.
const CENTRES: [(f64, f64); 6] = [(0.0, 2.0), (0.0, 0.0), (2.0, 0.0), (4.0, 0.0), (6.0, 0.0), (0.0, -2.0)];

impl<F: Face> Native for Cube<F> {
    fn deproject(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        each_point(x, y, z, |[x, y, _]| {
            let (face, u, v) = face_of_plane(x / 45.0, y / 45.0)?;
            let [xi, eta, zeta] = self.0.raise(u, v);
            Some(match face {
                0 => [-eta, xi, zeta],
                1 => [zeta, xi, eta],
                2 => [-xi, zeta, eta],
                3 => [-zeta, -xi, eta],
                4 => [xi, -zeta, eta],
                _ => [eta, xi, -zeta],
            })
        });
    }

    fn project(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        each_point(x, y, z, |[l, m, n]| {
            let sides = [n, l, m, -l, -m, -n];
            let mut face = 0;
            for (i, side) in sides.iter().enumerate() {
                if *side > sides[face] {
                    face = i;
                }
            }
            let (xi, eta) = match face {
                0 => (m, -l),
                1 => (m, n),
                2 => (-l, n),
                3 => (-m, n),
                4 => (l, n),
                _ => (m, l),
            };
            let (u, v) = self.0.flatten(xi, eta, sides[face]);
            let centre = CENTRES[face];
            let inside = u.abs() <= 1.0 + 1e-12 && v.abs() <= 1.0 + 1e-12;
            inside.then(|| [45.0 * (centre.0 + u.clamp(-1.0, 1.0)), 45.0 * (centre.1 + v.clamp(-1.0, 1.0)), 0.0])
        });
    }
}

/// Face, and coordinates on it, of a plane point in units of 45 degrees. Faces left of the first wrap round.
fn face_of_plane(x: f64, y: f64) -> Option<(usize, f64, f64)> {
    const OVER: f64 = 1.0 + 1e-12;
    let column = x.abs() <= OVER && y.abs() <= 3.0 * OVER;
    let row = x.abs() <= 7.0 * OVER && y.abs() <= OVER;
    if !(column || row) {
        return None;
    }
    let x = if x < -OVER { x + 8.0 } else { x };
    let (face, u, v) = if x > 5.0 {
        (4, x - 6.0, y)
    } else if x > 3.0 {
        (3, x - 4.0, y)
    } else if x > OVER {
        (2, x - 2.0, y)
    } else if y > OVER {
        (0, x, y - 2.0)
    } else if y < -OVER {
        (5, x, y + 2.0)
    } else {
        (1, x, y)
    };
    Some((face, u.clamp(-1.0, 1.0), v.clamp(-1.0, 1.0)))
}

fn unit(chi: f64, psi: f64) -> [f64; 3] {
    let zeta = 1.0 / (1.0 + chi * chi + psi * psi).sqrt();
    [chi * zeta, psi * zeta, zeta]
}

/// Tangential.
#[derive(Debug)]
pub(super) struct Tangential;

impl Face for Tangential {
    fn flatten(&self, xi: f64, eta: f64, zeta: f64) -> (f64, f64) {
        (xi / zeta, eta / zeta)
    }

    fn raise(&self, x: f64, y: f64) -> [f64; 3] {
        unit(x, y)
    }
}

/// Equal area.
#[derive(Debug)]
pub(super) struct EqualArea;

impl Face for EqualArea {
    fn flatten(&self, xi: f64, eta: f64, zeta: f64) -> (f64, f64) {
        let swap = eta.abs() > xi.abs();
        let (p, q) = if swap { (eta, xi) } else { (xi, eta) };
        if p == 0.0 {
            return (0.0, 0.0);
        }
        let w = q / p;
        let rise = (xi * xi + eta * eta) / (1.0 + zeta);
        let u = (rise / (1.0 - 1.0 / (2.0 + w * w).sqrt())).sqrt().copysign(p);
        let angle = libm::atan(w) - libm::asin(w / (2.0 * (1.0 + w * w)).sqrt());
        let v = u * angle * (RAD / 15.0);
        if swap { (v, u) } else { (u, v) }
    }

    fn raise(&self, x: f64, y: f64) -> [f64; 3] {
        let swap = y.abs() > x.abs();
        let (u, v) = if swap { (y, x) } else { (x, y) };
        if u == 0.0 {
            return [0.0, 0.0, 1.0];
        }
        let (s, c) = libm::sincos(15.0 * DEG * v / u);
        let w = s / (c - FRAC_1_SQRT_2);
        let rise = u * u * (1.0 - 1.0 / (2.0 + w * w).sqrt());
        let p = (rise * (2.0 - rise) / (1.0 + w * w)).sqrt().copysign(u);
        if swap { [p * w, p, 1.0 - rise] } else { [p, p * w, 1.0 - rise] }
    }
}

/// COBE's, nearly equal area by a polynomial.
///
/// The published polynomials for the two directions differ by up to 24"; here the one from the plane to the sphere
/// defines the projection, and the other, which starts Newton's steps on the first, follows from it.
#[derive(Debug)]
pub(super) struct Cobe;

/// P_ij of the way to the sphere, by rows of j. Source: C&G 2002, table 11 (O'Neill & Laubscher 1976; COBE).
const TO_SPHERE: [&[f64]; 7] = [
    &[-0.27292696, -0.07629969, -0.22797056, 0.54852384, -0.62930065, 0.25795794, 0.02584375],
    &[-0.02819452, -0.01471565, 0.48051509, -1.74114454, 1.71547508, -0.53022337],
    &[0.27058160, -0.56800938, 0.30803317, 0.98938102, -0.83180469],
    &[-0.60441560, 1.50880086, -0.93678576, 0.08693841],
    &[0.93412077, -1.41601920, 0.33887446],
    &[-0.63915306, 0.52032238],
    &[0.14381585],
];

/// χ of face coordinates, with its two slopes.
fn cobe_tangent(x: f64, y: f64) -> (f64, f64, f64) {
    let (a, b) = (x * x, y * y);
    // Sum of the polynomial in a and b, and its slopes by a and b.
    let (mut sum, mut by_a, mut by_b) = (0.0, 0.0, 0.0);
    for row in TO_SPHERE.iter().rev() {
        let (mut r, mut r_a) = (0.0, 0.0);
        for p in row.iter().rev() {
            r_a = r_a * a + r;
            r = r * a + p;
        }
        by_b = by_b * b + sum;
        sum = sum * b + r;
        by_a = by_a * b + r_a;
    }
    let fall = 1.0 - a;
    let value = x + x * fall * sum;
    let slope_x = 1.0 + (1.0 - 3.0 * a) * sum + x * fall * by_a * 2.0 * x;
    (value, slope_x, x * fall * by_b * 2.0 * y)
}

/// First guess of a face coordinate from tangents. Source: C&G 2002, section 5.6.2.
fn cobe_guess(a: f64, b: f64) -> f64 {
    let (a2, b2) = (a * a, b * b);
    let (fall_a, fall_b) = (1.0 - a2, 1.0 - b2);
    let c = 0.141189631152 + 0.0809701286525 * a2 - 0.281528535557 * b2 + 0.15384112876 * a2 * b2
        - 0.178251207466 * a2 * a2
        + 0.106959469314 * b2 * b2;
    let cross = -0.13161671474 + 0.136486206721 * a2 + fall_b * c;
    let cube = -0.159596235474 - fall_a * (0.0759196200467 - 0.0217762490699 * a2);
    a * 1.37484847732 - 0.37484847732 * a * a2 + a * b2 * fall_a * cross + a * a2 * fall_a * cube
}

impl Face for Cobe {
    fn flatten(&self, xi: f64, eta: f64, zeta: f64) -> (f64, f64) {
        let (chi, psi) = (xi / zeta, eta / zeta);
        let (mut x, mut y) = (cobe_guess(chi, psi), cobe_guess(psi, chi));
        for _ in 0..12 {
            let (f, fx, fy) = cobe_tangent(x, y);
            let (g, gy, gx) = cobe_tangent(y, x);
            let (df, dg) = (chi - f, psi - g);
            let determinant = fx * gy - fy * gx;
            let (dx, dy) = ((df * gy - dg * fy) / determinant, (dg * fx - df * gx) / determinant);
            x += dx;
            y += dy;
            if dx.abs().max(dy.abs()) < 1e-16 {
                break;
            }
        }
        (x, y)
    }

    fn raise(&self, x: f64, y: f64) -> [f64; 3] {
        unit(cobe_tangent(x, y).0, cobe_tangent(y, x).0)
    }
}
