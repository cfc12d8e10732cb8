//! What is remembered of galaxies in the server's database: texts by key.
//!
//! | key | text |
//! |---|---|
//! | `galaxy/NAME` | a [`Galaxy`] |
//! | `galaxy-area/NAME/N` | an [`AreaFact`] |
//! | `galaxy-supply/NAME` | a [`SupplyFact`]: what to hand out next; absent when all areas are out |
//! | `galaxy-end/NAME` | an [`EndFact`], once the galaxy is put together |
//! | `galaxy-run/NAME` | how many galaxies of the name there have been: units' names are never used again |

use pogson_crowd::role::{Fact, Facts};
use pogson_cube::area::Rectangle;
use pogson_sed::library_file::hex;
use pogson_sed::work::Kind;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::SiteError;
use crate::galaxy::Galaxy;

/// Where an area is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AreaState {
    /// Not handed out yet.
    Waiting,
    /// In a unit.
    Out,
    /// Agreed on, and stored.
    Done,
    /// Its unit was given up.
    GivenUp,
}

impl AreaState {
    /// Whether nothing more will come of it.
    pub fn is_over(self) -> bool {
        matches!(self, AreaState::Done | AreaState::GivenUp)
    }
}

/// An area of a galaxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AreaFact {
    /// First column and row, from 0; of the frame where it holds sums over pixels.
    pub first: (u32, u32),
    /// Last column and row.
    pub last: (u32, u32),
    /// Fits in it.
    pub places: u32,
    /// Which of the galaxy's bins, rings and sums it holds: from, and before which; none where it holds pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sums: Option<(u32, u32)>,
    /// Where it is.
    pub state: AreaState,
    /// Its unit, once it is out.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Name of the object with its unit's result.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub object: String,
    /// Users with valid results, and their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<(i64, String)>,
    /// Why it was given up.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trouble: String,
}

impl AreaFact {
    /// An area that waits.
    pub(crate) fn waiting(area: &Rectangle, sums: Option<(u32, u32)>) -> AreaFact {
        AreaFact {
            first: area.first,
            last: area.last,
            places: area.pixels,
            sums,
            state: AreaState::Waiting,
            unit: String::new(),
            object: String::new(),
            users: Vec::new(),
            trouble: String::new(),
        }
    }
}

/// What of a galaxy is to be handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SupplyFact {
    /// Number of the next area.
    pub(crate) next: u32,
    /// Higher goes first.
    pub(crate) priority: i64,
}

/// How a galaxy ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndFact {
    /// Name of its HDF5 file, in its folder.
    pub(crate) file: String,
    /// SHA-256 of the file.
    pub(crate) sha256: String,
    /// Pixels (bins, where the cube is binned) that were fitted.
    pub(crate) fitted: u32,
    /// Areas that were given up.
    pub(crate) given_up: Vec<u32>,
    /// When that was first seen, seconds of Unix time; 0 before.
    #[serde(default)]
    pub(crate) ended: i64,
}

/// What a galaxy's unit carries for the roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opaque {
    /// The galaxy.
    pub galaxy: String,
    /// Which of its name.
    pub run: u32,
    /// Areas in it.
    pub areas: Vec<u32>,
    /// SHA-256 of the work's text.
    pub work: String,
    /// Fits in it.
    pub places: u32,
    /// Sixteen hexadecimal digits that stand for kind, column and row of each, in order.
    pub at: String,
    /// Parameters of each.
    pub parameters: u32,
    /// Bands of each.
    pub bands: u32,
    /// Draws of each.
    pub draws: u32,
    /// Bytes of its answer at most.
    pub most: u64,
}

/// Sixteen hexadecimal digits that stand for places: kind, column and row of each, in order.
pub(crate) fn digest(places: impl Iterator<Item = (Kind, u32, u32)>) -> String {
    let text: String = places.map(|(kind, x, y)| format!("{} {x} {y}\n", kind.word())).collect();
    hex(&Sha256::digest(text).into())[..16].to_owned()
}

impl Opaque {
    /// Of a unit's text.
    ///
    /// # Errors
    /// [`SiteError::Broken`] for a text that no generator of ours wrote.
    pub fn parse(text: &str) -> Result<Opaque, SiteError> {
        serde_json::from_str(text).map_err(|e| SiteError::Broken(format!("the unit is of no galaxy: {e}")))
    }
}

pub(crate) fn galaxy_key(name: &str) -> String {
    format!("galaxy/{name}")
}

pub(crate) fn area_key(name: &str, number: u32) -> String {
    format!("galaxy-area/{name}/{number}")
}

pub(crate) fn supply_key(name: &str) -> String {
    format!("galaxy-supply/{name}")
}

pub(crate) fn end_key(name: &str) -> String {
    format!("galaxy-end/{name}")
}

pub(crate) fn run_key(name: &str) -> String {
    format!("galaxy-run/{name}")
}

/// A fact of something that can be written as JSON.
pub(crate) fn fact<T: Serialize>(key: String, value: &T) -> Fact {
    Fact::new(key, serde_json::json!(value).to_string())
}

/// What a key's text says; None where there is none.
///
/// # Errors
/// [`SiteError::Role`], [`SiteError::Broken`].
pub(crate) fn read<T: for<'a> Deserialize<'a>>(facts: &dyn Facts, key: &str) -> Result<Option<T>, SiteError> {
    facts.get(key)?.map(|text| parse(key, &text)).transpose()
}

pub(crate) fn parse<T: for<'a> Deserialize<'a>>(key: &str, text: &str) -> Result<T, SiteError> {
    serde_json::from_str(text).map_err(|e| SiteError::Broken(format!("the fact {key} cannot be read: {e}")))
}

/// A galaxy by its name.
///
/// # Errors
/// [`SiteError::Refused`] where there is none, and as [`read`].
pub(crate) fn galaxy(facts: &dyn Facts, name: &str) -> Result<Galaxy, SiteError> {
    let found = read(facts, &galaxy_key(name))?;
    found.ok_or_else(|| SiteError::Refused(format!("there is no galaxy '{name}'; see pogson crowd galaxy list")))
}

/// A galaxy's areas by number.
///
/// # Errors
/// As [`read`].
pub(crate) fn areas(facts: &dyn Facts, name: &str) -> Result<Vec<(u32, AreaFact)>, SiteError> {
    let prefix = format!("galaxy-area/{name}/");
    let mut areas = Vec::new();
    for (key, text) in facts.beginning(&prefix)? {
        let number = key[prefix.len()..].parse();
        let number = number.map_err(|_| SiteError::Broken(format!("the fact {key} is of no area")))?;
        areas.push((number, parse(&key, &text)?));
    }
    areas.sort_by_key(|(number, _)| *number);
    Ok(areas)
}
