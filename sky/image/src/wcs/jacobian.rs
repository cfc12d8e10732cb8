//! How the sky is stretched under a pixel.

use super::Wcs;

impl Wcs {
    /// Tangent vectors on the unit sphere at a pixel position: change of the unit vector per pixel along x and y,
    /// radians. None outside the map.
    ///
    /// Five-point differences over a quarter of a pixel: relative error below 1e-9 up to pixels of a degree.
    pub fn tangents(&self, x: f64, y: f64) -> Option<([f64; 3], [f64; 3])> {
        const H: f64 = 0.25;
        let mut xs = [0.0; 8];
        let mut ys = [0.0; 8];
        let mut zs = [0.0; 8];
        for (i, step) in [-2.0, -1.0, 1.0, 2.0].into_iter().enumerate() {
            (xs[i], ys[i]) = (x + step * H, y);
            (xs[i + 4], ys[i + 4]) = (x, y + step * H);
        }
        self.forward(&mut xs, &mut ys, &mut zs);
        let slope = |v: &[f64]| ((v[0] - v[3]) + 8.0 * (v[2] - v[1])) / (12.0 * H);
        let along_x = [slope(&xs[..4]), slope(&ys[..4]), slope(&zs[..4])];
        let along_y = [slope(&xs[4..]), slope(&ys[4..]), slope(&zs[4..])];
        let defined = along_x.iter().chain(&along_y).all(|v| v.is_finite());
        defined.then_some((along_x, along_y))
    }

    /// Size of a pixel along x and along y at a pixel position, degrees.
    pub fn pixel_scales_deg(&self, x: f64, y: f64) -> Option<(f64, f64)> {
        let (a, b) = self.tangents(x, y)?;
        let length = |v: [f64; 3]| (v[0] * v[0] + v[1] * v[1] + v[2] * v[2]).sqrt().to_degrees();
        Some((length(a), length(b)))
    }

    /// Solid angle of a pixel at a pixel position by the local stretch, steradians.
    pub fn pixel_area_sr(&self, x: f64, y: f64) -> Option<f64> {
        let (a, b) = self.tangents(x, y)?;
        let cross = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
        Some((cross[0] * cross[0] + cross[1] * cross[1] + cross[2] * cross[2]).sqrt())
    }

    /// Side of a square pixel of the same solid angle at the middle of the image (at the reference pixel where the size
    /// is unknown), degrees. None where the map is not defined there.
    pub fn pixel_side_deg(&self) -> Option<f64> {
        let middle = match self.naxis {
            (0, _) | (_, 0) => self.crpix(),
            (nx, ny) => (0.5 * (nx as f64 - 1.0), 0.5 * (ny as f64 - 1.0)),
        };
        let area =
            self.pixel_area_sr(middle.0, middle.1).or_else(|| self.pixel_area_sr(self.crpix[0], self.crpix[1]))?;
        Some(area.sqrt().to_degrees())
    }

    /// Handedness: +1 where longitude grows to the left with latitude up, as on the sky, -1 where the image is mirrored.
    pub fn parity(&self) -> f64 {
        let m = &self.cd;
        let determinant = m[0][0] * m[1][1] - m[0][1] * m[1][0];
        if determinant < 0.0 { 1.0 } else { -1.0 }
    }
}
