//! Mosaics: reprojection, background matching, co-addition.

pub mod adaptive;
pub mod compare;
pub mod drizzle;
pub mod exact;
pub mod simulate;
