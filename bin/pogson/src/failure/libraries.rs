//! Classes of the failures of spectra, filters and model libraries.

use pogson_cube::library::LibraryError;
use pogson_cube::library_store::StoreError;
use pogson_cube::spectra::SpectraError;
use pogson_cube::ssp_fits::SspFitsError;
use pogson_sed::build::BuildError;
use pogson_sed::filter::FilterError;
use pogson_sed::magphys::MagphysError;
use pogson_sed::mock::MockError;

use super::{Class, Failure, class_of};

impl From<FilterError> for Failure {
    fn from(error: FilterError) -> Failure {
        match error {
            FilterError::None => Failure::usage(error.to_string()),
            _ => Failure::bad_input(error.to_string()),
        }
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Failure {
        match error {
            BuildError::TooBlue { .. } => Failure::bad_input(error.to_string()),
            _ => Failure::usage(error.to_string()),
        }
    }
}

impl From<LibraryError> for Failure {
    fn from(error: LibraryError) -> Failure {
        match error {
            LibraryError::Filter(error) => error.into(),
            LibraryError::Build(error) => error.into(),
            LibraryError::Count { .. } => Failure::usage(error.to_string()),
            LibraryError::Interrupted => Failure::interrupted(),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        match error {
            StoreError::File(error) => error.into(),
            StoreError::Content(error) => Failure::bad_input(error.to_string()),
        }
    }
}

impl From<SpectraError> for Failure {
    fn from(error: SpectraError) -> Failure {
        match error {
            SpectraError::Io { ref source, .. } => Failure::new(class_of(source.kind()), error.to_string()),
            SpectraError::Fits(SspFitsError::Fits(error)) => error.into(),
            SpectraError::Metallicity { .. } => Failure::usage(error.to_string()),
            _ => Failure::bad_input(error.to_string()),
        }
    }
}

impl From<MagphysError> for Failure {
    fn from(error: MagphysError) -> Failure {
        match error {
            MagphysError::Io { ref source, .. } => Failure::new(class_of(source.kind()), error.to_string()),
            _ => Failure::bad_input(error.to_string()),
        }
    }
}

impl From<MockError> for Failure {
    fn from(error: MockError) -> Failure {
        let class = if matches!(error, MockError::Range { .. }) { Class::Usage } else { Class::BadInput };
        Failure::new(class, error.to_string())
    }
}
