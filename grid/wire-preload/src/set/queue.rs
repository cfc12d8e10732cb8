//! Connections of a set that something happened to, in the order of that. All under the set's lock.

use super::{ENTRIES, Registration, Set, state};
use crate::{back, connection::CONNECTIONS, heads, kernel, readiness, slab::SLABS};
use core::sync::atomic::{AtomicU32, Ordering};
use pogson_ring::{
    layout::{GROUP, GROUPS},
    want,
};

/// Counters of a slab as a set saw them last.
#[repr(C)]
pub(super) struct Seen {
    /// [`crate::slab::Slab::opened`] of the slab that was seen.
    opened: AtomicU32,
    stir: AtomicU32,
    group: [AtomicU32; GROUPS],
}

fn seen(set: &Set, slab: u32) -> Option<&'static Seen> {
    let mut start = set.seen.load(Ordering::Acquire);
    if start.is_null() {
        let bytes = (heads::SLABS_AT_MOST as usize + 1) * size_of::<Seen>();
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        start = kernel::map(bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1)?.cast();
        set.seen.store(start, Ordering::Release);
    }
    // SAFETY: mapped for as many, zeros are valid, and it stays mapped as long as the set's place.
    (slab <= heads::SLABS_AT_MOST).then(|| unsafe { &*start.add(slab as usize) })
}

/// Whether any slab has changed since the last [`scan`].
#[inline]
pub(super) fn stirred(set: &Set) -> bool {
    (1..=SLABS.reach()).any(|number| {
        let Some(slab) = SLABS.get(number).filter(|slab| slab.is_open()) else { return false };
        let (Some(head), Some(seen)) = (heads::of(number), seen(set, number)) else { return false };
        head.stir.load(Ordering::Acquire) != seen.stir.load(Ordering::Relaxed)
            || slab.opened() != seen.opened.load(Ordering::Relaxed)
    })
}

/// Queues the connections of slabs that have changed.
pub(super) fn scan(set: &Set, number: u32) {
    for slab_number in 1..=SLABS.reach() {
        let Some(slab) = SLABS.get(slab_number).filter(|slab| slab.is_open()) else { continue };
        let (Some(head), Some(seen)) = (heads::of(slab_number), seen(set, slab_number)) else { continue };
        let new = slab.opened() != seen.opened.load(Ordering::Relaxed);
        seen.opened.store(slab.opened(), Ordering::Relaxed);
        let stir = head.stir.load(Ordering::Acquire);
        if !new && stir == seen.stir.load(Ordering::Relaxed) {
            continue;
        }
        seen.stir.store(stir, Ordering::Relaxed);
        let groups = slab.slots().div_ceil(GROUP) as usize;
        for (group, (now, before)) in head.group.iter().zip(&seen.group).take(groups).enumerate() {
            let now = now.load(Ordering::Acquire);
            if !new && now == before.load(Ordering::Relaxed) {
                continue;
            }
            before.store(now, Ordering::Relaxed);
            let first = group as u32 * GROUP;
            for slot in first..(first + GROUP).min(slab.slots()) {
                let Some(connection) = slab.connection(slot) else { continue };
                for entry in
                    connection.registrations.iter().filter_map(|entry| ENTRIES.get(entry.load(Ordering::Acquire)))
                {
                    if entry.set.load(Ordering::Relaxed) == number
                        && entry.state.load(Ordering::Relaxed) & state::MANAGED != 0
                    {
                        push(set, entry);
                    }
                }
            }
        }
    }
}

/// Puts an entry at the end, unless it is in the queue.
pub(super) fn push(set: &Set, entry: &Registration) {
    if entry.state.fetch_or(state::QUEUED, Ordering::AcqRel) & state::QUEUED != 0 {
        return;
    }
    let Some(number) = ENTRIES.number_at(core::ptr::from_ref(entry) as u64) else { return };
    entry.next.store(0, Ordering::Relaxed);
    let last = set.last.swap(number, Ordering::Relaxed);
    match ENTRIES.get(last) {
        Some(last) => last.next.store(number, Ordering::Relaxed),
        None => set.first.store(number, Ordering::Relaxed),
    }
}

fn pop(set: &Set) -> Option<&'static Registration> {
    let entry = ENTRIES.get(set.first.load(Ordering::Relaxed))?;
    let next = entry.next.load(Ordering::Relaxed);
    set.first.store(next, Ordering::Relaxed);
    if next == 0 {
        set.last.store(0, Ordering::Relaxed);
    }
    entry.state.fetch_and(!state::QUEUED, Ordering::AcqRel);
    Some(entry)
}

