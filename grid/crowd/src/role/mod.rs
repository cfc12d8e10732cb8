//! What a project brings: who makes its work, who compares outputs, who takes what is agreed on. The server knows no science.
//!
//! Each role is a trait, for programs that link the server, and a command, for teams that write in another language.

mod again;
pub mod command;
mod facts;
mod generator;
mod listener;

pub use again::{Again, Keeper, Refitter};
pub use facts::{Fact, Facts};
pub use generator::{Generator, InputFile, MICRO, NewFile, NewUnit, OutputFile, Supply};
pub use listener::{Listener, Message, Reply};

use crate::life::Trouble;

/// Why a role could not do its part.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum RoleError {
    /// To be tried again later: a disk that is full, a service that is away.
    #[error("{0}")]
    Transient(String),
    /// Not to be tried again by itself; an operator has to look.
    #[error("{0}")]
    Permanent(String),
}

/// A result's outputs, in the order of the unit's [`OutputFile`]s, as the client sent them: compressed ones begin with gzip's magic.
pub type Outputs = Vec<Vec<u8>>;

/// What the roles are told of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFacts {
    /// The application.
    pub app: String,
    /// The unit's name.
    pub name: String,
    /// What its generator wrote on it.
    pub opaque: String,
    /// Its batch; empty for none.
    pub batch: String,
}

/// Compares outputs. Called from several threads at once.
pub trait Validator: Send + Sync {
    /// Whether a result's outputs are such that they can be compared at all.
    ///
    /// # Errors
    /// [`RoleError::Permanent`] with what is wrong with them: the result is invalid. [`RoleError::Transient`]: asked again later.
    fn check(&self, unit: &UnitFacts, outputs: &Outputs) -> Result<(), RoleError>;

    /// Whether two results say the same; both passed [`Validator::check`].
    ///
    /// # Errors
    /// [`RoleError::Transient`]: asked again later. [`RoleError::Permanent`]: an operator has to look.
    fn agree(&self, unit: &UnitFacts, one: &Outputs, other: &Outputs) -> Result<bool, RoleError>;
}

/// A unit that has come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// The unit.
    pub unit: UnitFacts,
    /// Outputs of the canonical result; none where the unit was given up.
    pub outputs: Option<Outputs>,
    /// Why it was given up.
    pub trouble: Option<Trouble>,
    /// Users whose results are valid, with their names, in the order of results.
    pub users: Vec<(i64, String)>,
}

/// Takes what was agreed on. Called from one thread, again with the same unit if the server ended before the facts were stored: what
/// it does besides has to bear that.
pub trait Assimilator: Send {
    /// Takes a unit's outcome; what it returns is stored in the transaction that marks the unit as assimilated.
    ///
    /// # Errors
    /// [`RoleError`]: the unit stays ready, and is tried again later.
    fn assimilate(&mut self, facts: &dyn Facts, finished: &Finished) -> Result<Vec<Fact>, RoleError>;
}
