//! Validated units that the server does again itself: which, and what comes of it.

use std::collections::HashSet;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::desk::{Desk, DeskError};
use super::supply::{inputs, outputs};
use crate::life::Validity;
use crate::role::{Fact, UnitFacts};
use crate::store::{Counter, OutputRow, UnitRow};

/// Facts under this, plus a unit's name, tell of units which the server found differently, as JSON.
pub const DIFFERS: &str = "server/refit/";

/// Units that may wait to be done again; where more do, no others are chosen: their files are kept meanwhile.
const MOST: i64 = 200;

/// Which validated units the server does again.
#[derive(Debug, Clone, Default)]
pub struct Refits {
    /// The share of all, 0 to 1.
    pub share: f64,
    /// Makes the choice one that nobody can foresee.
    pub secret: [u8; 32],
    /// Applications that have somebody who can.
    pub apps: HashSet<String>,
}

impl Refits {
    /// Whether a unit is chosen: the same answer each time, for a share of all names.
    pub fn chooses(&self, app: &str, unit: &str) -> bool {
        if self.share <= 0.0 || !self.apps.contains(app) {
            return false;
        }
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) else { return false };
        mac.update(unit.as_bytes());
        let digest = mac.finalize().into_bytes();
        let number = digest.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
        (number >> 11) as f64 / (1u64 << 53) as f64 <= self.share.min(1.0)
    }
}

/// A unit that is to be done again.
#[derive(Debug, Clone, PartialEq)]
pub struct RefitJob {
    /// What its roles are told of it.
    pub facts: UnitFacts,
    /// Its command line.
    pub command_line: String,
    /// Names under which its inputs are opened, and of their files.
    pub inputs: Vec<(String, String)>,
    /// How many outputs it has.
    pub outputs: usize,
    /// The canonical outputs.
    pub canonical: Vec<OutputRow>,
}

/// What doing a unit again came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The same.
    Same,
    /// Something else: in what.
    Differs(String),
    /// It cannot be done: why.
    Impossible(String),
}

impl Desk<'_> {
    /// Chooses a unit that was just validated, or does not.
    pub(super) fn choose_refit(&mut self, unit: &UnitRow) {
        let app = self.catalogue.apps.get(&unit.app_id).map_or("", |app| app.name.as_str());
        let chosen = unit.refit == 0
            && self.settings.refits.chooses(app, &unit.name)
            && self.book.count(Counter::Refits, 0) < MOST;
        if chosen && let Some(row) = self.book.units.edit(unit.id) {
            row.refit = 1;
            self.effects.push(super::Effect::Refit(unit.id));
        }
    }

    /// A unit that is to be done again; none where it is not, or not any more.
    ///
    /// # Errors
    /// [`DeskError::Store`].
    pub fn to_refit(&mut self, id: i64) -> Result<Option<RefitJob>, DeskError> {
        self.load_units([id])?;
        let Some(unit) = self.book.units.get(id).filter(|unit| unit.refit == 1).cloned() else { return Ok(None) };
        let Some(canonical) = unit.canonical else { return Ok(None) };
        self.book.load_outputs(self.database, [canonical])?;
        self.book.batches.load(self.database, unit.batch_id)?;
        Ok(Some(RefitJob {
            facts: self.facts(&unit),
            command_line: unit.command_line.clone(),
            inputs: inputs(&unit).into_iter().map(|input| (input.open_name, input.file)).collect(),
            outputs: outputs(&unit).len(),
            canonical: self.book.outputs_of(canonical).cloned().collect(),
        }))
    }

    /// A unit was done again. Where it differs, the hosts whose results agreed lose their record: their next work is looked after by
    /// others. Credit stays: which of both is right is for people to find out.
    ///
    /// # Errors
    /// [`DeskError::Store`].
    pub fn refitted(&mut self, id: i64, found: &Found) -> Result<(), DeskError> {
        self.load_units([id])?;
        let Some(unit) = self.book.units.get(id).filter(|unit| unit.refit == 1).cloned() else { return Ok(()) };
        if let Some(row) = self.book.units.edit(id) {
            row.refit = match found {
                Found::Same => 2,
                Found::Differs(_) => 3,
                Found::Impossible(_) => 4,
            };
        }
        // Its files may go now.
        self.touched.insert(id);
        if !matches!(found, Found::Impossible(_)) {
            self.book.count(Counter::Refitted, 1);
        }
        let Found::Differs(why) = found else { return Ok(()) };
        self.book.count(Counter::RefitsDiffer, 1);
        let valid: Vec<_> = self
            .book
            .results
            .within(unit.results())
            .filter(|row| row.validity == Validity::Valid.number())
            .map(|row| (row.name(&unit.name), row.host_id, row.user_id, row.version_id))
            .collect();
        for (_, host, _, version) in &valid {
            let known = self.host_version(*host, *version)?;
            known.consecutive_valid = 0;
        }
        let results: Vec<_> = valid
            .iter()
            .map(|(name, host, user, _)| serde_json::json!({ "result": name, "host": host, "user": user }))
            .collect();
        let text = serde_json::json!({ "time": self.now, "unit": unit.name, "why": why, "results": results });
        self.remember(&[Fact::new(format!("{DIFFERS}{}", unit.name), text.to_string())])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Refits;

    #[test]
    fn a_share_of_all_units_is_chosen_and_another_secret_chooses_others() {
        let refits = |secret| Refits { share: 0.01, secret: [secret; 32], apps: ["fit".to_owned()].into() };
        let (one, other) = (refits(1), refits(2));
        let chosen = |refits: &Refits| -> Vec<usize> {
            (0..100_000).filter(|number| refits.chooses("fit", &format!("unit_{number}"))).collect()
        };
        let (first, second) = (chosen(&one), chosen(&other));
        // A thousand, give or take four standard deviations.
        assert!((875..1125).contains(&first.len()), "{}", first.len());
        assert_eq!(first, chosen(&one));
        let both = first.iter().filter(|number| second.contains(number)).count();
        assert!(both < 40, "{both}");
        assert!(!one.chooses("another", &format!("unit_{}", first[0])));
        assert!(!Refits { share: 0.0, ..one.clone() }.chooses("fit", &format!("unit_{}", first[0])));
        assert!(Refits { share: 1.0, ..one }.chooses("fit", "any"));
    }
}
