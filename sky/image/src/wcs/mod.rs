//! World coordinates: pixels to the sky and back.
