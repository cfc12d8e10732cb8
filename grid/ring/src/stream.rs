//! Bytes through a ring: how many fit, where they lie, when the other side may see them.

use crate::layout::Slot;
use crate::sync::Ordering;
use crate::want::{self, Wake};

/// The other side wrote what cannot be: more bytes taken than put, or more put than fit. Nothing of it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Impossible;

/// Two stretches of a ring, which follow each other in the stream: offset and length, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretches {
    /// Where the first begins.
    pub offset: usize,
    /// Its length.
    pub first: usize,
    /// Length of the second, which begins at 0.
    pub second: usize,
}

impl Stretches {
    /// Where `length` bytes from `position` of the stream lie in a ring of `size` bytes, a power of two that is not less than
    /// `length`.
    #[inline]
    #[must_use]
    pub fn at(position: u64, length: u32, size: u32) -> Self {
        let offset = (position & u64::from(size - 1)) as usize;
        let first = (length as usize).min(size as usize - offset);
        Self { offset, first, second: length as usize - first }
    }
}

/// The sending end of one direction. Its caller holds [`crate::layout::Sender::lock`].
#[derive(Clone, Copy)]
pub struct Tx<'a> {
    /// Slot in the half that this side writes.
    pub own: &'a Slot,
    /// Slot in the other's half.
    pub peer: &'a Slot,
    /// Bytes of the ring, a power of two.
    pub size: u32,
}

impl Tx<'_> {
    /// Bytes that fit now; the other's `head` is looked at only when `enough` do not fit by what is known of it.
    #[inline]
    pub fn room(&self, enough: u32) -> Result<u32, Impossible> {
        let tail = self.own.sending.tail.load(Ordering::Relaxed);
        let known = self.size - self.used(tail, self.own.sender.head.load(Ordering::Relaxed))?;
        if known >= enough {
            return Ok(known);
        }
        let head = self.peer.receiving.head.load(Ordering::Acquire);
        let room = self.size - self.used(tail, head)?;
        self.own.sender.head.store(head, Ordering::Relaxed);
        Ok(room)
    }

    /// Bytes that the other side has not taken.
    pub fn unread(&self) -> Result<u32, Impossible> {
        self.used(self.own.sending.tail.load(Ordering::Relaxed), self.peer.receiving.head.load(Ordering::Acquire))
    }

    /// Of a ring that the other side has recalled, what is still to be sent again by another means: position in the stream and
    /// number of bytes. Each time it is asked it goes on after [`Tx::resent`].
    pub fn to_resend(&self) -> Result<(u64, u32), Impossible> {
        let tail = self.own.sending.tail.load(Ordering::Relaxed);
        let read = tail.wrapping_sub(u64::from(self.unread()?));
        let resent = self.own.sender.resent.load(Ordering::Relaxed);
        // What was sent again lies after what was read.
        let from = if distance(read, resent, self.size).is_ok() { resent } else { read };
        Ok((from, distance(from, tail, self.size)?))
    }

    /// The bytes before `position` are with the other side, read or sent again.
    pub fn resent(&self, position: u64) {
        self.own.sender.resent.store(position, Ordering::Relaxed);
    }

    /// Where the next `length` bytes go; not more than [`Tx::room`].
    #[inline]
    pub fn next(&self, length: u32) -> Stretches {
        Stretches::at(self.own.sending.tail.load(Ordering::Relaxed), length, self.size)
    }

    /// Shows `length` bytes more to the other side.
    #[inline]
    pub fn publish(&self, length: u32) {
        let tail = self.own.sending.tail.load(Ordering::Relaxed);
        self.own.sending.tail.store(tail.wrapping_add(u64::from(length)), Ordering::Release);
    }

    /// Says `bits` of [`crate::layout::fin`] about what was published so far.
    pub fn end(&self, bits: u32) {
        self.own.sending.fin.fetch_or(bits, Ordering::Release);
    }

    /// Whom to wake after [`Tx::publish`], [`Tx::end`] or a latch.
    #[inline]
    pub fn wake(&self) -> Wake {
        let wake = want::after_change(&self.peer.waiting.data, &self.own.sender.rung, &self.own.sending.bell_data);
        if wake.futex {
            self.own.sender.wakes.fetch_add(1, Ordering::Relaxed);
        }
        wake
    }

    #[inline]
    fn used(&self, tail: u64, head: u64) -> Result<u32, Impossible> {
        distance(head, tail, self.size)
    }
}

