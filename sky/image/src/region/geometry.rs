//! Regions placed on an image: in its pixels, or on the sphere around their centre.

use super::{Length, Region, Shape, System};
use crate::fits::Header;
use crate::sphere::{Conversion, Frame, SkyCoord};
use crate::wcs::Wcs;

/// The image that regions are laid on.
#[derive(Debug, Clone, Copy)]
pub struct Canvas<'a> {
    /// Its world coordinates; None lets image and physical regions alone through.
    pub wcs: Option<&'a Wcs>,
    /// Pixels along x.
    pub width: usize,
    /// Pixels along y.
    pub height: usize,
    /// Its physical pixels.
    pub physical: Physical,
}

/// Physical pixels: image pixel = `scale` · physical pixel + `offset`, both 1-based (IRAF's LTMi_i and LTVi).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Physical {
    /// LTM1_1 and LTM2_2.
    pub scale: [f64; 2],
    /// LTV1 and LTV2.
    pub offset: [f64; 2],
}

impl Default for Physical {
    fn default() -> Self {
        Physical { scale: [1.0; 2], offset: [0.0; 2] }
    }
}

impl Physical {
    /// From a header's LTM and LTV keywords; physical pixels are image pixels where they are absent.
    pub fn from_header(header: &Header) -> Physical {
        let number = |key: &str, default: f64| header.f64(key).filter(|v| v.is_finite()).unwrap_or(default);
        let scale = ["LTM1_1", "LTM2_2"].map(|key| Some(number(key, 1.0)).filter(|s| *s != 0.0).unwrap_or(1.0));
        Physical { scale, offset: [number("LTV1", 0.0), number("LTV2", 0.0)] }
    }
}

/// Why a region cannot be laid on an image.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlaceError {
    /// A region on the sky, and an image that does not know its place there.
    #[error("line {line}: the region is on the sky, but the image has no world coordinates")]
    NoWcs {
        /// 1-based line of the region file.
        line: usize,
    },
    /// Frames without a way between them.
    #[error("line {line}: no way is known from the region's {from:?} system to the image's {to}")]
    NoWay {
        /// 1-based line of the region file.
        line: usize,
        /// The region's system.
        from: System,
        /// The image's frame.
        to: String,
    },
}

/// An outline in its own plane: x and y from the centre, turned by nothing yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Figure {
    Ellipse { radii: [f64; 2], hole: Option<[f64; 2]> },
    Box { half: [f64; 2], hole: Option<[f64; 2]> },
}

impl Figure {
    pub(super) fn holds(&self, x: f64, y: f64) -> bool {
        let in_ellipse = |r: &[f64; 2]| {
            let (u, v) = (x / r[0], y / r[1]);
            u * u + v * v <= 1.0
        };
        let in_box = |h: &[f64; 2]| x.abs() <= h[0] && y.abs() <= h[1];
        match self {
            Figure::Ellipse { radii, hole } => in_ellipse(radii) && !hole.as_ref().is_some_and(in_ellipse),
            Figure::Box { half, hole } => in_box(half) && !hole.as_ref().is_some_and(in_box),
        }
    }

    /// Rings of points: the outside, then the hole; each closed.
    pub(super) fn rings(&self, steps: usize) -> Vec<Vec<[f64; 2]>> {
        let ring = |a: &[f64; 2]| -> Vec<[f64; 2]> {
            (0..=steps)
                .map(|i| {
                    let turn = i as f64 / steps as f64;
                    match self {
                        Figure::Ellipse { .. } => {
                            let (s, c) = libm::sincos(turn * std::f64::consts::TAU);
                            [a[0] * c, a[1] * s]
                        }
                        Figure::Box { .. } => on_square(turn, a),
                    }
                })
                .collect()
        };
        let (outside, hole) = match self {
            Figure::Ellipse { radii, hole } => (radii, hole),
            Figure::Box { half, hole } => (half, hole),
        };
        std::iter::once(outside).chain(hole.as_ref()).map(ring).collect()
    }
}

/// A point on a rectangle's edge, `turn` of the way around from its lower left corner.
fn on_square(turn: f64, half: &[f64; 2]) -> [f64; 2] {
    let along = turn * 4.0;
    let side = along.floor();
    let t = 2.0 * (along - side) - 1.0;
    let [x, y] = match side as u8 % 4 {
        0 => [t, -1.0],
        1 => [1.0, t],
        2 => [-t, 1.0],
        _ => [-1.0, -t],
    };
    [x * half[0], y * half[1]]
}

