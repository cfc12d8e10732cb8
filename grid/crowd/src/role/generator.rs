//! Where work comes from.

use serde::{Deserialize, Serialize};

use std::path::PathBuf;

use super::{Fact, Facts, RoleError};
use crate::life::Limits;

/// Credit is counted in whole millionths of a cobblestone, so that sums are exact.
pub const MICRO: i64 = 1_000_000;

/// A file that units name as input. Its name stands for its bytes for ever, in the whole project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewFile {
    /// Name: at most 200 bytes, letters, digits and `._-+`.
    pub name: String,
    /// Where its bytes are now; they are linked or copied into the project.
    pub path: PathBuf,
    /// Whether clients keep it for tasks to come.
    pub sticky: bool,
}

/// An input as a unit knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// The file's name.
    pub file: String,
    /// Name under which the application opens it.
    pub open_name: String,
    /// Whether it is copied into the task's folder; else the application finds a link of BOINC's kind.
    pub copy: bool,
}

/// An output that a unit's application writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFile {
    /// Name under which the application writes it.
    pub open_name: String,
    /// Bytes at most, as sent.
    pub most: u64,
    /// Whether the client compresses it.
    pub gzip: bool,
}

/// A unit to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewUnit {
    /// The application.
    pub app: String,
    /// Name: at most 180 bytes, letters, digits and `._-+`; none has it yet.
    pub name: String,
    /// Its batch; empty for none.
    pub batch: String,
    /// Higher goes first.
    pub priority: i64,
    /// Floating-point operations that it takes, and those after which a client ends it.
    pub flops: f64,
    /// See `flops`.
    pub flops_bound: f64,
    /// Bytes of memory and of disk at most.
    pub memory: f64,
    /// See `memory`.
    pub disk: f64,
    /// Seconds that a host has.
    pub delay: i64,
    /// Words after the application version's own command line.
    pub command_line: String,
    /// Inputs.
    pub inputs: Vec<InputFile>,
    /// Outputs.
    pub outputs: Vec<OutputFile>,
    /// How many results it may have.
    pub limits: Limits,
    /// Credit of each valid result, in millionths of a cobblestone ([`MICRO`]).
    pub credit: i64,
    /// Text for the project's own roles.
    pub opaque: String,
    /// The only host that may have it.
    pub host: Option<i64>,
    /// The only user who may have it.
    pub user: Option<i64>,
}

/// New work: files, units, and facts, stored in one transaction.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Supply {
    /// Files that the units name and the project does not have yet; those that it has are passed over.
    pub files: Vec<NewFile>,
    /// Units.
    pub units: Vec<NewUnit>,
    /// What the generator wants to remember: how far it has come.
    pub facts: Vec<Fact>,
}

/// Makes work. Called from one thread, whenever fewer results wait than the project wants.
pub trait Generator: Send {
    /// At most about `wanted` units; none where there is nothing to do.
    ///
    /// # Errors
    /// [`RoleError`]: logged, and asked again later.
    fn generate(&mut self, facts: &dyn Facts, wanted: usize) -> Result<Supply, RoleError>;
}
