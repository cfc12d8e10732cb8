//! What keeps the daemon from serving, or somebody from asking it.

use std::io;
use std::path::PathBuf;

/// Why the daemon does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Another daemon answers at the socket.
    #[error("{path}: another daemon serves here; end it, or name another socket (--socket)")]
    Taken {
        /// The socket.
        path: PathBuf,
    },
    /// Something that is no socket has the name.
    #[error("{path}: this is no socket; move it away, or name another place (--socket)")]
    NoSocket {
        /// What lies there.
        path: PathBuf,
    },
    /// The place cannot be used.
    #[error("{path}: no socket can be made here: {source}; name another place (--socket)")]
    Place {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system does not give what the daemon needs.
    #[error("{what}: {source}")]
    System {
        /// What was wanted.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

impl ServeError {
    /// A want of `what`.
    pub(crate) fn system(what: &'static str) -> impl FnOnce(rustix::io::Errno) -> ServeError {
        move |source| ServeError::System { what, source: source.into() }
    }
}

/// Why a daemon gave no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Nobody answers.
    #[error("{path}: no daemon answers here ({source}); start one (pogson wire serve), or name its socket (--socket)")]
    Absent {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The answer ends early or makes no sense.
    #[error("{path}: the daemon's report cannot be read ({fault}); it may be of another version than this program")]
    Garbled {
        /// The socket.
        path: PathBuf,
        /// What is wrong.
        fault: String,
    },
}
