//! North and east, and a bar of known length.

use pogson_image::sphere::Frame;

use super::label::{Ink, Labels};
use super::sheet::{Sheet, offset};
use crate::draw::{Layer, Point};
use crate::font::text_width;
use crate::picture::Picture;

/// Draws arrows to north and east of `frame` in the lower right corner; nothing where the middle shows no sky.
pub fn draw_compass(picture: &mut Picture, sheet: &Sheet<'_>, frame: &Frame, ink: Ink) {
    let (width, height) = sheet.size();
    let middle = (width / 2.0, height / 2.0);
    let (Some(centre), Some(scale)) = (sheet.point_to_sky(frame, middle), sheet.points_per_degree(middle)) else {
        return;
    };
    let length = 3.6 * ink.text;
    let direction = |angle_deg: f64| -> Option<Point> {
        let to = sheet.sky_to_point(frame, offset(centre, 0.5 / scale, angle_deg))?;
        let (dx, dy) = (to.0 - middle.0, to.1 - middle.1);
        let norm = libm::hypot(dx, dy);
        (norm > 0.0).then(|| (dx / norm * length, dy / norm * length))
    };
    let (Some(north), Some(east)) = (direction(0.0), direction(90.0)) else {
        return;
    };
    // The corner of both arrows lies so that their letters stay on the picture.
    let reach = |a: f64, b: f64| (a.max(b).max(0.0), a.min(b).min(0.0));
    let (right, left) = reach(north.0, east.0);
    let (down, up) = reach(north.1, east.1);
    let edge = 2.4 * ink.text;
    if width < right - left + 2.0 * edge || height < down - up + 2.0 * edge {
        return;
    }
    let corner = (width - edge - right, height - edge - down);
    let mut labels = Labels::new(ink, sheet.size());
    let mut arrows = Vec::new();
    for (arrow, name) in [(north, "N"), (east, "E")] {
        let tip = (corner.0 + arrow.0, corner.1 + arrow.1);
        arrows.push((corner, tip));
        for side in [-1.0, 1.0] {
            let (ux, uy) = (arrow.0 / length, arrow.1 / length);
            let back =
                (tip.0 - 0.7 * ink.text * (ux + side * 0.45 * uy), tip.1 - 0.7 * ink.text * (uy - side * 0.45 * ux));
            arrows.push((tip, back));
        }
        let beyond = 1.0 + 0.95 * ink.text / length;
        let at = (corner.0 + arrow.0 * beyond, corner.1 + arrow.1 * beyond);
        labels.place(name, (at.0 - text_width(name, ink.text) / 2.0, at.1 + ink.text / 2.0));
    }
    draw_rimmed(picture, &arrows, ink);
    labels.draw(picture);
}

/// Lengths of scale bars in seconds of arc.
const BARS: [f64; 26] = [
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0,
    3600.0, 7200.0, 18000.0, 36000.0, 72000.0, 108000.0, 162000.0, 216000.0,
];

/// Draws a bar of a round length, at most a quarter of the picture, in the lower left corner; returns its length in
/// degrees, or nothing where the middle shows no sky. The scale is that of the middle of the picture.
pub fn draw_scale_bar(picture: &mut Picture, sheet: &Sheet<'_>, ink: Ink) -> Option<f64> {
    let (width, height) = sheet.size();
    let scale = sheet.points_per_degree((width / 2.0, height / 2.0))?;
    let arcsec = BARS.iter().rev().copied().find(|a| a / 3600.0 * scale <= width / 4.0)?;
    let length = arcsec / 3600.0 * scale;
    let text = match arcsec {
        a if a >= 3600.0 => format!("{}\u{b0}", a / 3600.0),
        a if a >= 60.0 => format!("{}\u{2032}", a / 60.0),
        a => format!("{a}\u{2033}"),
    };
    let (left, y) = (2.0 * ink.text, height - 2.2 * ink.text);
    let right = left + length;
    let tick = 0.35 * ink.text;
    let lines = [((left, y), (right, y)), ((left, y - tick), (left, y + tick)), ((right, y - tick), (right, y + tick))];
    draw_rimmed(picture, &lines, ink);
    let mut labels = Labels::new(ink, sheet.size());
    labels.place(&text, (left + (length - text_width(&text, ink.text)) / 2.0, y - 0.7 * ink.text));
    labels.draw(picture);
    Some(arcsec / 3600.0)
}

fn draw_rimmed(picture: &mut Picture, lines: &[(Point, Point)], ink: Ink) {
    let thickness = ink.line * 1.5;
    for (thickness, colour, opacity) in [(thickness + 3.0, ink.rim, 0.6), (thickness, ink.colour, 1.0)] {
        let mut layer = Layer::over(picture);
        for (from, to) in lines {
            layer.line(*from, *to, thickness);
        }
        layer.lay(picture, colour, opacity);
    }
}
