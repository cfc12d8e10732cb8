//! A connection as this process knows it.

use crate::{
    block::{BLOCKS, Block},
    patience::Patience,
    pool::{Item, Pool},
};
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};
use pogson_ring::{
    layout::Slot,
    stream::{Rx, Tx},
    switch,
};

/// Epoll registrations that a connection may have at once and still leave TCP.
pub(crate) const REGISTRATIONS: usize = 4;

/// How far a connection has come.
pub(crate) mod phase {
    /// On TCP, and watched.
    pub(crate) const WATCHED: u32 = 0;
    /// The daemon was asked.
    pub(crate) const ASKED: u32 = 1;
    /// It has a slot.
    pub(crate) const PAIRED: u32 = 2;
    /// It stays on TCP.
    pub(crate) const ALONE: u32 = 3;
}

/// A connection of this process. A child by fork has its own copy of it; what both must agree on is in the [`Block`] and the slot.
#[repr(C, align(64))]
pub(crate) struct Connection {
    link: AtomicU32,
    number: AtomicU32,
    /// Grows when the connection begins and when it ends, so that a thread which slept can tell.
    pub(crate) serial: AtomicU32,
    /// Descriptors of this process.
    pub(crate) descriptors: AtomicU32,
    block: AtomicU32,
    /// 1 if its socket is one of vsock, not TCP.
    vsock: AtomicU32,
    /// A [`phase`].
    pub(crate) phase: AtomicU32,
    /// Number of the slab in this process.
    pub(crate) slab: AtomicU32,
    /// Slot in the slab.
    pub(crate) slot: AtomicU32,
    /// Use of the slot.
    pub(crate) generation: AtomicU32,
    size: AtomicU32,
    own: AtomicPtr<Slot>,
    peer: AtomicPtr<Slot>,
    own_bytes: AtomicPtr<u8>,
    peer_bytes: AtomicPtr<u8>,
    /// Lock of the registrations.
    pub(crate) registering: AtomicU32,
    /// Numbers of [`crate::set::Registration`]s, 0 for none.
    pub(crate) registrations: [AtomicU32; REGISTRATIONS],
    /// What is known of looking before sleeping.
    pub(crate) patience: Patience,
    /// Looks in vain since the kernel was last asked whether the other end lives.
    pub(crate) idle_looks: AtomicU32,
    /// Times in a row that a receiver found a few bytes at once, as behind a sender that is just as fast.
    pub(crate) heels: AtomicU32,
    /// Bytes that this side had sent by the ring at the last of these.
    pub(crate) heels_sent: AtomicU64,
    /// The kernel's name of the socket, 0 if it gives none.
    pub(crate) cookie: AtomicU64,
    /// When it was last asked why it is not paired, by count of its calls.
    pub(crate) asked_at: AtomicU64,
    /// Count of bytes at which the daemon's answer is waited for, if it has not come; later, of a vsock, the other end.
    pub(crate) patient_until: AtomicU64,
    /// Count of sent bytes up to which the kernel is kept from taking many more; 0 if it is not.
    pub(crate) held_for: AtomicU64,
}

// SAFETY: atomics only, of which zeros are valid.
unsafe impl Item for Connection {
    fn link(&self) -> &AtomicU32 {
        &self.link
    }
}

/// All connections of the process.
pub(crate) static CONNECTIONS: Pool<Connection> = Pool::private(1 << 17);

/// A connection's slot, seen from this side.
#[derive(Clone, Copy)]
pub(crate) struct Ring {
    /// In the half that this side writes.
    pub(crate) own: &'static Slot,
    /// In the other's half.
    pub(crate) peer: &'static Slot,
    /// The bytes that this side sends.
    pub(crate) own_bytes: *mut u8,
    /// The bytes that the other side sends.
    pub(crate) peer_bytes: *const u8,
    /// Bytes of each ring.
    pub(crate) size: u32,
}

impl Ring {
    pub(crate) fn tx(&self) -> Tx<'static> {
        Tx { own: self.own, peer: self.peer, size: self.size }
    }

    pub(crate) fn rx(&self) -> Rx<'static> {
        Rx { own: self.own, peer: self.peer, size: self.size }
    }

    /// Whether this side sends by the ring.
    #[inline]
    pub(crate) fn sends(&self) -> bool {
        switch::by_ring(self.own.switching.epoch.load(Ordering::Acquire))
    }

    /// Whether this side has sent by the ring and sends by TCP again.
    pub(crate) fn has_gone_back(&self) -> bool {
        self.own.switching.epoch.load(Ordering::Acquire) > 1
    }

    /// The same of the other side: how its stream ends, TCP tells.
    pub(crate) fn peer_has_gone_back(&self) -> bool {
        self.peer.switching.epoch.load(Ordering::Acquire) > 1
    }

    /// Epoch up to which this side has read.
    #[inline]
    pub(crate) fn entered(&self) -> u32 {
        self.own.switching.entered.load(Ordering::Acquire)
    }

    /// Whether this side has ever offered to receive by the ring.
    pub(crate) fn has_offered(&self) -> bool {
        self.own.switching.offer.load(Ordering::Acquire) != 0
    }

    /// Whether this side looks at the ring when it receives.
    #[inline]
    pub(crate) fn looks(&self) -> bool {
        self.has_offered() && self.entered() < 2
    }

    /// Whether all that comes next comes by the ring.
    pub(crate) fn receives(&self) -> bool {
        switch::by_ring(self.entered()) && !self.is_read()
    }

    /// Whether the other end has left the ring, and this one has read all that it sent there.
    pub(crate) fn is_read(&self) -> bool {
        let entered = self.entered();
        let head = self.own.receiving.head.load(Ordering::Acquire);
        switch::by_ring(entered) && switch::is_back(self.peer, entered, head)
    }

    /// SO_RCVLOWAT, bytes. Half the ring at most, as the kernel takes half its buffer: senders wake only when a quarter is free.
    pub(crate) fn low_water(&self) -> u32 {
        self.own.side.low_water.load(Ordering::Relaxed).clamp(1, self.size / 2)
    }

    /// Bits that both the program's threads and its children agree on.
    #[inline]
    pub(crate) fn flags(&self) -> u32 {
        self.own.side.flags.load(Ordering::Acquire)
    }

    /// Whether the socket is one of vsock, whose rules hold.
    pub(crate) fn is_vsock(&self) -> bool {
        self.flags() & flag::VSOCK != 0
    }

    pub(crate) fn set_flags(&self, bits: u32) {
        self.own.side.flags.fetch_or(bits, Ordering::AcqRel);
    }

    pub(crate) fn clear_flags(&self, bits: u32) {
        self.own.side.flags.fetch_and(!bits, Ordering::AcqRel);
    }
}

