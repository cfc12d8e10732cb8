//! Tile-compressed images (FITS standard 4.0, section 10): the codecs and the images that they hold.
//!
//! The codecs work on slices and know nothing of FITS: [`rice`], [`gzip`], [`plio`], [`hcompress`]. Floating-point
//! images pass through [`quantize`] first.

mod bits;
mod cache;
mod codec;
mod columns;
pub mod dither;
mod encode_tile;
mod error;
mod grid;
pub mod gzip;
pub mod hcompress;
mod image;
mod image_header;
mod layout;
pub mod noise;
mod options;
mod pixels;
pub mod plio;
pub mod quantize;
pub mod rice;
mod tile;
mod write;

pub use codec::Codec;
pub use error::TiledError;
pub use grid::{TileBox, TileGrid};
pub use image::TiledImage;
pub(crate) use image::image_of_table;
pub use options::TiledOptions;
pub use pixels::Pixels;
pub use write::{add_tiled, write_tiled};

#[cfg(test)]
mod codec_tests;
#[cfg(test)]
mod image_tests;
#[cfg(test)]
mod quantize_tests;
#[cfg(test)]
mod vectors;
