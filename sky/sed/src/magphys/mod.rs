//! MAGPHYS's text forms: filter tables, redshift lists, observations and model libraries.
//!
//! Read as its Fortran reads them (`fit_sed_skynet.f` of ICRAR/boinc-magphys): fields are separated by blanks or commas,
//! numbers may carry Fortran's `D` exponents, and headers are skipped unread. Unlike Fortran, which takes any fault for the
//! end of the file, a line that does not fit is an error that names it.

mod error;
mod filters;
pub(crate) mod fortran;
mod ir;
mod magnitude;
mod observations;
mod output;
mod rows;
mod sfh;
mod write;

pub use error::MagphysError;
pub use filters::{Filter, read_filters, read_zlibs};
pub use ir::read_ir;
pub use observations::{ZeroSigma, read_observations};
pub use output::fit_text;
pub use sfh::read_sfh;
pub use write::{write_filters, write_ir, write_sfh};
