//! Where a tile falls on the output, and what brings it there.

use crate::adaptive::{self, AdaptiveMap};
use crate::aligned::Aligned;
use crate::area::{AreaMap, ByArea, Held};
use crate::drizzle::DrizzleMap;
use crate::error::MosaicError;
use crate::exact::{ExactMap, OverlapError, PlaneMap};
use crate::interpolated::Interpolated;
use crate::kernel::Kernel;
use crate::mapping::{GridMap, Window};
use crate::method::Method;
use crate::patch::Projector;
use crate::source::Source;
use pogson_image::wcs::{PixelMap, Wcs};

/// The output frame.
#[derive(Debug, Clone)]
pub struct Target {
    /// World coordinates.
    pub wcs: Wcs,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Target {
    /// The whole frame.
    pub fn window(&self) -> Window {
        Window { x: 0, y: 0, width: self.width, height: self.height }
    }
}

/// Points along a tile's edge, and along each side of the grid inside it, that are followed to the output.
const SAMPLES: usize = 33;

/// Output pixels added around what the samples span.
const PAD: f64 = 3.0;

/// The window of the output that an image can touch, `None` if none.
///
/// A grid of points over the image is followed to the output. Where the map is torn or undefined between neighbours (a
/// projection's boundary, a pole, a wrap) the image may reach anywhere and gets the whole frame.
pub fn window_of(map: &PixelMap, width: usize, height: usize, target: &Target) -> Option<Window> {
    let n = SAMPLES;
    let (mut x, mut y) = (Vec::with_capacity(n * n), Vec::with_capacity(n * n));
    for j in 0..n {
        for i in 0..n {
            x.push(i as f64 / (n - 1) as f64 * width as f64 - 0.5);
            y.push(j as f64 / (n - 1) as f64 * height as f64 - 0.5);
        }
    }
    let (mut u, mut v) = (vec![0.0; n * n], vec![0.0; n * n]);
    map.apply(&x, &y, &mut u, &mut v);
    if !u.iter().zip(&v).any(|(u, v)| u.is_finite() && v.is_finite()) {
        return None;
    }
    if u.iter().chain(&v).any(|c| !c.is_finite()) || torn(&u, &v) {
        return Some(target.window());
    }
    let span = |c: &[f64]| c.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), c| (a.min(*c), b.max(*c)));
    let ((x0, x1), (y0, y1)) = (span(&u), span(&v));
    // Between samples an edge may bulge by about the square of the spacing over the radius: a thousandth of the
    // span covers what maps without a tear can do.
    let pad = PAD + 1e-3 * (x1 - x0).max(y1 - y0);
    let low = |c: f64| (c - pad).floor().max(-1e9) as i64;
    let high = |c: f64| (c + pad).ceil().min(1e9) as i64;
    let around = Window {
        x: low(x0),
        y: low(y0),
        width: (high(x1) - low(x0) + 1) as usize,
        height: (high(y1) - low(y0) + 1) as usize,
    };
    around.intersect(&target.window())
}

/// Whether neighbouring samples lie much further apart somewhere than they do typically.
fn torn(u: &[f64], v: &[f64]) -> bool {
    let n = SAMPLES;
    let mut steps = Vec::with_capacity(2 * n * n);
    for j in 0..n {
        for i in 0..n {
            let k = j * n + i;
            let gap = |l: usize| libm::hypot(u[l] - u[k], v[l] - v[k]);
            if i + 1 < n {
                steps.push(gap(k + 1));
            }
            if j + 1 < n {
                steps.push(gap(k + n));
            }
        }
    }
    steps.sort_by(f64::total_cmp);
    let typical = steps[steps.len() / 2];
    steps.last().is_some_and(|widest| *widest > 8.0 * typical + 2.0)
}

/// How tiles are placed.
#[derive(Debug, Clone, Copy)]
pub struct Placing {
    /// Way of reprojection.
    pub method: Method,
    /// Largest error of approximated maps, in tile pixels.
    pub tolerance_px: f64,
    /// Whether output pixels hold the sum of flux rather than surface brightness.
    pub flux: bool,
}

/// Error of the maps that only tell which pixels a tile covers.
const COVER_TOLERANCE_PX: f64 = 0.01;

/// A tile's projector, `None` if the tile does not touch the output.
///
/// # Errors
/// Those of the method's geometry.
pub fn place(source: &Source, target: &Target, how: &Placing) -> Result<Option<Box<dyn Projector>>, MosaicError> {
    let size = (source.width, source.height);
    let out_size = (target.width, target.height);
    let problem = |e: OverlapError| MosaicError::Geometry { path: source.path.clone(), reason: e.to_string() };
    let held = if how.flux { Held::Flux } else { Held::Brightness };
    let (input, output) = (&source.wcs, &target.wcs);
    match how.method {
        Method::Interpolate(kernel) => Ok(interpolated(source, target, kernel, how)),
        Method::Auto => Ok(interpolated(source, target, crate::method::BEST_KERNEL, how)),
        Method::Aligned => Ok(match Aligned::place(source, target, how.tolerance_px)? {
            Some(projector) => Some(Box::new(projector)),
            None => None,
        }),
        Method::MontageExact => {
            let map = ExactMap::new(input, size, output, out_size).map_err(problem)?;
            let map = if how.flux { map.conserving_flux() } else { map };
            Ok(by_area(map, source, target, held))
        }
        Method::Plane => {
            let map = PlaneMap::new(input, size, output, out_size, how.tolerance_px).map_err(problem)?;
            let map = if how.flux { map.conserving_flux() } else { map };
            Ok(by_area(map, source, target, held))
        }
        Method::Adaptive(filter) => {
            let options = adaptive::Options { filter, conserve_flux: how.flux, strict: false };
            let map = AdaptiveMap::new(input, size, output, out_size, options).map_err(problem)?;
            Ok(by_area(map, source, target, Held::Brightness))
        }
        Method::Drizzle { kernel, pixfrac } => {
            let map = DrizzleMap::new(input, size, output, out_size, kernel, pixfrac).map_err(problem)?;
            Ok(by_area(map, source, target, Held::Brightness))
        }
    }
}

fn by_area<M: AreaMap + 'static>(map: M, source: &Source, target: &Target, held: Held) -> Option<Box<dyn Projector>> {
    let window = ByArea::window_of(&map)?;
    let back = PixelMap::between(&target.wcs, &source.wcs);
    let centres = GridMap::new(Box::new(back), window, COVER_TOLERANCE_PX);
    Some(Box::new(ByArea::new(map, centres, (source.width, source.height), held)))
}

fn interpolated(source: &Source, target: &Target, kernel: Kernel, how: &Placing) -> Option<Box<dyn Projector>> {
    let (width, height) = (source.width, source.height);
    let window = window_of(&PixelMap::between(&source.wcs, &target.wcs), width, height, target)?;
    let back = PixelMap::between(&target.wcs, &source.wcs);
    let map = GridMap::new(Box::new(back), window, how.tolerance_px);
    let projector = Interpolated::new(map, kernel, width, height, true);
    Some(Box::new(if how.flux { projector.conserving_flux() } else { projector }))
}
