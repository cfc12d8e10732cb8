//! Memory that two sessions share, and who uses which slot of it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use pogson_ring::layout::{Geometry, Slot};
use rustix::io::Errno;

use crate::mapping::Mapping;
use crate::memfd;
use crate::remains::{self, Remains};

/// One use of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Seat {
    /// The slab.
    pub(crate) slab: u64,
    /// The slot.
    pub(crate) slot: u32,
    /// Which use of it, never 0.
    pub(crate) generation: u32,
}

/// A half as its two sides get it.
pub(crate) struct Half {
    /// For its owner.
    pub(crate) writer: OwnedFd,
    /// For the other.
    pub(crate) reader: OwnedFd,
}

/// A slab, of which the daemon keeps no descriptor, and maps only the words.
pub(crate) struct Slab {
    id: u64,
    /// Session of each side.
    pub(crate) sessions: [u64; 2],
    /// User of each side.
    pub(crate) users: [u32; 2],
    /// Its sizes.
    pub(crate) geometry: Geometry,
    halves: [Mapping; 2],
    /// Of each slot, its last use.
    generations: Vec<u32>,
    used: Vec<bool>,
    free: Vec<u32>,
    /// Where it lies, if that is memory that two guests share.
    pub(crate) far: Option<Far>,
}

/// A slab's place in a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Far {
    /// The region's number here.
    pub(crate) joint: usize,
    /// The area.
    pub(crate) area: u64,
    /// The side that is here.
    pub(crate) side: usize,
    /// Whether the process here has it.
    pub(crate) told: bool,
}

impl Slab {
    /// Makes one, and its halves for the sides.
    pub(crate) fn new(
        id: u64,
        sessions: [u64; 2],
        users: [u32; 2],
        geometry: Geometry,
    ) -> io::Result<(Self, [Half; 2])> {
        let (first, first_half) = half(geometry)?;
        let (second, second_half) = half(geometry)?;
        let slots = geometry.slots();
        let slab = Self {
            id,
            sessions,
            users,
            geometry,
            halves: [first, second],
            generations: vec![0; slots as usize],
            used: vec![false; slots as usize],
            free: (0..slots).rev().collect(),
            far: None,
        };
        Ok((slab, [first_half, second_half]))
    }

    /// Makes one of an area of a region, which may have been used before.
    pub(crate) fn far(
        id: u64,
        sessions: [u64; 2],
        user: u32,
        geometry: Geometry,
        halves: [Mapping; 2],
        far: Far,
    ) -> Self {
        use std::sync::atomic::Ordering::Acquire;
        let slots = geometry.slots();
        let generation = |slot| {
            let last = |half: &Mapping| half.slot(geometry, slot).switching.generation.load(Acquire);
            last(&halves[0]).max(last(&halves[1]))
        };
        let generations = (0..slots).map(generation).collect();
        let used = vec![false; slots as usize];
        let free = (0..slots).rev().collect();
        Self { id, sessions, users: [user; 2], geometry, halves, generations, used, free, far: Some(far) }
    }

    /// Takes part in a seat that the other guest's daemon gave; whether that is possible.
    pub(crate) fn accept(&mut self, seat: Seat) -> bool {
        if let Some(held) = self.seat(seat.slot) {
            self.reclaim(held);
        }
        let Some(place) = self.free.iter().position(|slot| *slot == seat.slot) else { return false };
        self.free.swap_remove(place);
        self.generations[seat.slot as usize] = seat.generation;
        self.used[seat.slot as usize] = true;
        true
    }

    /// Whether no seat of either side is in use, by their own words.
    pub(crate) fn is_empty(&self) -> bool {
        is_empty(&self.halves, self.geometry)
    }

    /// The words of `side` in `slot`, which this process may write: of a slab in a region.
    pub(crate) fn far_words(&self, slot: u32, side: usize) -> &Slot {
        self.words(slot, side)
    }

    /// A slot that nobody uses.
    pub(crate) fn take(&mut self) -> Option<Seat> {
        let slot = self.free.pop()?;
        let generation = &mut self.generations[slot as usize];
        *generation = generation.wrapping_add(1).max(1);
        self.used[slot as usize] = true;
        Some(Seat { slab: self.id, slot, generation: *generation })
    }

    /// Gives back a slot that nobody was told of.
    pub(crate) fn put_back(&mut self, seat: Seat) {
        if self.holds(seat) {
            self.used[seat.slot as usize] = false;
            self.free.push(seat.slot);
        }
    }

    /// Makes the seat's slot free if both sides are done with it.
    pub(crate) fn reclaim(&mut self, seat: Seat) {
        if self.holds(seat) && [0, 1].iter().all(|side| self.is_released(seat, *side)) {
            self.put_back(seat);
        }
    }

    /// Makes all slots free that both sides are done with.
    pub(crate) fn reclaim_all(&mut self) {
        for slot in 0..self.geometry.slots() {
            if let Some(seat) = self.seat(slot) {
                self.reclaim(seat);
            }
        }
    }

