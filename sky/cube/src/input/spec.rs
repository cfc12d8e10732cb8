//! What the user says of an image.

use std::path::{Path, PathBuf};
use std::str::FromStr;

/// One image and what is said of it beside its header; what is None follows from the header and the band.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImageSpec {
    /// The file.
    pub path: PathBuf,
    /// HDU of the image, 0 for the primary; without it the first image with celestial coordinates.
    pub hdu: Option<usize>,
    /// Name of the band.
    pub band: Option<String>,
    /// Effective wavelength, micrometres: makes a band of its own of an unknown name, and goes before the table's for a known.
    pub wavelength_um: Option<f64>,
    /// Unit of the pixels, as BUNIT would have it.
    pub unit: Option<String>,
    /// AB magnitude of a pixel value of 1.
    pub zero_point: Option<f64>,
    /// Point spread function.
    pub psf: Option<PsfChoice>,
    /// Map of uncertainties.
    pub uncertainty: Option<Uncertainty>,
    /// Image that is 0 where pixels are good.
    pub mask: Option<PathBuf>,
    /// Electrons (or photons) of a pixel value of 1, for the noise of the light itself.
    pub gain: Option<f64>,
    /// Share of the flux by which the calibration is uncertain.
    pub floor: Option<f64>,
    /// How the sky is subtracted.
    pub sky: Option<SkyModel>,
    /// Galactic extinction in this band, magnitudes.
    pub extinction_mag: Option<f64>,
}

impl ImageSpec {
    /// A file of which nothing is said.
    pub fn new(path: impl Into<PathBuf>) -> ImageSpec {
        ImageSpec { path: path.into(), ..ImageSpec::default() }
    }

    /// The file's name without its folder.
    pub fn file_name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Whether a word on the command line means this file: its path, its name, or its name without ending.
    pub fn is_called(&self, word: &str) -> bool {
        let name = self.file_name();
        let stem = name.trim_end_matches(".gz").trim_end_matches(".fz");
        let bare = stem.rsplit_once('.').map_or(stem, |(bare, _)| bare);
        Path::new(word) == self.path || word == name || word == stem || word == bare
    }
}

/// A point spread function as it is written on the command line.
#[derive(Debug, Clone, PartialEq)]
pub enum PsfChoice {
    /// A Gaussian of this full width at half maximum, arcseconds.
    Gaussian(f64),
    /// Moffat's profile: full width at half maximum, arcseconds, and exponent.
    Moffat(f64, f64),
    /// A FITS image.
    Image(PathBuf),
}

impl FromStr for PsfChoice {
    type Err = String;

    /// `1.3`, `gaussian:1.3`, `moffat:1.3,3.5`, or a FITS file.
    fn from_str(text: &str) -> Result<PsfChoice, String> {
        let number = |word: &str, above: f64| {
            let value = word.trim().trim_end_matches('"').parse::<f64>().ok().filter(|v| v.is_finite() && *v > above);
            value.ok_or_else(|| {
                format!("'{text}' is no point spread function; write 1.3, gaussian:1.3, moffat:1.3,3.5 or a FITS file")
            })
        };
        if let Some(width) = text.strip_prefix("gaussian:") {
            return Ok(PsfChoice::Gaussian(number(width, 0.0)?));
        }
        if let Some(rest) = text.strip_prefix("moffat:") {
            let (width, beta) = rest.split_once(',').unwrap_or((rest, "2.5"));
            return Ok(PsfChoice::Moffat(number(width, 0.0)?, number(beta, 1.05)?));
        }
        if text.contains(".fit") {
            return Ok(PsfChoice::Image(text.into()));
        }
        Ok(PsfChoice::Gaussian(number(text, 0.0)?))
    }
}

/// How the sky is subtracted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SkyModel {
    /// Not at all.
    None,
    /// A constant.
    #[default]
    Constant,
    /// A plane.
    Plane,
}

impl FromStr for SkyModel {
    type Err = String;

    fn from_str(text: &str) -> Result<SkyModel, String> {
        match text {
            "none" => Ok(SkyModel::None),
            "constant" => Ok(SkyModel::Constant),
            "plane" => Ok(SkyModel::Plane),
            _ => Err(format!("'{text}' is no way of subtracting the sky; choose constant, plane or none")),
        }
    }
}

/// A map of uncertainties: in a file, or in an extension of the image's own (`[NAME]` or `[NUMBER]`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uncertainty {
    /// Standard deviations, in the image's unit.
    Sigma(PathBuf),
    /// Variances, in the image's unit squared.
    Variance(PathBuf),
    /// Inverse variances in the image's unit; 0 marks pixels without data.
    Weight(PathBuf),
}

impl Uncertainty {
    /// Where it is.
    pub fn place(&self) -> &Path {
        match self {
            Uncertainty::Sigma(path) | Uncertainty::Variance(path) | Uncertainty::Weight(path) => path,
        }
    }
}
