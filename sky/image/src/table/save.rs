//! Text files written whole: temporary name, then rename.

use super::TableError;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes `text` beside `path` under a temporary name, flushes it to disk and renames it.
///
/// # Errors
/// [`TableError::Exists`] when `path` is there and `overwrite` is false; [`TableError::Io`]. The temporary file is
/// removed on failure, and an existing file stays as it was.
pub(crate) fn save_text(path: &Path, text: &str, overwrite: bool) -> Result<(), TableError> {
    if !overwrite && path.symlink_metadata().is_ok() {
        return Err(TableError::Exists { path: path.to_owned() });
    }
    // A pipe or device (/dev/stdout) can't be renamed over.
    if path.metadata().is_ok_and(|m| !m.is_file()) {
        return std::fs::write(path, text).map_err(|source| TableError::Io { path: path.to_owned(), source });
    }
    let temporary = temporary_name(path);
    let written = write_synced(&temporary, text).and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|source| {
        // The first error is the one to tell; a leftover that cannot be removed changes nothing about it.
        let _ = std::fs::remove_file(&temporary);
        TableError::Io { path: path.to_owned(), source }
    })
}

fn write_synced(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.part", std::process::id()))
}
