//! Values on the command line: how they are written, apart from what is done with them.

pub mod angle;
pub mod frame;
pub mod hdu;
pub mod position;
pub mod section;
