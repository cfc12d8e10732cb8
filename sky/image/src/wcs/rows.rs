//! Rows of points through the stages between pixels and sky.

use super::Wcs;
use crate::sphere::trig::{lonlat_of_vectors, vectors_of_lonlat};
use crate::sphere::{SkyCoord, Vectors};

/// Points that go through all stages together, so that they stay in the first cache.
pub(super) const BLOCK: usize = 256;

impl Wcs {
    /// Pixels (x, y) to unit vectors in the own frame, in place; slices of one length.
    pub(super) fn forward(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        self.to_native(x, y, z);
        self.rotation.apply_rows(x, y, z);
    }

    /// Unit vectors in the own frame to pixels (x, y), in place; `z` is spoilt.
    pub(super) fn backward(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        self.rotation.transposed().apply_rows(x, y, z);
        self.of_native(x, y, z);
    }

    /// Pixels to native unit vectors.
    pub(super) fn to_native(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        if let Some(plate) = &self.plate {
            plate.forward(x, y);
        } else if let Some(distortion) = &self.distortion {
            distortion.pixel_forward(x, y);
            to_plane(&self.cd, &self.crpix, (0.0, 0.0), x, y);
            distortion.plane_forward(x, y);
            shift(self.offset, x, y);
        } else {
            to_plane(&self.cd, &self.crpix, self.offset, x, y);
        }
        self.projection.deproject(x, y, z);
    }

    /// Native unit vectors to pixels.
    pub(super) fn of_native(&self, x: &mut [f64], y: &mut [f64], z: &mut [f64]) {
        self.projection.project(x, y, z);
        if let Some(plate) = &self.plate {
            plate.inverse(x, y);
            return;
        }
        shift((-self.offset.0, -self.offset.1), x, y);
        if let Some(distortion) = &self.distortion {
            distortion.plane_inverse(x, y);
            of_plane(&self.inverse, &self.crpix, x, y);
            distortion.pixel_inverse(x, y);
        } else {
            of_plane(&self.inverse, &self.crpix, x, y);
        }
    }

    /// Pixels to unit vectors in the own frame, row by row; `out` is resized to the shorter of `x` and `y`.
    pub fn pix_to_vectors(&self, x: &[f64], y: &[f64], out: &mut Vectors) {
        let n = x.len().min(y.len());
        out.resize(n);
        out.x.copy_from_slice(&x[..n]);
        out.y.copy_from_slice(&y[..n]);
        for start in (0..n).step_by(BLOCK) {
            let r = start..(start + BLOCK).min(n);
            self.forward(&mut out.x[r.clone()], &mut out.y[r.clone()], &mut out.z[r]);
        }
    }

    /// Unit vectors in the own frame to pixels; slices of the vectors' length (the shortest decides).
    pub fn vectors_to_pix(&self, v: &Vectors, x: &mut [f64], y: &mut [f64]) {
        let n = v.len().min(x.len()).min(y.len());
        let mut z = [0.0; BLOCK];
        for start in (0..n).step_by(BLOCK) {
            let r = start..(start + BLOCK).min(n);
            let (x, y, z) = (&mut x[r.clone()], &mut y[r.clone()], &mut z[..r.len()]);
            x.copy_from_slice(&v.x[r.clone()]);
            y.copy_from_slice(&v.y[r.clone()]);
            z.copy_from_slice(&v.z[r]);
            self.backward(x, y, z);
        }
    }

    /// Pixels to longitudes in [0, 360) and latitudes, degrees, in the own frame; the shortest slice decides.
    pub fn pix_to_lonlat(&self, x: &[f64], y: &[f64], lon: &mut [f64], lat: &mut [f64]) {
        let n = x.len().min(y.len()).min(lon.len()).min(lat.len());
        let (mut bx, mut by, mut bz) = ([0.0; BLOCK], [0.0; BLOCK], [0.0; BLOCK]);
        for start in (0..n).step_by(BLOCK) {
            let r = start..(start + BLOCK).min(n);
            let m = r.len();
            bx[..m].copy_from_slice(&x[r.clone()]);
            by[..m].copy_from_slice(&y[r.clone()]);
            self.forward(&mut bx[..m], &mut by[..m], &mut bz[..m]);
            lonlat_of_vectors(&bx[..m], &by[..m], &bz[..m], &mut lon[r.clone()], &mut lat[r]);
        }
    }

    /// Longitudes and latitudes in the own frame, degrees, to pixels; the shortest slice decides.
    pub fn lonlat_to_pix(&self, lon: &[f64], lat: &[f64], x: &mut [f64], y: &mut [f64]) {
        let n = lon.len().min(lat.len()).min(x.len()).min(y.len());
        let mut z = [0.0; BLOCK];
        for start in (0..n).step_by(BLOCK) {
            let r = start..(start + BLOCK).min(n);
            let (x, y, z) = (&mut x[r.clone()], &mut y[r.clone()], &mut z[..r.len()]);
            vectors_of_lonlat(&lon[r.clone()], &lat[r], x, y, z);
            self.backward(x, y, z);
        }
    }

    /// The sky under one pixel position, or none outside the map.
    pub fn pix_to_sky(&self, x: f64, y: f64) -> Option<SkyCoord> {
        let (mut x, mut y, mut z) = ([x], [y], [0.0]);
        self.forward(&mut x, &mut y, &mut z);
        let place = SkyCoord::from_vector([x[0], y[0], z[0]]);
        (place.lon_deg.is_finite() && place.lat_deg.is_finite()).then_some(place)
    }

    /// The pixel position of a direction in the own frame, or none where it is not drawn.
    pub fn sky_to_pix(&self, place: SkyCoord) -> Option<(f64, f64)> {
        let [x, y, z] = place.to_vector();
        let (mut x, mut y, mut z) = ([x], [y], [z]);
        self.backward(&mut x, &mut y, &mut z);
        (x[0].is_finite() && y[0].is_finite()).then_some((x[0], y[0]))
    }
}

crate::lanes! {
    fn to_plane(cd: &[[f64; 2]; 2], crpix: &[f64; 2], offset: (f64, f64), x: &mut [f64], y: &mut [f64]) {
        let ([a, b], [c, d], [cx, cy], (ox, oy)) = (cd[0], cd[1], *crpix, offset);
        for (x, y) in x.iter_mut().zip(y.iter_mut()) {
            let (dx, dy) = (*x - cx, *y - cy);
            *x = a.mul_add(dx, b * dy) + ox;
            *y = c.mul_add(dx, d * dy) + oy;
        }
    }
}

crate::lanes! {
    fn of_plane(inverse: &[[f64; 2]; 2], crpix: &[f64; 2], x: &mut [f64], y: &mut [f64]) {
        let ([a, b], [c, d], [cx, cy]) = (inverse[0], inverse[1], *crpix);
        for (x, y) in x.iter_mut().zip(y.iter_mut()) {
            let (xi, eta) = (*x, *y);
            *x = a.mul_add(xi, b * eta) + cx;
            *y = c.mul_add(xi, d * eta) + cy;
        }
    }
}

fn shift(offset: (f64, f64), x: &mut [f64], y: &mut [f64]) {
    if offset != (0.0, 0.0) {
        x.iter_mut().for_each(|v| *v += offset.0);
        y.iter_mut().for_each(|v| *v += offset.1);
    }
}
