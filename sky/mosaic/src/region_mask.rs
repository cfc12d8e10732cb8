//! DS9 regions as masks: what they cover does not count.

use crate::error::MosaicError;
use crate::source::Source;
use pogson_image::region::{Canvas, Mask, Physical, Region, RegionFile};
use std::path::{Path, PathBuf};

/// Regions of one file, laid on every tile.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionMask {
    path: PathBuf,
    regions: Vec<Region>,
}

impl RegionMask {
    /// Reads a region file.
    ///
    /// # Errors
    /// [`MosaicError::Region`] for a file that can't be read, or a line that makes no sense.
    pub fn read(path: &Path) -> Result<RegionMask, MosaicError> {
        Ok(RegionMask { path: path.to_path_buf(), regions: RegionFile::read(path)?.regions })
    }

    /// Makes the pixels that regions cover NaN. Regions on the sky mean the same sky in all tiles, regions in pixels the
    /// same pixels; a region with a minus sign frees what lies in it, and a list of such alone keeps what lies in them.
    ///
    /// # Errors
    /// [`MosaicError::Table`] for regions whose system has no way to the tile's.
    pub fn lay(&self, source: &Source, pixels: &mut [f32]) -> Result<(), MosaicError> {
        let canvas = Canvas {
            wcs: Some(&source.wcs),
            width: source.width,
            height: source.height,
            physical: Physical::from_header(&source.header),
        };
        let mask = Mask::of(&self.regions, &canvas).map_err(|e| MosaicError::Table {
            path: self.path.clone(),
            reason: format!("{e} (on {})", source.path.display()),
        })?;
        for (y, row) in pixels.chunks_exact_mut(source.width).enumerate() {
            for (pixel, covered) in row.iter_mut().zip(mask.row(y)) {
                if *covered {
                    *pixel = f32::NAN;
                }
            }
        }
        Ok(())
    }
}
