//! Maps as pictures with colour bars and contours.

use pogson_image::wcs::Wcs;
use pogson_sed::parameter::Parameter;
use pogson_view::overlay::{Ink, Sheet, draw_compass, draw_scale_bar};
use pogson_view::{ColourBar, Layer, Limits, Picture, Render, Rgb, Scaled, Stretch, contour};

use super::label::{colours, label};
use super::plane::{Level, frame_of, parameter_plane};
use crate::result::ResultFile;
use crate::sky::median;

/// The longer side of a picture lies between these, in pixels.
const SIDES: (usize, usize) = (420, 1200);
/// Number of contours.
const CONTOURS: usize = 5;

/// A picture of a map and what it shows.
#[derive(Debug, Clone)]
pub struct MapPicture {
    /// The parameter.
    pub parameter: Parameter,
    /// The picture with its colour bar.
    pub picture: Picture,
    /// Values at the ends of the bar: the 1st and 99th percentiles, or farther apart where pixels are less certain than that.
    pub limits: (f64, f64),
    /// Values of the contours.
    pub contours: Vec<f64>,
}

/// A picture of a parameter's medians: colours between the 1st and 99th percentiles, contours at even steps between them
/// through the smoothed map, north and east and a scale where the coordinates are known.
///
/// The bar spans at least what the 16th and 84th percentiles of the middle pixel do: a map that differs by less than its pixels
/// are uncertain by looks as even as it is.
///
/// - `k`: place in the facts' list of parameters.
pub fn map_picture(result: &ResultFile, level: Level, k: usize) -> MapPicture {
    let parameter = result.facts.parameters.get(k).copied().unwrap_or(Parameter::StellarMass);
    let map = parameter_plane(result, level, k, 2);
    let wcs = Wcs::from_header(&result.facts.header).ok();
    let ends = [1, 3].map(|image| parameter_plane(result, level, k, image));
    let mut widths: Vec<f64> =
        ends[0].iter().zip(&ends[1]).map(|(low, high)| f64::from(high - low)).filter(|w| w.is_finite()).collect();
    let least = if widths.is_empty() { 0.0 } else { median(&mut widths) };
    let (picture, limits, contours) =
        draw(&map, frame_of(result), wcs.as_ref(), (colours(parameter), &label(parameter)), least);
    MapPicture { parameter, picture, limits, contours }
}

/// The picture of any map, its limits and contours. The colour bar spans `least` or more.
pub(super) fn draw(
    map: &[f32],
    (width, height): (usize, usize),
    wcs: Option<&Wcs>,
    (colormap, label): (pogson_view::Colormap, &str),
    least: f64,
) -> (Picture, (f64, f64), Vec<f64>) {
    let limits: Limits = Limits::Bounds(pogson_view::Bound::Percentile(1.0), pogson_view::Bound::Percentile(99.0));
    let (low, high) = limits.find(map);
    let (low, high) = match (low < high, 0.5 * (least - (high - low))) {
        (true, lack) if lack > 0.0 => (low - lack, high + lack),
        (true, _) => (low, high),
        (false, _) => (low - 0.5, low + 0.5),
    };
    let times = SIDES.0.div_ceil(width.max(height).max(1)).max(1);
    let (picture, factor) = if width.max(height) > SIDES.1 {
        let read = |first: usize, rows: usize, out: &mut [f32]| {
            out.copy_from_slice(&map[first * width..(first + rows) * width]);
            Ok::<(), std::convert::Infallible>(())
        };
        let scaled = match Scaled::from_rows((width, height), SIDES.1, read) {
            Ok(scaled) => scaled,
            Err(never) => match never {},
        };
        (render(&scaled.pixels, scaled.width, (low, high), colormap), scaled.factor)
    } else {
        let larger: Vec<f32> = (0..height * times)
            .flat_map(|y| (0..width * times).map(move |x| map[y / times * width + x / times]))
            .collect();
        (render(&larger, width * times, (low, high), colormap), 1.0 / times as f64)
    };
    let mut picture = picture;
    let marks: Vec<f64> = (1..=CONTOURS).map(|k| low + (high - low) * k as f64 / (CONTOURS + 1) as f64).collect();
    let smooth = smoothed(map, width);
    let mut lines = Layer::over(&picture);
    let tall = picture.height() as f64;
    let place = |(x, y): (f64, f64)| ((x + 0.5) / factor, tall - (y + 0.5) / factor);
    for mark in &marks {
        for (from, to) in contour(&smooth, width, *mark as f32) {
            lines.line(place(from), place(to), 1.1);
        }
    }
    lines.lay(&mut picture, Rgb::WHITE, 0.75);
    if let Some(wcs) = wcs {
        let sheet = Sheet::new(wcs, &picture, factor);
        let ink = Ink { colour: Rgb::WHITE, ..Ink::for_picture(&picture, None) };
        draw_compass(&mut picture, &sheet, wcs.frame(), ink);
        draw_scale_bar(&mut picture, &sheet, ink);
    }
    let bar = ColourBar { limits: (low, high), colormap, label, marks: &marks };
    (bar.beside(&picture), (low, high), marks)
}

fn render(pixels: &[f32], width: usize, (low, high): (f64, f64), colormap: pogson_view::Colormap) -> Picture {
    let bound = pogson_view::Bound::Value;
    let limits = Limits::Bounds(bound(low), bound(high));
    Render { stretch: Stretch::Linear, limits, colormap, inverted: false, nan: Rgb::hex(0x3c_444c) }
        .picture(pixels, width)
}

/// Means over 3 x 3 pixels with the weights 1, 2, 1 each way; undefined pixels count nothing and stay undefined.
fn smoothed(map: &[f32], width: usize) -> Vec<f32> {
    const WEIGHTS: [f64; 3] = [1.0, 2.0, 1.0];
    let height = map.len() / width.max(1);
    let at = |x: usize, y: usize| {
        if map[y * width + x].is_nan() {
            return f32::NAN;
        }
        let (mut sum, mut weight) = (0.0, 0.0);
        for (dy, wy) in WEIGHTS.iter().enumerate() {
            for (dx, wx) in WEIGHTS.iter().enumerate() {
                let (nx, ny) = (x + dx, y + dy);
                if nx >= 1 && ny >= 1 && nx <= width && ny <= height {
                    let v = f64::from(map[(ny - 1) * width + nx - 1]);
                    if v.is_finite() {
                        sum += wx * wy * v;
                        weight += wx * wy;
                    }
                }
            }
        }
        (sum / weight) as f32
    };
    (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).map(|(x, y)| at(x, y)).collect()
}
