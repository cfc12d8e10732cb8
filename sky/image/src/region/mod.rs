//! DS9 regions: read, drawn, and turned into pixel masks.
//!
//! ```
//! use pogson_image::region::{RegionFile, Shape};
//! let file = RegionFile::parse("fk5\ncircle(18:20:47,-16:10:18,30\") # color=red text={M 17}\n-box(275.2,-16.1,1',2',45)\n")?;
//! assert!(matches!(file.regions[0].shape, Shape::Circle { .. }));
//! assert_eq!((file.regions[0].text.as_deref(), file.regions[1].include), (Some("M 17"), false));
//! # Ok::<(), pogson_image::region::RegionError>(())
//! ```

mod coordinate;
mod geometry;
mod lexer;
mod mask;
mod outline;
mod parse;
mod shape;

pub use geometry::{Canvas, Physical, PlaceError};
pub use mask::Mask;
pub use parse::{RegionError, RegionFile};
pub use shape::{Length, Region, Shape, System};

#[cfg(test)]
mod mask_tests;
#[cfg(test)]
mod tests;
