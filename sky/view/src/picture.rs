//! A picture in memory: red, green, blue bytes, first row at the top.

/// One colour of the screen, 8 bits each of red, green and blue (sRGB).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rgb(pub [u8; 3]);

impl Rgb {
    /// Black.
    pub const BLACK: Rgb = Rgb([0, 0, 0]);
    /// White.
    pub const WHITE: Rgb = Rgb([255, 255, 255]);

    /// The colour of the number `0xRRGGBB`; higher bits are ignored.
    pub const fn hex(number: u32) -> Rgb {
        Rgb([(number >> 16) as u8, (number >> 8) as u8, number as u8])
    }

    /// Reads `#rgb`, `#rrggbb` or one of the colour names that DS9 knows; `None` for any other text.
    ///
    /// ```
    /// use pogson_view::Rgb;
    /// assert_eq!(Rgb::named("#f80"), Some(Rgb([255, 136, 0])));
    /// assert_eq!(Rgb::named("Cyan"), Some(Rgb([0, 255, 255])));
    /// assert_eq!(Rgb::named("ultraviolet"), None);
    /// ```
    pub fn named(text: &str) -> Option<Rgb> {
        let text = text.trim().to_ascii_lowercase();
        if let Some(digits) = text.strip_prefix('#') {
            let number = u32::from_str_radix(digits, 16).ok()?;
            return match digits.len() {
                3 => {
                    Some(Rgb([(number >> 8 & 15) as u8 * 17, (number >> 4 & 15) as u8 * 17, (number & 15) as u8 * 17]))
                }
                6 => Some(Rgb::hex(number)),
                _ => None,
            };
        }
        Some(Rgb::hex(match text.as_str() {
            "black" => 0x000000,
            "white" => 0xffffff,
            "grey" | "gray" => 0x808080,
            "red" => 0xff0000,
            "green" => 0x00ff00,
            "blue" => 0x0000ff,
            "cyan" => 0x00ffff,
            "magenta" => 0xff00ff,
            "yellow" => 0xffff00,
            "orange" => 0xffa500,
            "purple" => 0xa020f0,
            "pink" => 0xffc0cb,
            "brown" => 0xa52a2a,
            _ => return None,
        }))
    }
}

/// A picture: `width` times `height` pixels of three bytes (red, green, blue), row by row, the first row at the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Picture {
    /// A picture of one colour.
    pub fn filled(width: usize, height: usize, colour: Rgb) -> Picture {
        Picture { width, height, pixels: colour.0.repeat(width * height) }
    }

    /// A picture from its bytes: red, green, blue, row by row from the top.
    ///
    /// Returns `None` when there are not `3 * width * height` of them.
    pub fn from_rgb(width: usize, height: usize, pixels: Vec<u8>) -> Option<Picture> {
        (pixels.len() == 3 * width * height).then_some(Picture { width, height, pixels })
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The bytes: red, green, blue, row by row from the top.
    pub fn rgb(&self) -> &[u8] {
        &self.pixels
    }

    /// The colour of column `x` (from the left) and row `y` (from the top); `None` outside.
    pub fn at(&self, x: usize, y: usize) -> Option<Rgb> {
        if x >= self.width || y >= self.height {
            return None;
        }
        let at = 3 * (y * self.width + x);
        Some(Rgb([self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]]))
    }

    /// Whether red, green and blue are equal everywhere, so that 8 bits a pixel suffice.
    pub fn is_grey(&self) -> bool {
        self.pixels.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2])
    }

    /// Lays `colour` over one pixel; `share` in `[0, 1]` is how much of it covers. Outside the picture nothing happens.
    pub fn blend(&mut self, x: usize, y: usize, colour: Rgb, share: f32) {
        if x >= self.width || y >= self.height {
            return;
        }
        let at = 3 * (y * self.width + x);
        for (old, new) in self.pixels[at..at + 3].iter_mut().zip(colour.0) {
            let mixed = f32::from(*old) + share.clamp(0.0, 1.0) * (f32::from(new) - f32::from(*old));
            *old = (mixed + 0.5) as u8;
        }
    }
}
