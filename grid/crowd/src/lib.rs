//! A volunteer project server that unmodified BOINC clients attach to; it knows nothing of astronomy.
//!
//! [`life`] is what becomes of a work unit; [`wire`] is what clients send and read; [`sign`] is how they know our programs, and we their
//! uploads; [`role`] is what a project brings; [`spool`] is where
//! uploads lie.

pub mod life;
pub mod role;
pub mod sign;
pub mod store;
pub mod spool;
pub mod wire;
