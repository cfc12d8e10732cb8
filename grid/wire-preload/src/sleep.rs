//! Looking, sleeping and waking.

use crate::{
    back, caller, cancel,
    connection::{Connection, Ring},
    kernel, leave, liveness, session,
    slab::{SLABS, Slab},
};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering};
use pogson_ring::{
    protocol::Page,
    want::{self, Wake},
};

/// How long a thread sleeps before it asks whether the other end still lives.
const SLICE_NS: u64 = 100_000_000;

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// There may be something now.
    Look,
    /// The time is over.
    Late,
    /// A handler ran.
    Interrupted,
}

/// Wakes the other end's receivers.
#[inline]
pub(crate) fn wake_reader(connection: &Connection, ring: &Ring, wake: Wake) {
    rouse(connection, &ring.own.sending.bell_data, wake);
}

/// Wakes the other end's senders.
#[inline]
pub(crate) fn wake_writer(connection: &Connection, ring: &Ring, wake: Wake) {
    rouse(connection, &ring.own.receiving.bell_space, wake);
}

#[inline]
fn rouse(connection: &Connection, futex: &AtomicU32, wake: Wake) {
    if !wake.futex && !wake.bell {
        return;
    }
    let slab = SLABS.get(connection.slab.load(Ordering::Relaxed));
    let far = slab.is_some_and(Slab::is_far);
    if wake.futex {
        if !far {
            kernel::futex_wake(futex);
        }
        session::count(|counters| &counters.wakes, 1);
    }
    // Who sleeps in another guest is woken by the daemon there, which looks at what is stirred.
    if let Some(slab) = slab
        && (wake.bell || far)
    {
        slab.stir(connection.slot.load(Ordering::Relaxed));
    }
}

/// Wakes threads of this side that sleep until there are bytes: they will not come any more. They sleep on a word of the other
/// side, which this one can wake but not change, so that whoever is just about to sleep finds out a little later.
pub(crate) fn wake_own(connection: &Connection, ring: &Ring) {
    wake_own_sleepers(ring);
    crate::set::rouse_all(connection);
    if let Some(bell) = bells().next() {
        kernel::ring(bell);
    }
}

/// The same, but for those that sleep by a set or a poll.
pub(crate) fn wake_own_sleepers(ring: &Ring) {
    kernel::futex_wake(&ring.peer.sending.bell_data);
    kernel::futex_wake(&ring.peer.receiving.bell_space);
    for_each_home(HOMES.len(), |page| {
        if crate::slab::some_far() {
            page.far.stirred.fetch_add(1, Ordering::Release);
            kernel::futex_wake(&page.far.stirred);
        }
    });
}

/// Looks for `ready` as long as that may pay; what came of it, if anything.
///
/// - `since`: [`caller::interrupted`] when the call began.
pub(crate) fn look(connection: &Connection, since: u32, ready: impl Fn() -> bool) -> Option<Woken> {
    let found = connection.patience.look(|| ready() || caller::interrupted() != since);
    (found && ready()).then_some(Woken::Look)
}

/// Waits until `ready` on the futex that the other end rings, `which` saying for what.
///
/// - `until_ns`: end of the wait on the monotonic clock, `None` for never.
/// - `since`: [`caller::interrupted`] when the call began: handlers that came since then end it, too.
pub(crate) fn wait(
    connection: &Connection,
    ring: &Ring,
    fd: i32,
    which: Which,
    until_ns: Option<u64>,
    since: u32,
    ready: impl Fn() -> bool,
) -> Woken {
    let (word, bell) = match which {
        Which::Data => (&ring.own.waiting.data, &ring.peer.sending.bell_data),
        Which::Space => (&ring.own.waiting.space, &ring.peer.receiving.bell_space),
    };
    let serial = connection.serial.load(Ordering::Relaxed);
    let is_another = || connection.serial.load(Ordering::Relaxed) != serial;
    let slab = SLABS.get(connection.slab.load(Ordering::Relaxed));
    pin(slab);
    // In memory of another guest nobody can sleep: there the daemon rings for all that sleep in such.
    let far = slab.and_then(Slab::far_page);
    let bell = far.map_or(bell, |page| &page.far.stirred);
    let disarm = || {
        want::disarm(word);
        if let Some(page) = far {
            page.bell.disarm();
        }
    };
    let woken = loop {
        let rung = bell.load(Ordering::Acquire);
        want::arm(word);
        if let Some(page) = far {
            page.bell.arm();
        }
        if ready() {
            disarm();
            break Woken::Look;
        }
        if caller::interrupted() != since {
            disarm();
            break Woken::Interrupted;
        }
        let now = kernel::now_ns();
        let end = until_ns.map_or(now + SLICE_NS, |until| until.min(now + SLICE_NS));
        let undo = || {
            disarm();
            unpin(slab);
        };
        let slept = cancel::asleep(&undo, || match until_ns {
            None => sleep_on(bell, rung, now, end),
            // A wait that has an end of its own is interrupted by any handler.
            Some(_) => kernel::futex_wait(bell, rung, end.saturating_sub(now)),
        });
        disarm();
        match slept {
            Err(libc::ETIMEDOUT) if until_ns.is_some_and(|until| kernel::now_ns() >= until) => break Woken::Late,
            // Closed by another thread: the caller finds out.
            Err(libc::ETIMEDOUT) if is_another() => break Woken::Look,
            Err(libc::ETIMEDOUT) => {
                if back::is_wanted(ring) {
                    back::go(connection, ring, fd);
                }
                if leave::is_wanted(connection) {
                    leave::step(connection, ring, fd);
                }
                if caller::interrupted() != since {
                    break Woken::Interrupted;
                }
                unpin(slab);
                cancel::here();
                pin(slab);
                if is_another() || liveness::check(connection, ring, fd) {
                    break Woken::Look;
                }
            }
            Err(libc::EINTR) => break Woken::Interrupted,
            _ => break Woken::Look,
        }
    };
    unpin(slab);
    woken
}

