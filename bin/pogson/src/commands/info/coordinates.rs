//! Where pixels lie on the sky: the coordinates of an image in words, and points from one side to the other.

use std::io::BufRead;
use std::path::Path;

use pogson_image::sphere::{Frame, SkyCoord};
use pogson_image::wcs::Wcs;
use serde::Serialize;

use crate::arguments::position::{PixelPosition, Position};
use crate::failure::Failure;

/// The coordinates of an image.
#[derive(Debug, Serialize)]
pub struct WcsDescription {
    /// Three-letter code of the projection.
    pub projection: String,
    /// Frame of the coordinates.
    pub frame: String,
    /// True when a distortion (SIP, TPV, look-up table ...) is applied.
    pub distortion: bool,
    /// Reference pixel, 1-based.
    pub crpix: (f64, f64),
    /// Its place in the frame, in degrees.
    pub crval: (f64, f64),
    /// Sides of the middle pixel, in seconds of arc.
    pub scale_arcsec: Option<(f64, f64)>,
    /// Middle of the image, ICRS degrees, where it is on the sky.
    pub center: Option<(f64, f64)>,
}

/// Puts the coordinates in words.
pub fn describe(wcs: &Wcs) -> WcsDescription {
    let (width, height) = wcs.naxis();
    let middle = (0.5 * (width as f64 - 1.0), 0.5 * (height as f64 - 1.0));
    let (crpix1, crpix2) = wcs.crpix();
    let scales = wcs.pixel_scales_deg(middle.0, middle.1);
    let center = wcs.pix_to_sky(middle.0, middle.1).map(|place| wcs.frame().convert_one(&Frame::Icrs, place));
    WcsDescription {
        projection: wcs.projection().code().to_owned(),
        frame: wcs.frame().name(),
        distortion: wcs.has_distortion(),
        crpix: (crpix1 + 1.0, crpix2 + 1.0),
        crval: wcs.crval(),
        scale_arcsec: scales.map(|(x, y)| (x * 3600.0, y * 3600.0)),
        center: center.filter(|place| place.lon_deg.is_finite()).map(|place| (place.lon_deg, place.lat_deg)),
    }
}

impl WcsDescription {
    /// One line: `TAN, FK5, 1.000" pixels, centre 274.700000 -13.800000 (ICRS)`.
    pub fn line(&self) -> String {
        let mut parts = vec![self.projection.clone(), self.frame.clone()];
        if self.distortion {
            parts.push("distorted".to_owned());
        }
        if let Some((x, y)) = self.scale_arcsec {
            let same = (x - y).abs() < 1e-4 * x.max(y);
            parts.push(if same { format!("{x:.4}\" pixels") } else { format!("{x:.4}\" x {y:.4}\" pixels") });
        }
        if let Some((lon, lat)) = self.center {
            parts.push(format!("centre {lon:.6} {lat:.6} (ICRS)"));
        }
        parts.join(", ")
    }
}

/// A point on both sides.
#[derive(Debug, Clone, Serialize)]
pub struct Point {
    /// 1-based pixel along NAXIS1; null when the sky position has none.
    pub x: Option<f64>,
    /// 1-based pixel along NAXIS2.
    pub y: Option<f64>,
    /// Longitude in the frame that is named beside, in degrees; null when the pixel has none.
    pub lon: Option<f64>,
    /// Latitude.
    pub lat: Option<f64>,
    /// Right ascension, in degrees: `lon` of an equatorial frame, else ICRS.
    pub ra: Option<f64>,
    /// Declination.
    pub dec: Option<f64>,
}

/// Converts points of one image; `frame` is that of the sky positions.
pub struct Converter<'a> {
    /// The image's coordinates.
    pub wcs: &'a Wcs,
    /// Frame of positions given and printed.
    pub frame: &'a Frame,
}

impl Converter<'_> {
    /// A 1-based pixel to the sky.
    pub fn to_sky(&self, pixel: PixelPosition) -> Point {
        let place = self.wcs.pix_to_sky(pixel.x - 1.0, pixel.y - 1.0);
        // The header's own answer is not sent through vectors and back.
        let place = place.map(|place| convert(self.wcs.frame(), self.frame, place));
        self.point(Some((pixel.x, pixel.y)), place)
    }

    /// A sky position to a 1-based pixel.
    pub fn to_pixel(&self, position: Position) -> Point {
        let place = SkyCoord { lon_deg: position.lon_deg, lat_deg: position.lat_deg };
        let pixel = self.wcs.sky_to_pix(convert(self.frame, self.wcs.frame(), place));
        self.point(pixel.map(|(x, y)| (x + 1.0, y + 1.0)), Some(place))
    }

    fn point(&self, pixel: Option<(f64, f64)>, place: Option<SkyCoord>) -> Point {
        let equatorial = matches!(
            self.frame,
            Frame::Icrs | Frame::Fk5 { .. } | Frame::Fk4 { .. } | Frame::Fk4NoE { .. } | Frame::Other(_)
        );
        let equator = place.map(|place| if equatorial { place } else { convert(self.frame, &Frame::Icrs, place) });
        Point {
            x: pixel.map(|p| p.0),
            y: pixel.map(|p| p.1),
            lon: place.map(|p| p.lon_deg),
            lat: place.map(|p| p.lat_deg),
            ra: equator.map(|p| p.lon_deg),
            dec: equator.map(|p| p.lat_deg),
        }
    }
}

fn convert(from: &Frame, to: &Frame, place: SkyCoord) -> SkyCoord {
    if from == to { place } else { from.convert_one(to, place) }
}

impl Point {
    /// The side that was asked for, as text.
    pub fn answer(&self, to_sky: bool) -> String {
        let (a, b, digits) = if to_sky { (self.lon, self.lat, 12) } else { (self.x, self.y, 9) };
        match (a, b) {
            (Some(a), Some(b)) => format!("{a:.digits$} {b:.digits$}"),
            _ => "none none".to_owned(),
        }
    }
}

/// The points of an argument: what it says, or the lines of standard input for `-`.
///
/// # Errors
/// A text that is no point (exit 2); a line that is none (exit 3).
pub fn read_points<P: std::str::FromStr<Err = String>>(argument: &str) -> Result<Vec<P>, Failure> {
    if argument.trim() != "-" {
        return Ok(vec![argument.parse().map_err(Failure::usage)?]);
    }
    let name = Path::new("standard input");
    let mut points = Vec::new();
    for (index, line) in std::io::stdin().lock().lines().enumerate() {
        let line = line.map_err(|e| Failure::io(name, &e))?;
        let content = line.split('#').next().unwrap_or("").trim();
        if !content.is_empty() {
            let fault = |e: String| Failure::in_file(name, format!("line {}: {e}", index + 1));
            points.push(content.parse().map_err(fault)?);
        }
    }
    Ok(points)
}
