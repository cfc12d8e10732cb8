//! What can go wrong with a portal.

use std::path::PathBuf;

use pogson_image::fits::FitsError;
use pogson_image::wcs::WcsError;
use pogson_mosaic::error::MosaicError;
use pogson_view::png::PngError;
use pogson_view::shrink::ShrinkError;

/// Why a portal is not opened, or a request not answered.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    /// A file could not be read or written.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// A copy at half the size could not be made.
    #[error(transparent)]
    Shrink(#[from] ShrinkError),
    /// Pixels could not be resampled.
    #[error(transparent)]
    Mosaic(#[from] MosaicError),
    /// A picture could not be made.
    #[error(transparent)]
    Png(#[from] PngError),
    /// An image's coordinates are no use.
    #[error("{path}: {source}")]
    Wcs {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: WcsError,
    },
    /// A place could not be looked at.
    #[error("{path}: {source}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is no mosaic that can be served.
    #[error("{path}: {reason}")]
    Unfit {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// There is nothing to serve.
    #[error(
        "{dir}: no FITS image with celestial coordinates lies here or in a folder below; make one with pogson mosaic"
    )]
    Empty {
        /// The folder.
        dir: PathBuf,
    },
    /// The address to listen at.
    #[error("cannot listen at {address}: {source}; choose another by --listen")]
    Listen {
        /// Which.
        address: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The socket in the file system to listen at.
    #[error("cannot listen at {path}: {source}; choose another place by --unix")]
    Local {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Serving ended by itself.
    #[error("serving ended: {0}")]
    Ended(std::io::Error),
}