/// Takes an entry out wherever it is.
pub(super) fn take_out(set: &Set, entry: &Registration) {
    if entry.state.load(Ordering::Acquire) & state::QUEUED == 0 {
        return;
    }
    let end = set.last.load(Ordering::Relaxed);
    while let Some(other) = pop(set) {
        let at_end = ENTRIES.number_at(core::ptr::from_ref(other) as u64) == Some(end);
        if !core::ptr::eq(other, entry) {
            push(set, other);
        }
        if at_end {
            return;
        }
    }
}

/// Empties the queue of a set that is closed.
pub(super) fn clear(set: &Set) {
    while pop(set).is_some() {}
}

/// Whether something is queued.
pub(super) fn is_empty(set: &Set) -> bool {
    set.first.load(Ordering::Acquire) == 0
}

/// Writes events of queued connections that are ready; how many. Those that are to be told again next time stay in the queue.
///
/// # Safety
/// `events` is valid for writing `room` events.
pub(super) unsafe fn harvest(set: &Set, events: *mut libc::epoll_event, room: usize) -> usize {
    let end = set.last.load(Ordering::Relaxed);
    let mut told = 0;
    while told < room {
        let Some(entry) = pop(set) else { break };
        let at_end = ENTRIES.number_at(core::ptr::from_ref(entry) as u64) == Some(end);
        let wanted = entry.events.load(Ordering::Relaxed);
        let now = if entry.state.load(Ordering::Acquire) & state::DISABLED == 0 { ready(entry, wanted) } else { 0 };
        if now != 0 {
            // SAFETY: fewer than `room` were written.
            unsafe {
                events
                    .add(told)
                    .write_unaligned(libc::epoll_event { events: now, u64: entry.data.load(Ordering::Relaxed) })
            };
            told += 1;
            if wanted & libc::EPOLLONESHOT as u32 != 0 {
                entry.state.fetch_or(state::DISABLED, Ordering::AcqRel);
            } else if wanted & libc::EPOLLET as u32 == 0 {
                push(set, entry);
            }
        }
        if at_end {
            break;
        }
    }
    told
}

/// Whether a queued entry is ready.
pub(super) fn any_ready(set: &Set) -> bool {
    let mut next = ENTRIES.get(set.first.load(Ordering::Relaxed));
    while let Some(entry) = next {
        let connection = CONNECTIONS.get(entry.connection.load(Ordering::Relaxed));
        if let Some((connection, ring)) = connection.and_then(|connection| Some((connection, connection.ring()?))) {
            let fd = entry.fd.load(Ordering::Relaxed);
            if back::is_wanted(&ring) && back::go_by_set(connection, &ring, fd) {
                entry.state.fetch_or(state::FRESH, Ordering::AcqRel);
            }
            if entry.state.load(Ordering::Acquire) & state::DISABLED == 0
                && readiness::of(&ring, fd, entry.events.load(Ordering::Relaxed) as u16 as i16) != 0
            {
                return true;
            }
        }
        next = ENTRIES.get(entry.next.load(Ordering::Relaxed));
    }
    false
}

/// What the entry is ready for, 0 where an edge-triggered program knows all of it already.
fn ready(entry: &Registration, wanted: u32) -> u32 {
    let connection = CONNECTIONS.get(entry.connection.load(Ordering::Relaxed));
    let Some((connection, ring)) = connection.and_then(|connection| Some((connection, connection.ring()?))) else {
        return 0;
    };
    let fd = entry.fd.load(Ordering::Relaxed);
    if back::is_wanted(&ring) && back::go_by_set(connection, &ring, fd) {
        entry.state.fetch_or(state::FRESH, Ordering::AcqRel);
    }
    if wanted & libc::EPOLLET as u32 == 0 {
        return readiness::of(&ring, fd, wanted as u16 as i16) as u16 as u32;
    }
    // As the kernel: bytes that come, room after somebody found none and each end make an edge, which tells all that holds.
    let tail = ring.peer.sending.tail.load(Ordering::Acquire);
    let ending = crate::ending::of(&ring).digest();
    let wishes = want::wishes(&ring.own.waiting.space);
    let now = readiness::of(&ring, fd, wanted as u16 as i16) as u16 as u32;
    let fresh = entry.state.fetch_and(!state::FRESH, Ordering::AcqRel) & state::FRESH != 0;
    let bytes = entry.told_tail.swap(tail, Ordering::Relaxed) != tail;
    let ended = entry.told_ending.swap(ending, Ordering::Relaxed) != ending;
    let room = now & libc::EPOLLOUT as u32 != 0 && entry.told_wishes.swap(wishes, Ordering::Relaxed) != wishes;
    if fresh || bytes || ended || room { now } else { 0 }
}
