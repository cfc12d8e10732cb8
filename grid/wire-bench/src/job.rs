//! What the two ends of a connection are told to do, and what they answer.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Bytes of a message that warms a connection up. The first byte says whether another follows.
pub(crate) const WARM_BYTES: usize = 64;

/// Where an end listens, and the other connects.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Address {
    /// A port of the loopback; 0 for any.
    Tcp(u16),
    /// A Unix socket.
    Unix(PathBuf),
}

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Messages of `size` bytes, each answered by as many.
    Latency { size: usize },
    /// Messages of `size` bytes one way. Buffers go around within `around` bytes: with more than the caches hold, all come from memory.
    Stream { size: usize, around: usize },
    /// `count` connections one after the other, with `messages` of `size` bytes answered on each.
    Connect { count: u32, messages: u32, size: usize },
}

/// A job for one end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) address: Address,
    pub(crate) work: Work,
    /// Milliseconds that it takes, but for [`Work::Connect`].
    pub(crate) ms: u64,
    /// Processor to stay on.
    pub(crate) cpu: Option<usize>,
}

/// What an end is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// To listen, and say where.
    Listen(Job),
    /// To connect.
    Call(Job),
}

/// What an end answers.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It listens there.
    Listens(Address),
    /// What came of the job.
    Done(Outcome),
    /// It failed.
    Failed(String),
}

/// What came of a job at one end.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Messages, or connections.
    pub(crate) count: u64,
    /// Bytes one way.
    pub(crate) bytes: u64,
    /// Time that it took, nanoseconds.
    pub(crate) wall_ns: u64,
    /// Time of the processors, nanoseconds.
    pub(crate) cpu_ns: u64,
    /// Median of the times for one message and its answer, nanoseconds; 0 where none is taken.
    pub(crate) median_ns: f64,
    /// 99th percentile of them.
    pub(crate) p99_ns: f64,
}
