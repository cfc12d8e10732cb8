//! Montage (IPAC) tables: fixed columns under a header of `|` lines.
//!
//! [`IpacTable`] is the general table; [`ImageEntry`], [`OverlapEntry`], [`FitEntry`] and [`CorrectionEntry`] are
//! the rows of the four tables that Montage's programs hand to each other (`images.tbl`, `diffs.tbl`, `fits.tbl`,
//! `corrections.tbl`).
//!
//! ```
//! use pogson_image::table::{CorrectionEntry, IpacTable};
//! let table = IpacTable::parse("| id | a   | b   | c   |\n  4    0.1   0.2   5.5\n")?;
//! let corrections = CorrectionEntry::read_all(&table)?;
//! assert_eq!((corrections[0].id, corrections[0].c), (4, 5.5));
//! # Ok::<(), pogson_image::table::TableError>(())
//! ```

mod column;
mod corrections;
mod fits;
mod images;
mod ipac;
mod overlaps;
mod parse;
mod save;
mod write;

pub use column::{Column, ColumnType};
pub use corrections::CorrectionEntry;
pub use fits::FitEntry;
pub use images::ImageEntry;
pub use ipac::{IpacTable, TableError};
pub use overlaps::OverlapEntry;
pub(crate) use save::save_text;

#[cfg(test)]
mod tests;
