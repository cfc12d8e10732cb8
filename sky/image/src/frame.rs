//! The frame of a mosaic: the smallest image that holds a set of images.
//!
//! ```
//! use pogson_image::frame::{self, Options};
//! use pogson_image::{fits::Header, wcs::Wcs};
//! let tile = Header::from_text(
//!     "NAXIS1 = 512\nNAXIS2 = 1024\nCTYPE1 = 'RA---TAN'\nCTYPE2 = 'DEC--TAN'\nCRPIX1 = 256.5\nCRPIX2 = 512.5\n\
//!      CRVAL1 = 0.05\nCRVAL2 = 89.9\nCDELT1 = -0.000277\nCDELT2 = 0.000277",
//! )?;
//! let mosaic = frame::around_images(&[Wcs::from_header(&tile)?], &Options::default())?;
//! assert!(mosaic.naxis().0 >= 512 && mosaic.naxis().1 >= 1024);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod outline;
mod rectangle;

use crate::sphere::{Frame, SkyCoord, Vectors};
use crate::wcs::{Projection, Wcs, WcsError};
use outline::outline;
use rectangle::{Rectangle, smallest, upright};

/// How the pixel size of the mosaic follows from those of the images.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Scale {
    /// The finest: nothing is lost.
    #[default]
    Finest,
    /// The median.
    Median,
    /// Degrees per pixel.
    Degrees(f64),
}

/// Which way the mosaic lies.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Turn {
    /// North (the frame's pole) up.
    #[default]
    NorthUp,
    /// As gives the smallest area; within 45 degrees of north up.
    Smallest,
    /// Angle from north to the y axis, through east, degrees.
    Degrees(f64),
}

/// What is asked of the frame of a mosaic.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Celestial frame; without one that of the first image.
    pub frame: Option<Frame>,
    /// Projection; without one TAN, or AIT for more than 60 degrees from the middle.
    pub projection: Option<Projection>,
    /// Pixel size.
    pub scale: Scale,
    /// Orientation; other than zenithal projections stay north up.
    pub turn: Turn,
    /// Pixels added at each side.
    pub margin: usize,
}

/// Why there is no frame.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FrameError {
    /// No images.
    #[error("no images to frame; give at least one")]
    NoImages,
    /// An image without any place on the sky or without a size.
    #[error("image {index} has no pixel on the sky (its size is {nx} x {ny}); check its WCS and NAXIS keywords")]
    Nowhere {
        /// Its number in the list, from 0.
        index: usize,
        /// Its width.
        nx: usize,
        /// Its height.
        ny: usize,
    },
    /// Frames without a known way between them.
    #[error("image {index} is in {found}, from which no way to {wanted} is known; name another frame")]
    Unreachable {
        /// Its number in the list, from 0.
        index: usize,
        /// Its frame.
        found: String,
        /// The frame of the mosaic.
        wanted: String,
    },
    /// The projection does not show part of the images.
    #[error("the projection {code} does not show all of the images; choose another, as AIT for the whole sky")]
    NotDrawn {
        /// Its code.
        code: String,
    },
    /// A pixel size that is none, or sides beyond reason.
    #[error("pixels of {scale} degrees give {nx:.0} x {ny:.0} of them; give a pixel size between 1e-9 and 90 degrees")]
    Size {
        /// Degrees per pixel.
        scale: f64,
        /// Width.
        nx: f64,
        /// Height.
        ny: f64,
    },
    /// The coordinates could not be set up.
    #[error(transparent)]
    Wcs(#[from] WcsError),
}

/// Distance from the middle up to which TAN is chosen, degrees.
const GNOMONIC_REACH: f64 = 60.0;
/// Longest side of a mosaic.
const LONGEST: f64 = 1e8;

