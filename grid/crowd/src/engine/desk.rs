//! What is at hand while a transaction is made: rows, time, rules, and what has to happen after it.

use std::collections::BTreeSet;

use super::effect::Effect;
use super::settings::Settings;
use crate::schedule::{Catalogue, Queue};
use crate::store::{Book, Database, MOST_OUTPUTS, Place, StoreError, UnitRow, Value};

/// Why an act was not done.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum DeskError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was asked cannot be: a sentence for who asked.
    #[error("{0}")]
    Refused(String),
}

/// What is at hand.
pub struct Desk<'a> {
    /// Rows.
    pub book: Book,
    /// Where more rows are.
    pub database: &'a mut dyn Database,
    /// What the project has set.
    pub settings: &'a Settings,
    /// Applications and lasting files.
    pub catalogue: &'a mut Catalogue,
    /// What waits.
    pub queue: &'a mut Queue,
    /// Whether the queue holds all that waits; else the rest comes when it has become short.
    pub queue_is_whole: &'a mut bool,
    /// Seconds of Unix time.
    pub now: i64,
    /// Units that may have to move on.
    pub touched: BTreeSet<i64>,
    /// What happens after the commit.
    pub effects: Vec<Effect>,
    /// Units to be compared, of this transaction.
    pub to_validate: BTreeSet<i64>,
    /// Units to be handed on, of this transaction.
    pub to_assimilate: BTreeSet<i64>,
    /// Whether other processes change the same rows now: what is known of them is not kept for long.
    pub shared: bool,
    /// Whether work is sent.
    pub sending: bool,
    /// Random bits; same seed, same bits.
    pub random: &'a mut Random,
}

/// Random bits for choices that nobody should foresee but that need no secrecy (SplitMix64).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Of a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// From 0 to 1, 1 left out.
    pub fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

impl Desk<'_> {
    /// Loads units by their names, with their results.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load_units_named<'b>(&mut self, names: impl IntoIterator<Item = &'b str>) -> Result<(), StoreError> {
        let mut names: Vec<&str> = names.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        let keys: Vec<Value> = names.into_iter().map(|name| Value::Text(name.to_owned())).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let rows = self.database.find(<UnitRow as crate::store::Row>::TABLE, Place::of("name"), &keys)?;
        let mut ids = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(Value::Int(id)) = row.first() else { continue };
            ids.push(*id);
        }
        self.book.load_units(self.database, ids)
    }

    /// Loads units with their results.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load_units(&mut self, units: impl IntoIterator<Item = i64>) -> Result<(), StoreError> {
        self.book.load_units(self.database, units)
    }

    /// Loads hosts and their users, with the users' teams.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load_hosts(&mut self, hosts: impl IntoIterator<Item = i64>) -> Result<(), StoreError> {
        let hosts: Vec<i64> = hosts.into_iter().filter(|&id| id > 0).collect();
        self.book.hosts.load(self.database, hosts.iter().copied())?;
        let users: Vec<i64> = hosts.iter().filter_map(|&id| self.book.hosts.get(id)).map(|host| host.user_id).collect();
        self.load_users(users)
    }

    /// Loads users and their teams.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load_users(&mut self, users: impl IntoIterator<Item = i64>) -> Result<(), StoreError> {
        let users: Vec<i64> = users.into_iter().collect();
        self.book.users.load(self.database, users.iter().copied())?;
        let teams: Vec<i64> = users.iter().filter_map(|&id| self.book.users.get(id)?.team_id).collect();
        self.book.teams.load(self.database, teams)
    }

    /// An output that is here, by its name, with the rows that lead to it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn output_named(&mut self, name: &str) -> Result<Option<i64>, StoreError> {
        let Some((result, place)) = name.rsplit_once('_') else { return Ok(None) };
        let Some(place) = place.parse().ok().filter(|place| (0..MOST_OUTPUTS).contains(place)) else { return Ok(None) };
        self.load_units_named(split_name(result).map(|(unit, _)| unit))?;
        let Some(result) = self.result_named(result) else { return Ok(None) };
        self.book.load_outputs(self.database, [result])?;
        Ok(self.book.outputs.get(result * MOST_OUTPUTS + place).map(|row| row.id))
    }

    /// A unit at hand by its name. Few are at hand.
    pub fn unit_named(&self, name: &str) -> Option<i64> {
        self.book.units.all().find(|unit| unit.name == name).map(|unit| unit.id)
    }
}

/// A result's unit's name and its place there: `NAME_3`.
pub(super) fn split_name(name: &str) -> Option<(&str, i64)> {
    let (unit, place) = name.rsplit_once('_')?;
    let number = place.parse::<i64>().ok().filter(|number| (0..crate::store::MOST_RESULTS).contains(number))?;
    // One way of writing each.
    (number.to_string() == place && !unit.is_empty()).then_some((unit, number))
}

#[cfg(test)]
mod tests {
    use super::split_name;

    #[test]
    fn a_results_name_is_its_units_and_a_place() {
        assert_eq!(split_name("NGC_5584_area7_1"), Some(("NGC_5584_area7", 1)));
        for wrong in ["a", "a_", "_1", "a_01", "a_64", "a_-1", "a_+1", ""] {
            assert_eq!(split_name(wrong), None, "{wrong}");
        }
    }
}
