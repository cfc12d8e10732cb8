//! What was not fitted, and why.

use std::collections::BTreeMap;

use pogson_sed::fit::FitError;

/// A pixel or an object that was not fitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Place of the pixel in the cube, or of the object in its list, from 0.
    pub place: usize,
    /// Why, in a few words: the same words for the same cause.
    pub reason: &'static str,
    /// Why, in a sentence that names it.
    pub sentence: String,
}

impl Skipped {
    /// Of a fault that is one pixel's own; the fault itself where all pixels share it.
    ///
    /// # Errors
    /// Bands or redshifts that are not the library's.
    pub(super) fn new(place: usize, fault: FitError) -> Result<Skipped, FitError> {
        let reason = match &fault {
            FitError::Bands { .. } | FitError::Redshift { .. } => return Err(fault),
            FitError::TooFew { .. } => "too few bands",
            FitError::NoSignal { .. } => "no signal",
            FitError::Measurement { .. } => "a number that cannot be",
            FitError::OutsidePriors { .. } => "outside the priors",
            FitError::TooManyMixed { .. } => "too many bands between 2.5 and 10 um",
        };
        Ok(Skipped { place, reason, sentence: fault.to_string() })
    }
}

/// How many were skipped for each reason.
pub fn by_reason(skipped: &[Skipped]) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    skipped.iter().for_each(|one| *counts.entry(one.reason).or_insert(0) += 1);
    counts
}
