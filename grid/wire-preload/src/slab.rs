//! Slabs, as this process has them mapped.

use crate::{
    connection::{CONNECTIONS, Connection, Ring},
    heads, kernel,
    party::{PARTIES, Party},
    pool::{Item, Pool},
};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use pogson_ring::{
    layout::{GROUP, Geometry, Head, Slot},
    protocol::Page,
    stream::Stretches,
};

/// In place of the name that a daemon gave which is gone.
const FORMER: u64 = u64::MAX;

/// Most slots of a slab.
const SLOTS: usize = 256;

/// One side of a slab.
#[repr(C, align(64))]
pub(crate) struct Slab {
    link: AtomicU32,
    /// The daemon's name of it, 0 for none, and the side.
    name: AtomicU64,
    side: AtomicU32,
    own: AtomicPtr<u8>,
    peer: AtomicPtr<u8>,
    slots: AtomicU32,
    ring_bytes: AtomicU32,
    /// Number of the other [`Party`].
    pub(crate) party: AtomicU32,
    /// Number of the party of this process whose bell the other side rings.
    pub(crate) home: AtomicU32,
    /// 1 if the other side is in another guest: the daemons carry the wakes.
    far: AtomicU32,
    /// 1 if it was left: both halves are this process's own memory.
    left: AtomicU32,
    /// Where this side's half begins in its file.
    own_at: AtomicU64,
    /// Descriptors of the two halves.
    files: [AtomicI32; 2],
    /// Connections that have a slot, and threads that sleep in it.
    users: AtomicU32,
    /// How many had been opened at this place when this one was.
    opened: AtomicU32,
    /// Connections by slot.
    connections: [AtomicU32; SLOTS],
}

// SAFETY: atomics only, of which zeros are valid.
unsafe impl Item for Slab {
    fn link(&self) -> &AtomicU32 {
        &self.link
    }
}

/// Whether there may be a slab that is far.
static FAR: AtomicBool = AtomicBool::new(false);

/// Whether some other sides may be in another guest: if the daemon there or here is dead, nobody carries their wakes.
#[inline]
pub(crate) fn some_far() -> bool {
    FAR.load(Ordering::Relaxed)
}

/// All slabs.
pub(crate) static SLABS: Pool<Slab> = Pool::private(heads::SLABS_AT_MOST);

impl Slab {
    /// Maps the two halves.
    pub(crate) fn open(
        name: u64,
        side: u32,
        geometry: Geometry,
        files: [i32; 2],
        offsets: [u64; 2],
        (party, home, far): (u32, u32, bool),
    ) -> Option<u32> {
        let bytes = geometry.half_bytes();
        let writable = libc::PROT_READ | libc::PROT_WRITE;
        let own = kernel::map_part(bytes, writable, libc::MAP_SHARED, files[0], offsets[0])?;
        let peer = kernel::map_part(bytes, libc::PROT_READ, libc::MAP_SHARED, files[1], offsets[1]);
        let Some(peer) = peer else {
            // SAFETY: mapped in the line above and known to nobody.
            unsafe { kernel::unmap(own, bytes) };
            return None;
        };
        let number = SLABS.take();
        let Some((number, slab)) = number
            .and_then(|number| SLABS.get(number).map(|slab| (number, slab)))
            .filter(|(number, _)| heads::show(*number, files[1], offsets[1]))
        else {
            if let Some(number) = number {
                SLABS.give_back(number);
            }
            for half in [own, peer] {
                // SAFETY: mapped above and known to nobody.
                unsafe { kernel::unmap(half, bytes) };
            }
            return None;
        };
        slab.side.store(side, Ordering::Relaxed);
        slab.own.store(own, Ordering::Relaxed);
        slab.peer.store(peer, Ordering::Relaxed);
        slab.slots.store(geometry.slots(), Ordering::Relaxed);
        slab.ring_bytes.store(geometry.ring_bytes(), Ordering::Relaxed);
        slab.party.store(party, Ordering::Relaxed);
        slab.home.store(home, Ordering::Relaxed);
        slab.far.store(u32::from(far), Ordering::Relaxed);
        slab.left.store(0, Ordering::Relaxed);
        slab.own_at.store(offsets[0], Ordering::Relaxed);
        if far {
            FAR.store(true, Ordering::Relaxed);
        }
        for (known, file) in slab.files.iter().zip(files) {
            known.store(file, Ordering::Relaxed);
        }
        slab.users.store(0, Ordering::Relaxed);
        slab.opened.fetch_add(1, Ordering::Relaxed);
        for connection in &slab.connections {
            connection.store(0, Ordering::Relaxed);
        }
        if let Some(party) = PARTIES.get(party) {
            party.slabs.fetch_add(1, Ordering::AcqRel);
        }
        slab.name.store(name, Ordering::Release);
        Some(number)
    }

