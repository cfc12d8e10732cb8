//! PNG: to bytes, to a file (temporary name, then rename), and back.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use crate::picture::Picture;

/// What can go wrong when a picture is written or read.
#[derive(Debug, thiserror::Error)]
pub enum PngError {
    /// The picture could not be encoded.
    #[error("the picture of {width} x {height} pixels cannot be written as PNG: {source}")]
    Encode {
        /// Width in pixels.
        width: usize,
        /// Height in pixels.
        height: usize,
        /// What the encoder said.
        source: png::EncodingError,
    },
    /// The bytes are no PNG that can be read.
    #[error("not a readable PNG: {source}")]
    Decode {
        /// What the decoder said.
        source: png::DecodingError,
    },
    /// The file could not be written.
    #[error("{path}: cannot be written: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// The picture as the bytes of a PNG file: 8-bit grey where it has no colours, else 8-bit RGB.
///
/// # Errors
/// [`PngError::Encode`], for a picture without pixels.
pub fn encode(picture: &Picture) -> Result<Vec<u8>, PngError> {
    let fail = |source| PngError::Encode { width: picture.width(), height: picture.height(), source };
    let side = |n: usize| u32::try_from(n).unwrap_or(0);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side(picture.width()), side(picture.height()));
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    let grey = picture.is_grey();
    encoder.set_color(if grey { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    let mut writer = encoder.write_header().map_err(fail)?;
    if grey {
        let grey: Vec<u8> = picture.rgb().iter().step_by(3).copied().collect();
        writer.write_image_data(&grey).map_err(fail)?;
    } else {
        writer.write_image_data(picture.rgb()).map_err(fail)?;
    }
    writer.finish().map_err(fail)?;
    Ok(bytes)
}

/// Writes the picture to `path`; the file appears whole or not at all, and replaces an older one.
///
/// # Errors
/// [`PngError::Encode`], and [`PngError::Write`] with the file's name.
pub fn write(picture: &Picture, path: &Path) -> Result<(), PngError> {
    write_whole(path, &encode(picture)?).map_err(|source| PngError::Write { path: path.to_path_buf(), source })
}

/// Reads an 8-bit grey or RGB PNG, such as [`encode`] makes, back into a picture; an opacity channel is left out.
///
/// # Errors
/// [`PngError::Decode`].
pub fn decode(bytes: &[u8]) -> Result<Picture, PngError> {
    let fail = |source| PngError::Decode { source };
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(fail)?;
    let mut buffer = vec![0; reader.output_buffer_size().unwrap_or(0)];
    let info = reader.next_frame(&mut buffer).map_err(fail)?;
    let (channels, colours) = match info.color_type {
        png::ColorType::Grayscale => (1, 1),
        png::ColorType::GrayscaleAlpha => (2, 1),
        png::ColorType::Rgba => (4, 3),
        _ => (3, 3),
    };
    let rgb = buffer[..info.buffer_size()]
        .chunks_exact(channels)
        .flat_map(|p| if colours == 1 { [p[0]; 3] } else { [p[0], p[1], p[2]] })
        .collect();
    Picture::from_rgb(info.width as usize, info.height as usize, rgb)
        .ok_or_else(|| fail(png::DecodingError::IoError(std::io::ErrorKind::UnexpectedEof.into())))
}

/// Writes `bytes` beside `path` under a temporary name and renames it into place; on failure nothing is left behind.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.part", std::process::id()));
    let written = std::fs::File::create(&temporary)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Rgb;

    #[test]
    fn a_colour_picture_decodes_back_to_the_same_bytes() {
        let rgb: Vec<u8> = (0..3 * 7 * 5).map(|i| (i * 37 % 256) as u8).collect();
        let picture = Picture::from_rgb(7, 5, rgb).unwrap();
        assert_eq!(decode(&encode(&picture).unwrap()).unwrap(), picture);
    }

    #[test]
    fn a_grey_picture_is_stored_with_one_byte_a_pixel() {
        let picture = Picture::filled(4, 3, Rgb([9, 9, 9]));
        let bytes = encode(&picture).unwrap();
        assert_eq!(bytes[25], 0, "the colour type of the IHDR chunk");
        assert_eq!(decode(&bytes).unwrap(), picture);
    }

    #[test]
    fn a_failed_write_leaves_no_file_behind() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("taken");
        std::fs::create_dir(&target).unwrap();
        let error = write(&Picture::filled(2, 2, Rgb::BLACK), &target).unwrap_err();
        assert!(error.to_string().contains("taken"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
