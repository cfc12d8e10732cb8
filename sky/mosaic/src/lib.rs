//! Mosaics: reprojection, background matching, co-addition.

pub mod simulate;
