//! A set that others look at from outside: an epoll set or a poll that it is in. The kernel tells these that it is ready by what its own
//! set holds, among it the bells, which ring for whatever happens in the process. So the bells go into a set between, which can be
//! silenced, and what the kernel says is taken for what it is: a reason to look.
//!
//! An outer set is asked by a registration of its own, with a token in place of the program's data.

use super::{ENTRIES, Registration, SETS, Set, bell_token, queue, state, token};
use crate::{kernel, lock::lock, session, sleep};
use core::sync::atomic::{AtomicU32, Ordering};

/// Others look at the set from now on.
pub(super) fn begin(set: &Set) {
    if set.nested.swap(1, Ordering::AcqRel) != 0 {
        return;
    }
    let held = set.bells.load(Ordering::Acquire) as usize;
    let between = kernel::epoll_create().map_or(-1, |fd| session::keep(fd as i32));
    if between < 0 {
        return;
    }
    let ring = libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLET) as u32, u64: bell_token() };
    for bell in sleep::bells().take(held) {
        let _ = kernel::epoll_ctl(between, libc::EPOLL_CTL_ADD, bell, Some(ring));
    }
    let epoll = set.fd.load(Ordering::Relaxed);
    if kernel::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, between, Some(ring)).is_err() {
        return session::close_own(between);
    }
    set.between.store(between, Ordering::Release);
    for bell in sleep::bells().take(held) {
        let _ = kernel::epoll_ctl(epoll, libc::EPOLL_CTL_DEL, bell, None);
    }
    // What rang meanwhile was told to neither.
    super::rouse(set);
}

/// Whether the set, at which somebody looks from outside, has something to tell. If not, the kernel's set shows nothing either until
/// something happens.
pub(crate) fn is_ready(number: u32) -> bool {
    let Some(set) = SETS.get(number) else { return true };
    let between = set.between.load(Ordering::Acquire);
    if between > 0 {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 8];
        // SAFETY: the array has room for as many events.
        let _ = unsafe { kernel::epoll_wait(between, events.as_mut_ptr(), 8, Some(0), core::ptr::null()) };
    }
    if between <= 0 || set.managed.load(Ordering::Acquire) == 0 {
        return kernel::poll_now(set.fd.load(Ordering::Relaxed), libc::POLLIN) != 0;
    }
    let ready = {
        let _guard = lock(&set.lock);
        queue::scan(set, number);
        queue::any_ready(set)
    };
    if ready {
        show(set);
    }
    ready || kernel::poll_now(set.fd.load(Ordering::Relaxed), libc::POLLIN) != 0
}

/// Makes the kernel's set show that there is something.
fn show(set: &Set) {
    if set.nested.load(Ordering::Relaxed) != 0
        && let Some(bell) = sleep::bells().next()
    {
        kernel::ring(bell);
    }
}

/// epoll_ctl of the outer set `number` on the set `inner`, which has descriptor `fd`. `None`: as in [`super::control`].
pub(super) fn control(
    (outer, number): (&Set, u32),
    operation: i32,
    (inner, inner_number): (&Set, u32),
    fd: i32,
    event: Option<libc::epoll_event>,
) -> Option<Result<usize, i32>> {
    let epoll = outer.fd.load(Ordering::Relaxed);
    let _guard = lock(&inner.lock);
    let known = inner.outer.iter().find_map(|place| {
        let entry = ENTRIES.get(place.load(Ordering::Acquire))?;
        let same = entry.set.load(Ordering::Relaxed) == number && entry.fd.load(Ordering::Relaxed) == fd;
        same.then_some((place, entry))
    });
    let tell = |entry: &Registration, event: libc::epoll_event| {
        entry.events.store(event.events, Ordering::Relaxed);
        entry.data.store(event.u64, Ordering::Relaxed);
        entry.state.store(state::TOKEN | state::NESTED, Ordering::Release);
        kernel::epoll_ctl(epoll, operation, fd, Some(libc::epoll_event { events: event.events, u64: token(entry) }))
    };
    match (operation, known) {
        (libc::EPOLL_CTL_ADD, None) => {
            let event = event?;
            let place = inner.outer.iter().find(|place| place.load(Ordering::Relaxed) == 0)?;
            let entry_number = ENTRIES.take()?;
            let entry = ENTRIES.get(entry_number)?;
            entry.set.store(number, Ordering::Relaxed);
            entry.fd.store(fd, Ordering::Relaxed);
            entry.connection.store(0, Ordering::Relaxed);
            entry.inner.store(inner_number, Ordering::Relaxed);
            let added = tell(entry, event);
            if added.is_ok() {
                place.store(entry_number, Ordering::Release);
                outer.holds_sets.store(1, Ordering::Release);
            } else {
                free(entry_number, entry);
            }
            Some(added)
        }
        (libc::EPOLL_CTL_MOD, Some((_, entry))) => Some(tell(entry, event?)),
        (libc::EPOLL_CTL_DEL, Some((place, entry))) => {
            let outcome = kernel::epoll_ctl(epoll, operation, fd, None);
            if outcome.is_ok() {
                free(place.swap(0, Ordering::AcqRel), entry);
            }
            Some(outcome)
        }
        _ => None,
    }
}

fn free(number: u32, entry: &Registration) {
    entry.state.store(0, Ordering::Release);
    entry.set.store(0, Ordering::Relaxed);
    ENTRIES.give_back(number);
}

fn each_outer(inner: &Set, act: impl Fn(&AtomicU32, &'static Registration)) {
    for place in &inner.outer {
        if let Some(entry) = ENTRIES.get(place.load(Ordering::Acquire)) {
            act(place, entry);
        }
    }
}

/// Before the outer set `number` sleeps, its bells armed: what has happened in sets within it since they were last looked at rings now.
pub(super) fn ring_for_inner(outer: &Set, number: u32) {
    const IN: u32 = libc::EPOLLIN as u32;
    if outer.holds_sets.load(Ordering::Relaxed) == 0 {
        return;
    }
    for inner in (1..=SETS.reach()).filter_map(|number| SETS.get(number)) {
        each_outer(inner, |_, entry| {
            let hears = entry.events.load(Ordering::Relaxed) & IN != 0
                && entry.state.load(Ordering::Relaxed) & state::DISABLED == 0;
            let managed = inner.managed.load(Ordering::Acquire) > 0;
            if entry.set.load(Ordering::Relaxed) == number && hears && managed && queue::stirred(inner) {
                show(inner);
            }
        });
    }
}

/// A set is closed.
pub(super) fn closed(set: &Set, number: u32) {
    each_outer(set, |place, entry| free(place.swap(0, Ordering::AcqRel), entry));
    if set.holds_sets.swap(0, Ordering::AcqRel) != 0 {
        for inner in (1..=SETS.reach()).filter_map(|number| SETS.get(number)) {
            each_outer(inner, |place, entry| {
                if entry.set.load(Ordering::Relaxed) == number {
                    free(place.swap(0, Ordering::AcqRel), entry);
                }
            });
        }
    }
    let between = set.between.swap(0, Ordering::AcqRel);
    if between > 0 {
        session::close_own(between);
    }
}

/// One of the library's own descriptors has another number now.
pub(crate) fn renumber(from: i32, to: i32) {
    for set in (1..=SETS.reach()).filter_map(|number| SETS.get(number)) {
        let _ = set.between.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed);
    }
}