/// Axes on the sphere at a region's centre, in the region's own frame.
#[derive(Debug, Clone)]
pub(super) struct Tangent {
    center: [f64; 3],
    west: [f64; 3],
    north: [f64; 3],
    sin_cos: (f64, f64),
    /// From the image's frame to the region's.
    pub(super) to_region: Conversion,
    to_image: Conversion,
}

impl Tangent {
    /// Offset of a direction along and across the figure's first axis, degrees of arc from the centre.
    pub(super) fn offset_deg(&self, v: [f64; 3]) -> [f64; 2] {
        let (west, north) = (dot(v, self.west), dot(v, self.north));
        let sine = libm::hypot(west, north);
        let arc = libm::atan2(sine, dot(v, self.center)).to_degrees();
        let stretch = if sine > 0.0 { arc / sine } else { 0.0 };
        let (s, c) = self.sin_cos;
        [(west * c + north * s) * stretch, (north * c - west * s) * stretch]
    }

    /// The pixel (0-based) of an offset; None where it is not drawn.
    pub(super) fn pixel_at(&self, offset_deg: [f64; 2], wcs: &Wcs) -> Option<[f64; 2]> {
        let [x, y] = offset_deg;
        let (s, c) = self.sin_cos;
        let (west, north) = (x * c - y * s, x * s + y * c);
        let arc = libm::hypot(west, north).to_radians();
        let (sine, cosine) = libm::sincos(arc);
        let scale = if arc > 0.0 { sine / arc * 1_f64.to_radians() } else { 0.0 };
        let mut v = [0.0; 3];
        for (i, value) in v.iter_mut().enumerate() {
            *value = self.center[i] * cosine + (self.west[i] * west + self.north[i] * north) * scale;
        }
        let place = SkyCoord::from_vector(self.to_image.apply_one(v));
        wcs.sky_to_pix(place).map(|(x, y)| [x, y])
    }
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// A region laid on an image; pixels are 0-based.
#[derive(Debug, Clone)]
pub(super) enum Placed {
    /// A figure in pixels.
    Flat { center: [f64; 2], figure: Figure, sin_cos: (f64, f64) },
    /// A figure in degrees on the sphere.
    Round { tangent: Box<Tangent>, figure: Figure },
    /// Vertices in pixels.
    Polygon(Vec<[f64; 2]>),
    /// A point or the ends of a line.
    Path(Vec<[f64; 2]>),
    /// Nothing: a label, or a place that the image's projection does not reach.
    Nowhere,
}

/// Lays a region on an image.
pub(super) fn place(region: &Region, canvas: &Canvas<'_>) -> Result<Placed, PlaceError> {
    let to_pixel = |p: &[f64; 2]| pixel_of(region, canvas, *p);
    Ok(match &region.shape {
        Shape::Circle { center, radius } => figure(region, canvas, center, &[*radius; 2], None, 0.0, true)?,
        Shape::Annulus { center, inner, outer } => {
            figure(region, canvas, center, &[*outer; 2], Some(&[*inner; 2]), 0.0, true)?
        }
        Shape::Ellipse { center, radii, hole, angle_deg } => {
            figure(region, canvas, center, radii, hole.as_ref(), *angle_deg, true)?
        }
        Shape::Box { center, size, hole, angle_deg } => {
            figure(region, canvas, center, size, hole.as_ref(), *angle_deg, false)?
        }
        Shape::Polygon { vertices } => all(vertices.iter().map(to_pixel))?.map_or(Placed::Nowhere, Placed::Polygon),
        Shape::Line { ends } => all(ends.iter().map(to_pixel))?.map_or(Placed::Nowhere, Placed::Path),
        Shape::Point { center } => all(std::iter::once(to_pixel(center)))?.map_or(Placed::Nowhere, Placed::Path),
        Shape::Text { .. } => Placed::Nowhere,
    })
}

/// All pixels, or None when one of them is not drawn.
fn all(
    pixels: impl Iterator<Item = Result<Option<[f64; 2]>, PlaceError>>,
) -> Result<Option<Vec<[f64; 2]>>, PlaceError> {
    let pixels = pixels.collect::<Result<Vec<_>, _>>()?;
    Ok(pixels.into_iter().collect())
}

#[allow(clippy::too_many_arguments, reason = "the parts of one figure")]
fn figure(
    region: &Region,
    canvas: &Canvas<'_>,
    center: &[f64; 2],
    sides: &[Length; 2],
    hole: Option<&[Length; 2]>,
    angle_deg: f64,
    is_round: bool,
) -> Result<Placed, PlaceError> {
    let on_sky = sides.iter().all(|side| matches!(side, Length::Degrees(_)));
    let unit = if is_round { 1.0 } else { 0.5 };
    let lengths = |sides: &[Length; 2]| -> [f64; 2] {
        // A pixel length across y is scaled by y's own physical scale.
        [0, 1].map(|axis| {
            unit * match sides[axis] {
                Length::Degrees(v) | Length::ImagePixels(v) => v,
                Length::PhysicalPixels(v) => v * canvas.physical.scale[axis].abs(),
            }
        })
    };
    let (outer, hole) = (lengths(sides), hole.map(lengths));
    let figure = if is_round { Figure::Ellipse { radii: outer, hole } } else { Figure::Box { half: outer, hole } };
    let sin_cos = libm::sincos(angle_deg.to_radians());
    if on_sky {
        return Ok(match tangent(region, canvas, *center, sin_cos)? {
            Some(tangent) => Placed::Round { tangent: Box::new(tangent), figure },
            None => Placed::Nowhere,
        });
    }
    let center = pixel_of(region, canvas, *center)?;
    Ok(center.map_or(Placed::Nowhere, |center| Placed::Flat { center, figure, sin_cos }))
}

fn frame_of(system: System) -> Option<Frame> {
    Some(match system {
        System::Image | System::Physical => return None,
        System::Fk4 => Frame::B1950,
        System::Fk5 => Frame::J2000,
        System::Icrs => Frame::Icrs,
        System::Galactic => Frame::Galactic,
        System::Ecliptic => Frame::Ecliptic { equinox: 2000.0 },
    })
}

/// The image's coordinates, and the frame of the region (the image's own for pixel systems).
fn sky<'a>(region: &Region, canvas: &Canvas<'a>) -> Result<(&'a Wcs, Frame), PlaceError> {
    let wcs = canvas.wcs.ok_or(PlaceError::NoWcs { line: region.line })?;
    let frame = frame_of(region.system).unwrap_or_else(|| wcs.frame().clone());
    if !wcs.frame().reaches(&frame) {
        return Err(PlaceError::NoWay { line: region.line, from: region.system, to: wcs.frame().name() });
    }
    Ok((wcs, frame))
}

