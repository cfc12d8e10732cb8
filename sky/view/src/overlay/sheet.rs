//! Where the sky lies on a picture.

use pogson_image::sphere::{Frame, SkyCoord, Vectors};
use pogson_image::wcs::Wcs;

use crate::draw::Point;
use crate::picture::Picture;

/// A picture of an image together with the image's world coordinates.
#[derive(Debug, Clone, Copy)]
pub struct Sheet<'a> {
    wcs: &'a Wcs,
    factor: f64,
    width: f64,
    height: f64,
}

impl<'a> Sheet<'a> {
    /// The sheet of `picture`, whose pixels are `factor` by `factor` pixels of the image that `wcs` describes
    /// ([`Scaled::factor`](crate::Scaled)); the image's first row lies at the bottom.
    pub fn new(wcs: &'a Wcs, picture: &Picture, factor: f64) -> Sheet<'a> {
        Sheet { wcs, factor, width: picture.width() as f64, height: picture.height() as f64 }
    }

    /// The image's world coordinates.
    pub fn wcs(&self) -> &'a Wcs {
        self.wcs
    }

    /// Pixels of the image in one of the picture.
    pub fn factor(&self) -> f64 {
        self.factor
    }

    /// Width and height of the picture.
    pub fn size(&self) -> (f64, f64) {
        (self.width, self.height)
    }

    /// Where the image's pixel coordinates (0-based) lie on the picture.
    pub fn point(&self, x: f64, y: f64) -> Point {
        ((x + 0.5) / self.factor, self.height - (y + 0.5) / self.factor)
    }

    /// The image's pixel coordinates (0-based) of a point of the picture.
    pub fn pixel(&self, (x, y): Point) -> (f64, f64) {
        (x.mul_add(self.factor, -0.5), (self.height - y).mul_add(self.factor, -0.5))
    }

    /// Where a direction, a unit vector in the frame of the image, lies on the picture; `None` where undefined.
    pub fn vector_to_point(&self, v: [f64; 3]) -> Option<Point> {
        let mut vectors = Vectors::new();
        vectors.push(v);
        let (mut x, mut y) = ([f64::NAN], [f64::NAN]);
        self.wcs.vectors_to_pix(&vectors, &mut x, &mut y);
        (x[0].is_finite() && y[0].is_finite()).then(|| self.point(x[0], y[0]))
    }

    /// Where a place in `frame` lies on the picture; `None` where undefined.
    pub fn sky_to_point(&self, frame: &Frame, place: SkyCoord) -> Option<Point> {
        let own = frame.convert_one(self.wcs.frame(), place);
        (own.lon_deg.is_finite() && own.lat_deg.is_finite()).then(|| self.vector_to_point(own.to_vector()))?
    }

    /// The place in `frame` of a point of the picture; `None` where undefined.
    pub fn point_to_sky(&self, frame: &Frame, point: Point) -> Option<SkyCoord> {
        let (x, y) = self.pixel(point);
        let place = self.wcs.frame().convert_one(frame, self.wcs.pix_to_sky(x, y)?);
        (place.lon_deg.is_finite() && place.lat_deg.is_finite()).then_some(place)
    }

    /// Whether a point lies on the picture, or within `margin` pixels about it.
    pub fn holds(&self, (x, y): Point, margin: f64) -> bool {
        x >= -margin && x <= self.width + margin && y >= -margin && y <= self.height + margin
    }

    /// Pixels of the picture in one degree at a point: the geometric mean of both directions; `None` where undefined.
    pub fn points_per_degree(&self, point: Point) -> Option<f64> {
        let (x, y) = self.pixel(point);
        let (across, up) = self.wcs.pixel_scales_deg(x, y)?;
        let side = (across * up).sqrt() * self.factor;
        (side > 0.0 && side.is_finite()).then(|| 1.0 / side)
    }
}

/// The place at an angular `distance_deg` from `centre`, in the direction `angle_deg` from north through east.
pub(crate) fn offset(centre: SkyCoord, distance_deg: f64, angle_deg: f64) -> SkyCoord {
    let (s_lat, c_lat) = libm::sincos(centre.lat_deg.to_radians());
    let (s_lon, c_lon) = libm::sincos(centre.lon_deg.to_radians());
    let (s_d, c_d) = libm::sincos(distance_deg.to_radians());
    let (s_a, c_a) = libm::sincos(angle_deg.to_radians());
    let (east, north) = ([-s_lon, c_lon, 0.0], [-s_lat * c_lon, -s_lat * s_lon, c_lat]);
    let out = [c_lat * c_lon, c_lat * s_lon, s_lat];
    SkyCoord::from_vector(std::array::from_fn(|k| c_d.mul_add(out[k], s_d * c_a.mul_add(north[k], s_a * east[k]))))
}
