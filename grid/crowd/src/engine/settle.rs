//! Units move on, within the transaction that gave them reason to.

use super::desk::Desk;
use crate::life::{Change, Outcome, ServerState, Validity, transition};
use crate::schedule::{Unit, Waiting};
use crate::store::{MOST_RESULTS, ResultRow, StoreError, UnitRow};

/// Waiting results that are kept in memory; the others wait in the database alone.
pub(super) const MOST_WAITING: usize = 50_000;

impl Desk<'_> {
    /// Moves on all units that were touched.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn settle(&mut self) -> Result<(), StoreError> {
        while let Some(id) = self.touched.pop_first() {
            self.load_units([id])?;
            let Some(unit) = self.book.units.get(id).cloned() else { continue };
            let standings: Vec<_> = self.book.results.within(unit.results()).map(ResultRow::standing).collect();
            let (changes, next) = transition(&unit.life(), &standings, self.now);
            let mut again = false;
            for change in changes {
                again |= self.make(&unit, change)?;
            }
            if again {
                // What was just made has deadlines and needs of its own.
                self.touched.insert(id);
            } else if unit.next != next
                && let Some(unit) = self.book.units.edit(id)
            {
                unit.next = next;
            }
        }
        Ok(())
    }

    /// Makes a change; says whether the unit has to be looked at again.
    fn make(&mut self, unit: &UnitRow, change: Change) -> Result<bool, StoreError> {
        match change {
            Change::NoReply(id) => {
                let now = self.now;
                let Some(row) = self.book.results.edit(id) else { return Ok(false) };
                (row.state, row.outcome) = (ServerState::Over.number(), Outcome::NoReply.number());
                row.reason = format!("no reply by {}", row.deadline.min(now));
                let (host, version) = (row.host_id, row.version_id);
                self.blame(host, version, false)?;
                return Ok(true);
            }
            Change::DidntNeed(id) => {
                if let Some(row) = self.book.results.edit(id) {
                    (row.state, row.outcome) = (ServerState::Over.number(), Outcome::DidntNeed.number());
                }
                self.queue.take(id, unit.id);
            }
            Change::NotChecked(id) => {
                if let Some(row) = self.book.results.edit(id) {
                    row.validity = Validity::NotChecked.number();
                }
            }
            Change::GiveUp(trouble) => {
                if let Some(unit) = self.book.units.edit(unit.id) {
                    unit.trouble |= trouble.bit();
                    unit.validate = false;
                }
                return Ok(true);
            }
            Change::Create(count) => self.create_results(unit, count),
            Change::Validate => {
                if !unit.validate
                    && let Some(unit) = self.book.units.edit(unit.id)
                {
                    unit.validate = true;
                }
                self.to_validate.insert(unit.id);
            }
            Change::Assimilate => {
                if let Some(unit) = self.book.units.edit(unit.id) {
                    unit.assimilation = 1;
                }
                self.to_assimilate.insert(unit.id);
            }
            Change::DeleteInputs => self.delete_inputs(unit)?,
            Change::DeleteOutputs(id) => self.delete_outputs(id)?,
        }
        Ok(false)
    }

    /// More results of a unit, which wait.
    pub(super) fn create_results(&mut self, unit: &UnitRow, count: usize) {
        let made = self.book.results.within(unit.results()).last().map_or(0, |row| row.id % MOST_RESULTS + 1);
        // Those that the unit did not begin with make up for others.
        let rank = -2 * unit.priority - i64::from(made > 0);
        for place in (made..MOST_RESULTS).take(count) {
            let id = unit.id * MOST_RESULTS + place;
            let row =
                ResultRow { id, state: ServerState::Unsent.number(), rank, created: self.now, ..ResultRow::default() };
            self.book.results.insert(row);
            self.enqueue(Waiting { rank, result: id, unit: unit.id });
        }
    }

    /// Puts a result of a unit at hand into the queue, if it belongs to what the queue holds.
    pub(super) fn enqueue(&mut self, waiting: Waiting) {
        let belongs = *self.queue_is_whole || self.queue.last().is_some_and(|last| waiting < last);
        if !belongs {
            return;
        }
        if self.queue.len() >= MOST_WAITING {
            *self.queue_is_whole = false;
            return;
        }
        if let Some(unit) = self.book.units.get(waiting.unit) {
            let unit = self.waiting_unit(unit);
            self.queue.add(waiting, unit);
        }
    }

    /// What choosing has to know of a unit at hand.
    pub(super) fn waiting_unit(&self, unit: &UnitRow) -> Unit {
        let taken = self.book.results.within(unit.results()).filter(|row| row.host_id != 0);
        let others = taken
            .filter(|row| row.outcome != Outcome::DidntNeed.number())
            .map(|row| {
                let address = self.book.hosts.get(row.host_id).map_or(String::new(), |host| host.address.clone());
                (row.user_id, row.host_id, address)
            })
            .collect();
        Unit {
            id: unit.id,
            app: unit.app_id,
            flops: unit.flops,
            memory: unit.memory,
            disk: unit.disk,
            delay: unit.delay,
            class: unit.redundancy_class,
            version: unit.version_id,
            host: unit.target_host,
            user: unit.target_user,
            sticky: super::supply::inputs(unit)
                .into_iter()
                .filter(|input| input.sticky)
                .map(|input| input.file)
                .collect(),
            others,
        }
    }
}
