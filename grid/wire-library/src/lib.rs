//! The library that other programs load (`pogson-wire-preload`), within the program that brings it.
//!
//! It was built with this crate ([`BYTES`]). The loader of other programs needs it as a file, which [`unpack()`] makes once and finds
//! again by its hash.

mod unpack;

pub use unpack::{UnpackError, unpack, unpack_into};

/// The library.
pub const BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/library.so"));

/// Its hash: 16 hexadecimal digits.
pub const HASH: &str = env!("POGSON_WIRE_LIBRARY_HASH");

/// C library that it was built for, and that programs must have to load it: `gnu` or `musl`.
pub const C_LIBRARY: &str = if cfg!(target_env = "musl") { "musl" } else { "gnu" };
