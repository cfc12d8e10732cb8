//! The fit of a pixel against every compatible pair of a library.
