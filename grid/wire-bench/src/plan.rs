//! What is measured.

use rustix::thread::{CpuSet, sched_getaffinity};
use serde::Serialize;

use crate::job::Work;

/// Where the two ends run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Both on one processor.
    Same,
    /// Each on its own.
    Cross,
    /// Where the system puts them.
    Free,
}

/// A means that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// TCP over the loopback.
    Tcp,
    /// A Unix stream socket.
    Unix,
    /// A TCP connection that has gone over to a ring.
    Ring,
    /// The same, whose ends never look before they sleep.
    Sleeping,
}

/// A row of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// What is timed.
    pub what: What,
    /// Bytes of a message.
    pub size: usize,
    /// Where.
    pub place: Place,
    /// Pairs of processes at once.
    pub pairs: usize,
    /// Bytes within which the program's buffers go around; those of a message where it is small.
    pub around: usize,
    /// Messages on each connection, of [`What::Connect`].
    pub messages: u32,
    /// What is compared.
    #[serde(skip)]
    pub kinds: Vec<Kind>,
}

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// A message and its answer.
    Latency,
    /// Messages one way.
    Throughput,
    /// Connections, from `connect` to `close`.
    Connect,
}

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The table.
    pub cells: Vec<Cell>,
    /// Turns; in each all means are measured once.
    pub rounds: u32,
    /// Milliseconds of each measurement.
    pub ms: u64,
    /// The two processors.
    pub cpus: (usize, usize),
}

/// The first two processors that this process may use; twice the same if it is one.
#[must_use]
pub fn processors() -> (usize, usize) {
    let mut all =
        sched_getaffinity(None).into_iter().flat_map(|set| (0..CpuSet::MAX_CPU).filter(move |cpu| set.is_set(*cpu)));
    let first = all.next().unwrap_or(0);
    (first, all.next().unwrap_or(first))
}

/// Buffers that no cache holds.
pub const COLD: usize = 128 << 20;

const ALL: [Kind; 4] = [Kind::Tcp, Kind::Unix, Kind::Ring, Kind::Sleeping];
const THREE: [Kind; 3] = [Kind::Tcp, Kind::Unix, Kind::Ring];

impl Plan {
    /// The whole table: latencies and throughputs by size and place, pairs, connections.
    ///
    /// - `quick`: a few sizes only.
    /// - `cpus`: the two processors for the ends.
    #[must_use]
    pub fn new(quick: bool, cpus: (usize, usize)) -> Self {
        let some = |all: &[usize], few: &[usize]| if quick { few.to_vec() } else { all.to_vec() };
        let mut cells = Vec::new();
        let cell = Cell {
            what: What::Latency,
            size: 64,
            place: Place::Cross,
            pairs: 1,
            around: 0,
            messages: 0,
            kinds: ALL.to_vec(),
        };
        for place in [Place::Same, Place::Cross] {
            for size in some(&[1, 64, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18], &[64, 1 << 12]) {
                cells.push(Cell { size, place, ..cell.clone() });
            }
        }
        let stream = Cell { what: What::Throughput, kinds: THREE.to_vec(), ..cell.clone() };
        for place in [Place::Cross, Place::Same] {
            for size in some(&[64, 1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22], &[64, 1 << 16]) {
                cells.push(Cell { size, place, ..stream.clone() });
            }
        }
        for size in some(&[1 << 12, 1 << 16, 1 << 20, 1 << 22], &[1 << 16]) {
            cells.push(Cell { size, around: COLD, ..stream.clone() });
        }
        for pairs in some(&[1, 2, 4, 8], &[2]) {
            cells.push(Cell { size: 1 << 16, pairs, place: Place::Free, ..stream.clone() });
        }
        for messages in some(&[0, 1, 10, 30, 100, 300, 1000], &[0, 100]) {
            let messages = messages as u32;
            cells.push(Cell { what: What::Connect, messages, kinds: THREE.to_vec(), ..cell.clone() });
        }
        let (rounds, ms) = if quick { (3, 60) } else { (9, 150) };
        Self { cells, rounds, ms, cpus }
    }

    /// Keeps what is asked for.
    pub fn keep(&mut self, keep: impl Fn(&Cell) -> bool) {
        self.cells.retain(keep);
    }
}

impl Cell {
    pub(crate) fn work(&self) -> Work {
        match self.what {
            What::Latency => Work::Latency { size: self.size },
            What::Throughput => Work::Stream { size: self.size, around: self.around },
            What::Connect => Work::Connect {
                count: (4_000 / (self.messages + 10)).clamp(4, 200),
                messages: self.messages,
                size: self.size,
            },
        }
    }

    pub(crate) fn processors(&self, cpus: (usize, usize)) -> (Option<usize>, Option<usize>) {
        match self.place {
            Place::Same => (Some(cpus.0), Some(cpus.0)),
            Place::Cross => (Some(cpus.0), Some(cpus.1)),
            Place::Free => (None, None),
        }
    }
}