fn pin(slab: Option<&Slab>) {
    if let Some(slab) = slab {
        slab.pin();
    }
}

fn unpin(slab: Option<&Slab>) {
    if let Some(slab) = slab {
        slab.unpin();
    }
}

/// Sleeps while `word` is `value`, from `now` to `end` at most. Handlers with SA_RESTART do not end it.
fn sleep_on(word: &AtomicU32, value: u32, now: u64, end: u64) -> kernel::Outcome {
    static OLD_KERNEL: AtomicBool = AtomicBool::new(false);
    if !OLD_KERNEL.load(Ordering::Relaxed) {
        match kernel::futex_wait_restarting(word, value, end) {
            Err(libc::ENOSYS) => OLD_KERNEL.store(true, Ordering::Relaxed),
            slept => return slept,
        }
    }
    // Before Linux 5.16 a sleep with an end is ended by any handler.
    let before = caller::interrupted();
    match kernel::futex_wait(word, value, end.saturating_sub(now)) {
        Err(libc::EINTR) if caller::interrupted() == before => Ok(0),
        slept => slept,
    }
}

/// What a thread waits for.
#[derive(Clone, Copy)]
pub(crate) enum Which {
    /// Bytes to receive.
    Data,
    /// Room to send.
    Space,
}

/// Pages of the bells that this process may sleep by: its own and, after a fork, that of whom it comes from. None is ever removed.
static HOMES: [AtomicPtr<Page>; 8] = [const { AtomicPtr::new(core::ptr::null_mut()) }; 8];

/// Their eventfds.
static BELLS: [AtomicI32; 8] = [const { AtomicI32::new(-1) }; 8];

/// From now on this process sleeps by the bell of `page`, `eventfd`, too; whether there was a place left. One thread at a time.
pub(crate) fn add_home(page: &'static Page, eventfd: i32) -> bool {
    let free = HOMES.iter().zip(&BELLS).find(|(home, _)| home.load(Ordering::Acquire).is_null());
    if let Some((home, bell)) = free {
        bell.store(eventfd, Ordering::Relaxed);
        home.store(core::ptr::from_ref(page).cast_mut(), Ordering::Release);
    }
    free.is_some()
}

/// Bells of this process.
pub(crate) fn bells() -> impl Iterator<Item = i32> {
    HOMES
        .iter()
        .zip(&BELLS)
        .take_while(|(home, _)| !home.load(Ordering::Acquire).is_null())
        .map(|(_, bell)| bell.load(Ordering::Relaxed))
}

/// A bell has another number now.
pub(crate) fn renumber(from: i32, to: i32) {
    for bell in &BELLS {
        let _ = bell.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed);
    }
}

/// Arms the bells of this process: who changes something that it waits for by a bell rings from here on. How many they are.
pub(crate) fn arm_bells() -> usize {
    for_each_home(HOMES.len(), |page| page.bell.arm())
}

/// The caller sleeps no more.
///
/// - `armed`: what [`arm_bells`] gave.
pub(crate) fn disarm_bells(armed: usize) {
    for_each_home(armed, |page| page.bell.disarm());
}

fn for_each_home(count: usize, act: impl Fn(&Page)) -> usize {
    let mut done = 0;
    for home in HOMES.iter().take(count) {
        let home = home.load(Ordering::Acquire);
        if home.is_null() {
            break;
        }
        // SAFETY: pages of this process stay mapped, and are made of atomics.
        act(unsafe { &*home });
        done += 1;
    }
    done
}
