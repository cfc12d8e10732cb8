//! What waits, in memory, in the order in which it is to go.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What has to be known of a unit to choose it for a host.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Unit {
    /// Its number.
    pub id: i64,
    /// Application.
    pub app: i64,
    /// Operations that it takes.
    pub flops: f64,
    /// Bytes of memory.
    pub memory: f64,
    /// Bytes of disk.
    pub disk: f64,
    /// Seconds that a host has.
    pub delay: i64,
    /// Class that hosts have to be of.
    pub class: Option<i64>,
    /// Version that results have to be of.
    pub version: Option<i64>,
    /// The only host that may have it.
    pub host: Option<i64>,
    /// The only user who may have it.
    pub user: Option<i64>,
    /// Names of its sticky inputs.
    pub sticky: Vec<String>,
    /// Users, hosts and addresses that have or had one of its results.
    pub others: Vec<(i64, i64, String)>,
}

/// A result that waits: its place in the order and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waiting {
    /// Lower goes first.
    pub rank: i64,
    /// The result.
    pub result: i64,
    /// Its unit.
    pub unit: i64,
}

/// Results that wait, and their units.
#[derive(Debug, Default)]
pub struct Queue {
    order: BTreeSet<Waiting>,
    units: HashMap<i64, (Unit, usize)>,
    ranks: BTreeMap<i64, i64>,
}

impl Queue {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Whether a result is in it.
    pub fn has(&self, result: i64) -> bool {
        self.ranks.contains_key(&result)
    }

    /// The last in the order.
    pub fn last(&self) -> Option<Waiting> {
        self.order.last().copied()
    }

    /// Adds a result, with what is now known of its unit.
    pub fn add(&mut self, waiting: Waiting, unit: Unit) {
        if self.ranks.insert(waiting.result, waiting.rank).is_none() {
            self.order.insert(waiting);
            let count = self.units.get(&unit.id).map_or(0, |(_, count)| *count);
            self.units.insert(unit.id, (unit, count + 1));
        } else {
            self.renew(unit);
        }
    }

    /// Takes a result out.
    pub fn take(&mut self, result: i64, unit: i64) {
        let Some(rank) = self.ranks.remove(&result) else { return };
        self.order.remove(&Waiting { rank, result, unit });
        if let Some((_, count)) = self.units.get_mut(&unit) {
            *count -= 1;
            if *count == 0 {
                self.units.remove(&unit);
            }
        }
    }

    /// Puts what is now known of a unit in the place of what was, where results of it wait.
    pub fn renew(&mut self, unit: Unit) {
        if let Some((known, _)) = self.units.get_mut(&unit.id) {
            *known = unit;
        }
    }

    /// A unit of which results wait.
    pub fn unit(&self, id: i64) -> Option<&Unit> {
        self.units.get(&id).map(|(unit, _)| unit)
    }

    /// A unit to be changed.
    pub fn unit_mut(&mut self, id: i64) -> Option<&mut Unit> {
        self.units.get_mut(&id).map(|(unit, _)| unit)
    }

    /// All that wait, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Waiting, &Unit)> {
        self.order.iter().filter_map(|waiting| Some((*waiting, self.unit(waiting.unit)?)))
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Queue::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lower_ranks_then_older_results_go_first_and_units_leave_with_their_last() {
        let mut queue = Queue::default();
        for (rank, result) in [(0, 64), (0, 65), (-1, 130), (-20, 200)] {
            queue.add(Waiting { rank, result, unit: result / 64 }, Unit { id: result / 64, ..Unit::default() });
        }
        assert_eq!(queue.iter().map(|(waiting, _)| waiting.result).collect::<Vec<_>>(), [200, 130, 64, 65]);
        queue.take(64, 1);
        queue.take(64, 1);
        assert!(queue.unit(1).is_some() && !queue.has(64));
        queue.take(65, 1);
        assert!(queue.unit(1).is_none());
        assert_eq!(queue.len(), 2);
    }
}
