//! Classes of the failures of result files, journals and maps.

use pogson_cube::maps::MapsError;
use pogson_cube::result::ResultError;

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
