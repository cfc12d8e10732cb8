//! What can be wrong with world coordinates.

/// Why a header has no usable celestial coordinates.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WcsError {
    /// No pair of celestial axes.
    #[error("no celestial axes: CTYPE1 = {found}; add a WCS (CTYPE, CRPIX, CRVAL, CDELT or CD) to the header")]
    Missing {
        /// What CTYPE1 says, or that it is absent.
        found: String,
    },
    /// One axis of a pair only, or two that do not belong together.
    #[error("{keyword} = '{found}' has no partner of the same kind and projection; correct the CTYPE keywords")]
    Unpaired {
        /// The keyword.
        keyword: String,
        /// Its value.
        found: String,
    },
    /// A projection that FITS does not define.
    #[error("{keyword} = '{found}' names no projection that FITS defines; correct it, as to 'RA---TAN'")]
    UnknownProjection {
        /// The keyword.
        keyword: String,
        /// Its value.
        found: String,
    },
    /// Parameters for which the projection has no meaning.
    #[error("the projection {code} is not defined for its parameters {values}; correct the PV keywords")]
    BadParameters {
        /// Its code.
        code: String,
        /// The PV values.
        values: String,
    },
    /// The linear part cannot be inverted.
    #[error(
        "the matrix of CD or PC and CDELT, [[{}, {}], [{}, {}]] degrees, is singular; correct these keywords",
        matrix[0][0], matrix[0][1], matrix[1][0], matrix[1][1]
    )]
    Singular {
        /// The matrix, degrees per pixel.
        matrix: [[f64; 2]; 2],
    },
    /// A value outside its range.
    #[error("{keyword} = {value} is not {wanted}; correct the header")]
    OutOfRange {
        /// The keyword.
        keyword: String,
        /// Its value.
        value: f64,
        /// What it should be.
        wanted: &'static str,
    },
    /// No place of the native pole fits CRVAL, LONPOLE and LATPOLE.
    #[error("CRVAL latitude {latitude}, LONPOLE {lonpole} and LATPOLE {latpole} fit no native pole; correct LONPOLE")]
    NoPole {
        /// Latitude of the fiducial point, degrees.
        latitude: f64,
        /// LONPOLE, degrees.
        lonpole: f64,
        /// LATPOLE, degrees.
        latpole: f64,
    },
    /// The distortion keywords make no sense.
    #[error("{0}")]
    Distortion(String),
    /// The file could not be read.
    #[error("{0}")]
    File(String),
}
