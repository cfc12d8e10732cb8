//! What has to change in a unit at a time.

use super::state::{Assimilation, Outcome, ServerState, Standing, Trouble, UnitState, Validity};

/// A change, to be made with all others in one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The result's time is over.
    NoReply(i64),
    /// The result is not to be sent any more.
    DidntNeed(i64),
    /// The result will not be looked at.
    NotChecked(i64),
    /// The unit is given up.
    GiveUp(Trouble),
    /// So many more results.
    Create(usize),
    /// There are results to compare.
    Validate,
    /// The outcome can be handed on.
    Assimilate,
    /// The inputs can go.
    DeleteInputs,
    /// The result's outputs can go.
    DeleteOutputs(i64),
}

/// What has to change in a unit, and when to look again if nothing happens before: the next deadline.
///
/// Done again after its changes were made, it finds nothing to change.
pub fn transition(unit: &UnitState, results: &[Standing], now: i64) -> (Vec<Change>, Option<i64>) {
    let mut changes = Vec::new();
    let late = |result: &Standing| result.state == ServerState::InProgress && result.deadline < now;
    changes.extend(results.iter().filter(|result| late(result)).map(|result| Change::NoReply(result.id)));
    let count = |holds: &dyn Fn(&Standing) -> bool| results.iter().filter(|result| holds(result)).count();
    let unsent = count(&|result| result.state == ServerState::Unsent);
    let in_progress = count(&|result| result.state == ServerState::InProgress && !late(result));
    let successes = count(&Standing::is_success);
    let errors = count(&Standing::is_error);

    let mut trouble = unit.trouble;
    if unit.canonical.is_none() && trouble.is_none() {
        let needed = unit.limits.target.saturating_sub(unsent + in_progress + successes);
        let allowed = unit.limits.total.saturating_sub(results.len());
        if errors > unit.limits.errors {
            trouble = Some(Trouble::TooManyErrors);
        } else if needed > 0 && allowed == 0 {
            trouble = Some(Trouble::TooManyTotal);
        } else if needed > 0 {
            changes.push(Change::Create(needed.min(allowed)));
        }
        changes.extend(trouble.map(Change::GiveUp));
    }
    let to_compare = |result: &Standing| result.is_success() && result.validity == Validity::Unknown;
    if trouble.is_some() || unit.canonical.is_some() {
        let waiting = results.iter().filter(|result| result.state == ServerState::Unsent);
        changes.extend(waiting.map(|result| Change::DidntNeed(result.id)));
    }
    if trouble.is_some() {
        let unchecked = |result: &Standing| {
            result.is_success() && matches!(result.validity, Validity::Unknown | Validity::Inconclusive)
        };
        changes.extend(results.iter().filter(|result| unchecked(result)).map(|result| Change::NotChecked(result.id)));
    } else if results.iter().any(to_compare) && (unit.canonical.is_some() || successes >= unit.limits.quorum) {
        changes.push(Change::Validate);
    }
    if (trouble.is_some() || unit.canonical.is_some()) && unit.assimilation == Assimilation::Waiting {
        changes.push(Change::Assimilate);
    }
    if unit.assimilation == Assimilation::Done {
        delete(unit, results, in_progress, &to_compare, &mut changes);
    }
    let next = results.iter().filter(|r| r.state == ServerState::InProgress && !late(r)).map(|r| r.deadline + 1).min();
    (changes, next)
}

/// Files of a unit whose outcome was handed on: inputs and the canonical outputs when no host is at work on it and nothing is
/// left to compare with, other outputs at once.
fn delete(
    unit: &UnitState,
    results: &[Standing],
    in_progress: usize,
    to_compare: &dyn Fn(&Standing) -> bool,
    changes: &mut Vec<Change>,
) {
    let open = unit.trouble.is_none() && results.iter().any(to_compare);
    let quiet = in_progress == 0 && !open;
    if quiet {
        changes.push(Change::DeleteInputs);
    }
    for result in results.iter().filter(|result| result.state == ServerState::Over && result.has_files) {
        let canonical = unit.canonical == Some(result.id);
        if quiet || (!canonical && !to_compare(result)) {
            changes.push(Change::DeleteOutputs(result.id));
        }
    }
}

impl Standing {
    /// Its host's time is over; what comes late is still taken.
    pub fn timed_out(&mut self) {
        self.state = ServerState::Over;
        self.outcome = Outcome::NoReply;
    }
}
