//! Images that know their place on the sky: FITS, world coordinates, tables, units.
//!
//! Pixel coordinates are 0-based inside the library (the centre of the first pixel is 0.0) and 1-based in FITS
//! keywords and on the command line.

pub mod catalogue;
pub mod cutout;
pub mod fits;
pub mod footprint;
pub mod frame;
pub mod region;
pub mod sphere;
pub mod table;
pub mod template;
pub mod unit;
pub mod wcs;

pub use pogson_lanes as lanes;
pub use pogson_lanes::lanes;
