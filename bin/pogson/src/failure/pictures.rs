//! Classes of the failures of pictures, previews, catalogues, regions and shrunk images.

use pogson_image::region::RegionError;
use pogson_view::PreviewError;
use pogson_view::overlay::CatalogueError;
use pogson_view::png::PngError;
use pogson_view::shrink::ShrinkError;

use super::{Class, Failure, class_of};

impl From<PngError> for Failure {
    fn from(error: PngError) -> Failure {
        let class = match &error {
            PngError::Write { source, .. } => class_of(source.kind()),
            PngError::Encode { .. } => Class::Failed,
            PngError::Decode { .. } => Class::BadInput,
        };
        Failure::new(class, error.to_string())
    }
}

impl From<PreviewError> for Failure {
    fn from(error: PreviewError) -> Failure {
        match error {
            PreviewError::Fits(error) => error.into(),
            PreviewError::Png(error) => error.into(),
        }
    }
}

impl From<ShrinkError> for Failure {
    fn from(error: ShrinkError) -> Failure {
        match error {
            ShrinkError::Fits(error) => error.into(),
            ShrinkError::Factor { .. } => Failure::usage(error.to_string()),
            ShrinkError::LookupTable { .. } => Failure::bad_input(error.to_string()),
        }
    }
}

impl From<CatalogueError> for Failure {
    fn from(error: CatalogueError) -> Failure {
        match error {
            CatalogueError::Table(error) => error.into(),
            CatalogueError::Io { ref source, .. } => Failure::new(class_of(source.kind()), error.to_string()),
            CatalogueError::NoColumn { .. } => Failure::usage(error.to_string()),
            CatalogueError::NoCoordinates { .. } => Failure::bad_input(error.to_string()),
        }
    }
}

impl From<RegionError> for Failure {
    fn from(error: RegionError) -> Failure {
        match error {
            RegionError::Io { ref source, .. } => Failure::new(class_of(source.kind()), error.to_string()),
            _ => Failure::bad_input(error.to_string()),
        }
    }
}
