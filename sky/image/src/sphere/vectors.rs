//! Points on the sphere: one as angles, many as unit vectors.

use super::trig::{atan2_deg, longitude_deg, lonlat_of_vectors, sincos_deg, vectors_of_lonlat};

/// A direction in some frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SkyCoord {
    /// Longitude (right ascension), degrees; results lie in [0, 360).
    pub lon_deg: f64,
    /// Latitude (declination), degrees, in [-90, 90].
    pub lat_deg: f64,
}

impl SkyCoord {
    /// The unit vector towards it.
    pub fn to_vector(self) -> [f64; 3] {
        let (sin_lon, cos_lon) = sincos_deg(self.lon_deg);
        let (sin_lat, cos_lat) = sincos_deg(self.lat_deg);
        [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat]
    }

    /// The direction of a vector of any length but zero.
    pub fn from_vector(v: [f64; 3]) -> SkyCoord {
        SkyCoord {
            lon_deg: longitude_deg(v[1], v[0]),
            lat_deg: atan2_deg(v[2], v[1].mul_add(v[1], v[0] * v[0]).sqrt()),
        }
    }

    /// Angle between two directions of one frame, degrees; exact to rounding for small angles and large.
    pub fn separation_deg(self, other: SkyCoord) -> f64 {
        let (a, b) = (self.to_vector(), other.to_vector());
        let cross = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
        let sine = (cross[0] * cross[0] + cross[1] * cross[1] + cross[2] * cross[2]).sqrt();
        atan2_deg(sine, a[0] * b[0] + a[1] * b[1] + a[2] * b[2])
    }
}

/// Unit vectors as a structure of arrays; NaN in all three marks an undefined point.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vectors {
    /// Towards longitude 0 on the equator.
    pub x: Vec<f64>,
    /// Towards longitude 90 degrees on the equator.
    pub y: Vec<f64>,
    /// Towards the north pole.
    pub z: Vec<f64>,
}

impl Vectors {
    /// No vectors.
    pub fn new() -> Vectors {
        Vectors::default()
    }

    /// Unit vectors of longitudes and latitudes in degrees; the shorter slice decides.
    pub fn from_lonlat(lon: &[f64], lat: &[f64]) -> Vectors {
        let n = lon.len().min(lat.len());
        let mut out = Vectors::new();
        out.resize(n);
        vectors_of_lonlat(&lon[..n], &lat[..n], &mut out.x, &mut out.y, &mut out.z);
        out
    }

    /// Longitudes in [0, 360) and latitudes, degrees, into slices of this length (or shorter).
    pub fn to_lonlat(&self, lon: &mut [f64], lat: &mut [f64]) {
        lonlat_of_vectors(&self.x, &self.y, &self.z, lon, lat);
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.x.is_empty()
    }

    /// Makes room for `n` vectors; new ones are zero.
    pub fn resize(&mut self, n: usize) {
        self.x.resize(n, 0.0);
        self.y.resize(n, 0.0);
        self.z.resize(n, 0.0);
    }

    /// Appends one vector.
    pub fn push(&mut self, v: [f64; 3]) {
        self.x.push(v[0]);
        self.y.push(v[1]);
        self.z.push(v[2]);
    }

    /// The vector at `i`, or none past the end.
    pub fn get(&self, i: usize) -> Option<[f64; 3]> {
        Some([*self.x.get(i)?, *self.y.get(i)?, *self.z.get(i)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn angles_survive_the_way_through_vectors() {
        let lon = [0.0, 359.999_999, 10.0, 123.456, 77.0];
        let lat = [0.0, 89.999_999_9, -90.0, -45.0, 1e-9];
        let vectors = Vectors::from_lonlat(&lon, &lat);
        let (mut lon_back, mut lat_back) = ([0.0; 5], [0.0; 5]);
        vectors.to_lonlat(&mut lon_back, &mut lat_back);
        for i in 0..5 {
            let (s, _) = sincos_deg(90.0 - lat[i].abs());
            assert!((lon_back[i] - lon[i]).abs() * s < 1e-13, "{i}");
            assert!((lat_back[i] - lat[i]).abs() < 2e-14, "{i}");
        }
    }

    #[test]
    fn small_separations_keep_their_digits() {
        let a = SkyCoord { lon_deg: 100.0, lat_deg: 60.0 };
        let b = SkyCoord { lon_deg: 100.0, lat_deg: 60.0 + 1e-7 };
        assert!((a.separation_deg(b) - 1e-7).abs() < 1e-13);
    }
}
