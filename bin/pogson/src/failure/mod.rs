//! What a command says when it cannot do its work: one sentence, one exit code.

mod causes;
mod crowds;
mod cubes;
mod fits_of_pixels;
mod libraries;
mod pictures;
mod portals;
mod reports;
mod wires;

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// Class of a failure; the number is the exit code that scripts see (docs/exit-codes.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Standard output was closed by its reader; no fault of anybody.
    ReaderGone = 0,
    /// The work could not be done.
    Failed = 1,
    /// Arguments that contradict each other or make no sense.
    Usage = 2,
    /// An input file is not what it claims to be.
    BadInput = 3,
    /// A full disk, a read-only place, not enough memory.
    NoRoom = 4,
    /// SIGINT or SIGTERM; temporary files are removed, earlier outputs untouched.
    Interrupted = 5,
}

/// Why a command ended without its result.
///
/// The sentence names the file and value concerned and the mend, as the libraries' errors do.
#[derive(Debug)]
pub struct Failure {
    class: Class,
    sentence: String,
}

impl Failure {
    /// A failure of a class with its sentence.
    pub fn new(class: Class, sentence: impl Into<String>) -> Failure {
        Failure { class, sentence: sentence.into() }
    }

    /// The work could not be done (exit 1).
    pub fn failed(sentence: impl Into<String>) -> Failure {
        Failure::new(Class::Failed, sentence)
    }

    /// Arguments that contradict each other or make no sense (exit 2).
    pub fn usage(sentence: impl Into<String>) -> Failure {
        Failure::new(Class::Usage, sentence)
    }

    /// An input file is not what it claims to be (exit 3).
    pub fn bad_input(sentence: impl Into<String>) -> Failure {
        Failure::new(Class::BadInput, sentence)
    }

    /// The run was stopped by a signal (exit 5).
    pub fn interrupted() -> Failure {
        Failure::new(Class::Interrupted, "interrupted; temporary files are removed, earlier outputs are as they were")
    }

    /// Whether the user ended the work, which can go on later.
    pub fn is_interruption(&self) -> bool {
        self.class == Class::Interrupted
    }

    /// An I/O error on a named file: a full or read-only place is exit 4, a missing input exit 3, a broken pipe exit 0.
    pub fn io(path: &Path, error: &io::Error) -> Failure {
        let mend = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; free some space, or write elsewhere",
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => "; choose a place that you may use",
            io::ErrorKind::OutOfMemory => "; lower --memory",
            io::ErrorKind::AlreadyExists => "; name another output, or --force to replace it",
            _ => "",
        };
        Failure::new(class_of(error.kind()), format!("{}: {error}{mend}", path.display()))
    }

    /// Writes the sentence to standard error (as a JSON object on request) and gives the exit code.
    pub fn report(&self, json: bool) -> ExitCode {
        use std::io::Write;
        if self.class != Class::ReaderGone {
            let line = if json {
                serde_json::json!({ "error": self.sentence, "exit_code": self.class as u8 }).to_string()
            } else {
                format!("pogson: {}", self.sentence)
            };
            // A closed standard error leaves nobody to tell.
            let _ = writeln!(io::stderr(), "{line}");
        }
        ExitCode::from(self.class as u8)
    }
}

/// Where an I/O error belongs.
fn class_of(kind: io::ErrorKind) -> Class {
    use io::ErrorKind as Kind;
    match kind {
        Kind::BrokenPipe => Class::ReaderGone,
        Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => Class::NoRoom,
        Kind::ReadOnlyFilesystem | Kind::PermissionDenied | Kind::OutOfMemory => Class::NoRoom,
        Kind::NotFound | Kind::IsADirectory | Kind::NotADirectory | Kind::InvalidData => Class::BadInput,
        _ => Class::Failed,
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_errors_fall_into_the_documented_classes() {
        assert_eq!(class_of(io::ErrorKind::StorageFull), Class::NoRoom);
        assert_eq!(class_of(io::ErrorKind::PermissionDenied), Class::NoRoom);
        assert_eq!(class_of(io::ErrorKind::NotFound), Class::BadInput);
        assert_eq!(class_of(io::ErrorKind::BrokenPipe), Class::ReaderGone);
        assert_eq!(class_of(io::ErrorKind::AlreadyExists), Class::Failed);
    }

    #[test]
    fn the_sentence_names_the_file() {
        let failure = Failure::io(Path::new("tile 1.fits"), &io::Error::from(io::ErrorKind::NotFound));
        assert!(failure.to_string().starts_with("tile 1.fits: "));
    }
}