/// The smallest frame of its kind that holds all images.
///
/// The middle of the frame lies at the reference point for zenithal projections; others have it on their own
/// fiducial latitude, at the middle longitude. Pixels of images that are off the sky do not count.
///
/// # Errors
/// See [`FrameError`].
pub fn around_images(images: &[Wcs], options: &Options) -> Result<Wcs, FrameError> {
    let first = images.first().ok_or(FrameError::NoImages)?;
    let frame = options.frame.clone().unwrap_or_else(|| first.frame().clone());
    let mut points = Vectors::new();
    let mut sides = Vec::with_capacity(images.len());
    for (index, image) in images.iter().enumerate() {
        let (nx, ny) = image.naxis();
        if !image.frame().reaches(&frame) {
            let (found, wanted) = (image.frame().name(), frame.name());
            return Err(FrameError::Unreachable { index, found, wanted });
        }
        let before = points.len();
        outline(image, &frame, &mut points);
        let side = image.pixel_side_deg().filter(|_| points.len() > before);
        sides.push(side.ok_or(FrameError::Nowhere { index, nx, ny })?);
    }
    let scale = match options.scale {
        Scale::Finest => sides.iter().copied().fold(f64::INFINITY, f64::min),
        Scale::Median => {
            sides.sort_by(f64::total_cmp);
            sides[sides.len() / 2]
        }
        Scale::Degrees(scale) => scale,
    };
    let middle = middle(&points);
    let reach = reach(&points, middle);
    let projection = match &options.projection {
        Some(projection) => projection.clone(),
        None if reach <= GNOMONIC_REACH => Projection::tan(),
        None => Projection::new("AIT", &Default::default()).unwrap_or_else(Projection::tan),
    };
    if projection.is_zenithal() {
        around_middle(&frame, &projection, &points, middle, scale, options)
    } else {
        let crval = (middle_longitude(&points), projection.theta0());
        let plane = in_plane(&frame, &projection, crval, &points)?;
        finish(frame, projection, crval, upright(&plane, 0.0), scale, options.margin)
    }
}

/// A frame about a place, of a size in degrees (width, height), north up or turned.
///
/// - `turn_deg`: from north to the y axis, through east
///
/// # Errors
/// [`FrameError::Size`], [`FrameError::Wcs`].
pub fn around_place(
    place: SkyCoord,
    size_deg: (f64, f64),
    scale_deg: f64,
    frame: Frame,
    projection: Projection,
    turn_deg: f64,
) -> Result<Wcs, FrameError> {
    let (w, h) = (0.5 * size_deg.0, 0.5 * size_deg.1);
    let rectangle = Rectangle { angle_deg: turn_deg, u: (-w, w), v: (-h, h) };
    if projection.is_zenithal() || place.lat_deg == projection.theta0() {
        return finish(frame, projection, (place.lon_deg, place.lat_deg), rectangle, scale_deg, 0);
    }
    // The reference point stays on the fiducial parallel, so that the map's graticule is not oblique.
    let crval = (place.lon_deg, projection.theta0());
    let mut point = Vectors::new();
    point.push(place.to_vector());
    let (u, v) = in_plane(&frame, &projection, crval, &point)?[0];
    let rectangle = Rectangle { angle_deg: 0.0, u: (u - w, u + w), v: (v - h, v + h) };
    finish(frame, projection, crval, rectangle, scale_deg, 0)
}

/// Moves the reference point until it lies in the middle of the rectangle.
fn around_middle(
    frame: &Frame,
    projection: &Projection,
    points: &Vectors,
    middle: [f64; 3],
    scale: f64,
    options: &Options,
) -> Result<Wcs, FrameError> {
    let mut centre = SkyCoord::from_vector(middle);
    let mut rectangle = Rectangle { angle_deg: 0.0, u: (0.0, 0.0), v: (0.0, 0.0) };
    for _ in 0..6 {
        let crval = (centre.lon_deg, centre.lat_deg);
        let plane = in_plane(frame, projection, crval, points)?;
        rectangle = match options.turn {
            Turn::NorthUp => upright(&plane, 0.0),
            Turn::Degrees(angle) => upright(&plane, angle),
            Turn::Smallest => smallest(&plane),
        };
        let (x, y) = rectangle.centre();
        let moved = plane_wcs(frame, projection, crval)?.pix_to_sky(x, y);
        let still = libm::hypot(x, y) < 1e-3 * scale;
        match moved {
            Some(moved) if !still => centre = moved,
            _ => break,
        }
    }
    let crval = (centre.lon_deg, centre.lat_deg);
    let plane = in_plane(frame, projection, crval, points)?;
    rectangle = upright(&plane, rectangle.angle_deg);
    finish(frame.clone(), projection.clone(), crval, rectangle, scale, options.margin)
}

