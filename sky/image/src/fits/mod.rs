//! Reading and writing FITS (FITS Standard 4.0, 2018): headers, images, tables, check sums.

pub mod card;
pub mod header;
pub mod tiled;
pub mod value;

pub use card::Card;
pub use header::{Header, HeaderError};
pub use value::Value;
