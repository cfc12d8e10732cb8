//! Mosaics: reprojection, background matching, co-addition.

pub mod compare;
pub mod simulate;
pub mod exact;
