//! Outlines of other images.

use pogson_image::sphere::Vectors;
use pogson_image::wcs::Wcs;

use super::curve::trace;
use super::label::Ink;
use super::sheet::Sheet;
use crate::draw::{Layer, Point};
use crate::picture::Picture;

/// Draws the border of the image that `other` describes over the picture; returns whether any of it is seen.
pub fn draw_footprint(picture: &mut Picture, sheet: &Sheet<'_>, other: &Wcs, ink: Ink) -> bool {
    let runs = outline(sheet, other);
    let mut layers = [Layer::over(picture), Layer::over(picture)];
    for run in &runs {
        layers[0].polyline(run, false, ink.line + 2.2);
        layers[1].polyline(run, false, ink.line + 0.2);
    }
    layers[0].lay(picture, ink.rim, 0.4);
    layers[1].lay(picture, ink.colour, 0.9);
    runs.iter().flatten().any(|p| sheet.holds(*p, 0.0))
}

/// The outer edges of the pixels on the border, as runs of points of the picture.
fn outline(sheet: &Sheet<'_>, other: &Wcs) -> Vec<Vec<Point>> {
    let (width, height) = (other.naxis().0 as f64, other.naxis().1 as f64);
    let to_own = other.frame().conversion(sheet.wcs().frame());
    let curve = |t: f64| {
        let (side, along) = ((t * 4.0).min(3.999_999_999), libm::fmod(t * 4.0, 1.0));
        let (x, y) = match side as usize {
            0 => (along * width, 0.0),
            1 => (width, along * height),
            2 => ((1.0 - along) * width, height),
            _ => (0.0, (1.0 - along) * height),
        };
        let mut vectors = Vectors::new();
        vectors.resize(1);
        other.pix_to_vectors(&[x - 0.5], &[y - 0.5], &mut vectors);
        let v = to_own.apply_one(vectors.get(0)?);
        v.iter().all(|c| c.is_finite()).then(|| sheet.vector_to_point(v))?
    };
    // t = 1 stands for the corner where it began.
    let closed = |t: f64| curve(if t >= 1.0 { 0.0 } else { t });
    trace(&closed, 32, sheet.size())
}
