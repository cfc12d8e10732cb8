//! What happens after a commit: work for other threads.

use super::desk::Desk;
use crate::life::Trouble;
use crate::role::UnitFacts;
use crate::store::{OutputRow, StoreError, UnitRow};

/// Outputs to be compared.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidateJob {
    /// The unit.
    pub unit: i64,
    /// What its validator is told of it.
    pub facts: UnitFacts,
    /// Successes that are compared, and those that may differ.
    pub quorum: usize,
    /// See `quorum`.
    pub most: usize,
    /// The canonical result, where there is one: the others are compared with it alone.
    pub canonical: Option<(i64, Vec<OutputRow>)>,
    /// Results to be compared.
    pub results: Vec<(i64, Vec<OutputRow>)>,
}

/// An outcome to be handed on.
#[derive(Debug, Clone, PartialEq)]
pub struct AssimilateJob {
    /// The unit.
    pub unit: i64,
    /// What its assimilator is told of it.
    pub facts: UnitFacts,
    /// Outputs of the canonical result; none where the unit was given up.
    pub outputs: Option<Vec<OutputRow>>,
    /// Why it was given up.
    pub trouble: Option<Trouble>,
    /// Users whose results are valid, with their names.
    pub users: Vec<(i64, String)>,
}

/// Work for another thread.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Compare outputs.
    Validate(ValidateJob),
    /// Hand an outcome on.
    Assimilate(AssimilateJob),
    /// Delete input files, then say so.
    DeleteInputs {
        /// The unit.
        unit: i64,
        /// The files' names.
        files: Vec<String>,
    },
    /// Tasks sent messages.
    Trickles,
    /// Delete outputs.
    DeleteOutputs(Vec<OutputRow>),
    /// Do the unit again.
    Refit(i64),
}

impl Desk<'_> {
    /// What roles are told of a unit.
    pub(super) fn facts(&self, unit: &UnitRow) -> UnitFacts {
        UnitFacts {
            app: self.catalogue.apps.get(&unit.app_id).map_or(String::new(), |app| app.name.clone()),
            name: unit.name.clone(),
            opaque: unit.opaque.clone(),
            batch: unit
                .batch_id
                .and_then(|id| self.book.batches.get(id))
                .map_or(String::new(), |batch| batch.name.clone()),
        }
    }

    /// Makes the jobs of units that are to be compared or handed on; their rows are at hand.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn prepare(&mut self) -> Result<(), StoreError> {
        let validate = std::mem::take(&mut self.to_validate);
        let assimilate = std::mem::take(&mut self.to_assimilate);
        let mut outputs = Vec::new();
        let mut users = Vec::new();
        let mut batches = Vec::new();
        for id in validate.iter().chain(&assimilate) {
            let Some(unit) = self.book.units.get(*id) else { continue };
            batches.extend(unit.batch_id);
            for result in self.book.results.within(unit.results()).filter(|result| result.standing().is_success()) {
                outputs.push(result.id);
                users.push(result.user_id);
            }
        }
        self.book.load_outputs(self.database, outputs)?;
        self.book.batches.load(self.database, batches)?;
        if !assimilate.is_empty() {
            self.book.users.load(self.database, users)?;
        }
        let jobs: Vec<Effect> = validate
            .iter()
            .filter_map(|id| self.validate_job(*id))
            .map(Effect::Validate)
            .chain(assimilate.iter().filter_map(|id| self.assimilate_job(*id)).map(Effect::Assimilate))
            .collect();
        self.effects.extend(jobs);
        Ok(())
    }

    fn outputs_of(&self, result: i64) -> Vec<OutputRow> {
        self.book.outputs_of(result).cloned().collect()
    }

    fn validate_job(&self, id: i64) -> Option<ValidateJob> {
        let unit = self.book.units.get(id).filter(|unit| unit.validate)?;
        let canonical = unit.canonical;
        let wanted = |standing: &crate::life::Standing| match canonical {
            Some(canonical) => standing.id != canonical && standing.validity == crate::life::Validity::Unknown,
            None => true,
        };
        let results = self
            .book
            .results
            .within(unit.results())
            .map(|result| result.standing())
            .filter(|standing| standing.is_success() && wanted(standing))
            .map(|standing| (standing.id, self.outputs_of(standing.id)));
        Some(ValidateJob {
            unit: id,
            facts: self.facts(unit),
            quorum: unit.life().limits.quorum,
            most: unit.life().limits.successes,
            canonical: canonical.map(|id| (id, self.outputs_of(id))),
            results: results.collect(),
        })
    }

    fn assimilate_job(&self, id: i64) -> Option<AssimilateJob> {
        let unit = self.book.units.get(id).filter(|unit| unit.assimilation == 1)?;
        let valid = |validity: i64| validity == crate::life::Validity::Valid.number();
        let mut users: Vec<(i64, String)> = Vec::new();
        for result in self.book.results.within(unit.results()).filter(|result| valid(result.validity)) {
            if let Some(user) =
                self.book.users.get(result.user_id).filter(|user| users.iter().all(|(id, _)| *id != user.id))
            {
                users.push((user.id, user.name.clone()));
            }
        }
        Some(AssimilateJob {
            unit: id,
            facts: self.facts(unit),
            outputs: unit.canonical.map(|id| self.outputs_of(id)),
            trouble: unit.trouble(),
            users,
        })
    }
}
