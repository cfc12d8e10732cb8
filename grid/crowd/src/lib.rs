//! A volunteer project server that unmodified BOINC clients attach to; it knows nothing of astronomy.
//!
//! [`wire`] is what clients send and read.

pub mod wire;
