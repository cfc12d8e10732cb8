//! Where things lie in a half.

use crate::sync::{AtomicU32, AtomicU64};

/// Version of all that is said here and in [`crate::protocol`]; sides of different versions stay on TCP.
pub const VERSION: u32 = 3;

/// Connections of a slab whose stirs are counted together: one, so that who is woken looks at the connections that changed alone. Each look
/// takes the connection's words from the processor that wrote them, a count takes no more than a sixteenth of such a line.
pub const GROUP: u32 = 1;

/// Groups of a slab, at most. Models, to which each word counts, have fewer.
pub const GROUPS: usize = if cfg!(any(loom, shuttle)) { 4 } else { 256 };

/// Bytes before the slots.
pub const HEAD_BYTES: usize = 4096;

/// Bytes of a [`Slot`].
pub const SLOT_BYTES: usize = 512;

/// Smallest and largest ring, bytes.
pub const RING_BYTES: core::ops::RangeInclusive<u32> = 1 << 16..=1 << 22;

/// Size of a slab's parts. Both halves have the same. It is told by the daemon, never read from the memory itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    slots: u32,
    ring_bytes: u32,
}

impl Geometry {
    /// - `slots`: connections, 1 to 256.
    /// - `ring_bytes`: bytes of each direction, a power of two in [`RING_BYTES`].
    #[must_use]
    pub fn new(slots: u32, ring_bytes: u32) -> Option<Self> {
        let fits = (1..=GROUP * GROUPS as u32).contains(&slots)
            && RING_BYTES.contains(&ring_bytes)
            && ring_bytes.is_power_of_two();
        fits.then_some(Self { slots, ring_bytes })
    }

    /// Connections.
    #[must_use]
    pub fn slots(self) -> u32 {
        self.slots
    }

    /// Bytes of each direction.
    #[must_use]
    pub fn ring_bytes(self) -> u32 {
        self.ring_bytes
    }

    /// Bytes of a half.
    #[must_use]
    pub fn half_bytes(self) -> usize {
        self.ring_offset(self.slots)
    }

    /// Where slot `slot` begins, in bytes from the half's start.
    #[must_use]
    pub fn slot_offset(self, slot: u32) -> usize {
        HEAD_BYTES + slot as usize * SLOT_BYTES
    }

    /// Where the bytes of slot `slot` begin, in bytes from the half's start: a multiple of 4096.
    #[must_use]
    pub fn ring_offset(self, slot: u32) -> usize {
        let slots = (self.slots as usize * SLOT_BYTES).next_multiple_of(4096);
        HEAD_BYTES + slots + slot as usize * self.ring_bytes as usize
    }
}

/// Beginning of a half: counters that grow whenever its writer has changed a slot that the other side waits for by its bell.
/// Who has been woken looks at these, and not at all slots.
#[repr(C, align(64))]
pub struct Head {
    /// Changes in the whole slab.
    pub stir: AtomicU32,
    /// Changes by [`GROUP`] slots.
    pub group: [AtomicU32; GROUPS],
    /// Of a slab in memory that two guests share: not 0 if the half's owner is to leave it. The daemon of its guest writes it.
    pub leave: AtomicU32,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            stir: AtomicU32::default(),
            group: core::array::from_fn(|_| AtomicU32::default()),
            leave: AtomicU32::default(),
        }
    }
}

/// Words of one connection in one half, by who writes them when; a cache line each. All are written by the half's owner alone.
#[derive(Default)]
#[repr(C)]
pub struct Slot {
    /// Written when sending.
    pub sending: Sending,
    /// Written when receiving.
    pub receiving: Receiving,
    /// Written when about to sleep.
    pub waiting: Waiting,
    /// Written when a direction changes between TCP and ring.
    pub switching: Switching,
    /// The sender's own notes, for all threads and processes that hold this side.
    pub sender: Sender,
    /// The receiver's own notes.
    pub receiver: Receiver,
    /// What the holders of this side agree on.
    pub side: Side,
    _spare: Line,
}

#[derive(Default)]
#[repr(C, align(64))]
struct Line([u64; 8]);

/// Written when sending.
#[derive(Default)]
#[repr(C, align(64))]
pub struct Sending {
    /// Bytes put into the ring since the generation's start.
    pub tail: AtomicU64,
    /// [`fin`] bits.
    pub fin: AtomicU32,
    /// Grows when the other side's sleeping receivers are woken; the futex that they sleep on.
    pub bell_data: AtomicU32,
}

/// Bits of [`Sending::fin`]. They are set once and stay.
pub mod fin {
    /// Nothing follows the bytes up to `tail`.
    pub const END: u32 = 1;
    /// This side has closed: it receives nothing more either.
    pub const CLOSED: u32 = 2;
    /// It closed with bytes unread or without lingering: what TCP shows as a reset. Without [`END`] the stream did not end before.
    pub const RESET: u32 = 4;
    /// It has shut both ways, so that bytes which come now reset the connection.
    pub const DEAF: u32 = 8;
}

/// Written when receiving.
#[derive(Default)]
#[repr(C, align(64))]
pub struct Receiving {
    /// Bytes taken out of the other side's ring since the generation's start.
    pub head: AtomicU64,
    /// Grows when the other side's sleeping senders are woken; the futex that they sleep on.
    pub bell_space: AtomicU32,
}

