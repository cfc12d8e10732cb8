//! What can be wrong with a unit or a photometric calibration.

/// Errors of units and zero points.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum UnitError {
    /// A word that names no unit.
    #[error("unit '{text}': '{word}' names no known unit")]
    UnknownWord {
        /// The whole unit text.
        text: String,
        /// The word.
        word: String,
    },
    /// The text breaks the grammar of units.
    #[error("unit '{text}': {what} at character {at}")]
    Syntax {
        /// The whole unit text.
        text: String,
        /// What is wrong.
        what: &'static str,
        /// 1-based character.
        at: usize,
    },
    /// The unit is one, but not of brightness.
    #[error("unit '{text}' is no flux density or surface brightness; set BUNIT to what the pixels hold")]
    NotBrightness {
        /// The unit.
        text: String,
    },
    /// Jy/beam without a beam.
    #[error("unit '{text}' needs the beam's area; give BMAJ and BMIN (degrees) in the header")]
    NoBeam {
        /// The unit.
        text: String,
    },
    /// Flux per wavelength without a wavelength.
    #[error("unit '{text}' needs a wavelength; give PHOTPLAM (angstrom) in the header")]
    NoWavelength {
        /// The unit.
        text: String,
    },
    /// Counts without a zero point, or no unit at all.
    #[error(
        "pixel values in '{text}' have no zero point in the header (MAGZP, MAGZERO, PHOTZP, FLUXMAG0 ...); give one"
    )]
    NoZeroPoint {
        /// The unit, empty when BUNIT is absent.
        text: String,
    },
    /// A keyword that the survey's calibration needs is absent or senseless.
    #[error("{survey} image: {key} is {found}; {need}")]
    BadKeyword {
        /// The survey.
        survey: &'static str,
        /// The keyword.
        key: &'static str,
        /// Its value, or "absent".
        found: String,
        /// What is needed.
        need: &'static str,
    },
}
