//! What can go wrong with result files and journals.

use std::io;
use std::path::{Path, PathBuf};

use pogson_image::fits::FitsError;

/// Why a result file or a journal cannot be read or written. Each message names the file and what mends it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResultError {
    /// The operating system refused.
    #[error("{path}: cannot {action}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The output cannot be made.
    #[error(transparent)]
    Output(#[from] FitsError),
    /// The file is no HDF5, or a damaged one.
    #[error("{path}: {what} cannot be read ({source}); is it an HDF5 file that pogson fit made?")]
    Hdf5 {
        /// The file.
        path: PathBuf,
        /// Which group, attribute or dataset.
        what: String,
        /// What the HDF5 reader said.
        source: Box<hdf5_pure::Error>,
    },
    /// The HDF5 file cannot be put together.
    #[error("{path}: the HDF5 file cannot be put together: {source}")]
    Assemble {
        /// The file.
        path: PathBuf,
        /// What the HDF5 writer said.
        source: Box<hdf5_pure::Error>,
    },
    /// The file is HDF5, but not as `pogson fit` writes it.
    #[error("{path}: {what} {problem}; make the file anew with pogson fit")]
    Layout {
        /// The file.
        path: PathBuf,
        /// Which group, attribute or dataset.
        what: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A record does not fit the file's facts.
    #[error("pixel {x}, {y}: {problem}")]
    Record {
        /// Column from 0.
        x: u32,
        /// Row from 0.
        y: u32,
        /// What is wrong with it.
        problem: String,
    },
    /// The file is no journal.
    #[error("{path}: is no journal of pogson fit; name another, or remove it")]
    NotJournal {
        /// The file.
        path: PathBuf,
    },
    /// The journal belongs to another run.
    #[error(
        "{path}: the journal's {what} is {found}, that of this run {wanted}; go on with the same command, or --restart to begin anew"
    )]
    OtherRun {
        /// The file.
        path: PathBuf,
        /// Which fact.
        what: String,
        /// In the journal.
        found: String,
        /// Of this run.
        wanted: String,
    },
    /// Another process writes the journal.
    #[error("{path}: another process is writing this journal; wait for it, or stop it")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// Journals to be joined lack pixels or hold some twice in different forms.
    #[error("{path}: {problem}")]
    Join {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl ResultError {
    pub(crate) fn io(path: &Path, action: &'static str, source: io::Error) -> ResultError {
        ResultError::Io { path: path.to_owned(), action, source }
    }

    pub(crate) fn layout(path: &Path, what: &str, problem: impl Into<String>) -> ResultError {
        ResultError::Layout { path: path.to_owned(), what: what.to_owned(), problem: problem.into() }
    }
}
