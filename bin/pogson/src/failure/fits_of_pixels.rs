//! Classes of the failures of fits, result files, journals and maps.

use pogson_cube::fitting::{BandsError, FittingError};
use pogson_cube::maps::MapsError;
use pogson_cube::result::ResultError;
use pogson_sed::fit::{FitError, ModelsError};

use super::{Failure, class_of};

impl From<ResultError> for Failure {
    fn from(error: ResultError) -> Failure {
        match error {
            ResultError::Output(error) => error.into(),
            ResultError::Io { ref source, .. } => Failure::new(class_of(source.kind()), error.to_string()),
            ResultError::Assemble { .. } | ResultError::Busy { .. } => Failure::failed(error.to_string()),
            _ => Failure::bad_input(error.to_string()),
        }
    }
}

impl From<MapsError> for Failure {
    fn from(error: MapsError) -> Failure {
        match error {
            MapsError::Result(error) => error.into(),
            MapsError::Fits(error) => error.into(),
            MapsError::Png(error) => error.into(),
            MapsError::Io { ref source, .. } => Failure::new(class_of(source.kind()), error.to_string()),
            MapsError::Exists { .. } => Failure::failed(error.to_string()),
            _ => Failure::bad_input(error.to_string()),
        }
    }
}

impl From<FittingError> for Failure {
    fn from(error: FittingError) -> Failure {
        match error {
            FittingError::Fit(error) => error.into(),
            FittingError::Result(error) => error.into(),
            FittingError::Output(error) => error.into(),
            FittingError::Interrupted => Failure::interrupted(),
            _ => Failure::failed(error.to_string()),
        }
    }
}

impl From<FitError> for Failure {
    fn from(error: FitError) -> Failure {
        Failure::bad_input(error.to_string())
    }
}

impl From<ModelsError> for Failure {
    fn from(error: ModelsError) -> Failure {
        Failure::bad_input(error.to_string())
    }
}

impl From<BandsError> for Failure {
    fn from(error: BandsError) -> Failure {
        Failure::bad_input(error.to_string())
    }
}
