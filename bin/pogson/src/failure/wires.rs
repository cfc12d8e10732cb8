//! Classes of the failures around shared memory.

use pogson_wire::error::{ReportError, ServeError};
use pogson_wire_bench::error::BenchError;
use pogson_wire_library::UnpackError;

use super::{Failure, class_of};

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Failure {
        match &error {
            ServeError::Taken { .. } | ServeError::NoSocket { .. } => Failure::failed(error.to_string()),
            ServeError::Place { source, .. } | ServeError::System { source, .. } => {
                Failure::new(class_of(source.kind()), error.to_string())
            }
        }
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Failure {
        Failure::failed(error.to_string())
    }
}

impl From<UnpackError> for Failure {
    fn from(error: UnpackError) -> Failure {
        match &error {
            UnpackError::File { source, .. } => Failure::new(class_of(source.kind()), error.to_string()),
            _ => Failure::failed(error.to_string()),
        }
    }
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Failure {
        match error {
            BenchError::Interrupted => Failure::interrupted(),
            BenchError::Report(error) => error.into(),
            other => Failure::failed(other.to_string()),
        }
    }
}
