//! What becomes of a unit when its results were compared, handed on, and deleted.

use super::desk::Desk;
use super::effect::Effect;
use super::supply::inputs;
use crate::life::{Outcome, Trouble, Validity, Verdict};
use crate::role::Fact;
use crate::store::{Counter, FactRow, FileRow, Place, Row, StoreError, UnitRow, Value};

/// What comparing a unit's results came to; results by number.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The unit.
    pub unit: i64,
    /// Results whose outputs cannot be compared at all, and why.
    pub unreadable: Vec<(i64, String)>,
    /// The others, in the order that the verdict counts them in.
    pub compared: Vec<i64>,
    /// What comparing came to; none where there was a canonical result already.
    pub verdict: Option<Verdict>,
    /// Results that were compared with the canonical one, and what was found.
    pub stragglers: Vec<(i64, Validity)>,
}

impl Desk<'_> {
    /// Takes a judgement, unless the unit was decided in the meantime.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn judged(&mut self, judgement: &Judgement) -> Result<(), StoreError> {
        self.load_units([judgement.unit])?;
        let Some(unit) = self.book.units.get(judgement.unit).cloned().filter(|unit| unit.validate) else {
            return Ok(());
        };
        if let Some(row) = self.book.units.edit(unit.id) {
            row.validate = false;
        }
        self.touched.insert(unit.id);
        for (id, why) in &judgement.unreadable {
            self.invalid(*id, Outcome::ValidateError, why)?;
        }
        for &(id, validity) in &judgement.stragglers {
            match validity {
                Validity::Valid => self.grant(id, unit.credit)?,
                Validity::Invalid => {
                    self.invalid(id, Outcome::Success, "the output differs from the canonical result's")?;
                }
                other => self.mark(id, other),
            }
        }
        if unit.is_decided() {
            return Ok(());
        }
        match &judgement.verdict {
            Some(Verdict::Agreed { canonical, valid, invalid }) => {
                let of = |place: &usize| judgement.compared.get(*place).copied();
                if let Some(row) = self.book.units.edit(unit.id) {
                    row.canonical = of(canonical);
                }
                self.choose_refit(&unit);
                for id in valid.iter().filter_map(of) {
                    self.grant(id, unit.credit)?;
                }
                for id in invalid.iter().filter_map(of) {
                    self.invalid(id, Outcome::Success, "the output differs from that on which others agree")?;
                }
            }
            Some(Verdict::Inconclusive) => {
                for &id in &judgement.compared {
                    self.mark(id, Validity::Inconclusive);
                }
                let successes =
                    self.book.results.within(unit.results()).filter(|row| row.standing().is_success()).count();
                if let Some(row) = self.book.units.edit(unit.id) {
                    row.target = row.target.max(successes as i64 + 1);
                }
            }
            Some(Verdict::GivenUp) => {
                if let Some(row) = self.book.units.edit(unit.id) {
                    row.trouble |= Trouble::TooManySuccesses.bit();
                }
            }
            None => {}
        }
        Ok(())
    }

    fn mark(&mut self, id: i64, validity: Validity) {
        if let Some(row) = self.book.results.edit(id).filter(|row| row.validity != Validity::Valid.number()) {
            row.validity = validity.number();
        }
    }

    /// A result is not valid.
    pub(super) fn invalid(&mut self, id: i64, outcome: Outcome, why: &str) -> Result<(), StoreError> {
        let Some(row) = self.book.results.edit(id).filter(|row| row.validity != Validity::Valid.number()) else {
            return Ok(());
        };
        row.validity = Validity::Invalid.number();
        row.outcome = outcome.number();
        row.reason = why.chars().take(500).collect();
        let (host, version) = (row.host_id, row.version_id);
        self.blame(host, version, true)
    }

    /// A unit's outcome was handed on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn assimilated(&mut self, id: i64, facts: &[Fact]) -> Result<(), StoreError> {
        self.load_units([id])?;
        let Some(unit) = self.book.units.edit(id).filter(|unit| unit.assimilation == 1) else { return Ok(()) };
        unit.assimilation = 2;
        let batch = unit.batch_id;
        self.book.batches.load(self.database, batch)?;
        if let Some(batch) = batch.and_then(|id| self.book.batches.edit(id)) {
            batch.assimilated += 1;
        }
        let canonical = unit_canonical(&self.book, id);
        let count = self.book.count(Counter::Assimilated, 1);
        self.touched.insert(id);
        self.remember(facts)?;
        if let Some((user, name)) = canonical.filter(|_| is_milestone(count)) {
            let key = format!("{MILESTONE}{count:018}");
            self.remember(&[Fact::new(key, format!("{} {user} {name}", self.now))])?;
        }
        Ok(())
    }

    /// Stores facts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn remember(&mut self, facts: &[Fact]) -> Result<(), StoreError> {
        let at_hand: std::collections::HashMap<String, i64> =
            self.book.facts.all().map(|row| (row.name.clone(), row.id)).collect();
        let missing: Vec<Value> = facts
            .iter()
            .filter(|fact| !at_hand.contains_key(&fact.key))
            .map(|fact| Value::Text(fact.key.clone()))
            .collect();
        self.book.facts.load_by(self.database, Place::of("name"), &missing)?;
        let mut ids: std::collections::HashMap<String, i64> =
            self.book.facts.all().map(|row| (row.name.clone(), row.id)).collect();
        for fact in facts {
            match (ids.get(&fact.key).copied(), &fact.text) {
                (Some(id), Some(text)) => {
                    if let Some(row) = self.book.facts.edit(id) {
                        row.body.clone_from(text);
                    }
                }
                (Some(id), None) => {
                    self.book.facts.remove(id);
                    ids.remove(&fact.key);
                }
                (None, Some(text)) => {
                    let id = self.book.next(Counter::Fact);
                    self.book.facts.insert(FactRow { id, name: fact.key.clone(), body: text.clone() });
                    ids.insert(fact.key.clone(), id);
                }
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// Input files that no other unit needs may go, once.
    pub(super) fn delete_inputs(&mut self, unit: &UnitRow) -> Result<(), StoreError> {
        let Some(row) = self.book.units.edit(unit.id).filter(|row| row.deletion == 0) else { return Ok(()) };
        row.deletion = 1;
        let names: Vec<String> = inputs(unit).into_iter().map(|input| input.file).collect();
        let keys: Vec<Value> = names.iter().cloned().map(Value::Text).collect();
        let rows = self.database.find(FileRow::TABLE, Place::of("name"), &keys)?;
        let ids: Vec<i64> = rows
            .iter()
            .filter_map(|row| if let Some(Value::Int(id)) = row.first() { Some(*id) } else { None })
            .collect();
        self.book.files.load(self.database, ids.iter().copied())?;
        let mut gone = Vec::new();
        for id in ids {
            let Some(file) = self.book.files.edit(id) else { continue };
            file.uses -= 1;
            if file.uses <= 0 && !file.sticky && file.signature.is_empty() {
                gone.push(file.name.clone());
                self.book.files.remove(id);
            }
        }
        self.effects.push(Effect::DeleteInputs { unit: unit.id, files: gone });
        Ok(())
    }

    /// Deletes a unit's input files that have no row any more: the program ended before it had done so.
    pub(super) fn delete_again(&mut self, id: i64) -> Result<(), StoreError> {
        let Some(unit) = self.book.units.get(id) else { return Ok(()) };
        let names: Vec<String> = inputs(unit).into_iter().map(|input| input.file).collect();
        let keys: Vec<Value> = names.iter().cloned().map(Value::Text).collect();
        let mut kept = std::collections::HashSet::new();
        for row in self.database.find(FileRow::TABLE, Place::of("name"), &keys)? {
            kept.insert(FileRow::of(row)?.name);
        }
        let files = names.into_iter().filter(|name| !kept.contains(name)).collect();
        self.effects.push(Effect::DeleteInputs { unit: id, files });
        Ok(())
    }

    pub(super) fn delete_outputs(&mut self, result: i64) -> Result<(), StoreError> {
        self.book.load_outputs(self.database, [result])?;
        let rows: Vec<_> = self.book.outputs_of(result).cloned().collect();
        for row in &rows {
            self.book.outputs.remove(row.id);
        }
        if let Some(row) = self.book.results.edit(result) {
            row.has_files = false;
        }
        if !rows.is_empty() {
            self.effects.push(Effect::DeleteOutputs(rows));
        }
        Ok(())
    }

    /// A unit's input files are gone.
    pub(super) fn deleted(&mut self, id: i64) -> Result<(), StoreError> {
        self.load_units([id])?;
        let now = self.now;
        if let Some(unit) = self.book.units.edit(id).filter(|unit| unit.deletion == 1) {
            (unit.deletion, unit.ended) = (2, now);
        }
        Ok(())
    }
}
/// Facts under this, plus the count, tell who returned the result that made a round number of units full: time, user, unit.
pub const MILESTONE: &str = "server/milestone/";

/// Whether a count is round: a digit and at least two noughts.
fn is_milestone(count: i64) -> bool {
    let mut rest = count;
    let mut noughts = 0;
    while rest > 0 && rest % 10 == 0 {
        rest /= 10;
        noughts += 1;
    }
    noughts >= 2 && (1..10).contains(&rest)
}

/// User of a unit's canonical result, and the unit's name.
fn unit_canonical(book: &crate::store::Book, unit: i64) -> Option<(i64, String)> {
    let row = book.units.get(unit)?;
    let result = book.results.get(row.canonical?)?;
    Some((result.user_id, row.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::is_milestone;

    #[test]
    fn milestones_are_round_numbers() {
        let found: Vec<i64> = (0..3000).filter(|count| is_milestone(*count)).collect();
        assert_eq!(found, [100, 200, 300, 400, 500, 600, 700, 800, 900, 1000, 2000]);
        assert!(is_milestone(2_000_000) && !is_milestone(2_100_000) && !is_milestone(-100));
    }
}