/// Written when about to sleep: [`crate::want`] words.
#[derive(Default)]
#[repr(C, align(64))]
pub struct Waiting {
    /// Who waits for the other's bytes.
    pub data: AtomicU64,
    /// Who waits for room in this half's ring.
    pub space: AtomicU64,
}

/// Written when a direction changes between TCP and ring: [`crate::switch`].
#[derive(Default)]
#[repr(C, align(64))]
pub struct Switching {
    /// Which use of the slot the half's owner takes part in; all else in the slot holds for this generation.
    pub generation: AtomicU32,
    /// Epoch that the receiver is ready for.
    pub offer: AtomicU32,
    /// Epoch that the receiver has read up to.
    pub entered: AtomicU32,
    /// Epoch that the sender is in.
    pub epoch: AtomicU32,
    /// Byte at which the sender's epoch began: of those by TCP for a ring's epoch, of those by the ring for one of TCP.
    pub begins_at: AtomicU64,
    /// Epoch of a ring out of which the receiver takes nothing more.
    pub recall: AtomicU32,
    /// Generation that the half's owner is done with.
    pub released: AtomicU32,
    /// Where the kernel counts no bytes: those that the sender has counted, as long as it sends by the socket.
    pub claimed: AtomicU64,
    /// There, too: one more than what the other side had claimed when the receiver had counted as many and found the socket empty.
    pub agreed: AtomicU64,
}

/// The sender's own notes.
#[derive(Default)]
#[repr(C, align(64))]
pub struct Sender {
    /// Thread that sends, 0 for none.
    pub lock: AtomicU32,
    /// Sequence of the other's [`Waiting::data`] that has been woken.
    pub rung: AtomicU64,
    /// The other's `head` as last read and found possible.
    pub head: AtomicU64,
    /// Times that a sleeping receiver was woken.
    pub wakes: AtomicU64,
    /// Of a ring that was recalled: bytes since the generation's start that were read or sent again by TCP.
    pub resent: AtomicU64,
}

/// The receiver's own notes.
#[derive(Default)]
#[repr(C, align(64))]
pub struct Receiver {
    /// Thread that receives, 0 for none.
    pub lock: AtomicU32,
    /// Sequence of the other's [`Waiting::space`] that has been woken.
    pub rung: AtomicU64,
    /// The other's `tail` as last read and found possible.
    pub tail: AtomicU64,
    /// Bytes that have been received by TCP since the connection began.
    pub by_tcp: AtomicU64,
}

/// What the holders of this side agree on.
#[derive(Default)]
#[repr(C, align(64))]
pub struct Side {
    /// Bits that the caller defines: whether calls block, what was shut down, what a peer's death left.
    pub flags: AtomicU32,
    /// SO_RCVLOWAT, bytes.
    pub low_water: AtomicU32,
    /// SO_RCVTIMEO, microseconds; 0 for none.
    pub receive_timeout_us: AtomicU64,
    /// SO_SNDTIMEO, microseconds; 0 for none.
    pub send_timeout_us: AtomicU64,
    /// Processes that hold this side.
    pub holders: AtomicU32,
    /// The other's tail when this side shut both ways.
    pub deaf_from: AtomicU64,
}

/// Bits of [`Side::flags`] that the daemon looks at.
pub mod held {
    /// Children by fork may use the slot when the process that it was given to is dead.
    pub const BY_CHILDREN: u32 = 1 << 31;
}

/// Grows when the daemon has sent something, so that a process looks for answers without asking the system.
#[repr(C, align(64))]
pub struct Mail(pub AtomicU32);

/// What the daemon tells a process of rings that reach into another guest, whose processes can neither wake it nor be woken.
#[repr(C, align(64))]
pub struct Far {
    /// Grows when something changed there while the process slept; the futex that threads sleep on instead of a ring's own.
    pub stirred: AtomicU32,
}

/// What a process did, for those who look; it alone writes them.
#[repr(C, align(64))]
pub struct Counters {
    /// Stream connections on which bytes were seen.
    pub connections: AtomicU64,
    /// Connections that were paired.
    pub upgraded: AtomicU64,
    /// Bytes sent by TCP on such connections.
    pub bytes_tcp: AtomicU64,
    /// Bytes sent by rings that are no more.
    pub bytes_ring: AtomicU64,
    /// Times that sleepers elsewhere were woken.
    pub wakes: AtomicU64,
}

#[cfg(not(any(loom, shuttle)))]
const _: () = assert!(size_of::<Slot>() == SLOT_BYTES && size_of::<Head>() <= HEAD_BYTES);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_half_follow_each_other_without_overlap() {
        for (slots, ring) in [(1, 1 << 16), (7, 1 << 17), (128, 1 << 18), (256, 1 << 22)] {
            let geometry = Geometry::new(slots, ring).unwrap();
            assert_eq!(geometry.slot_offset(0), HEAD_BYTES);
            assert!(geometry.slot_offset(slots - 1) + SLOT_BYTES <= geometry.ring_offset(0));
            assert_eq!(geometry.ring_offset(slots - 1) + ring as usize, geometry.half_bytes());
            assert_eq!(geometry.half_bytes() % 4096, 0);
        }
    }

    #[test]
    fn sizes_that_no_slab_has_are_refused() {
        for (slots, ring) in [(0, 1 << 16), (257, 1 << 16), (1, 1 << 15), (1, 1 << 23), (1, 3 << 16), (1, 0)] {
            assert_eq!(Geometry::new(slots, ring), None);
        }
    }
}
