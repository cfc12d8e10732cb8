//! Survey tiles with known truth: stars of known flux, a background plane per tile, noise.

pub mod random;
pub mod star;
