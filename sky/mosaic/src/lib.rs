//! Mosaics: reprojection, background matching, co-addition.

pub mod compare;
pub mod exact;
pub mod simulate;
