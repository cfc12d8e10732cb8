//! The common grid: where it lies, and how the pixels of an image lie on it.

use pogson_image::frame::around_place;
use pogson_image::sphere::{Frame, SkyCoord};
use pogson_image::wcs::{PixelMap, Projection, Wcs};

use crate::error::CubeError;
use crate::input::{Input, Window};
use crate::psf::Plane;

/// Pixels of the common width that a width at half maximum is divided into by default.
const PIXELS_PER_FWHM: f64 = 3.0;
/// Most pixels of a grid along a side.
const LONGEST: f64 = 30_000.0;
/// Points along a side of an image's border.
const POINTS: usize = 24;

/// What the user wants of the grid; what is None follows from the images.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GridChoice {
    /// Centre, ICRS degrees.
    pub center: Option<(f64, f64)>,
    /// Width and height, degrees.
    pub size_deg: Option<(f64, f64)>,
    /// Side of a pixel, arcseconds.
    pub scale_arcsec: Option<f64>,
}

/// The common grid.
#[derive(Debug, Clone)]
pub struct Grid {
    /// World coordinates.
    pub wcs: Wcs,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Side of a pixel, arcseconds.
    pub side_arcsec: f64,
}

impl Grid {
    /// The grid for these images: north up, gnomonic, ICRS. Without a size it holds what all images have in common.
    ///
    /// - `fwhm_arcsec`: common width of point spread functions, or of the widest; gives the scale
    ///
    /// # Errors
    /// Images that have nothing in common, or nothing with the place that was given; sizes beyond reason.
    pub fn choose(inputs: &[Input], choice: &GridChoice, fwhm_arcsec: f64) -> Result<Grid, CubeError> {
        let finest = inputs.iter().filter_map(|i| i.wcs.pixel_side_deg()).fold(f64::INFINITY, f64::min) * 3600.0;
        let scale = choice.scale_arcsec.unwrap_or_else(|| rounded((fwhm_arcsec / PIXELS_PER_FWHM).max(finest)));
        if !scale.is_finite() || scale <= 0.0 {
            return Err(CubeError::Request(format!("a pixel of {scale} arcseconds is none; give --scale above 0")));
        }
        let icrs = Frame::Icrs;
        let middle = match choice.center {
            Some((lon_deg, lat_deg)) => SkyCoord { lon_deg, lat_deg },
            None => smallest_middle(inputs)?,
        };
        let make = |place: SkyCoord, size: (f64, f64)| {
            let sides = (size.0 * 3600.0 / scale, size.1 * 3600.0 / scale);
            if sides.0.max(sides.1) > LONGEST {
                return Err(CubeError::Request(format!(
                    "the grid would have {:.0} x {:.0} pixels of {scale}\"; choose a coarser --scale or a smaller --size",
                    sides.0, sides.1
                )));
            }
            let wcs = around_place(place, size, scale / 3600.0, icrs.clone(), Projection::tan(), 0.0);
            let wcs = wcs.map_err(|e| CubeError::Request(format!("the grid cannot be made: {e}")))?;
            let (width, height) = wcs.naxis();
            Ok(Grid { wcs, width, height, side_arcsec: scale })
        };
        if let Some(size) = choice.size_deg {
            let grid = make(middle, size)?;
            grid.check(inputs)?;
            return Ok(grid);
        }
        // A plane about the middle, in which borders are drawn.
        let plane = make(middle, (scale / 3600.0, scale / 3600.0))?;
        let common = common_box(inputs, &plane)?;
        let centre = match choice.center {
            Some(_) => middle,
            None => {
                let (x, y) = (0.5 * (common[0] + common[1]), 0.5 * (common[2] + common[3]));
                plane.wcs.pix_to_sky(x, y).unwrap_or(middle)
            }
        };
        let (x, y) = plane.wcs.sky_to_pix(centre).unwrap_or((0.0, 0.0));
        // The largest rectangle about the centre that the common box holds.
        let half = |low: f64, high: f64, at: f64| (at - low).min(high - at);
        let (w, h) = (half(common[0], common[1], x), half(common[2], common[3], y));
        if w < 0.5 || h < 0.5 {
            let problem = format!(
                "the centre {:.5} {:.5} is not in the field that all images have in common; give another --center, or a --size",
                centre.lon_deg, centre.lat_deg
            );
            return Err(CubeError::Request(problem));
        }
        make(centre, (2.0 * w.floor().max(1.0) * scale / 3600.0, 2.0 * h.floor().max(1.0) * scale / 3600.0))
    }

