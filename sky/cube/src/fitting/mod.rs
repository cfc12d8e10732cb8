//! Fits of a cube's pixels, of their sums, and of lists of objects: who is fitted with what, in which order, and what becomes
//! of those that cannot be.

mod bands;
mod elsewhere;
mod facts;
mod how;
mod list;
mod name;
mod ordered;
mod pixels;
mod redshift_text;
mod skipped;
mod sums;
mod table;

pub use bands::{BandsError, arrange, filters_of};
pub use elsewhere::Elsewhere;
pub use facts::{MODEL_FLOOR, facts_of_list, options_in_words, parameters_of, ring_width, run_in_words};
pub use how::How;
pub use list::{ListRun, fit_list};
pub use name::{name_of_bytes, name_of_library};
pub use pixels::{CubeRun, SEED, fit_bins, fit_integrated, fit_pixels, fit_rings, zero_sigma};
pub use redshift_text::{RedshiftTextError, read_redshift};
pub use skipped::{Skipped, by_reason};
pub use sums::CubeBins;
pub use table::{TableRow, table};

use pogson_image::fits::FitsError;
use pogson_sed::fit::{Effort, FitError};

use crate::result::ResultError;

/// Why a run of fits ended before its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FittingError {
    /// A fault that all pixels share, such as a redshift that is not the library's.
    #[error(transparent)]
    Fit(#[from] FitError),
    /// The journal cannot be written.
    #[error(transparent)]
    Result(#[from] ResultError),
    /// A file of one object's result cannot be written.
    #[error(transparent)]
    Output(#[from] FitsError),
    /// The work was stopped from outside.
    #[error("interrupted")]
    Interrupted,
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Done {
    /// Fits that were made now.
    pub fitted: usize,
    /// Fits that an earlier run had made.
    pub kept: usize,
    /// What could not be fitted, in order.
    pub skipped: Vec<Skipped>,
    /// Pairs that were looked at.
    pub effort: Effort,
}

impl Done {
    /// Adds what another run did.
    pub fn add(&mut self, other: Done) {
        self.fitted += other.fitted;
        self.kept += other.kept;
        self.skipped.extend(other.skipped);
        self.effort.worked += other.effort.worked;
        self.effort.tested += other.effort.tested;
    }
}
