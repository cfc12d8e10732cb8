//! Rotations of the sphere.

use super::trig::sincos_deg;

/// A 3 by 3 matrix that turns one set of axes into another; rows first. All but FK4's are orthogonal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rotation(pub [[f64; 3]; 3]);

impl Rotation {
    /// No rotation.
    pub const IDENTITY: Rotation = Rotation([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);

    /// Axes turned about x by `degrees`, counter-clockwise seen from +x (coordinates turn the other way).
    pub fn axes_about_x(degrees: f64) -> Rotation {
        let (s, c) = sincos_deg(degrees);
        Rotation([[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]])
    }

    /// Axes turned about y by `degrees`.
    pub fn axes_about_y(degrees: f64) -> Rotation {
        let (s, c) = sincos_deg(degrees);
        Rotation([[c, 0.0, -s], [0.0, 1.0, 0.0], [s, 0.0, c]])
    }

    /// Axes turned about z by `degrees`.
    pub fn axes_about_z(degrees: f64) -> Rotation {
        let (s, c) = sincos_deg(degrees);
        Rotation([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    }

    /// This rotation first, then `next`.
    pub fn then(&self, next: &Rotation) -> Rotation {
        let (a, b) = (&next.0, &self.0);
        let mut product = [[0.0; 3]; 3];
        for (row, out) in a.iter().zip(&mut product) {
            for (j, out) in out.iter_mut().enumerate() {
                *out = row[0].mul_add(b[0][j], row[1].mul_add(b[1][j], row[2] * b[2][j]));
            }
        }
        Rotation(product)
    }

    /// The transposed matrix: the inverse of a rotation.
    pub fn transposed(&self) -> Rotation {
        let m = &self.0;
        Rotation([[m[0][0], m[1][0], m[2][0]], [m[0][1], m[1][1], m[2][1]], [m[0][2], m[1][2], m[2][2]]])
    }

    /// The rotated vector.
    pub fn apply(&self, v: [f64; 3]) -> [f64; 3] {
        self.0.map(|row| row[0].mul_add(v[0], row[1].mul_add(v[1], row[2] * v[2])))
    }

    /// Rotates vectors in place; slices of one length.
    pub fn apply_rows(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        rotate(&self.0, x, y, z);
    }
}

crate::lanes! {
    fn rotate(m: &[[f64; 3]; 3], x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        let [a, b, c] = *m;
        for ((x, y), z) in x.iter_mut().zip(y.iter_mut()).zip(z.iter_mut()) {
            let (u, v, w) = (*x, *y, *z);
            *x = a[0].mul_add(u, a[1].mul_add(v, a[2] * w));
            *y = b[0].mul_add(u, b[1].mul_add(v, b[2] * w));
            *z = c[0].mul_add(u, c[1].mul_add(v, c[2] * w));
        }
    }
}
