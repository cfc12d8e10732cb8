//! What can be wrong with a file in MAGPHYS's forms.

use std::io;

/// Why a file could not be read. Sentences name the file, the line and the mend.
#[derive(Debug, thiserror::Error)]
pub enum MagphysError {
    /// The file could not be read to its end.
    #[error("{file}: {source}")]
    Io {
        /// The file.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// No line holds data.
    #[error("{file}: holds no {what}; is it the right file, and whole?")]
    Empty {
        /// The file.
        file: String,
        /// What is missing, in the plural.
        what: &'static str,
    },
    /// A line has too few or too many fields.
    #[error(
        "{file}, line {line}: has {found} fields, but {needed} are needed ({why}); give the file that belongs to it"
    )]
    Fields {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Number of fields in the line.
        found: usize,
        /// Number of fields that are needed.
        needed: usize,
        /// What the fields are.
        why: String,
    },
    /// A field is not a number, or not one of the right kind.
    #[error("{file}, line {line}: field {field} ({what}) is '{text}'; {mend}")]
    Value {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Field in the line, from 1.
        field: usize,
        /// What it means.
        what: &'static str,
        /// What stands there, at most 40 characters.
        text: String,
        /// What should stand there.
        mend: &'static str,
    },
    /// Two lines of a filter file name the same filter.
    #[error("{file}, line {line}: filter {name} stands in line {first} already; leave one of the two out")]
    Twice {
        /// The file.
        file: String,
        /// Second line, from 1.
        line: usize,
        /// First line.
        first: usize,
        /// The filter.
        name: String,
    },
    /// A line that is longer than any of the forms' lines.
    #[error("{file}, line {line}: is longer than {limit} bytes; is it a text file?")]
    Long {
        /// The file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// Bytes that a line may have.
        limit: usize,
    },
}
