//! Waiting on a set.

use super::{ENTRIES, SETS, Set, bell_token, nested, queue, rouse, state};
use crate::{caller, connection::CONNECTIONS, hooks::wait::sleep_by_epoll, kernel, leave, liveness, lock::lock, sleep};
use core::sync::atomic::Ordering;
use pogson_ring::layout::fin;

/// Events of a socket that tell of an end.
const ENDS: u32 = (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;
/// How long a thread sleeps before it asks whether ends that said they would send no more still live.
const SLICE_NS: u64 = 100_000_000;

/// Waits on set `number`; the number of events.
///
/// # Safety
/// `events` is valid for writing `room` events, and `mask` is null or a signal mask.
pub(crate) unsafe fn wait(
    number: u32,
    events: *mut libc::epoll_event,
    room: i32,
    timeout_ns: Option<u64>,
    mask: *const libc::sigset_t,
) -> Result<usize, i32> {
    let set = SETS.get(number).ok_or(libc::EBADF)?;
    if room <= 0 {
        return Err(libc::EINVAL);
    }
    let until_ns = timeout_ns.filter(|timeout| *timeout > 0).map(|timeout| kernel::now_ns().saturating_add(timeout));
    let before = caller::handled();
    let mut looked = false;
    loop {
        leave::look();
        let managed = set.managed.load(Ordering::Acquire) > 0;
        let mut told = 0;
        let passed_over = set.passed_over.load(Ordering::Relaxed) != 0;
        if managed && (passed_over || set.nested.load(Ordering::Relaxed) != 0) {
            // Bells that rang go first: whoever looks at the set from outside would see them.
            set.passed_over.store(0, Ordering::Relaxed);
            // SAFETY: the caller's promise.
            told = unsafe { kernel_part(set, events, room as usize) };
        }
        if managed && told < room as usize {
            // SAFETY: the caller's promise.
            told += unsafe { gather(set, number, events.add(told), room as usize - told) };
            if told == 0 && timeout_ns != Some(0) && !looked {
                looked = true;
                // Another thread that waits on the set may have been told what was there.
                if set.patience.look(|| queue::stirred(set) || caller::handled() != before) && queue::stirred(set) {
                    continue;
                }
                if caller::handled() != before {
                    // As in the kernel, whatever the handler's SA_RESTART says.
                    return Err(libc::EINTR);
                }
            }
        }
        let left = until_ns.map(|until| until.saturating_sub(kernel::now_ns()));
        let sleeps = told == 0 && timeout_ns != Some(0);
        if told == room as usize {
            // Where busy rings take all the room there is, what the kernel has is told every other time.
            set.passed_over.store(u32::from(!passed_over), Ordering::Relaxed);
            return Ok(told);
        }
        if told > 0 && !passed_over && was_just_asked(set) {
            return Ok(told);
        }
        set.sleepers.fetch_add(1, Ordering::SeqCst);
        // Also by who does not sleep: whoever takes a bell's event of the kernel has to have armed it, so that the next stir rings again.
        let armed = sleep::arm_bells();
        nested::ring_for_inner(set, number);
        let news = sleeps && managed && (queue::stirred(set) || !queue::is_empty(set));
        let half_closed = managed && liveness::some_half_closed();
        let sliced = half_closed || (managed && crate::slab::some_far());
        let time = match (sleeps && !news, sliced) {
            (false, _) => Some(0),
            (true, true) => Some(left.map_or(SLICE_NS, |left| left.min(SLICE_NS))),
            (true, false) => left,
        };
        let undo = || {
            sleep::disarm_bells(armed);
            set.sleepers.fetch_sub(1, Ordering::SeqCst);
        };
        // SAFETY: the caller's promise; `told` events are written already.
        let heard = unsafe {
            sleep_by_epoll(&undo, set.fd.load(Ordering::Relaxed), events.add(told), room - told as i32, time, mask)
        };
        undo();
        if managed {
            set.asked_ns.store(kernel::now_ns(), Ordering::Relaxed);
        }
        match heard {
            // SAFETY: the kernel wrote as many events there.
            Ok(heard) => told += unsafe { translate(set, events.add(told), heard) },
            Err(errno) if told == 0 => return Err(errno),
            Err(_) => {}
        }
        if half_closed {
            check_all(set);
        }
        if told > 0 {
            // The kernel may have told this thread of a bell that was for another one.
            if !queue::is_empty(set) || (managed && queue::stirred(set)) {
                rouse(set);
            }
            return Ok(told);
        }
        let managed = set.managed.load(Ordering::Acquire) > 0;
        if timeout_ns == Some(0) || until_ns.is_some_and(|until| kernel::now_ns() >= until) {
            // What the kernel said last may have made a connection ready.
            // SAFETY: the caller's promise.
            return Ok(if managed { unsafe { gather(set, number, events, room as usize) } } else { 0 });
        }
    }
}

/// Whether the kernel was asked so lately that a call which has something to tell of rings need not ask it, which costs as much as a
/// message by a ring.
fn was_just_asked(set: &Set) -> bool {
    const LATELY_NS: u64 = 50_000;
    let is_plain = set.nested.load(Ordering::Relaxed) == 0 && set.holds_sets.load(Ordering::Relaxed) == 0;
    is_plain && kernel::now_ns().saturating_sub(set.asked_ns.load(Ordering::Relaxed)) < LATELY_NS
}

/// # Safety
/// As of [`wait`].
unsafe fn gather(set: &Set, number: u32, events: *mut libc::epoll_event, room: usize) -> usize {
    let guard = lock(&set.lock);
    queue::scan(set, number);
    // SAFETY: the caller's promise.
    let told = unsafe { queue::harvest(set, events, room) };
    drop(guard);
    if told == room && !queue::is_empty(set) {
        // Another thread that sleeps on the set takes what did not fit, as by the kernel's own sets.
        rouse(set);
    }
    if set.nested.load(Ordering::Relaxed) != 0 && !queue::is_empty(set) {
        // Whoever looks at the set from outside has to see that there is more.
        if let Some(bell) = sleep::bells().next() {
            kernel::ring(bell);
        }
    }
    told
}

/// What the kernel has to say at once.
///
/// # Safety
/// As of [`wait`].
unsafe fn kernel_part(set: &Set, events: *mut libc::epoll_event, room: usize) -> usize {
    let fd = set.fd.load(Ordering::Relaxed);
    // SAFETY: the caller's promise.
    let heard = unsafe { kernel::epoll_wait(fd, events, room as i32, Some(0), core::ptr::null()) };
    // SAFETY: the kernel wrote as many events there.
    heard.map_or(0, |heard| unsafe { translate(set, events, heard) })
}

/// Turns what the kernel said into what the program knows: bells and tokens go, the rest moves up. How many are left.
///
/// # Safety
/// `heard` events were written at `events`.
unsafe fn translate(set: &Set, events: *mut libc::epoll_event, heard: usize) -> usize {
    let mut kept = 0;
    for at in 0..heard {
        // SAFETY: the caller's promise.
        let mut event = unsafe { events.add(at).read_unaligned() };
        let data = event.u64;
        if data == bell_token() {
            continue;
        }
        if let Some(entry) = ENTRIES.number_at(data).and_then(|number| ENTRIES.get(number)) {
            let now = entry.state.load(Ordering::Acquire);
            if now & state::MANAGED != 0 {
                let connection = CONNECTIONS.get(entry.connection.load(Ordering::Relaxed));
                if let Some((connection, ring)) = connection.and_then(|one| Some((one, one.ring()?))) {
                    if event.events & ENDS != 0 {
                        liveness::check(connection, &ring, entry.fd.load(Ordering::Relaxed));
                    }
                    let by_tcp = if ring.receives() { 0 } else { libc::EPOLLIN | libc::EPOLLPRI };
                    let by_tcp = if ring.sends() { by_tcp } else { by_tcp | libc::EPOLLOUT };
                    if event.events & by_tcp as u32 != 0 {
                        entry.state.fetch_or(state::FRESH, Ordering::AcqRel);
                    }
                }
                let _guard = lock(&set.lock);
                queue::push(set, entry);
                continue;
            }
            if now & state::TOKEN == 0 {
                continue;
            }
            let once = entry.events.load(Ordering::Relaxed) & libc::EPOLLONESHOT as u32 != 0;
            if now & state::NESTED != 0 && !once && !nested::is_ready(entry.inner.load(Ordering::Relaxed)) {
                continue;
            }
            if entry.events.load(Ordering::Relaxed) & libc::EPOLLONESHOT as u32 != 0 {
                entry.state.fetch_or(state::DISABLED, Ordering::AcqRel);
            }
            event.u64 = entry.data.load(Ordering::Relaxed);
        }
        // SAFETY: `kept` is not past `at`.
        unsafe { events.add(kept).write_unaligned(event) };
        kept += 1;
    }
    kept
}

/// Asks of all connections whose other end has ended its stream whether it lives.
fn check_all(set: &Set) {
    let mut some = false;
    for entry in (1..=ENTRIES.reach()).filter_map(|number| ENTRIES.get(number)) {
        let Some(of) = SETS.get(entry.set.load(Ordering::Relaxed)) else { continue };
        let connection = CONNECTIONS.get(entry.connection.load(Ordering::Relaxed));
        let Some((connection, ring)) = connection.and_then(|connection| Some((connection, connection.ring()?))) else {
            continue;
        };
        if ring.rx().ended() & (fin::END | fin::CLOSED) != fin::END {
            continue;
        }
        some = true;
        if core::ptr::eq(of, set) && liveness::check(connection, &ring, entry.fd.load(Ordering::Relaxed)) {
            let _guard = lock(&set.lock);
            queue::push(set, entry);
        }
    }
    if !some {
        liveness::none_half_closed();
    }
}
