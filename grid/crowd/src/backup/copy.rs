//! A project's files, copied.

use std::fs;
use std::path::Path;

use super::{BackupError, file_error};

/// What is no part of a copy: the database, which is copied by its tables, and what belongs to a running process.
fn is_left(name: &str) -> bool {
    name.starts_with("project.db")
        || name.starts_with('.')
        || name.ends_with(".sock")
        || name.ends_with(".lock")
        || name == super::TABLES
}

/// Copies a project's folder, or a backup's, but for the database.
pub(super) fn project(from: &Path, to: &Path) -> Result<(), BackupError> {
    folder(from, to)?;
    fs::File::open(to).and_then(|folder| folder.sync_all()).map_err(|error| file_error(to, &error))
}

fn folder(from: &Path, to: &Path) -> Result<(), BackupError> {
    fs::create_dir_all(to).map_err(|error| file_error(to, &error))?;
    for entry in fs::read_dir(from).map_err(|error| file_error(from, &error))? {
        let entry = entry.map_err(|error| file_error(from, &error))?;
        let name = entry.file_name();
        if is_left(&name.to_string_lossy()) {
            continue;
        }
        let (source, target) = (entry.path(), to.join(&name));
        let kind = entry.file_type().map_err(|error| file_error(&source, &error))?;
        if kind.is_dir() {
            folder(&source, &target)?;
        } else if kind.is_file() {
            match fs::copy(&source, &target) {
                // It was deleted in the meantime: nothing that is kept names it.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(file_error(&source, &error)),
                Ok(_) => {
                    let file = fs::File::open(&target).and_then(|file| file.sync_all());
                    file.map_err(|error| file_error(&target, &error))?;
                }
            }
        }
    }
    Ok(())
}

/// Names another database in a folder's `pogson.toml`.
pub(super) fn set_database(folder: &Path, url: &str) -> Result<(), BackupError> {
    change(folder, |config| url.clone_into(&mut config.database.url))
}

/// Changes a folder's `pogson.toml`.
pub(super) fn change(folder: &Path, make: impl FnOnce(&mut crate::project::Config)) -> Result<(), BackupError> {
    let path = folder.join("pogson.toml");
    let damaged = |cause: String| BackupError::Damaged { path: path.clone(), cause };
    let text = fs::read_to_string(&path).map_err(|error| file_error(&path, &error))?;
    let mut config = toml::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    make(&mut config);
    let text = toml::to_string(&config).map_err(|error| damaged(error.to_string()))?;
    fs::write(&path, text).map_err(|error| file_error(&path, &error))
}
