//! Volunteers' computers, emulated: thousands of hosts that speak to a project server over real HTTP as BOINC clients do, for load,
//! for tests, and for simulations of a whole project.
//!
//! Hosts ([`host`]) are drawn from a seed ([`profile`], [`habits`]); [`request`], [`reply`], [`upload`] and [`account`] are the wire as
//! a client has it; [`emulate`] makes them live by a [`clock`]. It shares no code with the server that it tests.

pub mod account;
mod attach;
pub mod clock;
pub mod draw;
pub mod graphics;
pub mod habits;
pub mod host;
pub mod http;
pub mod net;
pub mod output;
pub mod plan;
pub mod profile;
pub mod record;
pub mod reply;
pub mod request;
mod run;
pub mod scan;
pub mod tally;
pub mod upload;
pub mod verify;

pub use plan::{Accounts, EmulateError, Pace, Plan, Summary};
pub use run::emulate;
