//! How far galaxies are, for commands and pages.

use std::path::PathBuf;

use pogson_sed::parameter::Parameter;
use serde::Serialize;

/// An area that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GivenUp {
    /// Its number.
    pub area: u32,
    /// Its unit.
    pub unit: String,
    /// Fits that will be missing.
    pub places: u32,
    /// Why.
    pub trouble: String,
}

/// How far a galaxy is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GalaxyState {
    /// Its name.
    pub name: String,
    /// What its result calls it.
    pub object: String,
    /// Redshift.
    pub redshift: f64,
    /// Columns and rows.
    pub size: (u32, u32),
    /// Pixels that are fitted, or bins.
    pub fits: u32,
    /// Areas: of pixels and of sums over them.
    pub areas: u32,
    /// Areas not handed out yet.
    pub waiting: u32,
    /// Areas that hosts have.
    pub out: u32,
    /// Areas that are agreed on.
    pub done: u32,
    /// Pixels and bins in these.
    pub fits_done: u32,
    /// Areas that were given up.
    pub given_up: Vec<GivenUp>,
    /// People who fitted some of it.
    pub users: u32,
    /// Name of the model library.
    pub library: String,
    /// Its file, as hosts know it.
    pub library_file: String,
    /// CPU seconds that all its areas are expected to take once, on one core.
    pub cpu_seconds: f64,
    /// Pictures of its maps, by parameter; drawn when the first area has come in.
    #[serde(serialize_with = "by_name")]
    pub maps: Vec<(Parameter, PathBuf)>,
    /// Its result, once all areas are in.
    pub hdf5: Option<PathBuf>,
    /// SHA-256 of the result.
    pub sha256: Option<String>,
}

fn by_name<S: serde::Serializer>(maps: &[(Parameter, PathBuf)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(maps.iter().map(|(parameter, path)| (parameter.name(), path)))
}

/// Something that does not go together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The galaxy; empty for what belongs to none.
    pub galaxy: String,
    /// What is wrong, in a sentence.
    pub sentence: String,
}
