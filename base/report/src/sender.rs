//! The sender's side: reports numbered and signed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::mark::SIGNATURE;
use crate::report::Report;
use crate::{Boot, Key, Mark, Name, orca};

/// A report ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Value of the header `pogson-report`.
    pub mark: String,
    /// The body of a POST, or the value of the header `endpoint-load-metrics`.
    pub payload: String,
}

/// Numbers and signs what a server says of itself in one life. Clones share the numbers, so that reports by push and in responses
/// are one sequence.
#[derive(Clone, Debug)]
pub struct Sender {
    name: Name,
    boot: Boot,
    sequence: Arc<AtomicU64>,
    key: Key,
}

impl Sender {
    /// Begins a new life.
    #[must_use]
    pub fn new(name: Name, key: Key) -> Self {
        Self { name, boot: Boot::random(), sequence: Arc::default(), key }
    }

    /// The next report, as the body of a POST, said at `now_ms` (milliseconds since 1970 UTC).
    pub fn push(&self, report: &Report, now_ms: u64) -> Signed {
        self.sign(orca::write_body(report), now_ms)
    }

    /// The next report, as a header of at most `room` bytes, said at `now_ms` (milliseconds since 1970 UTC).
    pub fn header(&self, report: &Report, room: usize, now_ms: u64) -> Signed {
        self.sign(orca::write_header(report, room), now_ms)
    }

    fn sign(&self, payload: String, time_ms: u64) -> Signed {
        let sequence = self.sequence.fetch_add(1, Relaxed) + 1;
        let mark = Mark { name: self.name.clone(), boot: self.boot, sequence, time_ms }.to_string();
        let signature = self.key.sign(&mark, payload.as_bytes());
        Signed { mark: mark + SIGNATURE + &signature, payload }
    }
}

/// The system's clock, milliseconds since 1970 UTC.
#[must_use]
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
