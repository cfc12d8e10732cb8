//! What is left of a slab whose other side's session has ended, until its own side is done with it.

use pogson_ring::layout::{Geometry, Slot};

use crate::mapping::Mapping;
use crate::slab::Seat;

/// A half whose owner still has connections there; what it sent by them is read from it. The memory is the owner's, too, as long.
pub(crate) struct Remains {
    half: Mapping,
    geometry: Geometry,
    seats: Vec<Seat>,
}

impl Remains {
    /// - `seats`: those that the half's owner takes part in.
    pub(crate) fn new(half: Mapping, geometry: Geometry, seats: Vec<Seat>) -> Self {
        Self { half, geometry, seats }
    }

    /// Bytes that the owner has sent by rings that it is not done with; `None` if there are no such rings.
    pub(crate) fn sent(&self) -> Option<u64> {
        let slots = self.seats.iter().map(|seat| (seat, self.half.slot(self.geometry, seat.slot)));
        let sent = slots.filter_map(|(seat, slot)| sending(slot, seat.generation));
        sent.map(|(bytes, _)| bytes).reduce(u64::wrapping_add)
    }
}

/// What a side says of its sending: bytes by the ring and its epoch. `None` before it takes part and after it is done.
pub(crate) fn sending(words: &Slot, generation: u32) -> Option<(u64, u32)> {
    use std::sync::atomic::Ordering::{Acquire, Relaxed};
    let lives =
        words.switching.generation.load(Acquire) == generation && words.switching.released.load(Acquire) != generation;
    lives.then(|| (words.sending.tail.load(Relaxed), words.switching.epoch.load(Relaxed)))
}
