//! Flux and centre of one star, by aperture over a local background plane.

/// Radii of the measurement, in seconds of arc.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aperture {
    /// Pixels whose centres lie nearer than this are summed.
    pub radius_arcsec: f64,
    /// The background plane is fitted to pixels between these.
    pub ring_arcsec: (f64, f64),
    /// The centre of light is taken within this.
    pub centroid_arcsec: f64,
}

impl Default for Aperture {
    fn default() -> Aperture {
        Aperture { radius_arcsec: 12.0, ring_arcsec: (14.0, 18.0), centroid_arcsec: 6.0 }
    }
}

impl Aperture {
    /// Half the side of the square of pixels that a measurement needs.
    ///
    /// - `scale_arcsec`: side of a pixel.
    pub fn reach_px(&self, scale_arcsec: f64) -> usize {
        ((self.radius_arcsec + 1.0) / scale_arcsec).ceil() as usize
            + ((self.ring_arcsec.1 - self.radius_arcsec) / scale_arcsec).ceil().max(0.0) as usize
    }
}

/// A square of pixels around a star.
#[derive(Debug, Clone, Copy)]
pub struct Patch<'a> {
    /// `side` × `side` values, row by row.
    pub values: &'a [f32],
    /// Pixels along a side.
    pub side: usize,
    /// The star's place, 0-based pixels from the centre of the first one.
    pub x: f64,
    /// The same along the other axis.
    pub y: f64,
    /// Side of a pixel, in seconds of arc.
    pub scale_arcsec: f64,
}

/// What one image says about one star.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Sum of the values in the aperture above the background plane.
    pub sum: f64,
    /// Centre of light minus the star's true place, in pixels.
    pub dx: f64,
    /// The same along the other axis.
    pub dy: f64,
    /// The background plane at the star.
    pub background: f64,
}

/// Measures a star; `None` when a pixel of the patch is not finite, or the ring holds too few pixels for a plane.
pub fn measure(patch: &Patch<'_>, aperture: &Aperture) -> Option<Measured> {
    if patch.side * patch.side != patch.values.len() || !patch.values.iter().all(|v| v.is_finite()) {
        return None;
    }
    let plane = ring_plane(patch, aperture)?;
    let (mut sum, mut light, mut moment_x, mut moment_y) = (0.0, 0.0, 0.0, 0.0);
    for_each_pixel(patch, |dx, dy, radius, value| {
        let above = value - (plane[0] + plane[1] * dx + plane[2] * dy);
        if radius < aperture.radius_arcsec {
            sum += above;
        }
        if radius < aperture.centroid_arcsec {
            light += above;
            moment_x += above * dx;
            moment_y += above * dy;
        }
    });
    Some(Measured { sum, dx: moment_x / light, dy: moment_y / light, background: plane[0] })
}

/// Calls with offset from the star in pixels, distance in seconds of arc, and value.
fn for_each_pixel(patch: &Patch<'_>, mut visit: impl FnMut(f64, f64, f64, f64)) {
    for (row, line) in patch.values.chunks_exact(patch.side).enumerate() {
        let dy = row as f64 - patch.y;
        for (column, value) in line.iter().enumerate() {
            let dx = column as f64 - patch.x;
            visit(dx, dy, (dx * dx + dy * dy).sqrt() * patch.scale_arcsec, f64::from(*value));
        }
    }
}

/// Plane through the pixels of the ring: value at the star and its two slopes per pixel, by least squares.
fn ring_plane(patch: &Patch<'_>, aperture: &Aperture) -> Option<[f64; 3]> {
    let mut points = Vec::new();
    for_each_pixel(patch, |dx, dy, radius, value| {
        if radius > aperture.ring_arcsec.0 && radius < aperture.ring_arcsec.1 {
            points.push([dx, dy, value]);
        }
    });
    plane_fit(points.iter().copied())
}

/// Least-squares plane `c[0] + c[1] x + c[2] y` through points `[x, y, value]`; `None` when they do not fix one.
pub fn plane_fit(points: impl Iterator<Item = [f64; 3]> + Clone) -> Option<[f64; 3]> {
    let (mut n, mut mean) = (0.0, [0.0; 3]);
    for point in points.clone() {
        n += 1.0;
        for (mean, value) in mean.iter_mut().zip(point) {
            *mean += value;
        }
    }
    let mean = mean.map(|sum| sum / n);
    let (mut xx, mut xy, mut yy, mut xv, mut yv) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for [x, y, value] in points {
        let (x, y, value) = (x - mean[0], y - mean[1], value - mean[2]);
        xx += x * x;
        xy += x * y;
        yy += y * y;
        xv += x * value;
        yv += y * value;
    }
    let determinant = xx * yy - xy * xy;
    // Points on one line fix no plane.
    if n < 3.0 || determinant <= 1e-12 * xx * yy || determinant.is_nan() {
        return None;
    }
    let (along_x, along_y) = ((xv * yy - yv * xy) / determinant, (yv * xx - xv * xy) / determinant);
    Some([mean[2] - along_x * mean[0] - along_y * mean[1], along_x, along_y])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::star::Profile;

    #[test]
    fn a_star_on_a_slope_gives_its_flux_and_place_back() {
        let side = 45;
        let (x, y) = (22.3, 21.8);
        let mut image: Vec<f64> =
            (0..side * side).map(|i| 640.0 + 0.01 * (i % side) as f64 - 0.02 * (i / side) as f64).collect();
        Profile::Gaussian { fwhm_px: 2.8 }.draw(&mut image, side, side, x, y, 5000.0);
        let values: Vec<f32> = image.iter().map(|v| *v as f32).collect();
        let patch = Patch { values: &values, side, x, y, scale_arcsec: 1.0 };
        let found = measure(&patch, &Aperture::default()).unwrap();
        assert!((found.sum / 5000.0 - 1.0).abs() < 1e-5, "{found:?}");
        assert!(found.dx.abs() < 1e-4 && found.dy.abs() < 1e-4, "{found:?}");
        assert!((found.background - (640.0 + 0.01 * x - 0.02 * y)).abs() < 1e-3);
    }

    #[test]
    fn a_star_beside_a_hole_is_not_measured() {
        let mut values = vec![1.0f32; 45 * 45];
        values[7] = f32::NAN;
        let patch = Patch { values: &values, side: 45, x: 22.0, y: 22.0, scale_arcsec: 1.0 };
        assert_eq!(measure(&patch, &Aperture::default()), None);
    }

    #[test]
    fn points_on_a_line_fix_no_plane() {
        assert_eq!(plane_fit((0..9).map(|i| [f64::from(i), 2.0 * f64::from(i), 1.0])), None);
    }
}
