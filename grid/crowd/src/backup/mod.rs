//! Copies of a whole project: taken while it is served, put back into either database, or made into a project for tests.
//!
//! A backup is a folder: tables as lines of JSON, compressed, read as of one moment; and the project's files. Deletion of files waits
//! while it is taken, so that every row of it has its file.

mod copy;
mod replica;
mod tables;

pub use replica::{Replica, replica};
pub use tables::{dump, load};

use std::path::{Path, PathBuf};

use crate::admin::{AdminError, Command, Way};
use crate::project::{Project, ProjectError};
use crate::store::StoreError;

/// Why no copy was made.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum BackupError {
    /// The project.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// A database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The process that serves it.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// A file.
    #[error("{path}: {cause}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The place is taken.
    #[error("{0} is there already; choose another place")]
    Exists(PathBuf),
    /// What is there is no backup.
    #[error("{path}: {cause}; this is no backup, or a damaged one")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
}

fn file_error(path: &Path, error: &std::io::Error) -> BackupError {
    BackupError::File { path: path.to_owned(), cause: error.to_string() }
}

/// The folder of a backup's tables.
const TABLES: &str = "tables";

/// Takes a backup of a project, served or not, into a folder that is not there yet; it has its name only when it is whole.
///
/// # Errors
/// [`BackupError`].
pub fn backup(project: &Project, to: &Path) -> Result<(), BackupError> {
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let served = matches!(Way::open(project.clone())?, Way::Served(_));
    let deletion = |on: bool| -> Result<(), BackupError> {
        if served {
            Way::open(project.clone())?.run(Command::Stage { name: "delete".to_owned(), on })?;
        }
        Ok(())
    };
    deletion(false)?;
    let part = part_of(to);
    let made = take(project, &part);
    deletion(true)?;
    made.and_then(|()| std::fs::rename(&part, to).map_err(|error| file_error(to, &error))).inspect_err(|_| {
        // What is left of a failed copy is of no use.
        let _ = std::fs::remove_dir_all(&part);
    })
}

/// Where a copy is made before it has its name.
fn part_of(to: &Path) -> PathBuf {
    let name = to.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
    to.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

fn take(project: &Project, part: &Path) -> Result<(), BackupError> {
    let tables = part.join(TABLES);
    std::fs::create_dir_all(&tables).map_err(|error| file_error(&tables, &error))?;
    let mut database = project.database_to_read()?;
    database.snapshot()?;
    let dumped = dump(database.as_mut(), &tables);
    database.rollback();
    dumped?;
    copy::project(&project.dir, part)
}

/// Makes a project of a backup, in a folder that is not there yet, in the database that its `pogson.toml` or `database` names.
///
/// # Errors
/// [`BackupError`].
pub fn restore(from: &Path, to: &Path, database: Option<&str>) -> Result<Project, BackupError> {
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let part = part_of(to);
    let made = (|| {
        std::fs::create_dir_all(&part).map_err(|error| file_error(&part, &error))?;
        copy::project(from, &part)?;
        if let Some(url) = database {
            copy::set_database(&part, url)?;
        }
        let project = Project::open(&part)?;
        let mut database = project.database()?;
        load(database.as_mut(), &from.join(TABLES))
    })();
    made.and_then(|()| std::fs::rename(&part, to).map_err(|error| file_error(to, &error))).inspect_err(|_| {
        // Likewise.
        let _ = std::fs::remove_dir_all(&part);
    })?;
    Ok(Project::open(to)?)
}
