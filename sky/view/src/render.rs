//! From pixels to a picture: limits, stretch, colours.

use rayon::prelude::*;

use crate::colormap::Colormap;
use crate::limits::Limits;
use crate::picture::{Picture, Rgb};
use crate::stretch::{Stretch, Tone};
use crate::three::Lupton;

/// How pixels become colours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Render {
    /// The curve between the limits.
    pub stretch: Stretch,
    /// What is black and what is white.
    pub limits: Limits,
    /// Colours of the steps between.
    pub colormap: Colormap,
    /// Whether the colour map runs from its end to its beginning.
    pub inverted: bool,
    /// Colour of undefined pixels.
    pub nan: Rgb,
}

impl Default for Render {
    /// An asinh stretch from just below the sky to the 99.7th percentile, grey, undefined pixels in a dark blue-grey.
    fn default() -> Render {
        Render {
            stretch: Stretch::Asinh(0.1),
            limits: Limits::SKY,
            colormap: Colormap::Grey,
            inverted: false,
            nan: Rgb::hex(0x1c2530),
        }
    }
}

impl Render {
    /// The picture of `pixels`, rows of `width` from the bottom up as in FITS; a last row cut short is left out.
    pub fn picture(&self, pixels: &[f32], width: usize) -> Picture {
        let tone = Tone::new(self.stretch, self.limits.find(pixels), pixels);
        self.toned(pixels, width, &tone)
    }

    /// As [`Render::picture`] with a tone made before, for instance from another image, so that both look alike.
    pub fn toned(&self, pixels: &[f32], width: usize, tone: &Tone) -> Picture {
        let table = self.colormap.table(self.inverted);
        let colour = |pixel: f32| match tone.apply(pixel) {
            Some(y) => table[(y * 255.0 + 0.5) as usize],
            None => self.nan,
        };
        painted(width, pixels.len() / width.max(1), |i| colour(pixels[i]))
    }

    /// Three images on one grid as red, green and blue, each by its own limits and the common stretch.
    ///
    /// All three hold rows of `width` from the bottom up; the shortest says how many. A pixel undefined in all three
    /// takes the colour of undefined pixels; where it lacks one, that colour is dark.
    pub fn three(&self, bands: [&[f32]; 3], width: usize) -> Picture {
        let tones = bands.map(|band| Tone::new(self.stretch, self.limits.find(band), band));
        let height = bands.iter().map(|b| b.len()).min().unwrap_or(0) / width.max(1);
        painted(width, height, |i| {
            let values: [Option<f64>; 3] = std::array::from_fn(|k| tones[k].apply(bands[k][i]));
            if values.iter().all(Option::is_none) {
                return self.nan;
            }
            Rgb(values.map(|v| (v.unwrap_or(0.0) * 255.0 + 0.5) as u8))
        })
    }

    /// Three images on one grid by the asinh of their mean, which keeps colours (Lupton et al. 2004).
    ///
    /// Arguments as for [`Render::three`]; the stretch and limits of `self` play no part.
    pub fn lupton(&self, bands: [&[f32]; 3], width: usize, lupton: &Lupton) -> Picture {
        let height = bands.iter().map(|b| b.len()).min().unwrap_or(0) / width.max(1);
        painted(width, height, |i| {
            let values: [f32; 3] = std::array::from_fn(|k| bands[k][i]);
            if values.iter().all(|v| v.is_nan()) {
                return self.nan;
            }
            lupton.colour(values)
        })
    }
}

/// A picture whose pixel from row `r` of the image (counted from the bottom) stands in row `height - 1 - r`.
fn painted(width: usize, height: usize, colour: impl Fn(usize) -> Rgb + Sync) -> Picture {
    let mut rgb = vec![0u8; 3 * width * height];
    if width > 0 {
        rgb.par_chunks_exact_mut(3 * width).enumerate().for_each(|(row, out)| {
            let first = (height - 1 - row) * width;
            for (x, pixel) in out.chunks_exact_mut(3).enumerate() {
                pixel.copy_from_slice(&colour(first + x).0);
            }
        });
    }
    Picture::from_rgb(width, height, rgb).unwrap_or_else(|| Picture::filled(0, 0, Rgb::BLACK))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Render = Render {
        stretch: Stretch::Linear,
        limits: Limits::MIN_MAX,
        colormap: Colormap::Grey,
        inverted: false,
        nan: Rgb([1, 2, 3]),
    };

    #[test]
    fn the_first_row_of_the_image_is_the_lowest_of_the_picture() {
        let picture = PLAIN.picture(&[0.0, 10.0, f32::NAN, 5.0], 2);
        assert_eq!(picture.at(0, 1), Some(Rgb([0; 3])));
        assert_eq!(picture.at(1, 1), Some(Rgb([255; 3])));
        assert_eq!(picture.at(0, 0), Some(Rgb([1, 2, 3])));
        assert_eq!(picture.at(1, 0), Some(Rgb([128; 3])));
    }

    #[test]
    fn three_images_are_red_green_and_blue() {
        let picture = PLAIN.three([&[0.0, 1.0], &[1.0, 0.0], &[f32::NAN, f32::NAN]], 2);
        assert_eq!(picture.at(0, 0), Some(Rgb([0, 255, 0])));
        assert_eq!(picture.at(1, 0), Some(Rgb([255, 0, 0])));
    }

    #[test]
    fn an_empty_image_gives_an_empty_picture() {
        assert_eq!(PLAIN.picture(&[], 0).width(), 0);
        assert_eq!(PLAIN.picture(&[], 7).height(), 0);
    }
}
