//! What a transaction did to results and units, counted once from the rows that it changed.

use crate::life::{Outcome, ServerState, Validity};
use crate::store::{Book, Counter, ResultRow, Row, UnitRow, Value};

/// Changes of one transaction.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Tally {
    /// Results that wait, more or fewer.
    pub(crate) unsent: i64,
    /// Results with hosts, more or fewer.
    pub(crate) in_progress: i64,
    /// Units whose refit is awaited, more or fewer.
    pub(crate) refits: i64,
    /// Results that were sent.
    pub(crate) sent: u64,
    /// Results that came to an end, by [`Outcome`]'s number.
    pub(crate) over: [u64; 8],
    /// Results that were judged, by [`Validity`]'s number.
    pub(crate) judged: [u64; 8],
    /// Failures: version, and whether the output was wrong.
    pub(crate) failures: Vec<(i64, Failure)>,
    /// Credit that was granted, in millionths of a cobblestone.
    pub(crate) credit: i64,
    /// Units that were made.
    pub(crate) made: u64,
    /// Units that were given up.
    pub(crate) given_up: u64,
    /// Units whose outcome was handed on.
    pub(crate) assimilated: u64,
}

/// How a result failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Failure {
    /// Its client said so, or its outputs did not come.
    Error,
    /// It was late.
    Late,
    /// Its output was wrong.
    Invalid,
}

impl Failure {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Failure::Error => "error",
            Failure::Late => "late",
            Failure::Invalid => "invalid",
        }
    }
}

fn column<R: Row>(name: &str) -> usize {
    R::TABLE.columns.iter().position(|(column, _)| *column == name).unwrap_or(0)
}

fn int(was: Option<&[Value]>, at: usize) -> i64 {
    match was.and_then(|values| values.get(at)) {
        Some(Value::Int(number)) => *number,
        _ => 0,
    }
}

impl Tally {
    /// Of all rows that were changed.
    pub(crate) fn of(book: &Book) -> Tally {
        let mut tally = Tally::default();
        tally.results(book);
        tally.units(book);
        tally
    }

    fn results(&mut self, book: &Book) {
        let at = ["state", "outcome", "validity", "granted"].map(column::<ResultRow>);
        let [unsent, in_progress, over] =
            [ServerState::Unsent, ServerState::InProgress, ServerState::Over].map(ServerState::number);
        for (was, is) in book.results.changes() {
            let [state, outcome, validity, granted] = at.map(|at| int(was, at));
            let Some(is) = is else {
                self.unsent -= i64::from(state == unsent);
                self.in_progress -= i64::from(state == in_progress);
                continue;
            };
            self.unsent += i64::from(is.state == unsent) - i64::from(state == unsent);
            self.in_progress += i64::from(is.state == in_progress) - i64::from(state == in_progress);
            self.sent += u64::from(is.state == in_progress && state != in_progress);
            self.credit += is.granted - granted;
            let ended = is.state == over && (state != over || outcome != is.outcome);
            if ended && let Some(count) = usize::try_from(is.outcome).ok().and_then(|at| self.over.get_mut(at)) {
                *count += 1;
            }
            let judged = is.validity != validity && is.outcome != Outcome::ClientError.number();
            if judged && let Some(count) = usize::try_from(is.validity).ok().and_then(|at| self.judged.get_mut(at)) {
                *count += 1;
            }
            let invalid = is.validity == Validity::Invalid.number() && validity != is.validity;
            if ended && [Outcome::ClientError.number(), Outcome::CouldntSend.number()].contains(&is.outcome) {
                self.failures.push((is.version_id, Failure::Error));
            } else if ended && is.outcome == Outcome::NoReply.number() {
                self.failures.push((is.version_id, Failure::Late));
            } else if invalid {
                self.failures.push((is.version_id, Failure::Invalid));
            }
        }
    }

    fn units(&mut self, book: &Book) {
        let at = ["trouble", "assimilation", "refit"].map(column::<UnitRow>);
        for (was, is) in book.units.changes() {
            let [trouble, assimilation, refit] = at.map(|at| int(was, at));
            self.refits -= i64::from(refit == 1);
            let Some(is) = is else { continue };
            self.refits += i64::from(is.refit == 1);
            self.made += u64::from(was.is_none());
            self.given_up += u64::from(is.trouble != 0 && trouble == 0);
            self.assimilated += u64::from(is.assimilation == 2 && assimilation != 2);
        }
    }

    /// Writes what is kept in the database: how many results wait and are with hosts, how many units wait for a refit.
    pub(crate) fn keep(&self, book: &mut Book) {
        let counts =
            [(Counter::Unsent, self.unsent), (Counter::InProgress, self.in_progress), (Counter::Refits, self.refits)];
        for (counter, more) in counts.into_iter().filter(|(_, more)| *more != 0) {
            book.count(counter, more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::column;
    use crate::store::{ResultRow, UnitRow};

    #[test]
    fn columns_that_are_counted_are_there() {
        assert!(["state", "outcome", "validity", "granted"].map(column::<ResultRow>).iter().all(|at| *at > 0));
        assert!(["trouble", "assimilation", "refit"].map(column::<UnitRow>).iter().all(|at| *at > 0));
    }
}
