//! Classes of the portal's failures.

use pogson_portal::error::PortalError;

use super::{Failure, class_of};

impl From<PortalError> for Failure {
    fn from(error: PortalError) -> Failure {
        match error {
            PortalError::Fits(error) => error.into(),
            PortalError::Shrink(error) => error.into(),
            PortalError::Mosaic(error) => error.into(),
            PortalError::Png(error) => error.into(),
            PortalError::Io { ref source, .. } => Failure::new(class_of(source.kind()), error.to_string()),
            PortalError::Wcs { .. } | PortalError::Unfit { .. } | PortalError::Empty { .. } => {
                Failure::bad_input(error.to_string())
            }
            PortalError::Listen { .. } | PortalError::Local { .. } | PortalError::Ended(_) => {
                Failure::failed(error.to_string())
            }
        }
    }
}
