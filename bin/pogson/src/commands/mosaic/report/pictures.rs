//! The pictures of the page: the mosaic, and where each tile lies in it.

use std::path::Path;

use pogson_image::fits::FitsFile;
use pogson_image::wcs::{PixelMap, Wcs};
use pogson_mosaic::source::Source;
use pogson_view::overlay::Sheet;
use pogson_view::{Bound, Colormap, Layer, Limits, Picture, Point, Render, Rgb, Scaled, Stretch, draw_text, text_width};

use super::Page;
use crate::failure::Failure;

/// Longest side of a picture on the page, in pixels.
const SIDE: usize = 900;
/// Points along one side of a tile's border.
const POINTS: usize = 16;
/// Tiles beyond which numbers would hide the picture.
const MOST_NUMBERED: usize = 80;

const GROUND: Rgb = Rgb([0x1c, 0x25, 0x30]);
const FILL: Rgb = Rgb([0x6c, 0xc7, 0xe6]);
const LINE: Rgb = Rgb([0xff, 0xff, 0xff]);

/// The mosaic in the default rendering.
///
/// # Errors
/// A file that cannot be read.
pub fn mosaic(path: &Path) -> Result<Picture, Failure> {
    let file = FitsFile::open(path)?;
    let scaled = Scaled::from_image(&file.first_image()?, 0, SIDE)?;
    Ok(Render::default().picture(&scaled.pixels, scaled.width))
}

/// Borders of the tiles, over the footprint where one was written.
///
/// # Errors
/// A footprint that cannot be read.
pub fn coverage(page: &Page<'_>) -> Result<Picture, Failure> {
    let target = page.target;
    let factor = (target.width.max(target.height) as f64 / SIDE as f64).max(1.0);
    let size = |pixels: usize| ((pixels as f64 / factor).ceil() as usize).max(1);
    let (mut picture, factor) = match page.footprint {
        Some(path) => footprint(path)?,
        None => (Picture::filled(size(target.width), size(target.height), GROUND), factor),
    };
    let sheet = Sheet::new(&target.wcs, &picture, factor);
    let borders: Vec<Vec<Point>> =
        page.outcome.used.iter().map(|&k| border(&page.sources[k], &target.wcs, &sheet)).collect();
    if page.footprint.is_none() {
        for border in &borders {
            let mut layer = Layer::over(&picture);
            layer.polygon(border);
            layer.lay(&mut picture, FILL, 0.28);
        }
    }
    // Many tiles need thin lines, lest they hide what they surround.
    let line = if borders.len() > MOST_NUMBERED { 0.6 } else { 1.3 };
    let mut lines = Layer::over(&picture);
    borders.iter().for_each(|border| lines.polyline(border, true, line));
    lines.lay(&mut picture, LINE, 0.7);
    if borders.len() <= MOST_NUMBERED {
        numbers(&mut picture, &borders);
    }
    Ok(picture)
}

/// The footprint in colours and the side of its cells in pixels.
fn footprint(path: &Path) -> Result<(Picture, f64), Failure> {
    let file = FitsFile::open(path)?;
    let mut scaled = Scaled::from_image(&file.first_image()?, 0, SIDE)?;
    scaled.pixels.iter_mut().filter(|v| **v <= 0.0).for_each(|v| *v = f32::NAN);
    let top = scaled.pixels.iter().copied().filter(|v| v.is_finite()).fold(1.0, f32::max);
    let render = Render {
        stretch: Stretch::Linear,
        // Room above, so that white borders stand out from the brightest cover.
        limits: Limits::Bounds(Bound::Value(0.0), Bound::Value(1.3 * f64::from(top))),
        colormap: Colormap::Viridis,
        inverted: false,
        nan: GROUND,
    };
    Ok((render.picture(&scaled.pixels, scaled.width), scaled.factor))
}

/// The border of a tile on the picture; points without a place on it are left out.
fn border(source: &Source, to: &Wcs, sheet: &Sheet<'_>) -> Vec<Point> {
    let (width, height) = (source.width as f64, source.height as f64);
    let corners = [(0.0, 0.0), (width, 0.0), (width, height), (0.0, height)];
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for side in 0..4 {
        let (from, next) = (corners[side], corners[(side + 1) % 4]);
        for k in 0..POINTS {
            let t = k as f64 / POINTS as f64;
            x.push((next.0 - from.0).mul_add(t, from.0) - 0.5);
            y.push((next.1 - from.1).mul_add(t, from.1) - 0.5);
        }
    }
    let (mut u, mut v) = (vec![f64::NAN; x.len()], vec![f64::NAN; x.len()]);
    PixelMap::between(&source.wcs, to).apply(&x, &y, &mut u, &mut v);
    u.iter().zip(&v).filter(|(u, v)| u.is_finite() && v.is_finite()).map(|(u, v)| sheet.point(*u, *v)).collect()
}

/// The number of each tile at its middle, as in the tables.
fn numbers(picture: &mut Picture, borders: &[Vec<Point>]) {
    let (width, height) = (picture.width() as f64, picture.height() as f64);
    let text = (width.max(height) / 42.0).max(9.0);
    for (thickness, colour, opacity) in [(5.0, Rgb::BLACK, 0.65), (1.8, Rgb::WHITE, 1.0)] {
        let mut layer = Layer::over(picture);
        for (k, border) in borders.iter().enumerate().filter(|(_, border)| !border.is_empty()) {
            let n = border.len() as f64;
            // The middle of the part that is seen.
            let sum = border.iter().fold((0.0, 0.0), |s, p| (s.0 + p.0.clamp(0.0, width), s.1 + p.1.clamp(0.0, height)));
            let label = (k + 1).to_string();
            let at = (sum.0 / n - 0.5 * text_width(&label, text), sum.1 / n + 0.5 * text);
            draw_text(&mut layer, &label, at, text, thickness);
        }
        layer.lay(picture, colour, opacity);
    }
}