    /// Every image has to reach the grid.
    fn check(&self, inputs: &[Input]) -> Result<(), CubeError> {
        for input in inputs {
            let [x0, x1, y0, y1] = outline_box(input, self)?;
            let apart = x1 < -0.5 || y1 < -0.5 || x0 > self.width as f64 - 0.5 || y0 > self.height as f64 - 0.5;
            if apart {
                let problem =
                    "does not reach the field of the cube; leave it out, or correct --center and --size or its WCS";
                return Err(CubeError::image(&input.spec.path, problem));
            }
        }
        Ok(())
    }

    /// Number of pixels.
    pub fn pixels(&self) -> usize {
        self.width * self.height
    }

    /// Solid angle of the middle pixel, square arcseconds.
    pub fn pixel_area_arcsec2(&self) -> f64 {
        let (x, y) = (0.5 * (self.width as f64 - 1.0), 0.5 * (self.height as f64 - 1.0));
        let area = self.wcs.pixel_area_sr(x, y);
        area.map_or(self.side_arcsec * self.side_arcsec, |sr| sr / pogson_image::unit::ARCSEC2_SR)
    }

    /// How an image's pixels lie on the plane of the grid, near the middle of what they share: offsets in arcseconds
    /// along the grid's columns and rows.
    pub fn plane_of(&self, image: &Wcs) -> Plane {
        let map = PixelMap::between(image, &self.wcs);
        let back = PixelMap::between(&self.wcs, image);
        let (x, y) = (0.5 * (self.width as f64 - 1.0), 0.5 * (self.height as f64 - 1.0));
        let (nx, ny) = image.naxis();
        let inside = |p: &(f64, f64)| p.0 > -0.5 && p.1 > -0.5 && p.0 < nx as f64 - 0.5 && p.1 < ny as f64 - 0.5;
        let (x, y) = back.apply_one(x, y).filter(inside).unwrap_or((0.5 * nx as f64 - 0.5, 0.5 * ny as f64 - 0.5));
        let at = |dx: f64, dy: f64| map.apply_one(x + dx, y + dy);
        let side = image.pixel_side_deg().map_or(1.0, |d| d * 3600.0);
        match (at(0.5, 0.0), at(-0.5, 0.0), at(0.0, 0.5), at(0.0, -0.5)) {
            (Some(a), Some(b), Some(c), Some(d)) => {
                let s = self.side_arcsec;
                Plane([[(a.0 - b.0) * s, (c.0 - d.0) * s], [(a.1 - b.1) * s, (c.1 - d.1) * s]])
            }
            _ => Plane::square(side),
        }
    }

