//! World coordinates: pixels to the sky and back.

pub mod distortion;
