//! The sphere: unit vectors, longitudes and latitudes, rotations, celestial frames.
//!
//! Degrees at the borders, unit vectors inside. Many points travel as [`Vectors`], a structure of arrays, through
//! kernels that give the same bytes at every vector width.
//!
//! ```
//! use pogson_image::sphere::{Frame, SkyCoord};
//! let m17 = SkyCoord { lon_deg: 275.196, lat_deg: -16.172 };
//! let galactic = Frame::Icrs.convert_one(&Frame::Galactic, m17);
//! assert!((galactic.lon_deg - 15.0950).abs() < 0.001);
//! ```

mod fk4;
mod frame;
mod position;
mod precession;
mod rotation;
#[cfg(test)]
mod tests;
pub mod trig;
mod vectors;

pub use frame::{Conversion, Frame};
pub use position::Position;
pub use rotation::Rotation;
pub use vectors::{SkyCoord, Vectors};
