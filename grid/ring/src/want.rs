//! Who waits, in one word, and who has to be woken.
//!
//! A word says how many threads sleep on the connection's own futex, whether the connection is waited for by a bell (a process's
//! eventfd, which its epoll sets hold), and a sequence number that grows with each thread that is about to sleep or has found
//! nothing. Who wakes cannot write the word, for it lies in the other's half; it remembers the sequence that it has woken, and
//! wakes all that it stands for at once, and only once.
//!
//! Order, on both sides: write (bytes, or the wish to sleep), full fence, read the other's word. So at least one of them sees
//! the other.

use crate::sync::{AtomicU32, AtomicU64, Ordering, fence};

/// Threads that sleep on the futex: bits 0 to 13.
const SLEEPERS: u64 = (1 << 14) - 1;
/// Waited for by a bell, once for a sequence.
const ONCE: u64 = 1 << 14;
/// Waited for by a bell at each change.
const BELL: u64 = 1 << 15;
/// One step of the sequence: bits 16 to 63.
const STEP: u64 = 1 << 16;

/// Sets a bit, without writing where it is set already. Loom compares a write with the last access alone, which a look before it
/// would be: under it the bit is always written.
fn set(word: &AtomicU64, bit: u64) {
    if cfg!(loom) || word.load(Ordering::Relaxed) & bit == 0 {
        word.fetch_or(bit, Ordering::Relaxed);
    }
}

/// Whom to wake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wake {
    /// The futex: `bell_data` or `bell_space`, which has been increased.
    pub futex: bool,
    /// The other process's bell, if its [`Bell`] says that it sleeps.
    pub bell: bool,
}

/// A thread is about to sleep on the futex. After this the caller looks again at what it waits for, and sleeps only if that is
/// still not there and the futex has still the value that it had before this call.
pub fn arm(word: &AtomicU64) {
    word.fetch_add(STEP + 1, Ordering::Relaxed);
    fence(Ordering::SeqCst);
}

/// A thread that called [`arm`] sleeps no more.
pub fn disarm(word: &AtomicU64) {
    word.fetch_sub(1, Ordering::Relaxed);
}

/// From now on the connection is waited for by the bell, which is rung at each change. The caller looks after this at what it waits for.
pub fn want_bell(word: &AtomicU64) {
    set(word, BELL);
    fence(Ordering::SeqCst);
}

/// The connection is waited for by the bell until that has been rung for it. The caller looks after this at what it waits for, and
/// says so anew whenever it finds nothing. As no thread takes back what another said, nobody is forgotten.
pub fn want_bell_once(word: &AtomicU64) {
    set(word, ONCE);
    word.fetch_add(STEP, Ordering::Relaxed);
    fence(Ordering::SeqCst);
}

/// Whether the other side has woken all who wait by now, as it says: the bell is rung once for them and was. For who looks after a
/// stir of the slot, and lets others sleep on.
///
/// - `rung`: the other side's note of what it has woken.
pub fn was_rung(word: &AtomicU64, rung: &AtomicU64) -> bool {
    wishes(word) + 1 == rung.load(Ordering::Relaxed)
}

/// Grows with each thread that says that it waits.
pub fn wishes(word: &AtomicU64) -> u64 {
    word.load(Ordering::Relaxed) / STEP
}

/// Whether the bell is wanted at each change.
pub fn wants_bell(word: &AtomicU64) -> bool {
    word.load(Ordering::Relaxed) & BELL != 0
}

/// After a change that the other side may wait for: whom to wake.
///
/// - `theirs`: the other side's word.
/// - `rung`: the sequence woken before, in this side's memory; the caller holds its lock.
/// - `futex`: increased if a thread sleeps on it.
#[inline]
pub(crate) fn after_change(theirs: &AtomicU64, rung: &AtomicU64, futex: &AtomicU32) -> Wake {
    fence(Ordering::SeqCst);
    let word = theirs.load(Ordering::Relaxed);
    if word == 0 {
        return Wake::default();
    }
    wake_for(word, rung, futex)
}

#[cold]
fn wake_for(word: u64, rung: &AtomicU64, futex: &AtomicU32) -> Wake {
    let sequence = word / STEP + 1;
    let news = rung.load(Ordering::Relaxed) != sequence;
    let sleeps = news && word & SLEEPERS != 0;
    let once = news && word & ONCE != 0;
    if sleeps || once {
        rung.store(sequence, Ordering::Relaxed);
    }
    if sleeps {
        futex.fetch_add(1, Ordering::Release);
    }
    Wake { futex: sleeps, bell: once || word & BELL != 0 }
}

/// A process's bell: its eventfd is rung only while one of its threads sleeps, and once for all that went to sleep before.
/// Bits 0 to 15 count sleeping threads, the rest is the sequence. It lies in memory that other processes can only read.
#[derive(Default)]
#[repr(C, align(64))]
pub struct Bell(pub AtomicU64);

const BELL_SLEEPERS: u64 = (1 << 16) - 1;
const BELL_STEP: u64 = 1 << 16;

impl Bell {
    /// A thread is about to sleep until the bell rings. It looks again at what it waits for after this.
    pub fn arm(&self) {
        self.0.fetch_add(BELL_STEP + 1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// A thread that called [`Bell::arm`] sleeps no more.
    pub fn disarm(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// After a change in a slot that [`Wake::bell`] names and after the stirs: whether to write to the eventfd.
    ///
    /// - `rung`: the sequence that this process has rung before.
    pub fn must_ring(&self, rung: &AtomicU64) -> bool {
        fence(Ordering::SeqCst);
        let word = self.0.load(Ordering::Relaxed);
        let sequence = word / BELL_STEP + 1;
        word & BELL_SLEEPERS != 0 && rung.swap(sequence, Ordering::Relaxed) != sequence
    }
}
