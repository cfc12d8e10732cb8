//! Decoded tiles that were only partly used, kept for the next rectangle.

use super::TiledError;
use super::pixels::Pixels;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Bytes of decoded pixels that are kept; the latest tile is kept whatever its size.
const CAPACITY: usize = 32 << 20;

type Slot = Arc<OnceLock<Result<Arc<Pixels>, TiledError>>>;

/// The tiles used last, the latest at the end.
#[derive(Debug, Default)]
pub(super) struct TileCache {
    slots: Mutex<Vec<(usize, Slot)>>,
}

impl TileCache {
    /// The tile `index`, decoded by `decode` if it is not here, and kept. Threads that ask at once decode it once.
    pub(super) fn get_or(
        &self,
        index: usize,
        decode: impl FnOnce() -> Result<Pixels, TiledError>,
    ) -> Result<Arc<Pixels>, TiledError> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            let found = slots.iter().position(|(held, _)| *held == index);
            let entry = found.map_or_else(|| (index, Slot::default()), |at| slots.remove(at));
            let slot = entry.1.clone();
            slots.push(entry);
            slot
        };
        let pixels = slot.get_or_init(|| decode().map(Arc::new)).clone();
        self.shrink();
        pixels
    }

    /// The tile `index` if it is here, else decoded and not kept.
    pub(super) fn peek_or(
        &self,
        index: usize,
        decode: impl FnOnce() -> Result<Pixels, TiledError>,
    ) -> Result<Arc<Pixels>, TiledError> {
        let held = {
            let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.iter().find(|(held, _)| *held == index).map(|(_, slot)| slot.clone())
        };
        match held.as_ref().and_then(|slot| slot.get()) {
            Some(pixels) => pixels.clone(),
            None => decode().map(Arc::new),
        }
    }

    /// Drops the tiles used longest ago that exceed the capacity.
    fn shrink(&self) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let size = |slot: &Slot| slot.get().and_then(|pixels| pixels.as_ref().ok()).map_or(0, |pixels| pixels.bytes());
        let mut held = 0;
        let mut keep = slots.len();
        while keep > 0 {
            held += size(&slots[keep - 1].1);
            if held > CAPACITY && keep < slots.len() {
                break;
            }
            keep -= 1;
        }
        slots.drain(..keep);
    }
}
