//! Reading and writing FITS (FITS Standard 4.0, 2018): headers, images, tables, check sums.

pub mod card;
mod decode;
pub mod error;
pub mod file;
mod gzip;
pub mod header;
pub mod image;
pub mod pixel;
pub mod tiled;
pub mod value;

pub use card::Card;
pub use error::FitsError;
pub use file::{FitsFile, Hdu, HduKind};
pub use header::{Header, HeaderError};
pub use image::{Image, Rect};
pub use pixel::{Bitpix, Scaling};
pub use value::Value;

#[cfg(test)]
mod read_tests;
