//! Rows in memory while a batch of questions is answered, and what of them has to be written.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use super::database::{Database, Place, StoreError};
use super::machine::{FileRow, HostRow, HostVersionRow};
use super::people::{AuditRow, FactRow, KeyRow, NoticeRow, OldKeyRow, TeamRow, TrickleRow, UserRow};
use super::row::{Row, Value};
use super::work::{BatchRow, CounterRow, MOST_OUTPUTS, MOST_RESULTS, OutputRow, ResultRow, UnitRow};
use super::{AppRow, PlatformRow, VersionRow};

/// Rows of one table.
#[derive(Debug)]
pub struct Ledger<R> {
    rows: BTreeMap<i64, Entry<R>>,
    /// Keys and ranges that were looked for, so that they are looked for once.
    asked: HashSet<(i64, i64)>,
    /// Rows that cannot be read, or that make no sense without another that cannot; they are as if they were not there.
    aside: HashSet<i64>,
}

/// Rows that were told of.
static TOLD: Mutex<BTreeSet<(&'static str, i64)>> = Mutex::new(BTreeSet::new());

/// Says once in a process's life that a row is left aside.
fn tell_once(table: &'static str, id: i64, why: &str) {
    if TOLD.lock().unwrap_or_else(PoisonError::into_inner).insert((table, id)) {
        tracing::error!(table, id, why, "a row is left aside; mend it by hand");
    }
}

#[derive(Debug)]
struct Entry<R> {
    /// As the database has it; none for a new row.
    was: Option<Vec<Value>>,
    /// None for a row that goes.
    is: Option<R>,
    touched: bool,
}

impl<R> Default for Ledger<R> {
    fn default() -> Self {
        Ledger { rows: BTreeMap::new(), asked: HashSet::new(), aside: HashSet::new() }
    }
}

impl<R: Row> Ledger<R> {
    /// A row that was loaded or added.
    pub fn get(&self, id: i64) -> Option<&R> {
        self.rows.get(&id).and_then(|entry| entry.is.as_ref())
    }

    /// A row to be changed.
    pub fn edit(&mut self, id: i64) -> Option<&mut R> {
        let entry = self.rows.get_mut(&id)?;
        entry.touched = true;
        entry.is.as_mut()
    }

    /// A new row, or another in its place.
    pub fn insert(&mut self, row: R) {
        let id = row.id();
        let was = self.rows.remove(&id).and_then(|entry| entry.was);
        self.rows.insert(id, Entry { was, is: Some(row), touched: true });
    }

    /// A row goes.
    pub fn remove(&mut self, id: i64) {
        if let Some(entry) = self.rows.get_mut(&id) {
            (entry.is, entry.touched) = (None, true);
        }
    }

    /// All rows at hand, in the order of their keys.
    pub fn all(&self) -> impl Iterator<Item = &R> {
        self.rows.values().filter_map(|entry| entry.is.as_ref())
    }

    /// Rows at hand whose keys lie in a range, both ends included.
    pub fn within(&self, (from, to): (i64, i64)) -> impl Iterator<Item = &R> {
        self.rows.range(from..=to).filter_map(|(_, entry)| entry.is.as_ref())
    }

    /// Loads rows by key, but for those at hand.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(&mut self, database: &mut dyn Database, ids: impl IntoIterator<Item = i64>) -> Result<(), StoreError> {
        let mut keys: Vec<i64> = ids.into_iter().filter(|id| !self.rows.contains_key(id)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.retain(|&key| self.asked.insert((key, key)));
        let values: Vec<Value> = keys.into_iter().map(Value::Int).collect();
        self.load_by(database, Place::of("id"), &values)
    }

    /// Loads rows by ranges of keys, both ends included; each range has to be asked for in the same bounds each time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load_ranges(
        &mut self,
        database: &mut dyn Database,
        ranges: impl IntoIterator<Item = (i64, i64)>,
    ) -> Result<(), StoreError> {
        let ranges: Vec<(i64, i64)> = ranges.into_iter().filter(|&range| self.asked.insert(range)).collect();
        if ranges.is_empty() {
            return Ok(());
        }
        self.take(database.between(R::TABLE, &ranges)?)
    }

    /// Loads rows by the values of a column.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load_by(&mut self, database: &mut dyn Database, place: Place, keys: &[Value]) -> Result<(), StoreError> {
        if keys.is_empty() { Ok(()) } else { self.take(database.find(R::TABLE, place, keys)?) }
    }

    /// Loads rows for which a condition holds ([`Database::scan`]), and says which.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn scan(
        &mut self,
        database: &mut dyn Database,
        condition: &'static str,
        values: &[Value],
    ) -> Result<Vec<i64>, StoreError> {
        let rows = database.scan(R::TABLE, condition, values)?;
        let ids = rows.iter().filter_map(|row| if let Some(Value::Int(id)) = row.first() { Some(*id) } else { None });
        let ids = ids.collect();
        self.take(rows)?;
        Ok(ids)
    }

    /// Rows that were changed: as they were, where they were known before, and as they are, where they stay.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (Option<&[Value]>, Option<&R>)> {
        let touched = self.rows.values().filter(|entry| entry.touched);
        touched.map(|entry| (entry.was.as_deref(), entry.is.as_ref()))
    }

    /// Leaves a row aside for the rest of this transaction.
    fn set_aside(&mut self, id: i64) {
        self.rows.remove(&id);
        self.aside.insert(id);
    }

    fn is_touched(&self) -> bool {
        self.rows.values().any(|entry| entry.touched)
    }

    /// What comes late does not replace what was changed.
    fn take(&mut self, rows: Vec<Vec<Value>>) -> Result<(), StoreError> {
        for values in rows {
            let row = match R::of(values.clone()) {
                Ok(row) => row,
                // One bad row is no reason to stop all others.
                Err(error) => match values.first() {
                    Some(Value::Int(id)) => {
                        tell_once(R::TABLE.name, *id, &error.to_string());
                        self.set_aside(*id);
                        continue;
                    }
                    _ => return Err(error),
                },
            };
            if self.aside.contains(&row.id()) {
                continue;
            }
            self.rows.entry(row.id()).or_insert(Entry { was: Some(values), is: Some(row), touched: false });
        }
        Ok(())
    }

    fn save(&self, database: &mut dyn Database) -> Result<(), StoreError> {
        let mut new = Vec::new();
        let mut gone = Vec::new();
        let mut changed: BTreeMap<u64, Vec<Vec<Value>>> = BTreeMap::new();
        for (id, entry) in self.rows.iter().filter(|(_, entry)| entry.touched) {
            match (&entry.was, &entry.is) {
                (None, Some(row)) => new.push(row.values()),
                (Some(was), Some(row)) => {
                    let values = row.values();
                    let differs = |at: &usize| was.get(*at) != values.get(*at);
                    let columns = (1..values.len()).filter(differs).fold(0u64, |bits, at| bits | 1 << at);
                    if columns != 0 {
                        changed.entry(columns).or_default().push(values);
                    }
                }
                (Some(_), None) => gone.push(*id),
                (None, None) => {}
            }
        }
        if !gone.is_empty() {
            database.delete(R::TABLE, &gone)?;
        }
        if !new.is_empty() {
            database.insert(R::TABLE, &new)?;
        }
        changed.iter().try_for_each(|(columns, rows)| database.update(R::TABLE, *columns, rows))
    }
}

