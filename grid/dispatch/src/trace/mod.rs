//! What a dispatcher was told and decided, as lines of text that another dispatcher can be told.
//!
//! ```text
//! pogson-trace 1
//! set policy pogson
//! set seed 1
//! join 0 a3 500 1
//! ask 0.1 1 2a 0 - 0
//! answer 0.13 1 miss 0.03
//! ```
//!
//! The first line is the version; `set` lines follow with what the dispatcher began with, those that are left out having their defaults.
//! Then come events, one a line: a word, seconds since the gate's clock began, and
//!
//! | word | what follows |
//! |---|---|
//! | `join` | identity (hexadecimal), contexts that fit into its cache, weight |
//! | `ask` | number of the request, context (hexadecimal), product, places tried before or `-`, place chosen or `-` |
//! | `answer` | number of the request, `hit`, `miss` or `-`, seconds of work or `-` |
//! | `withdraw` | number of a request that will have no answer |
//! | `report` | place, length of the queue, its limit or `-`, seconds of work, requests by class or `-` |
//! | `leave`, `anew` | place |
//! | `up` | place, `true` or `false` |
//! | `weight`, `hold`, `room` | place, value |
//! | `tune` | from now on seconds of slow start and for which a report counts, and whether rooms of caches are learned: `true` or `false` |
//!
//! Places count from 0 in the order of joining; the place of one that has left is taken again. Numbers are written so that they are
//! read as the same. A last line without an end was cut off, and is left out.

mod line;
mod recorder;
mod replay;
mod setup;
mod virtually;

pub use recorder::Recorder;
pub use replay::{Compared, Difference, Figures, decisions};
pub use virtually::{Estimate, Known, estimate};

use crate::Request;
use crate::dispatcher::{Setup, Tuning};
use crate::policy::Report;
use crate::servers::Answer;
use std::io::{self, BufRead, Write};

/// First line of a trace, and the version that this program writes and reads.
const FIRST: &str = "pogson-trace 1";
/// Longest line that is read, bytes.
const LONGEST: u64 = 1 << 20;

/// Something that a dispatcher was told, or asked.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the fields are those of the dispatcher's methods; at_s is the time, seconds")]
pub enum Event {
    /// [`crate::dispatcher::Dispatcher::join`]
    Join { at_s: f64, id: u64, room: usize, weight: f64 },
    /// [`crate::dispatcher::Dispatcher::leave`]
    Leave { at_s: f64, place: usize },
    /// [`crate::dispatcher::Dispatcher::set_up`]
    Up { at_s: f64, place: usize, up: bool },
    /// [`crate::dispatcher::Dispatcher::began_anew`]
    Anew { at_s: f64, place: usize },
    /// [`crate::dispatcher::Dispatcher::weigh`]
    Weight { at_s: f64, place: usize, weight: f64 },
    /// [`crate::dispatcher::Dispatcher::hold`]
    Hold { at_s: f64, place: usize, holds: u32 },
    /// [`crate::dispatcher::Dispatcher::set_room`]
    Room { at_s: f64, place: usize, room: usize },
    /// [`crate::dispatcher::Dispatcher::reported`]
    Report { at_s: f64, place: usize, report: Report },
    /// [`crate::dispatcher::Dispatcher::tune`]
    Tune { at_s: f64, tuning: Tuning },
    /// [`crate::dispatcher::Dispatcher::dispatch`], with what was chosen
    Request { at_s: f64, number: u64, request: Request, tried: Vec<usize>, chosen: Option<usize> },
    /// [`crate::dispatcher::Dispatcher::answered`]
    Answer { at_s: f64, number: u64, answer: Answer },
    /// [`crate::dispatcher::Dispatcher::send_to`]
    Takeover { at_s: f64, number: u64, request: Request, place: usize },
    /// [`crate::dispatcher::Dispatcher::withdrawn`]
    Withdraw { at_s: f64, number: u64 },
}

/// What is wrong with a trace.
#[derive(Debug)]
pub enum TraceError {
    /// It cannot be read.
    Io(io::Error),
    /// A line says what it cannot: its number from 1, and what.
    Line {
        /// Number of the line, from 1.
        line: u64,
        /// What is wrong with it.
        fault: String,
    },
    /// No policy has the name that the trace, or the caller, says.
    Policy(String),
}

