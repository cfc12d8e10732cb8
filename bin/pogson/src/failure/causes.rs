//! Which class of failure each of the libraries' errors belongs to. The sentence is the library's own.

use std::path::Path;

use pogson_image::fits::FitsError;
use pogson_image::table::TableError;
use pogson_image::template::TemplateError;
use pogson_image::unit::UnitError;
use pogson_mosaic::error::MosaicError;

use super::{Class, Failure, class_of};

impl Failure {
    /// A fault of the contents of a file, where the library's sentence does not name the file (exit 3).
    pub fn in_file(path: &Path, fault: impl std::fmt::Display) -> Failure {
        Failure::bad_input(format!("{}: {fault}", path.display()))
    }
}

impl From<FitsError> for Failure {
    fn from(error: FitsError) -> Failure {
        let class = match &error {
            FitsError::Io { source, .. } => class_of(source.kind()),
            FitsError::NoRoom { .. } | FitsError::Inflated { .. } => Class::NoRoom,
            FitsError::Exists { .. } | FitsError::NotReplaceable { .. } => Class::Failed,
            FitsError::Unfit { .. } | FitsError::WrongLength { .. } | FitsError::OutOfBounds { .. } => Class::Failed,
            _ => Class::BadInput,
        };
        Failure::new(class, error.to_string())
    }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Failure {
        let class = match &error {
            TableError::Io { source, .. } => class_of(source.kind()),
            TableError::Exists { .. } => Class::Failed,
            _ => Class::BadInput,
        };
        Failure::new(class, error.to_string())
    }
}

impl From<TemplateError> for Failure {
    fn from(error: TemplateError) -> Failure {
        match error {
            TemplateError::Save(error) => Failure::from(error),
            TemplateError::Io { ref source, .. } => Failure::new(class_of(source.kind()), error.to_string()),
            _ => Failure::bad_input(error.to_string()),
        }
    }
}

impl From<UnitError> for Failure {
    fn from(error: UnitError) -> Failure {
        Failure::bad_input(error.to_string())
    }
}

impl From<MosaicError> for Failure {
    fn from(error: MosaicError) -> Failure {
        match error {
            MosaicError::Fits(error) => Failure::from(error),
            MosaicError::Interrupted => Failure::interrupted(),
            MosaicError::NoReference { .. } => Failure::usage(error.to_string()),
            MosaicError::Memory { .. } => Failure::new(Class::NoRoom, error.to_string()),
            _ => Failure::bad_input(error.to_string()),
        }
    }
}
