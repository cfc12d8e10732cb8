//! What can go wrong with a cube. Each message names the file or band, the value and the mend.

use std::path::PathBuf;

use pogson_image::fits::FitsError;
use pogson_image::unit::UnitError;
use pogson_image::wcs::WcsError;

/// Why a cube cannot be made, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CubeError {
    /// A FITS file that cannot be read or written.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// World coordinates that cannot be used.
    #[error("{}: {source}", path.display())]
    Wcs {
        /// The file.
        path: PathBuf,
        /// The fault.
        source: WcsError,
    },
    /// A unit or zero point that cannot be used.
    #[error("{}: {source}; or say --unit {}=UNIT", path.display(), path.file_name().unwrap_or_default().display())]
    Unit {
        /// The file.
        path: PathBuf,
        /// The fault.
        source: UnitError,
    },
    /// A file that is no cube, or a damaged one.
    #[error("{}: is no usable cube: {problem}", path.display())]
    NotACube {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the mend.
        problem: String,
    },
    /// Something about one image.
    #[error("{}: {problem}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the mend.
        problem: String,
    },
    /// Something about one band.
    #[error("band {band}: {problem}")]
    Band {
        /// Its name.
        band: String,
        /// What is wrong, and the mend.
        problem: String,
    },
    /// Something about the whole request.
    #[error("{0}")]
    Request(String),
    /// The user asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl CubeError {
    /// About one image.
    pub fn image(path: impl Into<PathBuf>, problem: impl Into<String>) -> CubeError {
        CubeError::Image { path: path.into(), problem: problem.into() }
    }

    /// About one band.
    pub fn band(band: impl Into<String>, problem: impl Into<String>) -> CubeError {
        CubeError::Band { band: band.into(), problem: problem.into() }
    }
}
