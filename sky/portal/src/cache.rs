//! Storage blocks in memory: the least recently used go when there are more bytes than allowed, and one that several requests want at
//! once is read once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use pogson_image::fits::Rect;

/// Name of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlockKey {
    /// Number of the data set.
    pub data_set: u32,
    /// How often the image was halved.
    pub level: u8,
    /// Number of the HEALPix cell, of the level's block order.
    pub cell: u64,
}

/// Pixels of a rectangle of an image.
#[derive(Debug)]
pub struct Block {
    /// Where it lies.
    pub rect: Rect,
    /// Row-major, undefined ones NaN.
    pub pixels: Vec<f32>,
}

impl Block {
    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        self.pixels.len() * size_of::<f32>() + size_of::<Block>()
    }
}

/// Whether a block was at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// It was.
    Hit,
    /// It was read, by this request or by another one that this one waited for.
    Miss,
}

/// What a cache did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheFigures {
    /// Bytes of blocks.
    pub bytes: usize,
    /// Bytes at most.
    pub limit: usize,
    /// Number of blocks.
    pub blocks: usize,
    /// Blocks that were at hand.
    pub hits: u64,
    /// Blocks that were read.
    pub misses: u64,
    /// Waits for a block that another request was reading.
    pub shared: u64,
}

enum Slot {
    Reading,
    Ready { block: Arc<Block>, used: u64 },
}

#[derive(Default)]
struct State {
    slots: HashMap<BlockKey, Slot>,
    /// Blocks by the turn in which they were used last.
    turns: BTreeMap<u64, BlockKey>,
    turn: u64,
    figures: CacheFigures,
}

/// A cache of blocks, bounded in bytes.
pub struct BlockCache {
    state: Mutex<State>,
    read: Condvar,
}

/// Takes the mark of a read back, whatever became of it.
struct Reading<'a> {
    cache: &'a BlockCache,
    key: BlockKey,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let mut state = self.cache.lock();
        if matches!(state.slots.get(&self.key), Some(Slot::Reading)) {
            state.slots.remove(&self.key);
        }
        drop(state);
        self.cache.read.notify_all();
    }
}

impl BlockCache {
    /// - `limit`: bytes at most; blocks that are being used may hold more for a while.
    pub fn new(limit: usize) -> BlockCache {
        let figures = CacheFigures { limit, ..CacheFigures::default() };
        BlockCache { state: Mutex::new(State { figures, ..State::default() }), read: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it did so far.
    pub fn figures(&self) -> CacheFigures {
        let state = self.lock();
        CacheFigures { blocks: state.turns.len(), ..state.figures }
    }

    /// The block, read by `read` where it is not at hand.
    ///
    /// # Errors
    /// Those of `read`; nothing is kept then.
    pub fn get<E>(&self, key: BlockKey, read: impl FnOnce() -> Result<Block, E>) -> Result<(Arc<Block>, Found), E> {
        let mut state = self.lock();
        let mut waited = false;
        loop {
            match state.slots.get(&key) {
                Some(Slot::Ready { .. }) => {
                    let Some(block) = state.touch(key) else { break };
                    let found = if waited { Found::Miss } else { Found::Hit };
                    state.figures.hits += u64::from(!waited);
                    return Ok((block, found));
                }
                Some(Slot::Reading) => {
                    state.figures.shared += u64::from(!waited);
                    waited = true;
                    state = self.read.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                None => break,
            }
        }
        state.figures.misses += 1;
        state.slots.insert(key, Slot::Reading);
        drop(state);
        let mark = Reading { cache: self, key };
        let block = Arc::new(read()?);
        self.lock().keep(key, &block);
        drop(mark);
        Ok((block, Found::Miss))
    }
}

impl State {
    /// A block that is at hand, as the one used last.
    fn touch(&mut self, key: BlockKey) -> Option<Arc<Block>> {
        self.turn += 1;
        let Some(Slot::Ready { block, used }) = self.slots.get_mut(&key) else { return None };
        let before = std::mem::replace(used, self.turn);
        let block = Arc::clone(block);
        self.turns.remove(&before);
        self.turns.insert(self.turn, key);
        Some(block)
    }

    fn keep(&mut self, key: BlockKey, block: &Arc<Block>) {
        if block.bytes() > self.figures.limit {
            return;
        }
        self.turn += 1;
        self.figures.bytes += block.bytes();
        self.slots.insert(key, Slot::Ready { block: Arc::clone(block), used: self.turn });
        self.turns.insert(self.turn, key);
        while self.figures.bytes > self.figures.limit {
            let Some((_, oldest)) = self.turns.pop_first() else { break };
            if let Some(Slot::Ready { block, .. }) = self.slots.remove(&oldest) {
                self.figures.bytes -= block.bytes();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn key(cell: u64) -> BlockKey {
        BlockKey { data_set: 0, level: 0, cell }
    }

    fn block(pixels: usize) -> Block {
        Block { rect: Rect { x: 0, y: 0, width: pixels, height: 1 }, pixels: vec![0.0; pixels] }
    }

    fn get(cache: &BlockCache, cell: u64, pixels: usize) -> Found {
        cache.get(key(cell), || Ok::<_, Infallible>(block(pixels))).expect("no read fails").1
    }

    #[test]
    fn the_least_recently_used_block_goes_first() {
        let cache = BlockCache::new(2 * block(1000).bytes());
        assert_eq!((get(&cache, 1, 1000), get(&cache, 2, 1000)), (Found::Miss, Found::Miss));
        assert_eq!(get(&cache, 1, 1000), Found::Hit);
        assert_eq!(get(&cache, 3, 1000), Found::Miss);
        assert_eq!((get(&cache, 1, 1000), get(&cache, 2, 1000)), (Found::Hit, Found::Miss));
    }

    #[test]
    fn bytes_never_exceed_the_limit() {
        let cache = BlockCache::new(50_000);
        for turn in 0..500u64 {
            get(&cache, turn * 7919 % 61, (turn as usize * 31) % 20_000);
            assert!(cache.figures().bytes <= 50_000);
        }
    }

    #[test]
    fn a_block_that_many_want_at_once_is_read_once() {
        let (cache, reads) = (BlockCache::new(1 << 20), AtomicUsize::new(0));
        let start = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    start.wait();
                    let read = || {
                        reads.fetch_add(1, Ordering::SeqCst);
                        std::thread::sleep(std::time::Duration::from_millis(30));
                        Ok::<_, Infallible>(block(10))
                    };
                    cache.get(key(5), read).expect("no read fails");
                });
            }
        });
        assert_eq!(reads.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn after_a_read_that_failed_the_next_request_reads_again() {
        let cache = BlockCache::new(1 << 20);
        assert!(cache.get(key(1), || Err::<Block, &str>("the disk is gone")).is_err());
        let fault = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            cache.get(key(1), || -> Result<Block, Infallible> { panic!("a fault in the reader") })
        }));
        assert!(fault.is_err());
        assert_eq!(get(&cache, 1, 5), Found::Miss);
    }
}
