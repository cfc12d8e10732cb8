//! What a pixel is made of: spectra, filters, model libraries, and the fit of a pixel against all of a library's pairs.
//!
//! Pure numbers: no FITS, no C, no threads, so that a fit runs anywhere and gives the same bytes everywhere.

pub mod build;
pub mod cosmology;
pub mod dust;
pub mod filter;
pub mod fit;
pub mod history;
pub mod library;
pub mod library_file;
pub mod magphys;
pub mod mock;
pub mod observation;
pub mod parameter;
pub mod posterior;
mod random;
pub mod ssp;
pub mod work;
