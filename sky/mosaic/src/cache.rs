//! Loaded tiles, kept within a budget of memory.

use crate::error::MosaicError;
use crate::tile::Tile;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

/// Loads a tile by its index; called at most once at a time for each tile.
pub type Load<'a> = dyn Fn(usize) -> Result<Tile, MosaicError> + Sync + 'a;

/// Tiles that were loaded, least recently used first to go.
pub struct TileCache<'a> {
    load: &'a Load<'a>,
    slots: Vec<Mutex<Option<Arc<Tile>>>>,
    ledger: Mutex<Ledger>,
    ahead: Mutex<Ahead>,
    budget: usize,
}

#[derive(Default)]
struct Ledger {
    /// Time of last use of each loaded tile, 0 when not loaded.
    used: Vec<u64>,
    bytes: Vec<usize>,
    total: usize,
    peak: usize,
    clock: u64,
    loads: u64,
}

/// What will be asked for.
#[derive(Default)]
struct Ahead {
    /// Tiles in the order of their first use.
    order: VecDeque<usize>,
    /// Tiles that were asked for since the order was given.
    met: Vec<bool>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere leaves nothing half done in what these locks guard.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> TileCache<'a> {
    /// A cache of `count` tiles that holds about `budget` bytes; tiles in use may exceed it.
    pub fn new(count: usize, budget: usize, load: &'a Load<'a>) -> TileCache<'a> {
        TileCache {
            load,
            slots: (0..count).map(|_| Mutex::new(None)).collect(),
            ledger: Mutex::new(Ledger { used: vec![0; count], bytes: vec![0; count], ..Ledger::default() }),
            ahead: Mutex::default(),
            budget,
        }
    }

    /// Says in what order tiles will be asked for, so that a thread that waits for one can load another meanwhile.
    pub fn expect(&self, order: impl IntoIterator<Item = usize>) {
        let mut seen = vec![false; self.slots.len()];
        let order = order.into_iter().filter(|&i| !std::mem::replace(&mut seen[i], true)).collect();
        *lock(&self.ahead) = Ahead { order, met: vec![false; self.slots.len()] };
    }

    /// The tile, loaded if need be.
    ///
    /// # Errors
    /// Those of loading.
    pub fn get(&self, index: usize) -> Result<Arc<Tile>, MosaicError> {
        if let Some(met) = lock(&self.ahead).met.get_mut(index) {
            *met = true;
        }
        let slot = match self.slots[index].try_lock() {
            Ok(slot) => slot,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                self.load_ahead();
                lock(&self.slots[index])
            }
        };
        let tile = self.fill(index, slot)?;
        let surplus = {
            let mut ledger = lock(&self.ledger);
            ledger.clock += 1;
            ledger.used[index] = ledger.clock;
            self.surplus(&ledger, index)
        };
        for index in surplus {
            self.release(index);
        }
        Ok(tile)
    }

    /// The tile in a slot that this thread holds, loaded if need be.
    fn fill(&self, index: usize, mut slot: MutexGuard<'_, Option<Arc<Tile>>>) -> Result<Arc<Tile>, MosaicError> {
        if let Some(tile) = &*slot {
            return Ok(tile.clone());
        }
        let tile = Arc::new((self.load)(index)?);
        *slot = Some(tile.clone());
        let mut ledger = lock(&self.ledger);
        ledger.bytes[index] = tile.bytes();
        ledger.total += tile.bytes();
        ledger.peak = ledger.peak.max(ledger.total);
        ledger.loads += 1;
        ledger.clock += 1;
        ledger.used[index] = ledger.clock;
        Ok(tile)
    }

    /// Loads the next tile that will be asked for, if the budget has room; an error is left to whom it concerns.
    fn load_ahead(&self) {
        loop {
            let next = {
                let mut ahead = lock(&self.ahead);
                let Some(next) = ahead.order.pop_front() else { return };
                if ahead.met[next] {
                    continue;
                }
                next
            };
            let Ok(slot) = self.slots[next].try_lock() else { continue };
            if slot.is_some() {
                continue;
            }
            // As much again stays free, so that nothing in use is driven out.
            let room = {
                let ledger = lock(&self.ledger);
                self.budget.saturating_sub(ledger.total) / 2 >= ledger.bytes.iter().copied().max().unwrap_or(0)
            };
            if !room || self.fill(next, slot).is_ok() {
                return;
            }
        }
    }

    /// Tiles to let go, oldest first, until the budget holds.
    fn surplus(&self, ledger: &Ledger, keep: usize) -> Vec<usize> {
        if ledger.total <= self.budget {
            return Vec::new();
        }
        let mut loaded: Vec<usize> = (0..ledger.used.len()).filter(|&i| i != keep && ledger.bytes[i] > 0).collect();
        loaded.sort_by_key(|&i| ledger.used[i]);
        let mut excess = ledger.total - self.budget;
        let mut out = Vec::new();
        for index in loaded {
            if excess == 0 {
                break;
            }
            excess = excess.saturating_sub(ledger.bytes[index]);
            out.push(index);
        }
        out
    }

    /// Lets a tile go; users that still hold it keep it alive.
    pub fn release(&self, index: usize) {
        let mut slot = lock(&self.slots[index]);
        if slot.take().is_some() {
            let mut ledger = lock(&self.ledger);
            ledger.total -= ledger.bytes[index];
            ledger.bytes[index] = 0;
        }
    }

    /// Bytes that the cache aims to stay within.
    pub fn budget(&self) -> usize {
        self.budget
    }

    /// Number of times that a tile was read.
    pub fn loads(&self) -> u64 {
        lock(&self.ledger).loads
    }

    /// Most bytes that were held at once.
    pub fn peak_bytes(&self) -> usize {
        lock(&self.ledger).peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Kernel;

    #[test]
    fn the_budget_holds_and_what_was_let_go_is_loaded_again() {
        let load = |index: usize| Ok(Tile::new(Some(Kernel::Bilinear), &mut [index as f32; 100], 10, 10, 1.0));
        let one = load(0).map(|t: Tile| t.bytes()).unwrap_or(0);
        let cache = TileCache::new(5, 2 * one, &load);
        for index in [0, 1, 2, 3, 4, 4, 3, 0] {
            assert_eq!(cache.get(index).unwrap().pedestal, index as f64);
            assert!(lock(&cache.ledger).total <= 2 * one);
        }
        assert_eq!(cache.loads(), 6);
        assert!(cache.peak_bytes() <= 3 * one);
    }
}
