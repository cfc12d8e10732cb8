//! A picture with the colours of its values beside it.

use crate::colormap::Colormap;
use crate::draw::Layer;
use crate::font::{draw_text, text_width};
use crate::picture::{Picture, Rgb};
use crate::report::ticks::ticks;

/// What a colour bar says.
#[derive(Debug, Clone, PartialEq)]
pub struct ColourBar<'a> {
    /// Values at its lower and upper end.
    pub limits: (f64, f64),
    /// Its colours.
    pub colormap: Colormap,
    /// What the values are, with their unit; plain ASCII.
    pub label: &'a str,
    /// Values to mark with lines across the bar, such as contours.
    pub marks: &'a [f64],
}

impl ColourBar<'_> {
    /// A wider picture on white: `picture` with a frame, the bar with its scale on the right, and the label above.
    pub fn beside(&self, picture: &Picture) -> Picture {
        let (width, height) = (picture.width(), picture.height());
        let text = (width.max(height) as f64 / 45.0).clamp(8.0, 18.0);
        let (pad, head) = (text as usize, (2.6 * text) as usize);
        let scale = self.scale();
        let widest = scale.iter().map(|(_, t)| text_width(t, text)).fold(0.0, f64::max);
        let bar = (1.6 * text) as usize;
        let bar_left = pad + width + pad;
        let total = bar_left + bar + (0.8 * text + widest) as usize + pad;
        let total = total.max(pad + text_width(self.label, text) as usize + pad);
        let mut sheet = Picture::filled(total, head + height + pad, Rgb::WHITE);
        for y in 0..height {
            for x in 0..width {
                if let Some(colour) = picture.at(x, y) {
                    sheet.blend(pad + x, head + y, colour, 1.0);
                }
            }
            let share = 1.0 - (y as f64 + 0.5) / height as f64;
            let colour = self.colormap.colour(share);
            (0..bar).for_each(|x| sheet.blend(bar_left + x, head + y, colour, 1.0));
        }
        let thickness = (text / 8.0).max(1.0);
        let mut ink = Layer::over(&sheet);
        let (top, bottom) = (head as f64, (head + height) as f64);
        let place = |v: f64| bottom - (v - self.limits.0) / (self.limits.1 - self.limits.0) * (bottom - top);
        let right = (bar_left + bar) as f64;
        for (left, right) in [(pad as f64, (pad + width) as f64), (bar_left as f64, right)] {
            ink.polyline(&[(left, top), (right, top), (right, bottom), (left, bottom)], true, 1.0);
        }
        for (value, said) in &scale {
            let y = place(*value);
            ink.line((right, y), (right + 0.35 * text, y), 1.0);
            draw_text(&mut ink, said, (right + 0.6 * text, y + text / 2.0), text, thickness);
        }
        draw_text(&mut ink, self.label, (pad as f64, head as f64 - 0.8 * text), text, thickness);
        ink.lay(&mut sheet, Rgb::hex(0x1d_2329), 1.0);
        let mut marks = Layer::over(&sheet);
        for mark in self.marks.iter().filter(|m| (self.limits.0..=self.limits.1).contains(*m)) {
            marks.line((bar_left as f64 + 1.0, place(*mark)), (right - 1.0, place(*mark)), 1.5);
        }
        marks.lay(&mut sheet, Rgb::WHITE, 0.9);
        sheet
    }

    fn scale(&self) -> Vec<(f64, String)> {
        let within = |v: f64| v >= self.limits.0 && v <= self.limits.1;
        let plain = |t: String| t.replace('\u{2212}', "-");
        let all = ticks(self.limits.0, self.limits.1, 6).into_iter();
        all.filter(|(v, _)| within(*v)).map(|(v, t)| (v, plain(t))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_stands_unchanged_and_the_bar_goes_from_the_lowest_to_the_highest_colour() {
        let picture = Picture::filled(120, 90, Rgb([9, 8, 7]));
        let bar = ColourBar { limits: (0.0, 1.0), colormap: Colormap::Viridis, label: "mu", marks: &[] };
        let sheet = bar.beside(&picture);
        assert_eq!(sheet.at(60, 60), Some(Rgb([9, 8, 7])));
        let column: Vec<Rgb> = (0..sheet.height()).filter_map(|y| sheet.at(8 + 120 + 8 + 6, y)).collect();
        let near = |c: Rgb, v: f64| {
            let Rgb(wanted) = Colormap::Viridis.colour(v);
            c.0.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) <= 4)
        };
        assert!(column.iter().any(|c| near(*c, 0.03)) && column.iter().any(|c| near(*c, 0.97)));
    }

    #[test]
    fn limits_without_width_are_drawn_without_harm() {
        let picture = Picture::filled(20, 10, Rgb::BLACK);
        for limits in [(1.0, 1.0), (f64::NAN, 1.0)] {
            let bar = ColourBar { limits, colormap: Colormap::Magma, label: "x", marks: &[1.0] };
            assert!(bar.beside(&picture).width() > 20);
        }
    }
}
