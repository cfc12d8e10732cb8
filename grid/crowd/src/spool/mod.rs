//! Where uploaded files lie until their unit is assimilated.
//!
//! Small files go one after the other into segments, and one `fdatasync` makes all of them safe that came while the last one ran. Large
//! files, and those that came in pieces, are files of their own. A file that is acknowledged survives a crash; one that is not may.
//!
//! ```text
//! FOLDER/PROCESS-000001.seg    records of whole files, appended by one process
//! FOLDER/PROCESS.lock          held by the process while it runs
//! FOLDER/partial/NAME          what has come so far of a file that comes in pieces
//! FOLDER/whole/PROCESS-N-NAME  large files that are complete
//! ```
//!
//! Which records are wanted is known to the database alone: after a crash, [`Spool::retain`] removes what it does not know.

pub mod disk;
mod partial;
mod record;
mod scan;
mod store;
mod tidy;
mod writer;

pub use partial::Partial;
pub use scan::{Damage, Listed};
pub use store::{Options, Spool, Synced};
pub use tidy::Moved;

use std::fmt;
use std::str::FromStr;

/// Where a file lies, for the database; as text `SEGMENT:OFFSET:BYTES`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Location {
    /// `PROCESS-NNNNNN`, or `whole/PROCESS-N-NAME` for a file of its own.
    pub segment: String,
    /// Where its record begins in the segment.
    pub offset: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.segment, self.offset, self.bytes)
    }
}

impl FromStr for Location {
    type Err = SpoolError;

    fn from_str(text: &str) -> Result<Location, SpoolError> {
        let bad = || SpoolError::Missing { what: format!("location {text:?}") };
        let mut words = text.split(':');
        let (Some(segment), Some(offset), Some(bytes), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(bad());
        };
        check_name(segment.strip_prefix("whole/").unwrap_or(segment))?;
        let number = |word: &str| word.parse().map_err(|_| bad());
        Ok(Location { segment: segment.to_owned(), offset: number(offset)?, bytes: number(bytes)? })
    }
}

/// Why a file is not stored, read or finished.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpoolError {
    /// A name that could lead elsewhere, or that no client sends.
    #[error(
        "{0:?} cannot be a file's name: letters, digits and ._+- only, at most 255, no dot at the start, no two in a row"
    )]
    BadName(String),
    /// The disk is full, but for what is kept in reserve.
    #[error("the disk of {folder} has {free} bytes left, of which {reserve} are kept in reserve; make room")]
    NoSpace {
        /// The spool's folder.
        folder: String,
        /// Bytes that are left.
        free: u64,
        /// Bytes that are kept.
        reserve: u64,
    },
    /// The disk failed.
    #[error("{path}: {message}")]
    Disk {
        /// Which file.
        path: String,
        /// What the system says.
        message: String,
    },
    /// Too much waits to be written.
    #[error("more uploads wait for the disk than it takes; try again later")]
    Overloaded,
    /// Another connection sends this very file.
    #[error("{0} is being sent by another connection")]
    Busy(String),
    /// A piece that does not follow on what is here.
    #[error("{name} is here up to byte {have}, not up to byte {offset}")]
    Gap {
        /// The file.
        name: String,
        /// Bytes that are here.
        have: u64,
        /// Where the piece begins.
        offset: u64,
    },
    /// Not all of it is here.
    #[error("{name} is here up to byte {have} of {bytes}")]
    Incomplete {
        /// The file.
        name: String,
        /// Bytes that are here.
        have: u64,
        /// Bytes that it has.
        bytes: u64,
    },
    /// Not what was sent.
    #[error("{name} came with another MD5 than was announced")]
    WrongMd5 {
        /// The file.
        name: String,
    },
    /// Nothing lies there.
    #[error("nothing lies at {what} in the upload spool")]
    Missing {
        /// Where.
        what: String,
    },
    /// The disk gives back other bytes than were written.
    #[error("the record at {what} in the upload spool is damaged")]
    Damaged {
        /// Where.
        what: String,
    },
    /// Another process has this spool.
    #[error("{path} is held by another process; stop that one, or give this one another name")]
    Held {
        /// The lock.
        path: String,
    },
    /// The spool is being closed.
    #[error("the upload spool is closed")]
    Closed,
}

impl SpoolError {
    /// Whether the same request may do later: all but bad names.
    pub fn is_transient(&self) -> bool {
        !matches!(self, SpoolError::BadName(_))
    }
}

/// Whether a name can be a file's: `[A-Za-z0-9._+-]{1,255}`, no dot at the start and no two in a row, so that it leads nowhere else.
///
/// # Errors
/// [`SpoolError::BadName`].
pub fn check_name(name: &str) -> Result<(), SpoolError> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    let good =
        (1..=255).contains(&name.len()) && name.bytes().all(fine) && !name.starts_with('.') && !name.contains("..");
    if good { Ok(()) } else { Err(SpoolError::BadName(name.chars().take(80).collect())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_lead_elsewhere_are_none() {
        for name in ["", ".", "..", ".a", "a..b", "a/b", "/etc/passwd", "a\0", "a b", "ä", "a%2fb", "a\\b", "a\n"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        assert!(check_name(&"a".repeat(256)).is_err());
        for name in ["a", "w_1-2_0_r0.gz+x", &"a".repeat(255)] {
            assert_eq!(check_name(name), Ok(()));
        }
    }

    #[test]
    fn locations_are_the_same_as_text() {
        for (segment, offset, bytes) in [("p-000001", 16, 4096), ("whole/w_0_0", 0, u64::MAX)] {
            let location = Location { segment: segment.to_owned(), offset, bytes };
            assert_eq!(location.to_string().parse(), Ok(location));
        }
        for text in ["", "a", "a:1", "a:1:2:3", "../x:1:2", "whole/../x:1:2", "a:-1:2", "/a:1:2"] {
            assert!(text.parse::<Location>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_name_that_passes_is_one_part_of_a_path(name in ".{0,40}") {
            if check_name(&name).is_ok() {
                let path = std::path::Path::new(&name);
                prop_assert_eq!(path.components().count(), 1);
                prop_assert_eq!(path.file_name(), Some(std::ffi::OsStr::new(&name)));
            }
        }
    }
}
