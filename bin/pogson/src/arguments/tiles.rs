//! Input tiles on the command line.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Endings of FITS files, plain or compressed.
const ENDINGS: [&str; 9] = [".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fts.gz", ".fits.fz", ".fit.fz", ".fz"];

/// Files named, and the FITS files of folders named, in a fixed order.
///
/// # Errors
/// A folder that can't be read or holds no FITS file; a file that is not there.
pub fn expand(inputs: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    for input in inputs {
        if input.is_dir() {
            paths.extend(folder(input)?);
        } else if input.exists() {
            paths.push(input.clone());
        } else {
            return Err(Failure::bad_input(format!("{}: no such file or directory", input.display())));
        }
    }
    Ok(paths)
}

fn folder(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|e| Failure::io(path, &e))? {
        let file = entry.map_err(|e| Failure::io(path, &e))?.path();
        let name = file.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        // Dot files are other programs' unfinished work.
        if !name.starts_with('.') && ENDINGS.iter().any(|ending| name.ends_with(ending)) && file.is_file() {
            found.push(file);
        }
    }
    if found.is_empty() {
        return Err(Failure::bad_input(format!("{}: holds no FITS file ({})", path.display(), ENDINGS.join(" "))));
    }
    found.sort();
    // Weights of projected images are no tiles.
    Ok(pogson_image::catalogue::without_companions(found))
}