/// Coordinates whose pixels are the plane itself, in degrees.
fn plane_wcs(frame: &Frame, projection: &Projection, crval: (f64, f64)) -> Result<Wcs, WcsError> {
    let unit = [[1.0, 0.0], [0.0, 1.0]];
    Wcs::new(frame.clone(), projection.clone(), crval, (0.0, 0.0), unit, (0, 0))
}

/// Points in the plane, degrees.
fn in_plane(
    frame: &Frame,
    projection: &Projection,
    crval: (f64, f64),
    points: &Vectors,
) -> Result<Vec<(f64, f64)>, FrameError> {
    let wcs = plane_wcs(frame, projection, crval)?;
    let (mut x, mut y) = (vec![0.0; points.len()], vec![0.0; points.len()]);
    wcs.vectors_to_pix(points, &mut x, &mut y);
    let plane: Vec<(f64, f64)> = x.into_iter().zip(y).collect();
    if plane.is_empty() || plane.iter().any(|(x, y)| !(x.is_finite() && y.is_finite())) {
        return Err(FrameError::NotDrawn { code: projection.code().into() });
    }
    Ok(plane)
}

/// Pixels over a rectangle of the plane.
fn finish(
    frame: Frame,
    projection: Projection,
    crval: (f64, f64),
    rectangle: Rectangle,
    scale: f64,
    margin: usize,
) -> Result<Wcs, FrameError> {
    let pad = 2.0 * margin as f64;
    // What sticks out by less than a thousandth of a pixel is rounding.
    let count = |(low, high): (f64, f64)| ((high - low) / scale - 1e-3).ceil().max(1.0) + pad;
    let (nx, ny) = (count(rectangle.u), count(rectangle.v));
    let sound = (1e-9..=90.0).contains(&scale) && nx <= LONGEST && ny <= LONGEST;
    if !sound {
        return Err(FrameError::Size { scale, nx, ny });
    }
    let (s, c) = crate::sphere::trig::sincos_deg(rectangle.angle_deg);
    let cd = [[-scale * c, scale * s], [scale * s, scale * c]];
    let (u, v) = rectangle.middle();
    let crpix = (0.5 * (nx - 1.0) + u / scale, 0.5 * (ny - 1.0) - v / scale);
    let wcs = Wcs::new(frame, projection, crval, crpix, cd, (nx as usize, ny as usize))?;
    Ok(wcs)
}

/// Direction of the mean of the points; the first point where they cancel.
fn middle(points: &Vectors) -> [f64; 3] {
    let sum = [&points.x, &points.y, &points.z].map(|c| c.iter().sum::<f64>());
    let length = (sum[0] * sum[0] + sum[1] * sum[1] + sum[2] * sum[2]).sqrt();
    if length > 1e-9 * points.len() as f64 { sum.map(|c| c / length) } else { points.get(0).unwrap_or([1.0, 0.0, 0.0]) }
}

/// Largest distance from the middle, degrees.
fn reach(points: &Vectors, middle: [f64; 3]) -> f64 {
    let centre = SkyCoord::from_vector(middle);
    (0..points.len())
        .filter_map(|i| points.get(i))
        .map(|v| centre.separation_deg(SkyCoord::from_vector(v)))
        .fold(0.0, f64::max)
}

/// Longitude opposite to the widest gap; 0 where there is hardly one.
fn middle_longitude(points: &Vectors) -> f64 {
    let (mut lon, mut lat) = (vec![0.0; points.len()], vec![0.0; points.len()]);
    points.to_lonlat(&mut lon, &mut lat);
    lon.sort_by(f64::total_cmp);
    let Some((first, last)) = lon.first().zip(lon.last()) else {
        return 0.0;
    };
    let (mut widest, mut after) = (first + 360.0 - last, *first);
    for pair in lon.windows(2) {
        if pair[1] - pair[0] > widest {
            (widest, after) = (pair[1] - pair[0], pair[1]);
        }
    }
    if widest < 30.0 {
        return 0.0;
    }
    (after + 0.5 * (360.0 - widest)).rem_euclid(360.0)
}

#[cfg(test)]
mod tests;