/// Bits of a slot's `side.flags`.
pub(crate) mod flag {
    pub(crate) use pogson_ring::ending::flag::*;

    /// A child by fork has it, too.
    pub(crate) const BY_CHILDREN: u32 = pogson_ring::layout::held::BY_CHILDREN;
    /// What lay unread in a recalled ring is being sent by TCP.
    pub(crate) const RETURNING: u32 = 1 << 16;
    /// It could not be: the stream, or the connection, was over.
    pub(crate) const LOST: u32 = 1 << 17;
    /// Its bytes by the ring are counted already.
    pub(crate) const COUNTED: u32 = 1 << 18;
    /// The socket is one of vsock, not TCP.
    pub(crate) const VSOCK: u32 = 1 << 19;
}

impl Connection {
    /// Makes a taken connection new.
    pub(crate) fn begin(&self, number: u32, block: u32, vsock: bool) {
        self.vsock.store(vsock.into(), Ordering::Relaxed);
        self.number.store(number, Ordering::Relaxed);
        self.block.store(block, Ordering::Relaxed);
        self.phase.store(phase::WATCHED, Ordering::Relaxed);
        self.patience.forget();
        for word in
            [&self.slab, &self.registering, &self.idle_looks, &self.heels].into_iter().chain(&self.registrations)
        {
            word.store(0, Ordering::Relaxed);
        }
        self.asked_at.store(0, Ordering::Relaxed);
        self.patient_until.store(0, Ordering::Relaxed);
        self.held_for.store(0, Ordering::Relaxed);
        self.serial.fetch_add(1, Ordering::Relaxed);
        self.descriptors.store(1, Ordering::Release);
    }

    /// Its number in the pool.
    pub(crate) fn number(&self) -> u32 {
        self.number.load(Ordering::Relaxed)
    }

    /// Whether its socket is one of vsock.
    #[inline]
    pub(crate) fn is_vsock(&self) -> bool {
        self.vsock.load(Ordering::Relaxed) != 0
    }

    /// What the family knows of it.
    #[inline]
    pub(crate) fn block(&self) -> Option<&'static Block> {
        BLOCKS.get(self.block.load(Ordering::Relaxed))
    }

    /// Ends it: the last descriptor is gone.
    pub(crate) fn end(&self) {
        self.serial.fetch_add(1, Ordering::Relaxed);
        self.phase.store(phase::ALONE, Ordering::Release);
        if let Some(block) = self.block()
            && block.holders.fetch_sub(1, Ordering::AcqRel) == 1
        {
            BLOCKS.give_back(self.block.load(Ordering::Relaxed));
        }
        CONNECTIONS.give_back(self.number());
    }

    /// Gives it a slot.
    pub(crate) fn pair(&self, ring: Ring) {
        self.size.store(ring.size, Ordering::Relaxed);
        self.own.store(core::ptr::from_ref(ring.own).cast_mut(), Ordering::Relaxed);
        self.peer.store(core::ptr::from_ref(ring.peer).cast_mut(), Ordering::Relaxed);
        self.own_bytes.store(ring.own_bytes, Ordering::Relaxed);
        self.peer_bytes.store(ring.peer_bytes.cast_mut(), Ordering::Relaxed);
        self.phase.store(phase::PAIRED, Ordering::Release);
    }

    /// Its slot, if it has one.
    #[inline]
    pub(crate) fn ring(&self) -> Option<Ring> {
        if self.phase.load(Ordering::Acquire) != phase::PAIRED {
            return None;
        }
        let (own, peer) = (self.own.load(Ordering::Relaxed), self.peer.load(Ordering::Relaxed));
        // SAFETY: `pair` stored references; slabs are unmapped only when no connection has a slot in them and nobody sleeps there.
        let (own, peer) = unsafe { (&*own, &*peer) };
        Some(Ring {
            own,
            peer,
            own_bytes: self.own_bytes.load(Ordering::Relaxed),
            peer_bytes: self.peer_bytes.load(Ordering::Relaxed),
            size: self.size.load(Ordering::Relaxed),
        })
    }
}
