//! Work that a project does besides: units done again at home, and what has to be done now and then.

use std::path::PathBuf;

use super::{Fact, Facts, Outputs, RoleError, UnitFacts};

/// A unit that is to be done again, on the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    /// The unit.
    pub unit: UnitFacts,
    /// Its command line.
    pub command_line: String,
    /// Its inputs: the names under which the application opens them, and where they are.
    pub inputs: Vec<(String, PathBuf)>,
    /// How many outputs it has.
    pub outputs: usize,
}

/// Does units again, to see whether what volunteers agreed on is right. Called from one thread of low priority.
pub trait Refitter: Send {
    /// The outputs that a sound host gives; the validator compares them with the canonical ones.
    ///
    /// # Errors
    /// [`RoleError::Permanent`]: it cannot be done, and is not tried again. [`RoleError::Transient`]: tried again later.
    fn refit(&mut self, facts: &dyn Facts, again: &Again) -> Result<Outputs, RoleError>;
}

/// Looks after what a project keeps besides the server's own tables. Called from one thread, when the server starts and then every hour.
pub trait Keeper: Send {
    /// Does what is due at `now` (seconds of Unix time); the facts are stored afterwards, in one transaction. It is asked again where
    /// the server ended before they were.
    ///
    /// # Errors
    /// [`RoleError`]: logged, and asked again an hour later.
    fn keep(&mut self, facts: &dyn Facts, now: i64) -> Result<Vec<Fact>, RoleError>;
}
