//! Pictures of tiles and cut-outs: greys by one scale for a whole data set, transparent where there is no value.

use pogson_view::png::PngError;
use pogson_view::{Limits, Stretch, Tone};

use crate::jpeg;

/// Steps of the table between the limits.
const STEPS: usize = 1 << 14;

/// Which value becomes which grey.
pub(crate) struct Greys {
    /// What is black and what is white.
    pub(crate) limits: (f64, f64),
    /// Greys at even steps between them.
    table: Vec<u8>,
}

impl Greys {
    /// The scale that suits these pixels.
    pub(crate) fn of(pixels: &[f32]) -> Greys {
        let limits = Limits::SKY.find(pixels);
        let tone = Tone::new(Stretch::Asinh(0.1), limits, pixels);
        let width = limits.1 - limits.0;
        let table = (0..STEPS).map(|k| {
            let value = limits.0 + width * k as f64 / (STEPS - 1) as f64;
            tone.apply(value as f32).map_or(0, |grey| (grey * 255.0 + 0.5) as u8)
        });
        Greys { limits, table: table.collect() }
    }

    fn grey(&self, value: f32) -> u8 {
        let (low, high) = self.limits;
        let share = (f64::from(value) - low) / (high - low);
        // What is not finite, as in an image of one value, becomes 0.
        self.table[((share * (STEPS - 1) as f64) as usize).min(STEPS - 1)]
    }

    /// A PNG of rows of `width` pixels that are given from the bottom up; undefined ones are transparent.
    pub(crate) fn png(&self, pixels: &[f32], width: usize) -> Result<Vec<u8>, PngError> {
        let height = pixels.len() / width.max(1);
        let fail = |source| PngError::Encode { width, height, source };
        let mut data = Vec::with_capacity(2 * pixels.len());
        for row in pixels.chunks_exact(width.max(1)).rev() {
            data.extend(row.iter().flat_map(|v| if v.is_nan() { [0, 0] } else { [self.grey(*v), 255] }));
        }
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
        encoder.set_color(png::ColorType::GrayscaleAlpha);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let mut writer = encoder.write_header().map_err(fail)?;
        writer.write_image_data(&data).map_err(fail)?;
        writer.finish().map_err(fail)?;
        Ok(bytes)
    }

    /// A JPEG of rows that are given from the bottom up; undefined ones are black.
    ///
    /// - `width`: at most 65535, as the height.
    pub(crate) fn jpg(&self, pixels: &[f32], width: usize) -> Vec<u8> {
        let rows = pixels.chunks_exact(width.max(1)).rev();
        let greys: Vec<u8> = rows.flatten().map(|v| if v.is_nan() { 0 } else { self.grey(*v) }).collect();
        jpeg::grey(&greys, width as u16, (greys.len() / width.max(1)) as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_is_at_the_top_and_what_is_undefined_is_transparent() {
        let ramp: Vec<f32> = (0..1000).map(|k| k as f32).collect();
        let greys = Greys::of(&ramp);
        let bytes = greys.png(&[-1e30, 1e30, f32::NAN, f32::INFINITY], 2).expect("a picture");
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().expect("a PNG");
        let mut out = vec![0; 8];
        reader.next_frame(&mut out).expect("its pixels");
        assert_eq!(out, [0, 0, 255, 255, 0, 255, 255, 255]);
    }

    #[test]
    fn an_image_of_one_value_has_a_picture() {
        assert!(Greys::of(&[3.0; 50]).png(&[3.0; 50], 10).is_ok());
    }
}