/// 0-based pixel of a region's position; None where the image's projection does not reach.
fn pixel_of(region: &Region, canvas: &Canvas<'_>, p: [f64; 2]) -> Result<Option<[f64; 2]>, PlaceError> {
    Ok(match region.system {
        System::Image => Some([p[0] - 1.0, p[1] - 1.0]),
        System::Physical => {
            let Physical { scale, offset } = canvas.physical;
            Some([scale[0] * p[0] + offset[0] - 1.0, scale[1] * p[1] + offset[1] - 1.0])
        }
        _ => {
            let (wcs, frame) = sky(region, canvas)?;
            let place = frame.convert_one(wcs.frame(), SkyCoord { lon_deg: p[0], lat_deg: p[1] });
            wcs.sky_to_pix(place).map(|(x, y)| [x, y])
        }
    })
}

fn tangent(
    region: &Region,
    canvas: &Canvas<'_>,
    center: [f64; 2],
    sin_cos: (f64, f64),
) -> Result<Option<Tangent>, PlaceError> {
    let (wcs, frame) = sky(region, canvas)?;
    let place = if region.system.is_sky() {
        SkyCoord { lon_deg: center[0], lat_deg: center[1] }
    } else {
        let Some([x, y]) = pixel_of(region, canvas, center)? else { return Ok(None) };
        let Some(place) = wcs.pix_to_sky(x, y) else { return Ok(None) };
        place
    };
    let (sin_lon, cos_lon) = libm::sincos(place.lon_deg.to_radians());
    let (sin_lat, cos_lat) = libm::sincos(place.lat_deg.to_radians());
    Ok(Some(Tangent {
        center: [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat],
        west: [sin_lon, -cos_lon, 0.0],
        north: [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
        sin_cos,
        to_region: wcs.frame().conversion(&frame),
        to_image: frame.conversion(wcs.frame()),
    }))
}