/// The receiving end of one direction. Its caller holds [`crate::layout::Receiver::lock`], but for looking.
#[derive(Clone, Copy)]
pub struct Rx<'a> {
    /// Slot in the half that this side writes.
    pub own: &'a Slot,
    /// Slot in the other's half.
    pub peer: &'a Slot,
    /// Bytes of the ring, a power of two.
    pub size: u32,
}

impl Rx<'_> {
    /// Bytes that can be taken for all that was seen of the other's `tail` before.
    #[inline]
    pub fn known(&self) -> Result<u32, Impossible> {
        distance(
            self.own.receiving.head.load(Ordering::Relaxed),
            self.own.receiver.tail.load(Ordering::Relaxed),
            self.size,
        )
    }

    /// Bytes that can be taken; the other's `tail` is looked at only when fewer than `enough` are known of.
    #[inline]
    pub fn available(&self, enough: u32) -> Result<u32, Impossible> {
        let known = self.known()?;
        if known >= enough {
            return Ok(known);
        }
        let head = self.own.receiving.head.load(Ordering::Relaxed);
        let tail = self.peer.sending.tail.load(Ordering::Acquire);
        let available = distance(head, tail, self.size)?;
        self.own.receiver.tail.store(tail, Ordering::Relaxed);
        Ok(available)
    }

    /// Bytes that lie there, by whoever looks, with the lock or without it.
    pub fn look(&self) -> Result<u32, Impossible> {
        // Head first: what another thread takes in between makes the answer too large for a moment, never negative.
        let head = self.own.receiving.head.load(Ordering::Acquire);
        let tail = self.peer.sending.tail.load(Ordering::Acquire);
        match distance(head, tail, self.size) {
            Err(Impossible) if self.own.receiving.head.load(Ordering::Acquire) != head => Ok(self.size),
            answer => answer,
        }
    }

    /// What the other side said about its end, which holds for the bytes that are seen after this call.
    #[inline]
    pub fn ended(&self) -> u32 {
        self.peer.sending.fin.load(Ordering::Acquire)
    }

    /// Where the next `length` bytes lie; not more than [`Rx::available`].
    #[inline]
    pub fn next(&self, length: u32) -> Stretches {
        Stretches::at(self.own.receiving.head.load(Ordering::Relaxed), length, self.size)
    }

    /// Gives `length` bytes back to the other side.
    #[inline]
    pub fn consume(&self, length: u32) {
        let head = self.own.receiving.head.load(Ordering::Relaxed);
        self.own.receiving.head.store(head.wrapping_add(u64::from(length)), Ordering::Release);
    }

    /// Whom to wake after [`Rx::consume`], an offer or a close. Senders are let sleep until a quarter of the ring is free, so
    /// that they do not wake for a few bytes.
    #[inline]
    pub fn wake(&self) -> Wake {
        want::after_change(&self.peer.waiting.space, &self.own.receiver.rung, &self.own.receiving.bell_space)
    }

    /// Whether so much is free that sleeping senders are worth waking, after `length` bytes were given back. It looks at the
    /// other's `tail`, which takes that from under the sender's hands, only where all known bytes are taken and each quarter of
    /// the ring: so senders that sleep are woken when half the ring is free at the latest.
    #[inline]
    pub fn worth_waking(&self, length: u32) -> bool {
        let head = self.own.receiving.head.load(Ordering::Relaxed);
        let quarter = u64::from(self.size / 4).max(1);
        // A quarter is a power of two: a bit from it on has changed.
        let passed = head ^ head.wrapping_sub(u64::from(length)) >= quarter;
        if !passed && head != self.own.receiver.tail.load(Ordering::Relaxed) {
            return false;
        }
        let tail = self.peer.sending.tail.load(Ordering::Relaxed);
        distance(head, tail, self.size).is_ok_and(|used| used <= self.size - self.size / 4)
    }
}

