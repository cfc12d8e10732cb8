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

    /// Where the next `length` bytes go; not more than [`Tx::room`].
    pub fn next(&self, length: u32) -> Stretches {
        Stretches::at(self.own.sending.tail.load(Ordering::Relaxed), length, self.size)
    }

    /// Shows `length` bytes more to the other side.
    pub fn publish(&self, length: u32) {
        let tail = self.own.sending.tail.load(Ordering::Relaxed);
        self.own.sending.tail.store(tail.wrapping_add(u64::from(length)), Ordering::Release);
    }

    /// Says `bits` of [`crate::layout::fin`] about what was published so far.
    pub fn end(&self, bits: u32) {
        self.own.sending.fin.fetch_or(bits, Ordering::Release);
    }

    /// Whom to wake after [`Tx::publish`], [`Tx::end`] or a latch.
    pub fn wake(&self) -> Wake {
        let wake = want::after_change(&self.peer.waiting.data, &self.own.sender.rung, &self.own.sending.bell_data);
        if wake.futex {
            self.own.sender.wakes.fetch_add(1, Ordering::Relaxed);
        }
        wake
    }

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
    /// Bytes that can be taken; the other's `tail` is looked at only when fewer than `enough` are known of.
    pub fn available(&self, enough: u32) -> Result<u32, Impossible> {
        let head = self.own.receiving.head.load(Ordering::Relaxed);
        let known = distance(head, self.own.receiver.tail.load(Ordering::Relaxed), self.size)?;
        if known >= enough {
            return Ok(known);
        }
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
    pub fn ended(&self) -> u32 {
        self.peer.sending.fin.load(Ordering::Acquire)
    }

    /// Where the next `length` bytes lie; not more than [`Rx::available`].
    pub fn next(&self, length: u32) -> Stretches {
        Stretches::at(self.own.receiving.head.load(Ordering::Relaxed), length, self.size)
    }

    /// Gives `length` bytes back to the other side.
    pub fn consume(&self, length: u32) {
        let head = self.own.receiving.head.load(Ordering::Relaxed);
        self.own.receiving.head.store(head.wrapping_add(u64::from(length)), Ordering::Release);
    }

    /// Whom to wake after [`Rx::consume`], an offer or a close. Senders are let sleep until a quarter of the ring is free, so
    /// that they do not wake for a few bytes.
    pub fn wake(&self) -> Wake {
        want::after_change(&self.peer.waiting.space, &self.own.receiver.rung, &self.own.receiving.bell_space)
    }

    /// Whether so much is free that sleeping senders are worth waking.
    pub fn worth_waking(&self) -> bool {
        let head = self.own.receiving.head.load(Ordering::Relaxed);
        let tail = self.peer.sending.tail.load(Ordering::Relaxed);
        distance(head, tail, self.size).is_ok_and(|used| used <= self.size - self.size / 4)
    }
}

fn distance(from: u64, to: u64, size: u32) -> Result<u32, Impossible> {
    match u32::try_from(to.wrapping_sub(from)) {
        Ok(bytes) if bytes <= size => Ok(bytes),
        _ => Err(Impossible),
    }
}
