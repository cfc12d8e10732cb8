//! What all processes of a family, those that come from one by fork, know of a connection's side while it is on TCP.

use crate::pool::{Item, Pool};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A side of a connection, in memory that children share.
#[repr(C, align(64))]
pub(crate) struct Block {
    link: AtomicU32,
    /// Processes that hold a descriptor of it.
    pub(crate) holders: AtomicU32,
    /// Calls that send by TCP.
    pub(crate) sending: Gate,
    /// Calls that wait for or receive bytes by TCP, with no eye on a ring.
    pub(crate) receiving: Gate,
    /// Calls that moved bytes.
    pub(crate) messages: AtomicU32,
    /// [`stays`] bits.
    pub(crate) stays: AtomicU32,
    /// Bytes sent by calls of ours.
    pub(crate) sent: AtomicU64,
    /// Bytes received by calls of ours.
    pub(crate) received: AtomicU64,
}

/// Why a connection stays on TCP for good.
pub(crate) mod stays {
    /// It came from a process that the library does not know.
    pub(crate) const INHERITED: u32 = 1;
    /// The daemon refused it, or something that rings cannot do was asked of it.
    pub(crate) const REFUSED: u32 = 2;
    /// Bytes went past the hooks.
    pub(crate) const UNSEEN: u32 = 4;
    /// The memory that its rings lie in is to be left.
    pub(crate) const LEAVES: u32 = 8;
}

// SAFETY: atomics only.
unsafe impl Item for Block {
    fn link(&self) -> &AtomicU32 {
        &self.link
    }
}

/// All blocks of the family.
pub(crate) static BLOCKS: Pool<Block> = Pool::shared(1 << 17);

impl Block {
    /// Makes a taken block new.
    pub(crate) fn begin(&self, stays: u32) {
        self.sending.0.store(0, Ordering::Relaxed);
        self.receiving.0.store(0, Ordering::Relaxed);
        self.messages.store(0, Ordering::Relaxed);
        self.stays.store(stays, Ordering::Relaxed);
        for word in [&self.sent, &self.received] {
            word.store(0, Ordering::Relaxed);
        }
        self.holders.store(1, Ordering::Release);
    }

    /// Notes that a call sent `bytes` by TCP, before it leaves the gate.
    pub(crate) fn sends(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        self.messages.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that a call received `bytes` by TCP, before it leaves the gate.
    pub(crate) fn receives(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::Relaxed);
        self.messages.fetch_add(1, Ordering::Relaxed);
    }
}

/// Counts the calls that are under way on one direction of the bare socket, and shuts for good when none is.
#[repr(transparent)]
pub(crate) struct Gate(AtomicU32);

const SHUT: u32 = 1 << 31;

impl Gate {
    /// Goes in, unless the gate is shut.
    #[inline]
    pub(crate) fn enter(&self) -> bool {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            if now & SHUT != 0 {
                return false;
            }
            match self.0.compare_exchange_weak(now, now + 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => now = other,
            }
        }
    }

    /// Leaves.
    #[inline]
    pub(crate) fn leave(&self) {
        self.0.fetch_sub(1, Ordering::Release);
    }

    /// Shuts it if nobody is inside.
    pub(crate) fn shut(&self) -> bool {
        self.0.compare_exchange(0, SHUT, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// Opens it again.
    pub(crate) fn open(&self) {
        self.0.fetch_and(!SHUT, Ordering::Release);
    }
}
