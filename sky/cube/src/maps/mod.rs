//! Maps of what was fitted: FITS images, pictures, totals, and a report.

mod fits;
mod label;
mod picture;
mod plane;
mod report;
mod sed;
mod structure;
mod structure_page;
mod summary;
mod totals;

pub use fits::{write_parameter, write_quality};
pub use label::{colours, label, short};
pub use picture::{MapPicture, map_picture};
pub use plane::{Level, Quality, frame_of, parameter_plane, quality_plane};
pub use report::{ReportOptions, chosen_pixels, report};
pub use structure::{Structure, StructureOptions, structure};
pub use structure_page::structure_section;
pub use summary::summary;
pub use totals::{Total, totals};

use std::path::{Path, PathBuf};

use pogson_image::fits::FitsError;
use pogson_view::png::PngError;

use crate::result::{ResultError, ResultFile};

/// Why maps cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MapsError {
    /// The result file.
    #[error(transparent)]
    Result(#[from] ResultError),
    /// An image.
    #[error(transparent)]
    Fits(#[from] FitsError),
    /// A picture or the report.
    #[error(transparent)]
    Png(#[from] PngError),
    /// The folder or a file in it.
    #[error("{path}: cannot {action}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of that name is there.
    #[error("{path}: exists already; give --force to replace what an earlier run made")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// There is nothing to map.
    #[error("{path}: holds no pixel that was fitted; fit one with more pixels, or look at the cube's mask")]
    Empty {
        /// The result file.
        path: PathBuf,
    },
}

/// Names of the files of one level, as they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// FITS images.
    pub fits: Vec<String>,
    /// Pictures.
    pub pictures: Vec<String>,
}

/// Writes a FITS file and a picture for each parameter, and one of how good the fits are, for each level that the
/// result holds; those of bins are called `bin_...`.
///
/// - `folder`: is there already;
/// - `go_on`: called after each file.
///
/// # Errors
/// What writing says, what `go_on` says, [`MapsError::Exists`] before anything is written if `overwrite` is false.
pub fn write_maps<E: From<MapsError>>(
    result: &ResultFile,
    folder: &Path,
    overwrite: bool,
    mut go_on: impl FnMut() -> Result<(), E>,
) -> Result<Written, E> {
    let levels = Level::of(result);
    let names = |level: &Level| {
        let files = result.facts.parameters.iter().map(|p| p.name()).chain(["quality"]);
        files.map(|n| format!("{}{n}", level.prefix())).collect::<Vec<_>>()
    };
    if !overwrite {
        for name in levels.iter().flat_map(names) {
            for ending in ["fits", "png"] {
                let path = folder.join(format!("{name}.{ending}"));
                if path.exists() {
                    return Err(MapsError::Exists { path }.into());
                }
            }
        }
    }
    let mut written = Written::default();
    for level in levels {
        for (k, parameter) in result.facts.parameters.iter().enumerate() {
            let name = format!("{}{}", level.prefix(), parameter.name());
            write_parameter(&folder.join(format!("{name}.fits")), result, level, k, overwrite)
                .map_err(MapsError::Fits)?;
            written.fits.push(format!("{name}.fits"));
            let picture = map_picture(result, level, k).picture;
            pogson_view::png::write(&picture, &folder.join(format!("{name}.png"))).map_err(MapsError::Png)?;
            written.pictures.push(format!("{name}.png"));
            go_on()?;
        }
        let name = format!("{}quality.fits", level.prefix());
        write_quality(&folder.join(&name), result, level, overwrite).map_err(MapsError::Fits)?;
        written.fits.push(name);
        go_on()?;
    }
    Ok(written)
}

#[cfg(test)]
mod tests;
