//! Memory that is shared with another process, and how that process is told.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use pogson_ring::layout::{GROUP, Geometry};
use pogson_ring::protocol::Page;
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::connection::Connection;
use crate::home::Home;
use crate::memory::Mapping;

/// Another process.
pub(crate) struct Party {
    /// Its page.
    pub(crate) page: Mapping,
    /// Its eventfd.
    pub(crate) bell: OwnedFd,
    /// Readable when it is dead.
    pub(crate) process: OwnedFd,
    /// Sequence of its bell that was rung.
    pub(crate) rung: AtomicU64,
    /// What is shared with it.
    pub(crate) slabs: Mutex<Vec<Weak<Slab>>>,
}

impl Party {
    fn page(&self) -> &Page {
        self.page.page()
    }

    /// Rings its bell if it sleeps and was not rung since; whether it did.
    fn ring(&self) -> bool {
        let must = self.page().bell.must_ring(&self.rung);
        if must {
            ring(&self.bell);
        }
        must
    }

    /// Whether the process is dead.
    pub(crate) fn is_dead(&self) -> bool {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        rustix::event::poll(&mut [PollFd::new(&self.process, PollFlags::IN)], Some(&at_once)) == Ok(1)
    }
}

/// Rings a bell.
pub(crate) fn ring(bell: &OwnedFd) {
    // It can fail only if it was rung as often as a 64-bit number can count.
    let _ = rustix::io::write(bell, &1_u64.to_ne_bytes());
}

/// One side of a slab.
pub(crate) struct Slab {
    /// The half that this side writes.
    pub(crate) own: Mapping,
    /// The half that the other side writes.
    pub(crate) peer: Mapping,
    /// Its sizes.
    pub(crate) geometry: Geometry,
    /// The process on the other side.
    pub(crate) party: Arc<Party>,
    /// This process, as the other side rings it.
    pub(crate) home: Arc<Home>,
    connections: Box<[Mutex<Weak<Connection>>]>,
    /// No slot from here on was ever used.
    reach: AtomicU32,
}

impl Slab {
    /// A slab of which no slot is used.
    pub(crate) fn new(own: Mapping, peer: Mapping, geometry: Geometry, party: Arc<Party>, home: Arc<Home>) -> Self {
        let connections = (0..geometry.slots()).map(|_| Mutex::default()).collect();
        Self { own, peer, geometry, party, home, connections, reach: AtomicU32::new(0) }
    }

    /// Tells the other process, which waits by its bell, that `slot` changed.
    pub(crate) fn stir(&self, slot: u32) {
        self.note(slot);
        self.ring();
    }

    /// Has the other process see that `slot` changed, when it next looks; [`Slab::ring`] wakes it.
    pub(crate) fn note(&self, slot: u32) {
        let head = self.own.head();
        if let Some(group) = head.group.get((slot / GROUP) as usize) {
            group.fetch_add(1, Ordering::Relaxed);
        }
        head.stir.fetch_add(1, Ordering::Release);
    }

    /// Wakes the other process, if it sleeps.
    pub(crate) fn ring(&self) {
        if self.party.ring() {
            self.home.page().counters.wakes.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Gives `slot` to a connection, or to none.
    pub(crate) fn occupy(&self, slot: u32, connection: Weak<Connection>) {
        if let Some(place) = self.connections.get(slot as usize) {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = connection;
            self.reach.fetch_max(slot + 1, Ordering::AcqRel);
        }
    }

    /// Connections of the slots from `first` on, `count` at most.
    pub(crate) fn connections(&self, first: u32, count: u32) -> impl Iterator<Item = Arc<Connection>> {
        let end = (first + count).min(self.reach.load(Ordering::Acquire));
        (first..end).filter_map(|slot| {
            let place = self.connections.get(slot as usize)?;
            place.lock().unwrap_or_else(PoisonError::into_inner).upgrade()
        })
    }
}
