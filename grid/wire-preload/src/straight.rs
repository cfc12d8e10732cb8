//! What most calls are: some bytes into one buffer or out of one, by a ring in which there is nothing but bytes. They take the
//! straight way, half as long as that of [`crate::send`] and [`crate::receive`], which know all that may be; whatever is unusual is
//! left to them, with nothing done. All that is called here is put in place: half of the time went into calls.

use crate::{
    back, caller, cancel,
    connection::{Connection, Ring, flag},
    descriptors::{self, Kind},
    guard, heels, kernel, leave,
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

/// A connection, its slot, and which use of both the call began with.
type Begun = (&'static Connection, Ring, u32);

#[inline(always)]
fn begin(fd: i32) -> Option<Begun> {
    let Kind::Connection(connection) = descriptors::kind(fd) else { return None };
    if cancel::is_asked() || leave::is_wanted(connection) {
        return None;
    }
    let serial = connection.serial.load(Ordering::Relaxed);
    Some((connection, connection.ring()?, serial))
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
    let (connection, ring, serial) = begin(fd)?;
    if length == 0 || length > PIECE {
        return None;
    }
    let tx = ring.tx();
    let bytes = length as u32;
    {
        let guard = lock(&ring.own.sender.lock);
        if !may_send(connection, &ring, serial) || tx.room(bytes).ok()? < bytes {
            return None;
        }
        let Stretches { offset, first, second } = tx.next(bytes);
        // SAFETY: the ring is mapped for writing and the stretches lie within it; the rest is the caller's promise.
        let copied = unsafe {
            guard::copy(ring.own_bytes.add(offset), from, first)
                && (second == 0 || guard::copy(ring.own_bytes, from.add(first), second))
        };
        if !copied {
            return None;
        }
        tx.publish(bytes);
        let wake = tx.wake();
        let _critical = guard.unlock();
        sleep::wake_reader(connection, &ring, wake);
    }
    if back::is_wanted(&ring) {
        back::go(connection, &ring, fd);
    }
    Some(length)
}

/// Sends up to `length` bytes of the file `from`, beginning with `at`, which are read into the ring where they are to lie; their number.
/// `None`: nothing was sent, because the ring has no room, the file no more bytes in memory, or for what [`crate::send`] knows.
pub(crate) fn send_file(fd: i32, from: i32, at: i64, length: usize) -> Option<usize> {
    // The kernel takes -1 for the place where the file stands.
    let (connection, ring, serial) = begin(fd).filter(|_| at >= 0)?;
    let tx = ring.tx();
    let read = {
        let guard = lock(&ring.own.sender.lock);
        if !may_send(connection, &ring, serial) {
            return None;
        }
        let wanted = length.min(PIECE) as u32;
        let room = tx.room(wanted).ok().filter(|room| *room > 0)?;
        let Stretches { offset, first, second } = tx.next(room.min(wanted));
        let part =
            |at: usize, length| libc::iovec { iov_base: ring.own_bytes.wrapping_add(at).cast(), iov_len: length };
        // SAFETY: the ring is mapped for writing and the stretches lie within it. The call does not wait, with the lock held.
        let read = unsafe { kernel::read_what_is_there(from, &[part(offset, first), part(0, second)], at) };
        let read = read.ok().filter(|read| *read > 0)?;
        tx.publish(read as u32);
        let wake = tx.wake();
        let _critical = guard.unlock();
        sleep::wake_reader(connection, &ring, wake);
        read
    };
    if back::is_wanted(&ring) {
        back::go(connection, &ring, fd);
    }
    Some(read)
}

/// Whether this side, whose lock the caller holds, sends by the ring, and nothing is unusual.
#[inline(always)]
fn may_send(connection: &Connection, ring: &Ring, serial: u32) -> bool {
    connection.serial.load(Ordering::Relaxed) == serial
        && is_usual(ring)
        && ring.own.switching.epoch.load(Ordering::Relaxed) == EPOCH
        && ring.peer.sending.fin.load(Ordering::Acquire) == 0
}

/// What came of a receiving call.
pub(crate) enum Received {
    /// So many bytes.
    Bytes(usize),
    /// Nothing yet. If the thread has looked as long as that may pay: [`caller::interrupted`] when the call began.
    Not(Option<u32>),
}

/// Receives up to `length` bytes, after a look for some.
///
/// # Safety
/// `into` is valid for writing, or not there.
#[inline(always)]
pub(crate) unsafe fn receive(fd: i32, into: *mut u8, length: usize) -> Received {
    let Some(begun) = begin(fd) else { return Received::Not(None) };
    let (connection, ring, _) = begun;
    let since = caller::interrupted();
    let mut looked = None;
    loop {
        // SAFETY: the caller's promise.
        match unsafe { take(begun, into, length) } {
            Some(0) if looked.is_none() && ring.flags() & flag::NONBLOCK == 0 => {}
            Some(bytes) if bytes > 0 => return Received::Bytes(bytes as usize),
            _ => return Received::Not(looked),
        }
        let seen = ring.own.receiver.tail.load(Ordering::Relaxed);
        let sending = &ring.peer.sending;
        let ready = || {
            sending.tail.load(Ordering::Relaxed) != seen
                || sending.fin.load(Ordering::Relaxed) != 0
                || caller::interrupted() != since
        };
        looked = Some(since);
        if !connection.patience.look(ready) {
            return Received::Not(looked);
        }
    }
}

/// Takes what is there, 0 for nothing yet; `None` for what is unusual.
///
/// # Safety
/// `into` is valid for writing `length` bytes, or not there.
#[inline(always)]
unsafe fn take((connection, ring, serial): Begun, into: *mut u8, length: usize) -> Option<u32> {
    let rx = ring.rx();
    let _guard = lock(&ring.own.receiver.lock);
    if connection.serial.load(Ordering::Relaxed) != serial || !is_usual(&ring) || ring.entered() != EPOCH {
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
        heels::found(connection, &ring, available.saturating_sub(known));
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
    let Stretches { offset, first, second } = rx.next(bytes);
    // SAFETY: the ring is mapped and the stretches lie within it; the rest is the caller's promise.
    let copied = unsafe {
        guard::copy(into, ring.peer_bytes.add(offset), first)
            && (second == 0 || guard::copy(into.add(first), ring.peer_bytes, second))
    };
    if !copied {
        return None;
    }
    rx.consume(bytes);
    if rx.worth_waking(bytes) {
        sleep::wake_writer(connection, &ring, rx.wake());
    }
    Some(bytes)
}
