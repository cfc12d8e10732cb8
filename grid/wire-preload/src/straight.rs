//! What most calls are: some bytes into one buffer or out of one, by a ring in which there is nothing but bytes. They take the
//! straight way, half as long as that of [`crate::send`] and [`crate::receive`], which know all that may be; whatever is unusual is
//! left to them, with nothing done. All that is called here is put in place: half of the time went into calls.

use crate::{
    back, cancel,
    connection::{Connection, Ring, flag},
    descriptors::{self, Kind},
    guard, heels, leave,
    lock::lock,
    sleep,
};
use core::sync::atomic::Ordering;
use pogson_ring::stream::Stretches;

/// Flags of a side that are usual.
const USUAL: u32 = flag::NONBLOCK | flag::BY_CHILDREN;
/// Bytes that one call sends this way.
const PIECE: usize = 64 << 10;
/// The epoch of a connection's ring.
const EPOCH: u32 = 1;

#[inline(always)]
fn ring_of(fd: i32) -> Option<(&'static Connection, Ring)> {
    let Kind::Connection(connection) = descriptors::kind(fd) else { return None };
    if cancel::is_asked() || leave::is_wanted(connection) {
        return None;
    }
    Some((connection, connection.ring()?))
}

/// Whether neither side has closed, shut, recalled or broken anything, as far as this side knows; the other's end is not looked at.
#[inline(always)]
fn is_usual(ring: &Ring) -> bool {
    let peer = &ring.peer.switching;
    ring.flags() & !USUAL == 0
        && ring.own.sending.fin.load(Ordering::Relaxed) == 0
        && peer.recall.load(Ordering::Acquire) == 0
        && peer.epoch.load(Ordering::Acquire) <= EPOCH
}

/// Sends all of `length` bytes; their number. `None`: nothing was sent, and [`crate::send`] knows why.
///
/// # Safety
/// `from` is valid for reading, or not there.
#[inline(always)]
pub(crate) unsafe fn send(fd: i32, from: *const u8, length: usize) -> Option<usize> {
    let (connection, ring) = ring_of(fd)?;
    if length == 0 || length > PIECE {
        return None;
    }
    let serial = connection.serial.load(Ordering::Relaxed);
    let tx = ring.tx();
    let bytes = length as u32;
    let wake = {
        let _guard = lock(&ring.own.sender.lock);
        if connection.serial.load(Ordering::Relaxed) != serial
            || !is_usual(&ring)
            || ring.own.switching.epoch.load(Ordering::Relaxed) != EPOCH
            || ring.peer.sending.fin.load(Ordering::Acquire) != 0
            || tx.room(bytes).ok()? < bytes
        {
            return None;
        }
        let Stretches { offset, second: 0, .. } = tx.next(bytes) else { return None };
        // SAFETY: the ring is mapped for writing and the bytes lie within it; the rest is the caller's promise.
        if !unsafe { guard::copy(ring.own_bytes.add(offset), from, length) } {
            return None;
        }
        tx.publish(bytes);
        tx.wake()
    };
    sleep::wake_reader(connection, &ring, wake);
    if back::is_wanted(&ring) {
        back::go(connection, &ring, fd);
    }
    Some(length)
}

/// What came of a receiving call.
pub(crate) enum Received {
    /// So many bytes.
    Bytes(usize),
    /// Nothing yet. `looked`: as long as looking may pay.
    Not { looked: bool },
}

/// Receives up to `length` bytes, after a look for some.
///
/// # Safety
/// `into` is valid for writing, or not there.
#[inline(always)]
pub(crate) unsafe fn receive(fd: i32, into: *mut u8, length: usize) -> Received {
    let Some((connection, ring)) = ring_of(fd) else { return Received::Not { looked: false } };
    let mut looked = false;
    loop {
        // SAFETY: the caller's promise.
        match unsafe { take(connection, &ring, into, length) } {
            Some(0) if !looked && ring.flags() & flag::NONBLOCK == 0 => {}
            Some(bytes) if bytes > 0 => return Received::Bytes(bytes as usize),
            _ => return Received::Not { looked },
        }
        let seen = ring.own.receiver.tail.load(Ordering::Relaxed);
        let sending = &ring.peer.sending;
        let ready = || sending.tail.load(Ordering::Relaxed) != seen || sending.fin.load(Ordering::Relaxed) != 0;
        looked = true;
        if !connection.patience.look(ready) {
            return Received::Not { looked };
        }
    }
}

/// Takes what is there, 0 for nothing yet; `None` for what is unusual.
///
/// # Safety
/// `into` is valid for writing `length` bytes, or not there.
#[inline(always)]
unsafe fn take(connection: &Connection, ring: &Ring, into: *mut u8, length: usize) -> Option<u32> {
    let serial = connection.serial.load(Ordering::Relaxed);
    let rx = ring.rx();
    let (bytes, wake) = {
        let _guard = lock(&ring.own.receiver.lock);
        if connection.serial.load(Ordering::Relaxed) != serial || !is_usual(ring) || ring.entered() != EPOCH {
            return None;
        }
        let wanted = length.min(ring.size as usize) as u32;
        let known = rx.known().ok()?;
        let available = if known >= wanted {
            known
        } else {
            heels::fall_back(connection);
            let ended = rx.ended();
            let available = rx.available(wanted).ok()?;
            heels::found(connection, ring, available.saturating_sub(known));
            let low = ring.own.side.low_water.load(Ordering::Relaxed).min(wanted);
            if ended != 0 || (available > 0 && available < low) {
                return None;
            }
            available
        };
        let bytes = available.min(wanted);
        if bytes == 0 {
            return Some(0);
        }
        let Stretches { offset, second: 0, .. } = rx.next(bytes) else { return None };
        // SAFETY: the ring is mapped and the bytes lie within it; the rest is the caller's promise.
        if !unsafe { guard::copy(into, ring.peer_bytes.add(offset), bytes as usize) } {
            return None;
        }
        rx.consume(bytes);
        (bytes, rx.worth_waking(bytes).then(|| rx.wake()))
    };
    if let Some(wake) = wake {
        sleep::wake_writer(connection, ring, wake);
    }
    Some(bytes)
}
