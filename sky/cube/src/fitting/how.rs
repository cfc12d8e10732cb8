//! Fits at a known redshift, or at all of a grid.

use pogson_sed::fit::{Effort, FitError, Fitter, PosteriorDraws, RedshiftFitter, RedshiftPosterior};
use pogson_sed::library::Band;
use pogson_sed::observation::Observation;
use pogson_sed::posterior::PixelFit;

/// What pixels and objects are fitted with.
#[derive(Clone, Copy)]
pub enum How<'a> {
    /// One library, for objects at its redshift.
    Known(&'a Fitter),
    /// A library at each redshift of a grid, over which the object's is found.
    Grid(&'a RedshiftFitter),
}

/// What a fit gives.
pub(super) struct Fitted {
    pub fit: PixelFit,
    pub effort: Effort,
    pub draws: Option<PosteriorDraws>,
    pub redshift: Option<RedshiftPosterior>,
}

impl How<'_> {
    /// Bands of the library.
    pub fn bands(&self) -> &[Band] {
        match self {
            How::Known(fitter) => &fitter.models().bands,
            How::Grid(grid) => grid.fitters().first().map_or(&[], |fitter| &fitter.models().bands),
        }
    }

    /// Compatible pairs of a library; the most of any.
    pub fn pairs(&self) -> u64 {
        match self {
            How::Known(fitter) => fitter.models().pairs,
            How::Grid(grid) => grid.fitters().iter().map(|fitter| fitter.models().pairs).max().unwrap_or(0),
        }
    }

    /// Fits one pixel; `draws` says how many draws, with seed and number of their random numbers.
    pub(super) fn fit(&self, observation: &Observation, draws: Option<(u32, (u64, u64))>) -> Result<Fitted, FitError> {
        match (self, draws) {
            (How::Grid(grid), _) => {
                let found = grid.fit(observation, draws)?;
                let redshift = Some(found.redshift);
                Ok(Fitted { fit: found.fit, effort: found.effort, draws: found.draws, redshift })
            }
            (How::Known(fitter), None) => {
                let (fit, effort) = fitter.fit_with_effort(observation)?;
                Ok(Fitted { fit, effort, draws: None, redshift: None })
            }
            (How::Known(fitter), Some((count, stream))) => {
                let (fit, effort, draws) = fitter.fit_and_draw(observation, count, stream)?;
                Ok(Fitted { fit, effort, draws: Some(draws), redshift: None })
            }
        }
    }
}
