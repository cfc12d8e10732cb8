//! Tile-compressed images (FITS standard 4.0, section 10): the codecs and the images that they hold.
//!
//! The codecs work on slices and know nothing of FITS: [`rice`], [`gzip`], [`plio`], [`hcompress`]. Floating-point
//! images pass through [`quantize`] first.

mod bits;
pub mod dither;
mod error;
pub mod gzip;
pub mod hcompress;
pub mod noise;
pub mod plio;
pub mod quantize;
pub mod rice;

pub use error::TiledError;

#[cfg(test)]
mod codec_tests;
#[cfg(test)]
mod quantize_tests;
#[cfg(test)]
mod vectors;
