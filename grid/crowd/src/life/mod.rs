//! The life of a work unit, as BOINC's transitioner and validator have it (`sched/transitioner.cpp`, `validator.cpp`), without
//! clock, database or files: what is known goes in, what has to change comes out, so that it is the same in a transaction, in
//! a simulation and in a test.
//!
//! A unit begins with as many results as it aims at. Each that fails, is late or has no match is made up for by another, until
//! a quorum agrees, or so many failed that the unit is given up. Then the unit is assimilated once, and its files go.

mod judge;
mod state;
mod transition;

pub use judge::{Verdict, judge, straggler};
pub use state::{Assimilation, Limits, Outcome, ServerState, Standing, Trouble, UnitState, Validity};
pub use transition::{Change, transition};