#[inline]
fn distance(from: u64, to: u64, size: u32) -> Result<u32, Impossible> {
    match u32::try_from(to.wrapping_sub(from)) {
        Ok(bytes) if bytes <= size => Ok(bytes),
        _ => Err(Impossible),
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::layout::RING_BYTES;

    /// Positions around the beginning of a stream, around each edge of a ring, and where 64 bits end.
    fn positions(size: u32) -> impl Iterator<Item = u64> {
        let size = u64::from(size);
        [0, size, 1 << 32, u64::MAX - size, u64::MAX].into_iter().flat_map(move |middle| {
            let steps = (2 * size).min(20);
            (0..=2 * steps).map(move |step| middle.wrapping_add(step).wrapping_sub(steps))
        })
    }

    #[test]
    fn stretches_name_each_byte_of_a_small_ring_in_the_order_of_the_stream() {
        for size in [1, 2, 4, 8, 16, 32] {
            for position in positions(size) {
                for length in 0..=size {
                    let stretches = Stretches::at(position, length, size);
                    let named: Vec<_> =
                        (stretches.offset..stretches.offset + stretches.first).chain(0..stretches.second).collect();
                    let expected: Vec<_> = (0..u64::from(length))
                        .map(|byte| (position.wrapping_add(byte) % u64::from(size)) as usize)
                        .collect();
                    assert_eq!(named, expected, "{length} bytes at {position} of {size}");
                }
            }
        }
    }

    #[test]
    fn stretches_of_every_ring_size_stay_in_it_and_are_whole() {
        for size in (0..32).map(|power| 1 << power).filter(|size| RING_BYTES.contains(size)) {
            for position in positions(size) {
                for length in [0, 1, 2, 4095, 4096, size / 2, size - 1, size] {
                    let Stretches { offset, first, second } = Stretches::at(position, length, size);
                    assert_eq!(first + second, length as usize);
                    assert!(offset + first <= size as usize && second <= offset);
                    assert_eq!(offset as u64, position % u64::from(size));
                    assert!(second == 0 || offset + first == size as usize);
                }
            }
        }
    }

    #[test]
    fn only_distances_that_fit_the_ring_are_possible() {
        for size in [1, 2, 8, 16, *RING_BYTES.start(), *RING_BYTES.end()] {
            for from in positions(size) {
                for step in (0..40_u64).chain([u64::from(size) - 1, u64::from(size)]) {
                    let fits = step <= u64::from(size);
                    let expected = if fits { Ok(step as u32) } else { Err(Impossible) };
                    assert_eq!(distance(from, from.wrapping_add(step), size), expected);
                    if step > 0 {
                        // The other's word went back: never possible, whatever 32 or 64 bits make of it.
                        assert_eq!(distance(from.wrapping_add(step), from, size), Err(Impossible));
                        assert_eq!(distance(from, from.wrapping_add(step << 32), size), Err(Impossible));
                    }
                }
            }
        }
    }

    /// Every way to put and take up to a ring's worth, through the end of 64 bits, against a queue.
    #[test]
    fn every_way_to_fill_and_empty_a_small_ring_counts_as_a_queue_does() {
        for size in [1_u32, 2, 4, 8] {
            for start in [0, u64::MAX - 3, u64::MAX, 1 << 32] {
                for put in 0..=size {
                    for take in 0..=put {
                        let (sender, receiver) = (Slot::default(), Slot::default());
                        sender.sending.tail.store(start, Ordering::Relaxed);
                        sender.sender.head.store(start, Ordering::Relaxed);
                        receiver.receiving.head.store(start, Ordering::Relaxed);
                        receiver.receiver.tail.store(start, Ordering::Relaxed);
                        let (tx, rx) =
                            (Tx { own: &sender, peer: &receiver, size }, Rx { own: &receiver, peer: &sender, size });
                        for _ in 0..5 {
                            assert_eq!(tx.room(size), Ok(size));
                            tx.publish(put);
                            assert_eq!(rx.available(size), Ok(put));
                            assert_eq!(rx.look(), Ok(put));
                            rx.consume(take);
                            assert_eq!(tx.unread(), Ok(put - take));
                            assert_eq!(tx.room(size), Ok(size - put + take));
                            rx.consume(put - take);
                            assert_eq!(rx.available(1), Ok(0));
                        }
                    }
                }
            }
        }
    }

    /// A sender that sleeps beside a full ring is woken when a quarter is free at the earliest, and half of it at the latest, in
    /// whatever pieces it is emptied and however much of it the receiver knew of.
    #[test]
    fn a_sleeping_sender_is_woken_between_a_quarter_and_half_of_the_ring() {
        for size in [4_u32, 8, 16, 64] {
            for start in (0..u64::from(size)).chain([u64::MAX - 3, u64::MAX]) {
                for (piece, known) in (1..=size).flat_map(|piece| (0..=size).map(move |known| (piece, known))) {
                    let (sender, receiver) = (Slot::default(), Slot::default());
                    sender.sending.tail.store(start.wrapping_add(u64::from(size)), Ordering::Relaxed);
                    receiver.receiving.head.store(start, Ordering::Relaxed);
                    receiver.receiver.tail.store(start.wrapping_add(u64::from(known)), Ordering::Relaxed);
                    let rx = Rx { own: &receiver, peer: &sender, size };
                    let mut left = size;
                    let woken_at = loop {
                        let bytes = rx.available(1).unwrap().min(piece);
                        rx.consume(bytes);
                        left -= bytes;
                        if rx.worth_waking(bytes) {
                            break left;
                        }
                        assert!(left > size / 2, "size {size}, start {start}, pieces of {piece}: {left} left");
                    };
                    assert!(woken_at <= size - size / 4);
                }
            }
        }
    }

    #[test]
    fn what_is_sent_again_begins_after_what_was_read_and_goes_on_after_what_was_sent_again() {
        let size = 8;
        for start in [0, 3, u64::MAX - 3, u64::MAX, 1 << 32] {
            for (read, unread) in (0..=size).flat_map(|read| (0..=size - read).map(move |unread| (read, unread))) {
                for piece in 1..=size {
                    let (sender, receiver) = (Slot::default(), Slot::default());
                    sender.sending.tail.store(start, Ordering::Relaxed);
                    receiver.receiving.head.store(start, Ordering::Relaxed);
                    sender.sender.resent.store(start, Ordering::Relaxed);
                    let tx = Tx { own: &sender, peer: &receiver, size };
                    let rx = Rx { own: &receiver, peer: &sender, size };
                    tx.publish(read + unread);
                    rx.consume(read);
                    let first = start.wrapping_add(u64::from(read));
                    let expected: Vec<u64> = (0..u64::from(unread)).map(|byte| first.wrapping_add(byte)).collect();
                    let mut sent = Vec::new();
                    while let Ok((from, left)) = tx.to_resend()
                        && left > 0
                    {
                        let bytes = u64::from(left.min(piece));
                        sent.extend((0..bytes).map(|byte| from.wrapping_add(byte)));
                        tx.resent(from.wrapping_add(bytes));
                    }
                    assert_eq!(sent, expected);
                }
            }
        }
    }

    #[test]
    fn words_that_cannot_be_are_refused_by_both_sides_and_change_nothing() {
        let (mine, theirs) = (Slot::default(), Slot::default());
        let (tx, rx) = (Tx { own: &mine, peer: &theirs, size: 8 }, Rx { own: &mine, peer: &theirs, size: 8 });
        tx.publish(3);
        for lie in [4, 5, 1 << 32, u64::MAX - 5] {
            theirs.receiving.head.store(lie, Ordering::Relaxed);
            assert_eq!(tx.room(8), Err(Impossible), "more taken than put: {lie}");
            assert_eq!(tx.unread(), Err(Impossible));
        }
        theirs.receiving.head.store(3, Ordering::Relaxed);
        assert_eq!(tx.room(8), Ok(8));
        for lie in [9, 1 << 32, u64::MAX] {
            theirs.sending.tail.store(lie, Ordering::Relaxed);
            assert_eq!(rx.available(1), Err(Impossible), "more put than fits: {lie}");
            assert_eq!(rx.look(), Err(Impossible));
        }
        theirs.sending.tail.store(8, Ordering::Relaxed);
        assert_eq!(rx.available(8), Ok(8));
        theirs.sending.tail.store(7, Ordering::Relaxed);
        assert_eq!(rx.available(8), Ok(8), "what was seen once is there");
        rx.consume(8);
        assert_eq!(rx.available(1), Err(Impossible), "taken back: more taken than put");
    }
}
