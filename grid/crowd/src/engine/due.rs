//! What time alone brings: deadlines, stages that have to begin again, rows that were kept long enough.

use super::desk::Desk;
use super::settle::MOST_WAITING;
use crate::schedule::Waiting;
use crate::store::{Counter, StoreError, Value};

/// Units that are looked at in one transaction.
pub(super) const AT_ONCE: i64 = 500;

/// What is taken up again after it was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backlog {
    /// Comparing.
    Validate,
    /// Handing on.
    Assimilate,
    /// Deleting input files.
    Delete,
}

impl Desk<'_> {
    /// Touches units whose time has come; says whether there may be more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn due(&mut self) -> Result<bool, StoreError> {
        let values = [Value::Int(self.now), Value::Int(AT_ONCE)];
        let due =
            self.book.units.scan(self.database, "next is not null and next <= $1 order by next limit $2", &values)?;
        self.load_units(due.iter().copied())?;
        let late: Vec<i64> = self.late_hosts();
        self.load_hosts(late)?;
        self.touched.extend(due.iter().copied());
        Ok(due.len() as i64 == AT_ONCE)
    }

    fn late_hosts(&self) -> Vec<i64> {
        self.book
            .results
            .all()
            .filter(|row| row.is_in_progress() && row.deadline < self.now)
            .map(|row| row.host_id)
            .collect()
    }

    /// Takes more of what waits into the queue, in order, after what it holds.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn fill(&mut self, more: usize) -> Result<(), StoreError> {
        if *self.queue_is_whole {
            return Ok(());
        }
        let more = more.min(MOST_WAITING.saturating_sub(self.queue.len())) as i64;
        let ids = match self.queue.last() {
            Some(last) => {
                let values = [Value::Int(last.rank), Value::Int(last.result), Value::Int(more)];
                let after = "state = 2 and (rank, id) > ($1, $2) order by rank, id limit $3";
                self.book.results.scan(self.database, after, &values)?
            }
            None => {
                self.book.results.scan(self.database, "state = 2 order by rank, id limit $1", &[Value::Int(more)])?
            }
        };
        self.load_units(ids.iter().map(|id| id / crate::store::MOST_RESULTS))?;
        if self.settings.rules.one_per_address {
            let hosts: Vec<i64> = self.book.results.all().map(|row| row.host_id).filter(|&id| id != 0).collect();
            self.load_hosts(hosts)?;
        }
        *self.queue_is_whole = (ids.len() as i64) < more;
        for id in ids {
            self.wait(id);
        }
        // Those of this transaction, which the database does not have yet, as far as the queue now goes.
        let (whole, last) = (*self.queue_is_whole, self.queue.last());
        let belongs = |row: &&crate::store::ResultRow| {
            row.state == 2 && (whole || last.is_some_and(|last| (row.rank, row.id) < (last.rank, last.result)))
        };
        let new: Vec<i64> = self.book.results.all().filter(belongs).map(|row| row.id).collect();
        new.into_iter().for_each(|id| self.wait(id));
        Ok(())
    }

    fn wait(&mut self, result: i64) {
        let row = self.book.results.get(result).filter(|row| row.state == 2 && !self.queue.has(result));
        let Some(waiting) = row.map(|row| Waiting { rank: row.rank, result, unit: row.unit() }) else { return };
        if let Some(unit) = self.book.units.get(waiting.unit).filter(|unit| !unit.is_decided()) {
            let unit = self.waiting_unit(unit);
            self.queue.add(waiting, unit);
        }
    }

    /// Units whose stage was stopped, or failed, or had more to do than is kept in memory: touched again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn take_up(&mut self, backlog: Backlog, after: i64) -> Result<Vec<i64>, StoreError> {
        let condition = match backlog {
            Backlog::Validate => "validate = 1 and id > $1 order by id limit $2",
            Backlog::Assimilate => "assimilation = 1 and id > $1 order by id limit $2",
            Backlog::Delete => "deletion = 1 and id > $1 order by id limit $2",
        };
        let ids = self.book.units.scan(self.database, condition, &[Value::Int(after), Value::Int(AT_ONCE)])?;
        self.load_units(ids.iter().copied())?;
        match backlog {
            Backlog::Validate => self.to_validate.extend(&ids),
            Backlog::Assimilate => self.to_assimilate.extend(&ids),
            Backlog::Delete => {
                for id in &ids {
                    self.delete_again(*id)?;
                }
            }
        }
        Ok(ids)
    }

    /// Removes rows of units that ended long ago; says whether there may be more. What their hosts earned stays with the hosts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn purge(&mut self) -> Result<bool, StoreError> {
        let values = [Value::Int(self.now - self.settings.keep), Value::Int(AT_ONCE)];
        let old =
            self.book.units.scan(self.database, "deletion = 2 and ended <= $1 order by ended limit $2", &values)?;
        self.load_units(old.iter().copied())?;
        let rows: Vec<(i64, i64, i64, bool)> = old
            .iter()
            .filter_map(|id| self.book.units.get(*id))
            .flat_map(|unit| self.book.results.within(unit.results()))
            .map(|row| (row.id, row.host_id, row.granted, row.is_in_progress() || row.has_files))
            .collect();
        self.load_hosts(rows.iter().map(|(_, host, ..)| *host))?;
        let needed: std::collections::HashSet<i64> =
            rows.iter().filter(|(.., needed)| *needed).map(|(id, ..)| id / crate::store::MOST_RESULTS).collect();
        for (id, host, granted, _) in rows {
            if needed.contains(&(id / crate::store::MOST_RESULTS)) {
                continue;
            }
            if granted != 0
                && let Some(host) = self.book.hosts.edit(host)
            {
                host.purged_credit += granted;
            }
            self.book.results.remove(id);
        }
        let mut gone = 0;
        let known: Vec<i64> = old.iter().copied().filter(|id| self.book.units.get(*id).is_some()).collect();
        for id in known.iter().filter(|id| !needed.contains(id)) {
            self.book.units.remove(*id);
            gone += 1;
        }
        if gone > 0 {
            self.book.count(Counter::PurgedUnits, gone);
        }
        Ok(old.len() as i64 == AT_ONCE && gone > 0)
    }
}
