//! Positions on the sky and in an image.

use std::str::FromStr;

pub use pogson_image::sphere::Position;

/// A position in an image: two numbers, 1-based as in FITS (the centre of the first pixel is 1, 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PixelPosition {
    /// Along NAXIS1.
    pub x: f64,
    /// Along NAXIS2.
    pub y: f64,
}

impl FromStr for PixelPosition {
    type Err = String;

    fn from_str(text: &str) -> Result<PixelPosition, String> {
        let words: Vec<&str> = text.split([' ', ',', '\t']).filter(|word| !word.is_empty()).collect();
        if let [x, y] = words.as_slice()
            && let (Some(x), Some(y)) = (finite(x), finite(y))
        {
            return Ok(PixelPosition { x, y });
        }
        Err(format!("'{text}' is no pixel position; write two numbers, \"256.5 512.5\" (1-based)"))
    }
}

fn finite(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_position_is_two_numbers() {
        assert_eq!("256.5, 512".parse(), Ok(PixelPosition { x: 256.5, y: 512.0 }));
        assert!("1 2 3".parse::<PixelPosition>().is_err());
        assert!("1 inf".parse::<PixelPosition>().is_err());
    }
}
