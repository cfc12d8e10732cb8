//! The fit of a place.

use super::{Place, Work, WorkError};
use crate::fit::{Effort, FitError, Fitter};
use crate::library::Library;
use crate::posterior::{Draws, PixelFit};

/// A library made ready for a piece of work.
pub struct Bench<'a> {
    work: &'a Work,
    fitter: Fitter,
}

/// What a fit at a place gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The fit; histograms without bins of little probability.
    pub fit: PixelFit,
    /// Draws, where they were asked for.
    pub draws: Option<Draws>,
}

impl<'a> Bench<'a> {
    /// Makes a library ready.
    ///
    /// - `name`: of its file.
    ///
    /// # Errors
    /// [`WorkError::Library`], [`WorkError::Bands`]: another library than the work asks for; [`WorkError::Models`].
    pub fn new(work: &'a Work, library: &Library, name: &str) -> Result<Bench<'a>, WorkError> {
        if name != work.library {
            return Err(WorkError::Library { found: name.to_owned(), wanted: work.library.clone() });
        }
        let most = library.bands.len().max(work.bands.len());
        for k in 0..most {
            let of = |bands: &[crate::library::Band]| bands.get(k).map_or("none".to_owned(), |band| band.name.clone());
            let (found, wanted) = (of(&library.bands), of(&work.bands));
            if found != wanted {
                return Err(WorkError::Bands { place: k + 1, found, wanted });
            }
        }
        Ok(Bench { work, fitter: Fitter::new(library, work.options.clone())? })
    }

    /// Fits a place, or says in a sentence why it cannot be.
    ///
    /// # Errors
    /// [`WorkError::Fit`] for a fault that all places share.
    pub fn fit(&self, place: &Place) -> Result<Result<Found, String>, WorkError> {
        Ok(self.fit_with_effort(place)?.map(|(found, _)| found))
    }

    /// Fits a place, and says how many pairs it took.
    ///
    /// # Errors
    /// As [`Bench::fit`].
    pub fn fit_with_effort(&self, place: &Place) -> Result<Result<(Found, Effort), String>, WorkError> {
        let observation = place.observation(self.work.redshift).floored(&self.work.floors);
        let outcome = if self.work.draws == 0 {
            self.fitter.fit_with_effort(&observation).map(|(fit, effort)| (fit, effort, None))
        } else {
            let stream = (self.work.seed, place.kind.stream(place.x, place.y));
            let drawn = self.fitter.fit_and_draw(&observation, self.work.draws, stream);
            drawn.map(|(fit, effort, draws)| (fit, effort, Some(Draws::of(&draws))))
        };
        match outcome {
            Ok((mut fit, effort, draws)) => {
                fit.marginals.iter_mut().for_each(|marginal| *marginal = marginal.trimmed());
                Ok(Ok((Found { fit, draws }, effort)))
            }
            Err(fault @ (FitError::Bands { .. } | FitError::Redshift { .. })) => Err(fault.into()),
            Err(fault) => Ok(Err(fault.to_string())),
        }
    }
}