/// Counts that go on, by their numbers in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// Numbers of users; the others likewise.
    User = 1,
    /// Of hosts.
    Host = 2,
    /// Of units.
    Unit = 3,
    /// Of files.
    File = 4,
    /// Of facts.
    Fact = 5,
    /// Of teams.
    Team = 6,
    /// Of applications.
    App = 7,
    /// Of versions.
    Version = 8,
    /// Of platforms.
    Platform = 9,
    /// Of batches.
    Batch = 10,
    /// Of audited acts.
    Audit = 11,
    /// Of notices.
    Notice = 12,
    /// Of trickles.
    Trickle = 13,
    /// Of code signing keys.
    Key = 14,
    /// Of former account keys.
    OldKey = 15,
    /// Messages that wait for tasks.
    TrickleDown = 16,
    /// How often applications, versions, platforms or files were changed.
    Catalogue = 20,
    /// Units that were assimilated, ever.
    Assimilated = 21,
    /// Units whose rows are gone.
    PurgedUnits = 22,
    /// Valid results, ever.
    Valid = 23,
    /// Results that wait for a host now.
    Unsent = 40,
    /// Results with hosts now.
    InProgress = 41,
    /// Units that wait to be done again by the server.
    Refits = 42,
    /// Units that were done again, ever.
    Refitted = 43,
    /// Of those, units that differ.
    RefitsDiffer = 44,
    /// The process that changed units or results last, by a number that it drew: others look again at what they know of them.
    Writer = 45,
}

