//! Classes of the failures of cubes.

use pogson_cube::CubeError;

use super::Failure;

impl From<CubeError> for Failure {
    fn from(error: CubeError) -> Failure {
        match error {
            CubeError::Fits(error) => error.into(),
            CubeError::Interrupted => Failure::interrupted(),
            _ => Failure::bad_input(error.to_string()),
        }
    }
}
