//! Reading and writing FITS (FITS Standard 4.0, 2018): headers, images, tables, check sums.

mod behind;
pub mod bintable;
pub mod bintable_write;
mod bytes;
pub mod card;
pub mod checksum;
pub mod column;
mod coverage;
pub mod date;
mod decode;
mod encode;
pub mod error;
pub mod file;
mod gzip;
pub mod header;
pub mod image;
pub mod image_writer;
pub mod output;
pub mod pixel;
pub mod tiled;
pub mod value;
pub mod write;

pub use bintable::BinTable;
pub use bintable_write::{Cells, NewColumn, Values, write_table};
pub use bytes::MappedFile;
pub use card::Card;
pub use column::{Column, ElementType, Format};
pub use error::FitsError;
pub use file::{FitsFile, Hdu, HduKind};
pub use header::{Header, HeaderError};
pub use image::{Image, Rect};
pub use image_writer::{ImageWriter, write_image_f32, write_image_f64};
pub use pixel::{Bitpix, Scaling};
pub use value::Value;
pub use write::{FitsWriter, Options};

#[cfg(test)]
mod read_tests;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod write_tests;
