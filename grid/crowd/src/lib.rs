//! A volunteer project server that unmodified BOINC clients attach to; it knows nothing of astronomy.
//!
//! [`wire`] is what clients send and read; [`sign`] is how they know our programs, and we their uploads.

pub mod sign;
pub mod wire;
