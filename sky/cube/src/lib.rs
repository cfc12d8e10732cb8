//! A galaxy in many bands: one grid, one resolution, one unit; its fits, maps and archive file.

pub mod correlation;
pub mod cube;
pub mod error;

pub use cube::Cube;
pub use error::CubeError;
pub mod result;