    /// Whether the other side is in another guest, where no futex and no eventfd of this one is known.
    #[inline]
    pub(crate) fn is_far(&self) -> bool {
        self.far.load(Ordering::Relaxed) != 0
    }

    /// Whether the daemon wants this memory to be left, and it was not yet.
    #[inline]
    pub(crate) fn is_to_be_left(&self) -> bool {
        self.is_far()
            && self.is_open()
            && self.left.load(Ordering::Acquire) == 0
            && self.own_head().is_some_and(|head| head.leave.load(Ordering::Acquire) != 0)
    }

    /// Connections by slot.
    pub(crate) fn connections(&self) -> impl Iterator<Item = (u32, &'static Connection)> {
        (0..self.slots()).filter_map(|slot| Some((slot, self.connection(slot)?)))
    }

    /// Puts memory of this process's own in the place of both halves. What lies in the words, and what `unread` names of the other
    /// side's ring of a slot, is found there again; `mend` changes the copies. What this process has of the slab's files is closed.
    /// Whether that could be done. The caller holds the session's lock, and those of all slots that have connections; `unlock`
    /// gives them back in the memory that is left, where it gets all slots.
    pub(crate) fn leave(
        &self,
        number: u32,
        unread: impl Fn(u32) -> Stretches,
        mend: impl Fn(&Slot, &Slot),
        unlock: impl Fn(&Slot),
    ) -> bool {
        let Some(geometry) = self.geometry() else { return false };
        let (bytes, words) = (geometry.half_bytes(), geometry.ring_offset(0));
        let writable = libc::PROT_READ | libc::PROT_WRITE;
        // Shared with children that are made later, as the halves were.
        let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let file = self.files[0].load(Ordering::Relaxed);
        let left = kernel::map_part(words, writable, libc::MAP_SHARED, file, self.own_at.load(Ordering::Relaxed));
        let copies = [kernel::map(bytes, writable, flags, -1), kernel::map(bytes, writable, flags, -1)];
        let halves = [self.own.load(Ordering::Relaxed), self.peer.load(Ordering::Relaxed)];
        let mut moved = [false; 2];
        if let (Some(left), [Some(own), Some(peer)]) = (left, copies) {
            for (half, copy) in halves.into_iter().zip([own, peer]) {
                // SAFETY: both are mapped for so many bytes, and aligned to a page.
                unsafe { copy_words(half, copy, words) };
            }
            for (slot, _) in self.connections() {
                let Stretches { offset, first, second } = unread(slot);
                let ring = geometry.ring_offset(slot);
                for (at, length) in [(ring + offset, first), (ring, second)] {
                    // SAFETY: the stretches lie within the ring, and nobody writes there any more.
                    unsafe { core::ptr::copy_nonoverlapping(halves[1].add(at), peer.add(at), length) };
                }
                let at = geometry.slot_offset(slot);
                // SAFETY: slots lie within and are made of atomics.
                mend(unsafe { &*own.add(at).cast::<Slot>() }, unsafe { &*peer.add(at).cast::<Slot>() });
            }
            // The other side's first: as long as this side's own is there, it can be tried again.
            for which in [1, 0] {
                let copy = if which == 0 { own } else { peer };
                // SAFETY: nobody else knows the copies, in which all lies that will be looked for.
                moved[which] = unsafe { kernel::put_in_place(copy, bytes, halves[which]) };
                if !moved[which] {
                    break;
                }
            }
            if moved[0] {
                for slot in 0..geometry.slots() {
                    // SAFETY: as above.
                    unlock(unsafe { &*left.add(geometry.slot_offset(slot)).cast::<Slot>() });
                }
            }
        }
        if let Some(left) = left {
            // SAFETY: mapped above, and used no more.
            unsafe { kernel::unmap(left, words) };
        }
        for (copy, moved) in copies.into_iter().zip(moved) {
            if let Some(copy) = copy.filter(|_| !moved) {
                // SAFETY: mapped above, and known to nobody.
                unsafe { kernel::unmap(copy, bytes) };
            }
        }
        if moved[0] {
            self.forget_file(number);
        }
        moved[0]
    }

