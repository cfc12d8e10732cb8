//! The library as a file.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, StatVfsMountFlags};

use crate::{BYTES, HASH};

/// Why the library is in no file.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// A folder is somebody else's, or others may write to it.
    #[error("{folder}: others can change what lies here; name a folder of your own (XDG_CACHE_HOME)")]
    NotOwn {
        /// The folder.
        folder: PathBuf,
    },
    /// Programs cannot load anything from a folder.
    #[error(
        "{folder}: no program can load a library from here (mounted noexec, or a colon or space in the name); name another \
         folder (XDG_CACHE_HOME)"
    )]
    Unfit {
        /// The folder.
        folder: PathBuf,
    },
    /// The file cannot be made.
    #[error("{path}: {source}; name another folder (XDG_CACHE_HOME)")]
    File {
        /// The file or its folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The library's file, in `$XDG_CACHE_HOME/pogson` or, without that variable, in `/tmp/pogson-UID`.
///
/// # Errors
/// The folder cannot be used, or should not.
pub fn unpack() -> Result<PathBuf, UnpackError> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|folder| folder.is_absolute());
    let user = rustix::process::geteuid().as_raw();
    let folder = cache.map_or_else(|| PathBuf::from(format!("/tmp/pogson-{user}")), |cache| cache.join("pogson"));
    unpack_into(&folder)
}

/// The library's file in `folder`, which is made if it is not there. A file that is there is used if it is this user's and has the
/// library's bytes, and replaced if not.
///
/// # Errors
/// The folder cannot be used, or should not.
pub fn unpack_into(folder: &Path) -> Result<PathBuf, UnpackError> {
    let fault = |path: &Path| {
        let path = path.to_owned();
        move |source| UnpackError::File { path, source }
    };
    // Programs of other users that are begun by this one load it, too.
    DirBuilder::new().recursive(true).mode(0o755).create(folder).map_err(fault(folder))?;
    let found = fs::symlink_metadata(folder).map_err(fault(folder))?;
    if !found.is_dir() || !is_own(&found) {
        return Err(UnpackError::NotOwn { folder: folder.into() });
    }
    // The loader divides its list at colons and spaces.
    let divided = folder.as_os_str().as_bytes().iter().any(|byte| b": \t\n".contains(byte));
    let mount = rustix::fs::statvfs(folder).map_err(|error| fault(folder)(error.into()))?;
    if divided || mount.f_flag.contains(StatVfsMountFlags::NOEXEC) {
        return Err(UnpackError::Unfit { folder: folder.into() });
    }
    let path = folder.join(format!("libpogson_wire-{HASH}.so"));
    if !is_library(&path) {
        write(folder, &path).map_err(fault(&path))?;
    }
    Ok(path)
}

/// Whether nobody but this user and root can change it.
fn is_own(found: &fs::Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0
}

/// Whether the file is the library.
fn is_library(path: &Path) -> bool {
    let mut options = File::options();
    options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
    let Ok(mut file) = options.open(path) else { return false };
    let mut bytes = Vec::new();
    file.metadata().is_ok_and(|found| found.is_file() && is_own(&found) && found.len() == BYTES.len() as u64)
        && file.read_to_end(&mut bytes).is_ok()
        && bytes == BYTES
}

/// Writes it under a name of its own first, so that nobody loads a part of it, and no two disturb each other.
fn write(folder: &Path, path: &Path) -> io::Result<()> {
    let pid = std::process::id();
    let mut number = 0;
    let (mut file, temporary) = loop {
        let temporary = folder.join(format!(".libpogson_wire-{pid}-{number}"));
        match File::options().write(true).create_new(true).mode(0o755).open(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 100 => number += 1,
            other => break (other?, temporary),
        }
    };
    let written = file.write_all(BYTES).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // The first fault is told; a file that remains does no harm.
        let _ = fs::remove_file(&temporary);
    }
    written
}
