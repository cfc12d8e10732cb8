//! What can go wrong in making a mosaic.

use pogson_image::fits::FitsError;
use pogson_image::wcs::WcsError;
use std::path::PathBuf;

/// Errors of mosaics.
#[derive(Debug, thiserror::Error)]
pub enum MosaicError {
    /// Reading or writing FITS failed.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// A tile's place on the sky is not known.
    #[error("{path}: {source}")]
    Wcs {
        /// The tile.
        path: PathBuf,
        /// What is wrong with its header.
        source: WcsError,
    },
    /// No tile can be used.
    #[error("no usable image among {given} given ({reasons}); give FITS images with a celestial WCS")]
    NoTiles {
        /// How many were given.
        given: usize,
        /// Why they were left out.
        reasons: String,
    },
    /// A file without an image.
    #[error("{path}: holds no image of two or more axes; give another file, or name the extension with --hdu")]
    NoImage {
        /// The file.
        path: PathBuf,
    },
    /// A region file cannot be read.
    #[error(transparent)]
    Region(#[from] pogson_image::region::RegionError),
    /// A table that a user gave cannot be used.
    #[error("{path}: {reason}")]
    Table {
        /// The table.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The tile that flux scales are to be relative to is not among the tiles.
    #[error("--flux-scale fit={name}: none of the {tiles} tiles has this name; give a tile's file name")]
    NoReference {
        /// The name.
        name: String,
        /// Number of tiles.
        tiles: usize,
    },
    /// The output frame and the tiles have nothing in common.
    #[error("none of the {tiles} tiles touches the output frame ({frame}); check --header, --center and --size")]
    NoOverlap {
        /// Number of tiles.
        tiles: usize,
        /// The frame, in words.
        frame: String,
    },
    /// The job does not fit in the memory allowed.
    #[error("{needed} bytes are needed at least, {allowed} allowed; raise --memory to {needed} or lower --threads")]
    Memory {
        /// Bytes needed.
        needed: usize,
        /// Bytes allowed.
        allowed: usize,
    },
    /// Geometry failed for a tile.
    #[error("{path}: {reason}")]
    Geometry {
        /// The tile.
        path: PathBuf,
        /// What failed.
        reason: String,
    },
    /// The caller asked to stop.
    #[error("interrupted; nothing was written")]
    Interrupted,
}
