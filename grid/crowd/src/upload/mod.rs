//! What becomes of an upload, apart from HTTP: chunks of a body go in as they come, answers come out.
//!
//! ```text
//! Upload::new ─▶ push(chunk) ─▶ More                 the next chunk
//!                            ─▶ Ask(question)        whether the file is wanted: the database knows; then known(place)
//!                            ─▶ Reply(answer)        over, whatever the body still holds
//!                end()       ─▶ Reply(answer)
//!                            ─▶ Store(whole)         all is here: store() makes it safe; when the database has recorded
//!                                                    it, Stored::answer() is the client's
//! ```
//!
//! Pushing writes to the disk only where files are large, come in pieces, or memory is short: into the system's cache, without a sync.
//! An upload that is dropped keeps what came for the next try.

mod receiver;
mod whole;

pub use receiver::{Ending, Question, Step, Upload};
pub use whole::{Stored, Whole};

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sign::UploadSecret;
use crate::spool::{Spool, SpoolError};
use crate::wire::UploadStatus;

/// Clients ask how much is here of files from this size on (`client/file_xfer.cpp`, `MIN_SIZE_TO_CHECK_SIZE`); smaller ones they send
/// again from the beginning.
const RESUMABLE: u64 = 8192;

/// Where uploads are taken.
pub struct Desk {
    secret: UploadSecret,
    spool: Arc<Spool>,
    /// Bytes that unfinished uploads have in memory, and how many they may have.
    memory: AtomicU64,
    most_memory: u64,
}

impl Desk {
    /// Of a spool, for uploads with certificates by `secret`; unfinished ones keep at most about `most_memory` bytes in memory, and go
    /// to the disk beyond.
    pub fn new(secret: UploadSecret, spool: Arc<Spool>, most_memory: u64) -> Desk {
        Desk { secret, spool, memory: AtomicU64::new(0), most_memory }
    }

    /// The spool.
    pub fn spool(&self) -> &Arc<Spool> {
        &self.spool
    }

    /// Bytes that unfinished uploads have in memory.
    pub fn memory(&self) -> u64 {
        self.memory.load(Ordering::Relaxed)
    }
}

/// What the database says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// It is an output of a result that is in progress, or that may still be reported late, and is not here.
    Wanted,
    /// It is here already, of so many bytes.
    Here(u64),
    /// No result that could still be reported has it.
    Unwanted,
    /// The database cannot say now.
    Unknown,
}

/// What the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// In short.
    pub status: UploadStatus,
    /// The reply's body.
    pub text: String,
    /// Why, with what is nobody else's business; for the log. Empty where all went well.
    pub why: String,
}

impl Answer {
    fn done(size: Option<u64>) -> Answer {
        Answer { status: UploadStatus::Done, text: UploadStatus::Done.reply("", size), why: String::new() }
    }

    /// A refusal, with what client and log are told.
    pub fn refused(status: UploadStatus, message: &str, why: impl Into<String>) -> Answer {
        // Clients read lines of up to 256 bytes.
        let short: String = message.chars().take(120).collect();
        Answer { status, text: status.reply(&short, None), why: why.into() }
    }

    fn permanent(message: &str) -> Answer {
        Answer::refused(UploadStatus::Permanent, message, message)
    }

    fn transient(message: &str) -> Answer {
        Answer::refused(UploadStatus::Transient, message, message)
    }

    /// Of a spool that did not take it. Clients are not told of folders.
    fn of(error: &SpoolError) -> Answer {
        let status = if error.is_transient() { UploadStatus::Transient } else { UploadStatus::Permanent };
        let whole = error.to_string();
        let message = match error {
            SpoolError::NoSpace { .. } => "the project's disk is full; the file will be taken later",
            SpoolError::Overloaded => "the project's disk has too much to do; the file will be taken later",
            SpoolError::BadName(_) => "this name cannot be an output's",
            SpoolError::Busy(_) | SpoolError::Gap { .. } | SpoolError::Incomplete { .. } => &whole,
            SpoolError::WrongMd5 { .. } => "the file came damaged (another MD5), and is to be sent again",
            _ => "the project cannot store the file now",
        };
        Answer::refused(status, message, whole.clone())
    }
}
