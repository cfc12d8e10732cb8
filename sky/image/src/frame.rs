//! Optimal output frame for a set of images.
