//! DS9 regions.