impl std::fmt::Display for TraceError {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(to, "{error}"),
            Self::Line { line, fault } => write!(to, "line {line}: {fault}"),
            Self::Policy(name) => {
                write!(to, "there is no policy '{name}'; take one of {}", crate::policy::NAMES.join(", "))
            }
        }
    }
}

impl std::error::Error for TraceError {}

impl From<io::Error> for TraceError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes the beginning of a trace.
///
/// # Errors
/// Those of `to`.
pub fn begin(to: &mut impl Write, setup: &Setup) -> io::Result<()> {
    writeln!(to, "{FIRST}")?;
    setup::pairs(setup).into_iter().try_for_each(|(name, value)| writeln!(to, "set {name} {value}"))
}

/// A trace that is read, event after event, each with its line.
pub struct Reader<R> {
    from: R,
    line: u64,
    setup: Setup,
    /// The first event's line, which was read to see that no more is set.
    first: Option<String>,
}

impl<R: BufRead> Reader<R> {
    /// Reads the beginning.
    ///
    /// # Errors
    /// What is no trace, or one of another version; what cannot be set.
    pub fn new(from: R) -> Result<Self, TraceError> {
        let mut reader = Self { from, line: 0, setup: Setup::default(), first: None };
        let first = reader.read()?;
        if first.as_deref() != Some(FIRST) {
            let found: String = first.unwrap_or_default().chars().take(40).collect();
            let fault = format!("'{found}' is not '{FIRST}', with which traces begin that this version reads");
            return Err(TraceError::Line { line: 1, fault });
        }
        while let Some(text) = reader.read()? {
            let Some(pair) = text.strip_prefix("set ") else {
                reader.first = Some(text);
                break;
            };
            setup::set(&mut reader.setup, pair).map_err(|fault| TraceError::Line { line: reader.line, fault })?;
        }
        Ok(reader)
    }

    /// What the dispatcher began with.
    #[must_use]
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The next whole line.
    fn read(&mut self) -> Result<Option<String>, TraceError> {
        let mut bytes = Vec::new();
        io::Read::take(&mut self.from, LONGEST).read_until(b'\n', &mut bytes)?;
        self.line += 1;
        if bytes.pop() != Some(b'\n') {
            if bytes.len() as u64 + 1 >= LONGEST {
                return Err(TraceError::Line { line: self.line, fault: format!("it is longer than {LONGEST} bytes") });
            }
            return Ok(None);
        }
        let text = String::from_utf8(bytes);
        text.map(Some).map_err(|_| TraceError::Line { line: self.line, fault: "it is not UTF-8".into() })
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<(u64, Event), TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        let text = match self.first.take() {
            Some(text) => text,
            None => match self.read() {
                Ok(text) => text?,
                Err(error) => return Some(Err(error)),
            },
        };
        let line = self.line;
        Some(text.parse().map(|event| (line, event)).map_err(|fault| TraceError::Line { line, fault }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Event>, TraceError> {
        Reader::new(text.as_bytes())?.map(|event| event.map(|(_, event)| event)).collect()
    }

    #[test]
    fn a_fault_is_told_with_its_line() {
        let faults = [
            ("", "line 1: '' is not 'pogson-trace 1'"),
            ("pogson-trace 2\n", "line 1: 'pogson-trace 2'"),
            ("pogson-trace 1\nset colour red\n", "line 2: 'colour'"),
            ("pogson-trace 1\nset t_low many\n", "line 2: 'many'"),
            ("pogson-trace 1\njoin 0 1 5 1\nask 1 1 2a 0 - x\n", "line 3: 'x'"),
            ("pogson-trace 1\njoin 0 1 5 1\nask inf 1 2a 0 - 0\n", "line 3: 'inf'"),
            ("pogson-trace 1\njoin 0 1 5 1\nset seed 1\n", "line 3: 'set'"),
            ("pogson-trace 1\njoin 0 1 5\n", "line 2: "),
            ("pogson-trace 1\nleave 0 1 5\n", "line 2: "),
        ];
        for (text, beginning) in faults {
            let error = read(text).expect_err(text).to_string();
            assert!(error.starts_with(beginning), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_last_line_that_was_cut_off_is_left_out() {
        assert_eq!(read("pogson-trace 1\nleave 1 0\nleave 2 ").expect("the rest is whole").len(), 1);
    }
}