    /// The window of an image that the grid covers, widened by `margin` of its pixels at each side; the whole image where it
    /// cannot be cut. None if they do not touch.
    pub fn window_in(&self, input: &Input, margin: usize) -> Option<Window> {
        let whole = Window { x: 0, y: 0, width: input.width, height: input.height };
        let back = PixelMap::between(&self.wcs, &input.wcs);
        let (right, top) = (self.width as f64 - 0.5, self.height as f64 - 0.5);
        let mut bounds = [f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY];
        for (x, y) in border(right, top) {
            let Some((u, v)) = back.apply_one(x, y) else { return Some(whole) };
            bounds = [bounds[0].min(u), bounds[1].max(u), bounds[2].min(v), bounds[3].max(v)];
        }
        if !input.can_be_cut() {
            return Some(whole);
        }
        let m = margin as f64;
        let low = |v: f64| (v - m).floor().max(0.0) as usize;
        let high = |v: f64, n: usize| ((v + m).ceil().max(0.0) as usize + 1).min(n);
        let (x0, x1) = (low(bounds[0]), high(bounds[1], input.width));
        let (y0, y1) = (low(bounds[2]), high(bounds[3], input.height));
        (x1 > x0 && y1 > y0).then(|| Window { x: x0, y: y0, width: x1 - x0, height: y1 - y0 })
    }
}

/// Two digits, by their decimals, so that they stay short in headers.
fn rounded(value: f64) -> f64 {
    format!("{value:.1e}").parse().unwrap_or(value)
}

/// Middle of the image of the smallest area, ICRS.
fn smallest_middle(inputs: &[Input]) -> Result<SkyCoord, CubeError> {
    let area = |input: &&Input| {
        let side = input.wcs.pixel_side_deg().unwrap_or(f64::INFINITY);
        side * side * (input.width * input.height) as f64
    };
    let input = inputs.iter().min_by(|a, b| area(a).total_cmp(&area(b)));
    let input = input.ok_or_else(|| CubeError::Request("no images are given".into()))?;
    let (x, y) = (0.5 * (input.width as f64 - 1.0), 0.5 * (input.height as f64 - 1.0));
    let place = input.wcs.pix_to_sky(x, y).filter(|_| input.wcs.frame().reaches(&Frame::Icrs));
    let place = place.map(|p| input.wcs.frame().convert_one(&Frame::Icrs, p));
    place.ok_or_else(|| CubeError::image(&input.spec.path, "its middle has no place in ICRS; correct its WCS"))
}

/// Points along the border of a rectangle of pixels, from -1/2 to `right` and `top`.
fn border(right: f64, top: f64) -> impl Iterator<Item = (f64, f64)> {
    (0..4 * POINTS).map(move |k| {
        let t = (k % POINTS) as f64 / POINTS as f64;
        let (x, y) = (-0.5 + t * (right + 0.5), -0.5 + t * (top + 0.5));
        match k / POINTS {
            0 => (x, -0.5),
            1 => (right, y),
            2 => (right - (x + 0.5), top),
            _ => (-0.5, top - (y + 0.5)),
        }
    })
}

/// Bounds of an image on a grid: least and greatest column, then row.
fn outline_box(input: &Input, grid: &Grid) -> Result<[f64; 4], CubeError> {
    let map = PixelMap::between(&input.wcs, &grid.wcs);
    let mut bounds = [f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY];
    for (x, y) in border(input.width as f64 - 0.5, input.height as f64 - 0.5) {
        if let Some((u, v)) = map.apply_one(x, y) {
            bounds = [bounds[0].min(u), bounds[1].max(u), bounds[2].min(v), bounds[3].max(v)];
        }
    }
    if bounds[0].is_infinite() {
        let problem =
            "does not overlap the other images, it lies on the other side of the sky; leave it out, or correct its WCS";
        return Err(CubeError::image(&input.spec.path, problem));
    }
    Ok(bounds)
}

/// What the bounds of all images on the plane have in common.
fn common_box(inputs: &[Input], plane: &Grid) -> Result<[f64; 4], CubeError> {
    let mut common = [f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY];
    for input in inputs {
        let [x0, x1, y0, y1] = outline_box(input, plane)?;
        common = [common[0].max(x0), common[1].min(x1), common[2].max(y0), common[3].min(y1)];
        if common[0] >= common[1] || common[2] >= common[3] {
            let problem = "does not overlap the other images; leave it out, or correct its WCS";
            return Err(CubeError::image(&input.spec.path, problem));
        }
    }
    Ok(common)
}
