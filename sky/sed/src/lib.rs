//! What a pixel is made of: spectra, filters, model libraries, and the fit of a pixel against all of a library's pairs.
//!
//! Pure numbers: no FITS, no C, no threads, so that a fit runs anywhere and gives the same bytes everywhere.

pub mod fit;
pub mod library;
pub mod magphys;
pub mod observation;
pub mod parameter;
pub mod posterior;
pub mod ssp;
