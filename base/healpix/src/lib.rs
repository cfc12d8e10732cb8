//! Cells of HEALPix in the NESTED order: which cell a place or most of an image lies in, and where a cell lies.
//!
//! ```
//! use pogson_healpix::Cell;
//! let m17 = Cell::containing(9, 275.2, -16.17);
//! assert_eq!(m17.parent(3).order(), 3);
//! assert!(m17.parent(3).contains(m17));
//! ```
//!
//! Source: Górski et al. 2005, ApJ 622, 759, section 5 and its equations 2 to 9.

mod bits;
mod cell;
mod near;
mod patch;
mod place;

pub use bits::{interleave, separate};
pub use cell::{Cell, MAX_ORDER, cell_count};
pub use patch::Patch;
