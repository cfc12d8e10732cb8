//! A volunteer project server that unmodified BOINC clients attach to; it knows nothing of astronomy.
//!
//! [`life`] is what becomes of a work unit; [`wire`] is what clients send and read; [`sign`] is how they know our programs, and we their
//! uploads; [`role`] is what a project brings; [`store`] keeps users, hosts, units and results, [`spool`] what was
//! uploaded, by [`upload`]; [`account`] has keys and names of people.

pub mod account;
pub mod admin;
pub mod alert;
pub mod backup;
pub mod check;
pub mod engine;
pub mod export;
pub mod import;
pub mod life;
pub mod metrics;
pub mod pages;
pub mod project;
pub mod role;
pub mod schedule;
pub mod serve;
pub mod sign;
pub mod spool;
pub mod stats;
pub mod store;
pub mod upload;
pub mod wire;
