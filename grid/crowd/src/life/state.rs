//! States of units and results, with the numbers that BOINC's databases have for them.
use serde::{Deserialize, Serialize};

/// Where a result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServerState {
    /// Made, and waiting for a host.
    Unsent,
    /// With a host.
    InProgress,
    /// Done with.
    Over,
}

impl ServerState {
    /// BOINC's number.
    pub fn number(self) -> i64 {
        match self {
            ServerState::Unsent => 2,
            ServerState::InProgress => 4,
            ServerState::Over => 5,
        }
    }

    /// Of BOINC's number.
    pub fn of(number: i64) -> Option<ServerState> {
        [ServerState::Unsent, ServerState::InProgress, ServerState::Over].into_iter().find(|s| s.number() == number)
    }
}

/// What a result came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Not over.
    Unknown,
    /// Its host says that it is done.
    Success,
    /// It could not be sent to any host.
    CouldntSend,
    /// Its host says that it failed.
    ClientError,
    /// Its host said nothing in time.
    NoReply,
    /// It was not needed any more.
    DidntNeed,
    /// Its output cannot be read.
    ValidateError,
    /// Its host left the project.
    ClientDetached,
}

impl Outcome {
    const ALL: [Outcome; 8] = [
        Outcome::Unknown,
        Outcome::Success,
        Outcome::CouldntSend,
        Outcome::ClientError,
        Outcome::NoReply,
        Outcome::DidntNeed,
        Outcome::ValidateError,
        Outcome::ClientDetached,
    ];

    /// BOINC's number.
    pub fn number(self) -> i64 {
        Outcome::ALL.iter().position(|other| *other == self).unwrap_or(0) as i64
    }

    /// Of BOINC's number.
    pub fn of(number: i64) -> Option<Outcome> {
        usize::try_from(number).ok().and_then(|at| Outcome::ALL.get(at).copied())
    }
}

/// What the validator says of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Validity {
    /// Nothing yet.
    Unknown,
    /// It agrees with the canonical result.
    Valid,
    /// It does not, or it failed.
    Invalid,
    /// It was not looked at: the unit was given up.
    NotChecked,
    /// It was compared, and no quorum agreed.
    Inconclusive,
    /// It came when all outputs were gone.
    TooLate,
}

impl Validity {
    const ALL: [Validity; 6] = [
        Validity::Unknown,
        Validity::Valid,
        Validity::Invalid,
        Validity::NotChecked,
        Validity::Inconclusive,
        Validity::TooLate,
    ];

    /// BOINC's number.
    pub fn number(self) -> i64 {
        Validity::ALL.iter().position(|other| *other == self).unwrap_or(0) as i64
    }

    /// Of BOINC's number.
    pub fn of(number: i64) -> Option<Validity> {
        usize::try_from(number).ok().and_then(|at| Validity::ALL.get(at).copied())
    }
}

/// Why a unit was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// No host could take it.
    CouldntSend,
    /// Too many results failed.
    TooManyErrors,
    /// Too many succeeded, and no quorum of them agreed.
    TooManySuccesses,
    /// Too many results in all.
    TooManyTotal,
    /// The project cancelled it.
    Cancelled,
}

impl Trouble {
    /// BOINC's bit.
    pub fn bit(self) -> i64 {
        match self {
            Trouble::CouldntSend => 1,
            Trouble::TooManyErrors => 2,
            Trouble::TooManySuccesses => 4,
            Trouble::TooManyTotal => 8,
            Trouble::Cancelled => 16,
        }
    }
}

/// Whether a unit's outcome has been handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Assimilation {
    /// It has no outcome yet.
    Waiting,
    /// It has one.
    Ready,
    /// Handed on.
    Done,
}

/// How many results a unit may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Successes that are compared, of which more than half must agree.
    pub quorum: usize,
    /// Results that it begins with.
    pub target: usize,
    /// Failures that it outlives.
    pub errors: usize,
    /// Results in all.
    pub total: usize,
    /// Successes without agreement that it outlives.
    pub successes: usize,
}

impl Default for Limits {
    /// theSkyNet POGS's: two results that agree, four that may differ, eight that may fail.
    fn default() -> Self {
        Limits { quorum: 2, target: 2, errors: 8, total: 20, successes: 4 }
    }
}

/// A unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitState {
    /// How many results it may have; the target grows where none agree.
    pub limits: Limits,
    /// The result that speaks for it.
    pub canonical: Option<i64>,
    /// Why it was given up.
    pub trouble: Option<Trouble>,
    /// Whether its outcome has been handed on.
    pub assimilation: Assimilation,
}

/// A result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its number.
    pub id: i64,
    /// Where it is.
    pub state: ServerState,
    /// What it came to.
    pub outcome: Outcome,
    /// What the validator says.
    pub validity: Validity,
    /// When it is due, seconds of Unix time; of results with a host.
    pub deadline: i64,
    /// Whether its user ended it: that tells nothing of the unit.
    pub aborted_by_user: bool,
    /// Whether its outputs are still there.
    pub has_files: bool,
}

impl Standing {
    /// A result that waits for a host.
    pub fn unsent(id: i64) -> Standing {
        Standing {
            id,
            state: ServerState::Unsent,
            outcome: Outcome::Unknown,
            validity: Validity::Unknown,
            deadline: 0,
            aborted_by_user: false,
            has_files: false,
        }
    }

    /// Whether it is done and may be compared.
    pub fn is_success(&self) -> bool {
        self.state == ServerState::Over && self.outcome == Outcome::Success && self.validity != Validity::Invalid
    }

    /// Whether it speaks against the unit.
    pub fn is_error(&self) -> bool {
        let failed = self.outcome == Outcome::ClientError && !self.aborted_by_user;
        self.state == ServerState::Over && (failed || self.outcome == Outcome::ValidateError)
    }
}