    /// No connection gets a slot here any more, and nothing of the slab's files is open. The caller holds the session's lock.
    pub(crate) fn forget_file(&self, number: u32) {
        heads::hide(number);
        self.left.store(1, Ordering::Release);
        self.name.store(FORMER, Ordering::Release);
        if let Some(party) = PARTIES.get(self.party.load(Ordering::Relaxed)) {
            party.session.store(FORMER, Ordering::Release);
        }
        for file in &self.files {
            crate::session::close_own(file.swap(-1, Ordering::AcqRel));
        }
        let others = (1..=SLABS.reach()).filter_map(|number| SLABS.get(number));
        let far = others.filter(|slab| slab.is_open() && slab.is_far() && slab.left.load(Ordering::Acquire) == 0);
        FAR.store(far.count() > 0, Ordering::Relaxed);
    }

    /// The page by which the daemon wakes this process for a slab that is far.
    pub(crate) fn far_page(&self) -> Option<&'static Page> {
        PARTIES.get(self.home.load(Ordering::Relaxed)).filter(|_| self.is_far()).and_then(Party::page)
    }

    /// Number of the side of a slab that is mapped already.
    pub(crate) fn find(name: u64, side: u32) -> Option<u32> {
        (1..=SLABS.reach()).find(|number| {
            SLABS.get(*number).is_some_and(|slab| {
                slab.name.load(Ordering::Acquire) == name && slab.side.load(Ordering::Relaxed) == side
            })
        })
    }

    fn geometry(&self) -> Option<Geometry> {
        Geometry::new(self.slots.load(Ordering::Relaxed), self.ring_bytes.load(Ordering::Relaxed))
    }

    /// The words and bytes of `slot`.
    pub(crate) fn ring(&self, slot: u32) -> Option<Ring> {
        let geometry = self.geometry().filter(|geometry| slot < geometry.slots())?;
        let (own, peer) = (self.own.load(Ordering::Relaxed), self.peer.load(Ordering::Relaxed));
        if own.is_null() || peer.is_null() {
            return None;
        }
        let (words, bytes) = (geometry.slot_offset(slot), geometry.ring_offset(slot));
        // SAFETY: both halves are mapped with this geometry, slots lie within and are made of atomics.
        let (own_slot, peer_slot) = unsafe { (&*own.add(words).cast::<Slot>(), &*peer.add(words).cast::<Slot>()) };
        // SAFETY: the rings lie within the halves too.
        let (own_bytes, peer_bytes) = unsafe { (own.add(bytes), peer.add(bytes)) };
        Some(Ring { own: own_slot, peer: peer_slot, own_bytes, peer_bytes, size: geometry.ring_bytes() })
    }

    /// The beginning of this side's half, whose counters tell the other side what changed.
    fn own_head(&self) -> Option<&'static Head> {
        let own = self.own.load(Ordering::Relaxed);
        // SAFETY: mapped, and the half begins with it.
        (!own.is_null()).then(|| unsafe { &*own.cast::<Head>() })
    }

    /// Tells the other process, which waits by its bell, that `slot` changed.
    pub(crate) fn stir(&self, slot: u32) {
        let Some(head) = self.own_head() else { return };
        if let Some(group) = head.group.get((slot / GROUP) as usize) {
            group.fetch_add(1, Ordering::Relaxed);
        }
        head.stir.fetch_add(1, Ordering::Release);
        if let Some(party) = PARTIES.get(self.party.load(Ordering::Relaxed)) {
            party.ring();
        }
    }

    /// The connection that has `slot`.
    pub(crate) fn connection(&self, slot: u32) -> Option<&'static Connection> {
        CONNECTIONS.get(self.connections.get(slot as usize)?.load(Ordering::Acquire))
    }

    /// Gives `slot` to a connection.
    pub(crate) fn occupy(&self, slot: u32, connection: u32) {
        if let Some(known) = self.connections.get(slot as usize) {
            known.store(connection, Ordering::Release);
            self.users.fetch_add(1, Ordering::AcqRel);
        }
    }

    /// The connection of `slot` is no more in this process.
    pub(crate) fn vacate(&self, slot: u32) {
        if let Some(known) = self.connections.get(slot as usize) {
            known.store(0, Ordering::Release);
            self.users.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// A thread is about to sleep on a word of the slab, which stays mapped until [`Slab::unpin`].
    pub(crate) fn pin(&self) {
        self.users.fetch_add(1, Ordering::AcqRel);
    }

    /// The thread sleeps no more.
    pub(crate) fn unpin(&self) {
        self.users.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether no connection has a slot and no thread sleeps here.
    pub(crate) fn is_idle(&self) -> bool {
        self.users.load(Ordering::Acquire) == 0
    }

    /// Whether no connection will get a slot here any more: the process on the other side is dead, or the daemon gone.
    pub(crate) fn is_over(&self) -> bool {
        self.name.load(Ordering::Acquire) == FORMER || self.party_is_dead()
    }

    fn party_is_dead(&self) -> bool {
        PARTIES.get(self.party.load(Ordering::Relaxed)).is_none_or(Party::is_dead)
    }

    /// Slots.
    pub(crate) fn slots(&self) -> u32 {
        self.slots.load(Ordering::Relaxed)
    }

    /// Whether this is a slab, and not a place for one.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.name.load(Ordering::Acquire) != 0
    }

    /// Which slab of all that were ever opened this is.
    #[inline]
    pub(crate) fn opened(&self) -> u32 {
        self.opened.load(Ordering::Relaxed)
    }

    fn close(&self, number: u32) {
        self.name.store(0, Ordering::Release);
        heads::hide(number);
        let bytes = self.geometry().map_or(0, Geometry::half_bytes);
        for half in [&self.own, &self.peer] {
            let half = half.swap(core::ptr::null_mut(), Ordering::AcqRel);
            if !half.is_null() {
                // SAFETY: no connection has a slot here and no thread sleeps here.
                unsafe { kernel::unmap(half, bytes) };
            }
        }
        for file in &self.files {
            crate::session::close_own(file.swap(-1, Ordering::AcqRel));
        }
        let party = self.party.swap(0, Ordering::AcqRel);
        SLABS.give_back(number);
        if let Some(known) = PARTIES.get(party)
            && known.slabs.fetch_sub(1, Ordering::AcqRel) == 1
        {
            known.close(party);
        }
    }
}

/// Copies words that others may write meanwhile.
///
/// # Safety
/// Both places are valid for `bytes`, and aligned.
unsafe fn copy_words(from: *const u8, to: *mut u8, bytes: usize) {
    for word in 0..bytes / size_of::<u64>() {
        // SAFETY: the caller's promise.
        let (from, to) = unsafe { (&*from.cast::<AtomicU64>().add(word), &*to.cast::<AtomicU64>().add(word)) };
        to.store(from.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// The daemon that named slabs and sessions is gone, or was another process's: the next one begins its numbers anew, and would
/// else be taken to mean these.
pub(crate) fn forget_names() {
    for name in (1..=SLABS.reach()).filter_map(|number| SLABS.get(number)).map(|slab| &slab.name) {
        if name.load(Ordering::Acquire) != 0 {
            name.store(FORMER, Ordering::Release);
        }
    }
    for session in (1..=PARTIES.reach()).filter_map(|number| PARTIES.get(number)).map(|party| &party.session) {
        if session.load(Ordering::Acquire) != 0 {
            session.store(FORMER, Ordering::Release);
        }
    }
}

/// Gives back what is shared with processes that are dead or was given by a former daemon, where nothing is in use. The caller holds the session's lock.
pub(crate) fn sweep() {
    for number in 1..=SLABS.reach() {
        if let Some(slab) = SLABS.get(number)
            && slab.is_open()
            && slab.is_idle()
            && slab.is_over()
        {
            slab.close(number);
        }
    }
}

/// One of the library's own descriptors has another number now.
pub(crate) fn renumber(from: i32, to: i32) {
    for party in (1..=PARTIES.reach()).filter_map(|number| PARTIES.get(number)) {
        for fd in [&party.eventfd, &party.pidfd] {
            let _ = fd.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
    for slab in (1..=SLABS.reach()).filter_map(|number| SLABS.get(number)) {
        for fd in &slab.files {
            let _ = fd.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}
