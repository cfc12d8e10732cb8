//! Values on the command line: how they are written, apart from what is done with them.

pub mod angle;
pub mod bytes;
pub mod cut;
pub mod filters;
pub mod frame;
pub mod hdu;
pub mod models;
pub mod only;
pub mod optimal;
pub mod output_frame;
pub mod places;
pub mod position;
pub mod redshifts;
pub mod section;
pub mod tiles;
