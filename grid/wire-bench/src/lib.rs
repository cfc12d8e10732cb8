//! Times connections within a node: TCP, Unix sockets and rings in turn, so that what else the machine does meets all alike.
//!
//! The ends are processes of their own ([`end`]), which use the standard library's sockets and know of no ring: those of the rings are
//! begun with the library that `pogson wire run` loads. The controller tells them what to do by lines of JSON.
//!
//! ```text
//!  plan ── cells ──▶ run ── jobs ──▶ pair ──stdin/stdout──▶ end (calls)
//!                     │                └────stdin/stdout──▶ end (serves)
//!                     └── medians, quartiles, ratios of each turn ──▶ report
//! ```

mod call;
mod command;
pub mod end;
pub mod error;
pub mod floor;
mod job;
mod pair;
pub mod plan;
pub mod report;
pub mod run;
mod serve;
