//! Which results a host is given: pure choice over what waits, without database or clock.
//!
//! Higher priority goes first, then results that make up for failed ones, then age. A host that holds a unit's sticky files gets
//! that unit before others. What a host cannot take is passed over, and the reasons are counted, so that its user can be told.

mod accelerator;
mod catalogue;
mod choose;
mod class;
mod estimate;
mod keys;
mod queue;

pub use catalogue::{Catalogue, VersionFile};
pub use choose::{Asker, Pick, Rules, choose};
pub use class::redundancy_class;
pub use estimate::{Estimate, Resource, best_version, usual_flops};
pub use keys::{Keys, Step};
pub use queue::{Queue, Unit, Waiting};

use std::collections::BTreeMap;

/// Why a host got no work, or less than it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Nothing waits.
    NoneWaiting,
    /// No version for its platforms and accelerators.
    NoVersion,
    /// Versions are there, but not for what it asked work for.
    OtherResource,
    /// An operator paused the application or the platform.
    Paused,
    /// It had as many as a day allows.
    Quota,
    /// It has as many in progress as are allowed.
    InProgress,
    /// Not enough memory.
    Memory,
    /// Not enough free disk.
    Disk,
    /// It would not be done in time.
    Deadline,
    /// Its user has a result of the same unit.
    SameUser,
    /// A host at the same address has.
    SameAddress,
    /// The unit's other hosts are of another class.
    Class,
    /// The unit is bound to another version.
    OtherVersion,
    /// The unit is for another host or user.
    Targeted,
    /// It returned nothing valid for long, and gets one task at a time.
    Quarantined,
}

impl Reason {
    /// A sentence for the client's log.
    pub fn sentence(self) -> &'static str {
        match self {
            Reason::NoneWaiting => "No tasks are waiting",
            Reason::NoVersion => "No application version runs on this computer's platform",
            Reason::OtherResource => {
                "Tasks are waiting, but not for the processors or accelerators that this computer asked work for"
            }
            Reason::Paused => "The application or this platform is paused by the project",
            Reason::Quota => {
                "This computer has reached its limit of tasks for today; the limit grows with valid results"
            }
            Reason::InProgress => "This computer has reached the limit of tasks in progress",
            Reason::Memory => "Tasks need more memory than this computer has",
            Reason::Disk => "Tasks need more disk than is free for BOINC on this computer",
            Reason::Deadline => "This computer would not finish tasks in time",
            Reason::SameUser => "The waiting tasks are copies of tasks that this account already has",
            Reason::SameAddress => "The waiting tasks are copies of tasks that another computer at this address has",
            Reason::Class => "The waiting tasks were begun on another kind of computer",
            Reason::OtherVersion => "The waiting tasks were begun with another application version",
            Reason::Targeted => "The waiting tasks are meant for other computers",
            Reason::Quarantined => {
                "This computer's last results failed or were not valid; it gets one task at a time until one is valid"
            }
        }
    }
}

/// How often each reason was met.
pub type Reasons = BTreeMap<Reason, usize>;
