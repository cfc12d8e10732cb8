//! Units and photometric zero points of the surveys: from pixel values to janskys.
//!
//! [`Unit`] parses what BUNIT says; [`PhotometricScale`] finds out from a header how its pixel values relate to flux
//! density, says which survey it took it for and why, and converts.
//!
//! ```
//! use pogson_image::fits::Header;
//! use pogson_image::unit::PhotometricScale;
//! let header = Header::from_text("ORIGIN  = '2MASS'\nFILTER  = 'k'\nMAGZP   = 19.9023\n")?;
//! let scale = PhotometricScale::from_header(&header)?;
//! let pixel_area_sr = (1.0_f64 / 206_264.806).powi(2);
//! assert!((scale.jy_per_pixel(1.0, pixel_area_sr) - 7.295e-6).abs() < 1e-8);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod parse;
mod scale;
mod survey;
mod symbol;

pub use error::UnitError;
pub use parse::{Dimension, Unit};
pub use scale::{AB_ZERO_JY, ARCSEC2_SR, Calibration, MagnitudeSystem, PhotometricScale, Quantity, gaussian_beam_sr};
pub use survey::Survey;

#[cfg(test)]
mod tests;
