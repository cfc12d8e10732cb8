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
//! overwritten while the receiver may read it.
//!
//! A receiver that cannot go on by the ring does not wait for that: it says so through `recall`, takes nothing more out of the ring
//! and reads TCP from there on. The sender that sees it sends by TCP what lies in the ring unread, and only then goes on by TCP. A
//! ring that was recalled is not entered any more, and one that is recalled before it was latched is not latched.
//!
//! All words hold for one *generation* of the slot: an owner clears its half, then writes the generation, and nothing of the other
//! half counts before that has the same.

use crate::layout::{Slot, fin};
use crate::sync::{Ordering, fence};

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
        &own.switching.claimed,
        &own.switching.agreed,
        &own.sender.rung,
        &own.sender.head,
        &own.sender.wakes,
        &own.sender.resent,
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

/// The receiver, which holds its lock, takes nothing more out of `epoch`, a ring's, which it offered: the sender is to send by TCP
/// what lies there unread. What the receiver sees of `tail` and `fin` after this is all that can be there without the sender's
/// seeing the recall by [`recalled`] after it wrote them.
pub fn recall(own: &Slot, epoch: u32) {
    own.switching.recall.store(epoch, Ordering::Release);
    own.switching.entered.store(epoch.wrapping_add(1), Ordering::Release);
    fence(Ordering::SeqCst);
}

/// The epoch that the sender may latch next, if it may: a ring's that the receiver offers and has not recalled; TCP's as soon as the
/// ring's was entered.
#[must_use]
pub fn next_epoch(own: &Slot, peer: &Slot) -> Option<u32> {
    let epoch = own.switching.epoch.load(Ordering::Relaxed);
    let next = epoch.wrapping_add(1);
    let ready = if by_ring(next) { &peer.switching.offer } else { &peer.switching.entered };
    let wanted = if by_ring(next) { next } else { epoch };
    let ended = own.sending.fin.load(Ordering::Relaxed) & fin::END != 0;
    let recalled = by_ring(next) && peer.switching.recall.load(Ordering::Relaxed) == next;
    (!ended && !recalled && ready.load(Ordering::Acquire) == wanted).then_some(next)
}

/// Whether the receiver has recalled the sender's epoch: the sender is to send by TCP what lies in the ring unread, and then to
/// [`latch`] the epoch that follows. To be asked after each [`latch`], publish and end, with a full fence between
/// ([`crate::stream::Tx::wake`] has one).
#[must_use]
pub fn recalled(own: &Slot, peer: &Slot) -> bool {
    let epoch = own.switching.epoch.load(Ordering::Relaxed);
    by_ring(epoch) && was_recalled(peer, epoch)
}

/// Whether the receiver has recalled `epoch`, a ring's, which a sender that leaves it unasked looks at after its [`latch`] too.
#[must_use]
pub fn was_recalled(peer: &Slot, epoch: u32) -> bool {
    peer.switching.recall.load(Ordering::Acquire) == epoch
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

/// Whether the sender has left a ring's `epoch`, and nothing of it is to come but what a receiver finds that has taken `head` bytes.
#[must_use]
pub fn is_back(peer: &Slot, epoch: u32, head: u64) -> bool {
    peer.switching.epoch.load(Ordering::Acquire) == epoch.wrapping_add(1)
        && peer.switching.begins_at.load(Ordering::Relaxed) == head
}

/// The receiver has read all that comes before `epoch`.
pub fn enter(own: &Slot, epoch: u32) {
    own.switching.entered.store(epoch, Ordering::Release);
}
