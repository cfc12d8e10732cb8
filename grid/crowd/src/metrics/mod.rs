//! What an operator's monitoring reads: counters that are kept as things happen, and numbers that a thread of its own looks up now and
//! then, in Prometheus's text form.
//!
//! Nothing is looked up when somebody asks: a request for metrics reads memory alone.

mod listener;
mod meters;
mod sight;
mod tally;

pub(crate) use listener::serve;
pub use meters::{Meters, Role};
pub(crate) use sight::Looker;
pub use sight::Sight;
pub(crate) use tally::Tally;
