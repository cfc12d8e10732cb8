//! What a server says of itself, so that whoever sends it requests knows how it is.
//!
//! A [`Report`] is a set of numbers: queue, work, cache, connections. It travels in the forms of ORCA (Open Request Cost Aggregation,
//! the load report that Envoy and gRPC read; see [`orca`]) as the body of a POST or as the header `endpoint-load-metrics` of a
//! response. Beside it goes the header `pogson-report`, its [`Mark`]: who says so, in which life of the server, as which report in
//! turn, when, and a signature over all of that and the report's exact bytes. A [`Ledger`] keeps what was said last, and says what
//! is wrong with what it does not take.
//!
//! ```
//! use pogson_report::{Key, Ledger, Report, Sender, Verdict};
//!
//! let key = Key::new(b"sixteen bytes or more")?;
//! let sender = Sender::new("tiles-1".parse()?, key.clone());
//! let report = Report { queue_length: Some(3), queue_limit: Some(100), cpu: Some(0.4), ..Report::default() };
//! let push = sender.push(&report, 1_000_000);
//!
//! let mut ledger = Ledger::default();
//! ledger.know("tiles-1".parse()?, key);
//! let taken = ledger.take(push.mark.as_bytes(), push.payload.as_bytes(), 1_000_050);
//! assert!(matches!(taken, Verdict::Fresh(_)));
//! assert_eq!(ledger.latest("tiles-1").map(|said| said.report.queue_length), Some(Some(3)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A server keeps [`Counts`], from which a [`Reporter`] pushes reports and [`InResponses`] puts them into headers.
//!
//! Signatures are HMAC-SHA-256 under a key that both sides have in a file. A key pair (Ed25519) would let a gate check reports that it
//! could not forge, but both ends belong to one operator, each server may have a key of its own, and HMAC-SHA-256 is in the standard
//! library of nearly every language that a server may be written in.

pub mod counts;
pub mod in_responses;
pub mod key;
pub mod learned;
pub mod ledger;
pub mod mark;
mod names;
pub mod orca;
pub mod post;
pub mod process;
pub mod rates;
pub mod report;
pub mod reporter;
pub mod sender;
mod url;
mod window;

pub use counts::{Counts, End, Waiting, Work, Working};
pub use in_responses::InResponses;
pub use key::{Key, KeyError};
pub use ledger::{Ledger, Limits, Refusals, Said, Verdict};
pub use mark::{Boot, Malformed, Mark, Name};
pub use post::{PushError, Target, get, get_as};
pub use report::{ClassCounts, Cost, Report};
pub use reporter::{Reporter, Standing};
pub use sender::{Sender, Signed};

/// Header of a request or a response that holds a report's mark and its signature.
pub const MARK_HEADER: &str = "pogson-report";
/// Header of a response that holds a report, as ORCA has it.
pub const METRICS_HEADER: &str = "endpoint-load-metrics";
/// Bytes of a report at most, in a body.
pub const LARGEST_BODY: usize = 65_536;
/// Bytes of a report at most, in a header.
pub const LARGEST_HEADER: usize = 4096;
