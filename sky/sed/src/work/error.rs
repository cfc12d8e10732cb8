//! What can be wrong with work and answers.

use crate::fit::{FitError, ModelsError};

/// Why a text is not what it should be, or work cannot be done.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum WorkError {
    /// A line that cannot be read.
    #[error("line {line}: {problem}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
    /// The text ends too early.
    #[error("the text ends before its last line; it was cut off")]
    Cut,
    /// A text of another kind, or of a later version.
    #[error("the text begins with '{found}' and not with '{wanted}'; it is of another kind or version")]
    Kind {
        /// The first line, or its beginning.
        found: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// The library is not the one that the work asks for.
    #[error("the library is {found}, the work is to be done with {wanted}")]
    Library {
        /// Name of the one that is there.
        found: String,
        /// Name of the one that is wanted.
        wanted: String,
    },
    /// Bands of library and work differ.
    #[error("band {place} is {found} in the library and {wanted} in the work")]
    Bands {
        /// Its number, from 1.
        place: usize,
        /// In the library.
        found: String,
        /// In the work.
        wanted: String,
    },
    /// The library's columns do not go together.
    #[error(transparent)]
    Models(#[from] ModelsError),
    /// A fault that all places share.
    #[error(transparent)]
    Fit(#[from] FitError),
}
