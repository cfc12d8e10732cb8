//! What can go wrong with galaxies.

use std::io;
use std::path::{Path, PathBuf};

use pogson_crowd::role::RoleError;
use pogson_cube::CubeError;
use pogson_cube::fitting::BandsError;
use pogson_cube::library::LibraryError;
use pogson_cube::library_store::StoreError;
use pogson_cube::result::ResultError;
use pogson_image::fits::FitsError;
use pogson_sed::build::BuildError;
use pogson_sed::filter::FilterError;
use pogson_sed::library_file::LibraryFileError;
use pogson_sed::work::WorkError;
use pogson_view::png::PngError;

/// Why something could not be done with a galaxy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// A file or folder.
    #[error("{path}: cannot {action}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// What was asked for cannot be done; the sentence says what to mend.
    #[error("{0}")]
    Refused(String),
    /// What is stored does not go together.
    #[error("{0}")]
    Broken(String),
    /// A cube that cannot be read.
    #[error(transparent)]
    Cube(#[from] CubeError),
    /// An output that cannot be written.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// A library's file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A library's bytes.
    #[error(transparent)]
    LibraryFile(#[from] LibraryFileError),
    /// A library that cannot be made, or was not as the work was stopped.
    #[error(transparent)]
    Library(#[from] LibraryError),
    /// Spectra that do not serve for the bands.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A library without the cube's bands.
    #[error(transparent)]
    Bands(#[from] BandsError),
    /// A band without a built-in filter.
    #[error("{0}; for a filter of your own make a library with pogson library build --curve, and give --library")]
    Filter(#[from] FilterError),
    /// Work or an answer.
    #[error(transparent)]
    Work(#[from] WorkError),
    /// A galaxy's result.
    #[error(transparent)]
    Result(#[from] ResultError),
    /// A picture.
    #[error(transparent)]
    Png(#[from] PngError),
    /// The server's facts.
    #[error(transparent)]
    Role(#[from] RoleError),
    /// The work was stopped from outside.
    #[error("interrupted")]
    Interrupted,
}

impl SiteError {
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> SiteError {
        move |source| SiteError::Io { path: path.to_owned(), action, source }
    }

    /// Whether it lies in what was given, and not in files or the system: exit code 3 in place of 1.
    pub fn is_bad_input(&self) -> bool {
        use SiteError::{Bands, Build, Cube, Filter, LibraryFile, Refused, Work};
        matches!(self, Refused(_) | Cube(_) | LibraryFile(_) | Build(_) | Bands(_) | Filter(_) | Work(_))
            || matches!(self, SiteError::Store(StoreError::Content(_)))
    }
}

impl From<SiteError> for RoleError {
    /// What a later try may mend is transient: files, disks, the database.
    fn from(error: SiteError) -> RoleError {
        match error {
            SiteError::Role(error) => error,
            SiteError::Io { .. }
            | SiteError::Fits(_)
            | SiteError::Interrupted
            | SiteError::Result(ResultError::Io { .. }) => RoleError::Transient(error.to_string()),
            other => RoleError::Permanent(other.to_string()),
        }
    }
}
