//! What goes wrong.

/// A measurement that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// An end of a connection does not start.
    #[error("the program for the ends of connections does not start: {0}")]
    Start(std::io::Error),
    /// An end went away or said nonsense.
    #[error("an end of the connection ended in the middle of {doing}: {detail}")]
    Lost {
        /// What it was doing.
        doing: String,
        /// What was seen.
        detail: String,
    },
    /// An end said why it failed.
    #[error("{doing} failed: {detail}")]
    Failed {
        /// What it was doing.
        doing: String,
        /// Its words.
        detail: String,
    },
    /// The daemon does not answer.
    #[error(transparent)]
    Report(#[from] pogson_wire::error::ReportError),
    /// A folder for Unix sockets.
    #[error("no folder for sockets: {0}")]
    Folder(std::io::Error),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}