    /// Whether this use of the slot still lasts.
    pub(crate) fn holds(&self, seat: Seat) -> bool {
        self.seat(seat.slot) == Some(seat)
    }

    /// Uses that still last.
    pub(crate) fn seats(&self) -> impl Iterator<Item = Seat> {
        (0..self.geometry.slots()).filter_map(|slot| self.seat(slot))
    }

    /// Whether `side` is done with this use of the slot.
    pub(crate) fn is_released(&self, seat: Seat, side: usize) -> bool {
        use std::sync::atomic::Ordering::Acquire;
        self.words(seat.slot, side).switching.released.load(Acquire) == seat.generation
    }

    /// What `side` says of its sending: bytes by the ring and its epoch. `None` before it takes part and after it is done.
    pub(crate) fn sending(&self, seat: Seat, side: usize) -> Option<(u64, u32)> {
        remains::sending(self.words(seat.slot, side), seat.generation)
    }

    /// The slab is no more; what is left of it for `side`, if that still takes part in something.
    pub(crate) fn leave_to(self, side: usize) -> Option<Remains> {
        let seats: Vec<Seat> = self.seats().filter(|seat| self.sending(*seat, side).is_some()).collect();
        let [first, second] = self.halves;
        let half = if side == 0 { first } else { second };
        (!seats.is_empty()).then(|| Remains::new(half, self.geometry, seats))
    }

    fn seat(&self, slot: u32) -> Option<Seat> {
        let used = *self.used.get(slot as usize)?;
        used.then(|| Seat { slab: self.id, slot, generation: self.generations[slot as usize] })
    }

    fn words(&self, slot: u32, side: usize) -> &Slot {
        self.halves[side].slot(self.geometry, slot)
    }
}

/// Whether nobody uses a slot of these halves.
pub(crate) fn is_empty(halves: &[Mapping; 2], geometry: Geometry) -> bool {
    use std::sync::atomic::Ordering::Acquire;
    let done = |half: &Mapping, slot| {
        let words = &half.slot(geometry, slot).switching;
        words.generation.load(Acquire) == words.released.load(Acquire)
    };
    (0..geometry.slots()).all(|slot| done(&halves[0], slot) && done(&halves[1], slot))
}

fn half(geometry: Geometry) -> io::Result<(Mapping, Half)> {
    let writer = memfd::fixed("pogson-wire", geometry.half_bytes())?;
    let reader = memfd::read_only(&writer)?;
    let mapping = Mapping::new(reader.as_fd(), geometry.ring_offset(0), false)?;
    Ok((mapping, Half { writer, reader }))
}

/// Whether an error means that there is not enough of something.
pub(crate) fn is_want(error: Errno) -> bool {
    matches!(
        error,
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS | Errno::TOOMANYREFS | Errno::NOSPC | Errno::DQUOT
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use pogson_ring::switch;

    fn slab() -> (Slab, [Half; 2]) {
        Slab::new(7, [1, 2], [0, 0], Geometry::new(2, 1 << 16).unwrap()).unwrap()
    }

    fn written(half: &Half, geometry: Geometry) -> Mapping {
        Mapping::new(half.writer.as_fd(), geometry.half_bytes(), true).unwrap()
    }

    #[test]
    fn a_slot_is_used_again_only_when_both_sides_are_done_with_this_use() {
        let (mut slab, halves) = slab();
        let own = halves.each_ref().map(|half| written(half, slab.geometry));
        let first = slab.take().unwrap();
        let second = slab.take().unwrap();
        assert_eq!((first.generation, second.generation), (1, 1));
        assert_ne!(first.slot, second.slot);
        assert_eq!(slab.take(), None);
        switch::release(own[0].slot(slab.geometry, first.slot), 1);
        slab.reclaim_all();
        assert_eq!(slab.take(), None);
        switch::release(own[1].slot(slab.geometry, first.slot), 2);
        slab.reclaim_all();
        assert_eq!(slab.take(), None);
        switch::release(own[1].slot(slab.geometry, first.slot), 1);
        slab.reclaim_all();
        assert!(!slab.holds(first));
        assert_eq!(slab.take(), Some(Seat { generation: 2, ..first }));
    }

    #[test]
    fn a_sides_bytes_count_from_when_it_takes_part_until_it_is_done() {
        use std::sync::atomic::Ordering::Relaxed;
        let (mut slab, halves) = slab();
        let own = written(&halves[1], slab.geometry);
        let seat = slab.take().unwrap();
        let words = own.slot(slab.geometry, seat.slot);
        assert_eq!(slab.sending(seat, 1), None);
        switch::take_part(words, seat.generation);
        words.sending.tail.store(500, Relaxed);
        assert_eq!(slab.sending(seat, 1), Some((500, 0)));
        assert_eq!(slab.sending(seat, 0), None);
        switch::release(words, seat.generation);
        assert_eq!(slab.sending(seat, 1), None);
    }
}
