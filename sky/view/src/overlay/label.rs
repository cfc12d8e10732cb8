//! Words on a picture that stay readable over whatever lies under them.

use crate::draw::{Layer, Point};
use crate::font::{draw_text, text_width};
use crate::picture::{Picture, Rgb};

/// Colours and sizes of what is drawn over a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ink {
    /// Colour of lines and words.
    pub colour: Rgb,
    /// Colour of the rim about words and symbols.
    pub rim: Rgb,
    /// Height of capitals in pixels.
    pub text: f64,
    /// Thickness of lines in pixels.
    pub line: f64,
}

impl Ink {
    /// Light ink for dark pictures and dark ink for light ones, in `colour` if given, sized for the picture.
    pub fn for_picture(picture: &Picture, colour: Option<Rgb>) -> Ink {
        let bytes = picture.rgb();
        let step = (bytes.len() / 100_000).max(1) | 1;
        let (sum, count) = bytes.iter().step_by(step).fold((0u64, 0u64), |(s, n), b| (s + u64::from(*b), n + 1));
        let dark = sum < 128 * count.max(1);
        let side = picture.width().max(picture.height()) as f64;
        Ink {
            colour: colour.unwrap_or(if dark { Rgb::hex(0x9fdcff) } else { Rgb::hex(0x0a3f66) }),
            rim: if dark { Rgb::BLACK } else { Rgb::WHITE },
            text: (side / 85.0).clamp(9.0, 22.0),
            line: (side / 900.0).clamp(1.0, 2.2),
        }
    }

    /// Thickness of letters in pixels.
    pub(crate) fn pen(&self) -> f64 {
        (self.text / 7.5).max(1.15)
    }
}

/// Words placed so that no two overlap and all lie on the picture; drawn together with a rim.
pub(crate) struct Labels {
    ink: Ink,
    size: (f64, f64),
    placed: Vec<(String, Point, f64)>,
}

impl Labels {
    pub(crate) fn new(ink: Ink, size: (f64, f64)) -> Labels {
        Labels { ink, size, placed: Vec::new() }
    }

    /// Places `text` with the left end of its baseline at `at`, shifted onto the picture by at most half its size;
    /// returns whether there was room.
    pub(crate) fn place(&mut self, text: &str, at: Point) -> bool {
        let (width, height) = (text_width(text, self.ink.text), self.ink.text);
        let edge = 4.0;
        let x = at.0.clamp(edge, (self.size.0 - width - edge).max(edge));
        let y = at.1.clamp(height + edge, (self.size.1 - edge).max(height + edge));
        let moved = (x - at.0).abs() > 0.75 * width + edge || (y - at.1).abs() > height + edge;
        let gap = 0.6 * height;
        let free = self.placed.iter().all(|(_, p, w)| {
            x > p.0 + w + gap || x + width + gap < p.0 || y - height - gap > p.1 || y + gap < p.1 - height
        });
        if !moved && free {
            self.placed.push((text.to_owned(), (x, y), width));
        }
        !moved && free
    }

    pub(crate) fn draw(&self, picture: &mut Picture) {
        let pen = self.ink.pen();
        for (thickness, colour, opacity) in [(pen + 3.4, self.ink.rim, 0.6), (pen, self.ink.colour, 1.0)] {
            let mut layer = Layer::over(picture);
            for (text, at, _) in &self.placed {
                draw_text(&mut layer, text, *at, self.ink.text, thickness);
            }
            layer.lay(picture, colour, opacity);
        }
    }
}
