//! When a direction goes from TCP to the ring, and back.
//!
//! Each direction lives in *epochs*: 0 is TCP, 1 the ring, 2 TCP again, and so on. The sender alone says where an epoch begins;
//! the receiver alone says when it is ready for a ring. No byte of the stream is used for it.
//!
//! 1. **Offer.** The receiver, in a call of its own, makes sure that none of its threads waits for the bare socket and that every
//!    epoll set which holds the socket holds its bell too. Then it writes the ring's epoch into `offer`. From then on each of its
//!    calls looks at both.
//! 2. **Latch.** The sender, in its next sending call and when no other call of its own is under way on the socket, counts the
//!    bytes that it has written to TCP, writes that count into `begins_at` and then the epoch into `epoch`. All later bytes go
//!    into the ring.
//! 3. **Enter.** The receiver that sees the epoch reads TCP up to that count, then writes `entered` and reads the ring.
//!
//! Back to TCP only the first step differs: no offer is needed, for a socket can always be read; the sender waits until the ring's
//! epoch was entered, and `begins_at` counts bytes of the ring. So one boundary at most is outstanding, and `begins_at` is never
//! overwritten while the receiver may read it. A receiver that cannot go on by the ring asks for TCP through `recall`.
//!
//! All words hold for one *generation* of the slot: an owner clears its half, then writes the generation, and nothing of the other
//! half counts before that has the same.

use crate::layout::{Slot, fin};
use crate::sync::Ordering;

/// Where the sender's current epoch began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Boundary {
    /// The epoch.
    pub epoch: u32,
    /// Bytes sent by the means of the epoch before, TCP or ring, since the connection (TCP) or the generation (ring) began.
    pub at: u64,
}

/// Whether an epoch goes by the ring.
#[must_use]
pub fn by_ring(epoch: u32) -> bool {
    epoch & 1 == 1
}

/// Takes part in `generation` with words that are all new. Call once for a use of the slot, before any other.
pub fn take_part(own: &Slot, generation: u32) {
    for word in [
        &own.sending.fin,
        &own.sending.bell_data,
        &own.receiving.bell_space,
        &own.switching.offer,
        &own.switching.entered,
    ] {
        word.store(0, Ordering::Relaxed);
    }
    for word in [
        &own.switching.epoch,
        &own.switching.recall,
        &own.sender.lock,
        &own.receiver.lock,
        &own.side.flags,
        &own.side.holders,
    ] {
        word.store(0, Ordering::Relaxed);
    }
    for word in
        [&own.sending.tail, &own.receiving.head, &own.waiting.data, &own.waiting.space, &own.switching.begins_at]
    {
        word.store(0, Ordering::Relaxed);
    }
    for word in [
        &own.sender.rung,
        &own.sender.head,
        &own.sender.wakes,
        &own.receiver.rung,
        &own.receiver.tail,
        &own.receiver.by_tcp,
    ] {
        word.store(0, Ordering::Relaxed);
    }
    own.switching.generation.store(generation, Ordering::Release);
}

/// Whether the other side takes part in `generation`.
#[must_use]
pub fn takes_part(peer: &Slot, generation: u32) -> bool {
    peer.switching.generation.load(Ordering::Acquire) == generation
}

/// The half's owner needs the slot no more.
pub fn release(own: &Slot, generation: u32) {
    own.switching.released.store(generation, Ordering::Release);
}

/// The receiver is ready for `epoch`, a ring's.
pub fn offer(own: &Slot, epoch: u32) {
    own.switching.offer.store(epoch, Ordering::Release);
}

/// The receiver asks the sender to leave `epoch`, a ring's.
pub fn recall(own: &Slot, epoch: u32) {
    own.switching.recall.store(epoch, Ordering::Release);
}

/// The epoch that the sender may latch next, if it may: a ring's that the receiver offers; TCP's as soon as the ring's was entered.
#[must_use]
pub fn next_epoch(own: &Slot, peer: &Slot) -> Option<u32> {
    let epoch = own.switching.epoch.load(Ordering::Relaxed);
    let next = epoch.wrapping_add(1);
    let ready = if by_ring(next) { &peer.switching.offer } else { &peer.switching.entered };
    let wanted = if by_ring(next) { next } else { epoch };
    let ended = own.sending.fin.load(Ordering::Relaxed) & fin::END != 0;
    (!ended && ready.load(Ordering::Acquire) == wanted).then_some(next)
}

/// Whether the receiver asks to leave the sender's epoch.
#[must_use]
pub fn recalled(own: &Slot, peer: &Slot) -> bool {
    let epoch = own.switching.epoch.load(Ordering::Relaxed);
    by_ring(epoch) && peer.switching.recall.load(Ordering::Acquire) == epoch
}

/// The sender begins an epoch that [`next_epoch`] gave, after `at` bytes of the means that it leaves.
pub fn latch(own: &Slot, boundary: Boundary) {
    own.switching.begins_at.store(boundary.at, Ordering::Relaxed);
    own.switching.epoch.store(boundary.epoch, Ordering::Release);
}

/// The boundary that the receiver, which has entered `entered`, has still before it.
#[must_use]
pub fn boundary(peer: &Slot, entered: u32) -> Option<Boundary> {
    let epoch = peer.switching.epoch.load(Ordering::Acquire);
    (epoch == entered.wrapping_add(1)).then(|| Boundary { epoch, at: peer.switching.begins_at.load(Ordering::Relaxed) })
}

/// The receiver has read all that comes before `epoch`.
pub fn enter(own: &Slot, epoch: u32) {
    own.switching.entered.store(epoch, Ordering::Release);
}
