//! What can go wrong between here and an archive.

use std::path::PathBuf;

/// Errors of queries and downloads.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// The server answered with a status that says no.
    #[error("{url}: the server answers {status}{}", explain(*status))]
    Status {
        /// Address asked.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// No answer, or one that breaks off.
    #[error("{url}: {reason}; check the network, then run again (what has arrived is kept)")]
    Connection {
        /// Address asked.
        url: String,
        /// What the connection says.
        reason: String,
    },
    /// The answer is shorter than announced.
    #[error("{url}: the connection closed after {received} of {expected} bytes; run again to resume")]
    Cut {
        /// Address asked.
        url: String,
        /// Bytes there.
        received: u64,
        /// Bytes announced.
        expected: u64,
    },
    /// The service refused the query, in its own words.
    #[error("{url}: the service says: {message}")]
    Refused {
        /// Address asked.
        url: String,
        /// The service's message.
        message: String,
    },
    /// The answer is no VOTable.
    #[error("{url}: the answer is no VOTable: {source}")]
    NotVotable {
        /// Address asked.
        url: String,
        /// What is wrong.
        source: crate::votable::VotableError,
    },
    /// The answer lacks the column of addresses.
    #[error("{url}: the answer has no column of image addresses; is this a Simple Image Access service?")]
    NoAddresses {
        /// Address asked.
        url: String,
    },
    /// What arrived is not FITS.
    #[error("{url}: what arrived is not FITS: {reason}")]
    NotFits {
        /// Address asked.
        url: String,
        /// Why not.
        reason: String,
    },
    /// A file could not be written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Asked to stop.
    #[error("{url}: stopped; run again to resume")]
    Stopped {
        /// Address asked.
        url: String,
    },
}

impl GetError {
    /// True when asking again may help.
    pub fn is_passing(&self) -> bool {
        match self {
            GetError::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504),
            GetError::Connection { .. } | GetError::Cut { .. } => true,
            _ => false,
        }
    }
}

fn explain(status: u16) -> &'static str {
    match status {
        400 => " (bad request; check position, size and band)",
        401 | 403 => " (access denied; the data may be proprietary)",
        404 => " (not found; the address is wrong or the image is gone)",
        429 => " (too many requests; wait, or fetch fewer at once)",
        500..=599 => " (the server's own trouble; try later)",
        _ => "",
    }
}
