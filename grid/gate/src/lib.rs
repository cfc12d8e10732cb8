//! The gate: a front end of HTTP that sends each request where its data is and where there is room.
//!
//! [`config`] what operators want; [`head`] what a request says of itself, [`reply`] a reply; [`framing`] where bodies end, [`chunk`]
//! those in chunks.
//!
//! Decided before a back end is chosen: [`route`] to which pool a request goes, [`classify`] who asks.

pub mod chunk;
pub mod classify;
pub mod config;
pub mod field;
pub mod framing;
pub mod head;
pub mod reply;
pub mod route;
