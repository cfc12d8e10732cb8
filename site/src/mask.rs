//! Which pixels of a galaxy a user fitted.

use pogson_view::{Picture, Rgb};

use crate::error::SiteError;
use pogson_cube::area::Rectangle;

/// Pixels of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Row by row from the bottom: whether the user fitted the pixel.
    pub pixels: Vec<bool>,
    /// Areas of the user: pixels and sums.
    pub areas: Vec<u32>,
}

impl Mask {
    /// A mask of some rectangles.
    pub(crate) fn of(width: u32, height: u32, areas: &[(u32, Rectangle)], usable: &[usize]) -> Mask {
        let mut pixels = vec![false; width as usize * height as usize];
        for &pixel in usable {
            let (x, y) = ((pixel % width.max(1) as usize) as u32, (pixel / width.max(1) as usize) as u32);
            if let Some(place) = pixels.get_mut(pixel) {
                *place = areas.iter().any(|(_, area)| area.holds(x, y));
            }
        }
        Mask { width, height, pixels, areas: areas.iter().map(|(number, _)| *number).collect() }
    }

    /// A picture in two colours, north as the cube has it, as the bytes of a PNG file.
    ///
    /// # Errors
    /// [`SiteError::Png`].
    pub fn png(&self) -> Result<Vec<u8>, SiteError> {
        let (width, height) = (self.width as usize, self.height as usize);
        let (with, without) = (Rgb::hex(0xf2_b134), Rgb::hex(0x3c_444c));
        let rows = self.pixels.chunks(width.max(1)).rev();
        let bytes: Vec<u8> = rows.flatten().flat_map(|own| if *own { with.0 } else { without.0 }).collect();
        let picture = Picture::from_rgb(width, height, bytes).unwrap_or_else(|| Picture::filled(1, 1, without));
        Ok(pogson_view::png::encode(&picture)?)
    }
}
