//! Regions to masks of pixels.

use super::Region;
use super::geometry::{Canvas, PlaceError, Placed, place};
use crate::sphere::Vectors;
use std::ops::Range;

/// Which pixels of an image regions cover.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    width: usize,
    height: usize,
    bits: Vec<bool>,
}

impl Mask {
    /// Pixels whose centres lie in an including region and in no excluding one that comes after it; a list of
    /// excluding regions alone starts from all pixels.
    ///
    /// Figures with sides in degrees are true figures on the sphere (sides are arcs from the centre, so a circle
    /// is a circle on any projection); polygons and lines run straight between their vertices in pixels, as in DS9.
    /// Points cover one pixel; lines those within half a pixel; labels none.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn of(regions: &[Region], canvas: &Canvas<'_>) -> Result<Mask, PlaceError> {
        let all_excluding = !regions.is_empty() && regions.iter().all(|region| !region.include);
        let (width, height) = (canvas.width, canvas.height);
        let mut mask = Mask { width, height, bits: vec![all_excluding; width * height] };
        for region in regions {
            mask.lay(&place(region, canvas)?, canvas, region.include);
        }
        Ok(mask)
    }

    /// Pixels along x.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels along y.
    pub fn height(&self) -> usize {
        self.height
    }

    /// A row of the mask, 0-based; empty outside the image.
    pub fn row(&self, y: usize) -> &[bool] {
        let start = y.saturating_mul(self.width);
        self.bits.get(start..start + self.width).unwrap_or(&[])
    }

    /// Number of pixels covered.
    pub fn count(&self) -> usize {
        self.bits.iter().filter(|bit| **bit).count()
    }

    fn set_row(&mut self, y: usize, xs: Range<usize>, value: bool, holds: impl Fn(usize) -> bool) {
        let start = y * self.width;
        for (x, bit) in xs.clone().zip(&mut self.bits[start + xs.start..start + xs.end]) {
            if holds(x) {
                *bit = value;
            }
        }
    }

    fn lay(&mut self, placed: &Placed, canvas: &Canvas<'_>, value: bool) {
        match placed {
            Placed::Nowhere => {}
            Placed::Flat { center, figure, sin_cos: (s, c) } => {
                let turned = figure.rings(64).into_iter().flatten().map(|[x, y]| {
                    // The figure's own sagitta between two of 64 points is 0.12 %.
                    let (x, y) = (x * 1.01, y * 1.01);
                    [center[0] + x * c - y * s, center[1] + x * s + y * c]
                });
                let (xs, ys) = self.bounds(turned);
                for y in ys {
                    self.set_row(y, xs.clone(), value, |x| {
                        let (dx, dy) = (x as f64 - center[0], y as f64 - center[1]);
                        figure.holds(dx * c + dy * s, dy * c - dx * s)
                    });
                }
            }
            Placed::Round { tangent, figure } => {
                let Some(wcs) = canvas.wcs else { return };
                let outline: Option<Vec<[f64; 2]>> = figure
                    .rings(64)
                    .into_iter()
                    .flatten()
                    .map(|[x, y]| tangent.pixel_at([x * 1.01, y * 1.01], wcs))
                    .collect();
                // Where a part of the outline is not drawn, or the outline may run around a pole or an edge of the
                // map, only a look at each pixel tells.
                let whole = || (0..self.width, 0..self.height);
                let center = tangent.pixel_at([0.0, 0.0], wcs);
                let (xs, ys) = match (outline, center) {
                    (Some(outline), Some(center)) if is_local(&outline, center) => self.bounds(outline.into_iter()),
                    _ => whole(),
                };
                let columns: Vec<f64> = xs.clone().map(|x| x as f64).collect();
                let mut vectors = Vectors::new();
                for y in ys {
                    wcs.pix_to_vectors(&columns, &vec![y as f64; columns.len()], &mut vectors);
                    tangent.to_region.apply(&mut vectors.x, &mut vectors.y, &mut vectors.z);
                    self.set_row(y, xs.clone(), value, |x| {
                        let v = vectors.get(x - xs.start).filter(|v| v.iter().all(|c| c.is_finite()));
                        v.is_some_and(|v| {
                            let [along, across] = tangent.offset_deg(v);
                            figure.holds(along, across)
                        })
                    });
                }
            }
            Placed::Polygon(vertices) => {
                let (xs, ys) = self.bounds(vertices.iter().copied());
                for y in ys {
                    let crossings = crossings(vertices, y as f64);
                    self.set_row(y, xs.clone(), value, |x| {
                        crossings.iter().filter(|crossing| **crossing <= x as f64).count() % 2 == 1
                    });
                }
            }
            Placed::Path(points) => {
                let (first, last) = match points.as_slice() {
                    [one] => {
                        let [x, y] = one.map(f64::round);
                        if x >= 0.0 && y >= 0.0 && x < self.width as f64 && y < self.height as f64 {
                            self.set_row(y as usize, x as usize..x as usize + 1, value, |_| true);
                        }
                        return;
                    }
                    [first, .., last] => (*first, *last),
                    [] => return,
                };
                let (xs, ys) = self.bounds([first, last].into_iter());
                for y in ys {
                    self.set_row(y, xs.clone(), value, |x| distance(first, last, [x as f64, y as f64]) <= 0.5);
                }
            }
        }
    }

    /// Columns and rows that points reach, one pixel more on each side, within the image.
    fn bounds(&self, points: impl Iterator<Item = [f64; 2]>) -> (Range<usize>, Range<usize>) {
        let mut low = [f64::INFINITY; 2];
        let mut high = [f64::NEG_INFINITY; 2];
        for point in points {
            for axis in 0..2 {
                low[axis] = low[axis].min(point[axis]);
                high[axis] = high[axis].max(point[axis]);
            }
        }
        let range = |axis: usize, size: usize| {
            // The conversion saturates: what lies before the image becomes 0, behind it `size`.
            let start = ((low[axis] - 1.0).floor() as usize).min(size);
            start..((high[axis] + 2.0).ceil() as usize).clamp(start, size)
        };
        (range(0, self.width), range(1, self.height))
    }
}

/// True when an outline surrounds its centre once and makes no jumps, as it does away from poles and map edges.
fn is_local(outline: &[[f64; 2]], center: [f64; 2]) -> bool {
    let steps = outline.windows(2).map(|w| libm::hypot(w[1][0] - w[0][0], w[1][1] - w[0][1]));
    let longest = steps.fold(0.0, f64::max);
    let reach = outline.iter().map(|p| libm::hypot(p[0] - center[0], p[1] - center[1])).fold(0.0, f64::max);
    crossings(outline, center[1]).iter().filter(|x| **x <= center[0]).count() % 2 == 1 && longest < 0.5 * reach
}

/// Where a polygon's edges cross the line of a row, by the rule that counts each vertex once.
fn crossings(vertices: &[[f64; 2]], y: f64) -> Vec<f64> {
    let next = vertices.iter().cycle().skip(1);
    let edges = vertices.iter().zip(next).filter(|(a, b)| (a[1] <= y) != (b[1] <= y));
    edges.map(|(a, b)| a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0])).collect()
}

/// Distance of a point from a segment.
fn distance(a: [f64; 2], b: [f64; 2], p: [f64; 2]) -> f64 {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let length = dx * dx + dy * dy;
    let along = if length > 0.0 { ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / length } else { 0.0 };
    let along = along.clamp(0.0, 1.0);
    libm::hypot(p[0] - a[0] - along * dx, p[1] - a[1] - along * dy)
}
