//! How a side shows itself in a region.

use std::sync::atomic::AtomicU64;

/// Bytes from one card to the next.
pub(crate) const CARD_BYTES: usize = 1 << 15;
/// Words of a record.
pub(crate) const WORDS: usize = 16;
/// Records that a side has room for.
pub(crate) const RECORDS: usize = 128;

/// A side's card. Its own daemon writes it, the other reads it.
#[repr(C, align(64))]
pub(crate) struct Card {
    /// [`super::channel::VERSION`], 0 before a daemon served here.
    pub(crate) version: AtomicU64,
    /// A number that no other daemon had that served here.
    pub(crate) incarnation: AtomicU64,
    /// Records that were written.
    pub(crate) tail: AtomicU64,
    /// Records of the other side that were read.
    pub(crate) head: AtomicU64,
    /// Grows while a daemon serves.
    pub(crate) beat: AtomicU64,
    /// The records.
    pub(crate) records: [[AtomicU64; WORDS]; RECORDS],
}

const _: () = assert!(size_of::<Card>() <= CARD_BYTES);
