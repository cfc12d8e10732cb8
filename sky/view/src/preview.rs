//! One call from a FITS file to a picture of it.

use std::path::Path;

use pogson_image::fits::{FitsError, FitsFile};

use crate::png::{self, PngError};
use crate::render::Render;
use crate::scaled::Scaled;

/// What can go wrong between a FITS file and its picture.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    /// The image could not be read.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// The picture could not be written.
    #[error(transparent)]
    Png(#[from] PngError),
}

/// Writes a PNG of the first image of a FITS file, at most `max_side` pixels wide and high, first row at the bottom.
///
/// Any size of image is streamed by rows; [`Render::default`] suits survey images.
///
/// # Errors
/// [`PreviewError`], with the name of the file that failed.
pub fn preview(fits: &Path, out_png: &Path, max_side: usize, render: &Render) -> Result<(), PreviewError> {
    let file = FitsFile::open(fits)?;
    let scaled = Scaled::from_image(&file.first_image()?, 0, max_side)?;
    png::write(&render.picture(&scaled.pixels, scaled.width), out_png)?;
    Ok(())
}
