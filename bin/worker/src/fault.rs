//! What can go wrong, and the exit codes.

use std::io;
use std::path::{Path, PathBuf};

use pogson_sed::library_file::LibraryFileError;
use pogson_sed::work::WorkError;

/// Exit code of a task that the client wants no more (BOINC's `EXIT_ABORTED_BY_CLIENT`).
pub(crate) const ABORTED: u8 = 194;

/// Why the work was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The command line.
    #[error("{0}; see pogson-worker --help")]
    Usage(String),
    /// A file that cannot be read or written.
    #[error("{path}: cannot {action}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A text or a library that is not what it should be.
    #[error("{path}: {source}")]
    Work {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: WorkError,
    },
    /// The library's file.
    #[error(transparent)]
    Library(#[from] LibraryFileError),
    /// A file that is no text.
    #[error("{path}: is no text; fetch it again")]
    Text {
        /// The file.
        path: PathBuf,
    },
}

impl Fault {
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Fault {
        move |source| Fault::Io { path: path.to_owned(), action, source }
    }

    /// Whether there is no room for a file: later there may be.
    pub(crate) fn is_of_room(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Fault::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded))
    }

    /// The exit code: 1 failed, 2 wrong usage, 3 bad input, 4 no room.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Fault::Usage(_) => 2,
            _ if self.is_of_room() => 4,
            Fault::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => 3,
            Fault::Io { .. } => 1,
            Fault::Work { .. } | Fault::Library(_) | Fault::Text { .. } => 3,
        }
    }
}