/// All rows at hand.
#[derive(Debug, Default)]
pub struct Book {
    /// Volunteers.
    pub users: Ledger<UserRow>,
    /// Teams.
    pub teams: Ledger<TeamRow>,
    /// Computers.
    pub hosts: Ledger<HostRow>,
    /// What is known of versions on hosts.
    pub host_versions: Ledger<HostVersionRow>,
    /// Units.
    pub units: Ledger<UnitRow>,
    /// Results.
    pub results: Ledger<ResultRow>,
    /// Outputs that are here.
    pub outputs: Ledger<OutputRow>,
    /// Files.
    pub files: Ledger<FileRow>,
    /// Facts.
    pub facts: Ledger<FactRow>,
    /// Batches.
    pub batches: Ledger<BatchRow>,
    /// Applications.
    pub apps: Ledger<AppRow>,
    /// Versions.
    pub versions: Ledger<VersionRow>,
    /// Platforms that are not served.
    pub platforms: Ledger<PlatformRow>,
    /// What operators did.
    pub audit: Ledger<AuditRow>,
    /// News.
    pub notices: Ledger<NoticeRow>,
    /// Messages of tasks.
    pub trickles: Ledger<TrickleRow>,
    /// Former account keys.
    pub old_keys: Ledger<OldKeyRow>,
    /// Code signing keys.
    pub keys: Ledger<KeyRow>,
    /// Counts.
    pub counters: Ledger<CounterRow>,
}

impl Book {
    /// The next number of a count; counts are loaded by [`Book::load_counters`].
    pub fn next(&mut self, counter: Counter) -> i64 {
        self.count(counter, 1)
    }

    /// Adds to a count, and says what it has come to.
    pub fn count(&mut self, counter: Counter, more: i64) -> i64 {
        let id = counter as i64;
        if self.counters.get(id).is_none() {
            self.counters.insert(CounterRow { id, value: 0 });
        }
        self.counters.edit(id).map_or(0, |row| {
            row.value += more;
            row.value
        })
    }

    /// Loads all counts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load_counters(&mut self, database: &mut dyn Database) -> Result<(), StoreError> {
        self.counters.scan(database, "id > 0", &[]).map(|_| ())
    }

    /// Loads units with all their results.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load_units(
        &mut self,
        database: &mut dyn Database,
        units: impl IntoIterator<Item = i64>,
    ) -> Result<(), StoreError> {
        let units: Vec<i64> = units.into_iter().collect();
        self.units.load(database, units.iter().copied())?;
        let ranges: Vec<_> = units.iter().map(|&id| UnitRow { id, ..UnitRow::default() }.results()).collect();
        self.results.load_ranges(database, ranges)?;
        // A unit cannot be judged where not all of its results can be read.
        let broken: Vec<i64> = self.results.aside.iter().map(|id| id / MOST_RESULTS).collect();
        for id in broken {
            tell_once("units", id, "one of its results cannot be read");
            self.units.set_aside(id);
        }
        Ok(())
    }

    /// Loads outputs of results.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load_outputs(
        &mut self,
        database: &mut dyn Database,
        results: impl IntoIterator<Item = i64>,
    ) -> Result<(), StoreError> {
        let range = |id: i64| (id * MOST_OUTPUTS, id * MOST_OUTPUTS + MOST_OUTPUTS - 1);
        self.outputs.load_ranges(database, results.into_iter().map(range))
    }

    /// Outputs of a result at hand.
    pub fn outputs_of(&self, result: i64) -> impl Iterator<Item = &OutputRow> {
        self.outputs.within((result * MOST_OUTPUTS, result * MOST_OUTPUTS + MOST_OUTPUTS - 1))
    }

    /// Whether rows that several processes keep in memory may have changed: units and results.
    pub(crate) fn is_news(&self) -> bool {
        self.units.is_touched() || self.results.is_touched()
    }

    /// Writes all that changed.
    ///
    /// # Errors
    /// [`StoreError`]: the transaction has to be taken back.
    pub fn save(&self, database: &mut dyn Database) -> Result<(), StoreError> {
        self.counters.save(database)?;
        self.users.save(database)?;
        self.teams.save(database)?;
        self.hosts.save(database)?;
        self.host_versions.save(database)?;
        self.batches.save(database)?;
        self.units.save(database)?;
        self.results.save(database)?;
        self.outputs.save(database)?;
        self.files.save(database)?;
        self.facts.save(database)?;
        self.apps.save(database)?;
        self.versions.save(database)?;
        self.platforms.save(database)?;
        self.audit.save(database)?;
        self.notices.save(database)?;
        self.old_keys.save(database)?;
        self.keys.save(database)?;
        self.trickles.save(database)
    }
}
