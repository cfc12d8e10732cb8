//! From the pixels of one image to those of another.

use super::Wcs;
use super::rows::BLOCK;
use crate::sphere::trig::{DEG, RAD};
use crate::sphere::{Conversion, Rotation};

/// The way from the pixels of one image to those of another, by exact formulas.
#[derive(Debug, Clone)]
pub struct PixelMap {
    from: Wcs,
    to: Wcs,
    way: Way,
}

#[derive(Debug, Clone)]
enum Way {
    /// Plane to plane through the centre of the sphere.
    Homography([[f64; 3]; 3]),
    /// Native sphere to native sphere by one rotation.
    Rotation(Rotation),
    /// By the frames' e-terms too.
    Frames(Conversion),
}

impl PixelMap {
    /// The way from pixels of `from` to pixels of `to`.
    ///
    /// Gnomonic images without distortion are joined by one projective map; all others by one rotation between their
    /// native spheres; only FK4 needs more. Frames that do not reach each other give NaN.
    pub fn between(from: &Wcs, to: &Wcs) -> PixelMap {
        let conversion = from.frame.conversion(&to.frame);
        let way = match conversion.as_rotation() {
            None => Way::Frames(conversion),
            Some(frames) => {
                let mut whole = from.rotation;
                if !conversion.is_identity() {
                    whole = whole.then(&frames);
                }
                let whole = whole.then(&to.rotation.transposed());
                if from.is_plain_tan() && to.is_plain_tan() {
                    Way::Homography(homography(from, to, &whole))
                } else {
                    Way::Rotation(whole)
                }
            }
        };
        PixelMap { from: from.clone(), to: to.clone(), way }
    }

    /// Pixels (x, y) of the first image, 0-based, to pixels (ox, oy) of the second; NaN where undefined. The shortest
    /// slice decides.
    pub fn apply(&self, x: &[f64], y: &[f64], ox: &mut [f64], oy: &mut [f64]) {
        let n = x.len().min(y.len()).min(ox.len()).min(oy.len());
        if let Way::Homography(h) = &self.way {
            project(h, &self.from.crpix, &self.to.crpix, &x[..n], &y[..n], &mut ox[..n], &mut oy[..n]);
            return;
        }
        let mut z = [0.0; BLOCK];
        for start in (0..n).step_by(BLOCK) {
            let r = start..(start + BLOCK).min(n);
            let (bx, by, bz) = (&mut ox[r.clone()], &mut oy[r.clone()], &mut z[..r.len()]);
            bx.copy_from_slice(&x[r.clone()]);
            by.copy_from_slice(&y[r]);
            match &self.way {
                Way::Rotation(rotation) => {
                    self.from.to_native(bx, by, bz);
                    rotation.apply_rows(bx, by, bz);
                    self.to.of_native(bx, by, bz);
                }
                Way::Frames(conversion) => {
                    self.from.forward(bx, by, bz);
                    conversion.apply(bx, by, bz);
                    self.to.backward(bx, by, bz);
                }
                Way::Homography(_) => {}
            }
        }
    }

    /// One pixel position, or none where undefined.
    pub fn apply_one(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let (mut ox, mut oy) = ([0.0], [0.0]);
        self.apply(&[x], &[y], &mut ox, &mut oy);
        (ox[0].is_finite() && oy[0].is_finite()).then_some((ox[0], oy[0]))
    }

    /// The projective map, where the way is one.
    pub fn as_homography(&self) -> Option<Homography> {
        match &self.way {
            Way::Homography(matrix) => Some(Homography { matrix: *matrix, from: self.from.crpix, to: self.to.crpix }),
            _ => None,
        }
    }
}

/// A projective map of pixels: `(X, Y, W) = matrix (x - from[0], y - from[1], 1)`; the pixel of the second image is
/// `(X / W + to[0], Y / W + to[1])`, undefined unless W > 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Homography {
    /// Rows X, Y, W.
    pub matrix: [[f64; 3]; 3],
    /// Reference pixel of the first image, 0-based.
    pub from: [f64; 2],
    /// Reference pixel of the second image, 0-based.
    pub to: [f64; 2],
}

impl Wcs {
    /// Whether it is a gnomonic projection and nothing else.
    pub fn is_plain_tan(&self) -> bool {
        self.projection.code() == "TAN" && !self.has_distortion() && self.offset == (0.0, 0.0)
    }
}

fn homography(from: &Wcs, to: &Wcs, rotation: &Rotation) -> [[f64; 3]; 3] {
    // A pixel offset (dx, dy, 1) to an unnormalised native vector (-η, ξ, 1).
    let cd = &from.cd;
    let first =
        Rotation([[-cd[1][0] * DEG, -cd[1][1] * DEG, 0.0], [cd[0][0] * DEG, cd[0][1] * DEG, 0.0], [0.0, 0.0, 1.0]]);
    let i = &to.inverse;
    let last = Rotation([[-i[0][1] * RAD, i[0][0] * RAD, 0.0], [-i[1][1] * RAD, i[1][0] * RAD, 0.0], [0.0, 0.0, 1.0]]);
    first.then(rotation).then(&last).0
}

crate::lanes! {
    fn project(
        h: &[[f64; 3]; 3], from: &[f64; 2], to: &[f64; 2],
        x: &[f64], y: &[f64], ox: &mut [f64], oy: &mut [f64],
    ) {
        let [a, b, c] = *h;
        for (((x, y), ox), oy) in x.iter().zip(y).zip(ox.iter_mut()).zip(oy.iter_mut()) {
            let (dx, dy) = (*x - from[0], *y - from[1]);
            let w = c[0].mul_add(dx, c[1].mul_add(dy, c[2]));
            let scale = if w > 0.0 { 1.0 / w } else { f64::NAN };
            *ox = a[0].mul_add(dx, a[1].mul_add(dy, a[2])).mul_add(scale, to[0]);
            *oy = b[0].mul_add(dx, b[1].mul_add(dy, b[2])).mul_add(scale, to[1]);
        }
    }
}
