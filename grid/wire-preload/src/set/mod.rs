//! Epoll sets. The kernel's set stays, and holds what it holds without the library. A connection that leaves TCP stays in it too,
//! edge-triggered and with a token in place of the program's data, so that its end is heard; beside it the set holds the bells of
//! this process. What such connections are ready for is worked out here, from a queue of those that something happened to.

mod nested;
mod queue;
mod wait;

pub(crate) use nested::{is_ready, renumber};
pub(crate) use wait::wait;

use crate::{
    block::stays,
    connection::{CONNECTIONS, Connection, REGISTRATIONS, Ring},
    descriptors::{self, Kind},
    kernel,
    lock::lock,
    patience::Patience,
    pool::{Item, Pool},
    sleep,
};
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
use pogson_ring::{switch, want};

/// An epoll set of the program.
#[repr(C, align(64))]
pub(crate) struct Set {
    link: AtomicU32,
    fd: AtomicI32,
    descriptors: AtomicU32,
    lock: AtomicU32,
    /// Threads that wait in the kernel.
    sleepers: AtomicU32,
    /// Connections whose readiness is worked out here.
    managed: AtomicU32,
    /// Whether rings alone took all the room that the program gave last.
    passed_over: AtomicU32,
    /// When the kernel was asked last.
    asked_ns: AtomicU64,
    /// Bells that the kernel's set holds.
    bells: AtomicU32,
    /// Whether other sets or polls look at it.
    nested: AtomicU32,
    /// Then the set that holds the bells in place of the kernel's set, which holds it; 0 for none.
    between: AtomicI32,
    /// Then its registrations in other sets, 0 for none.
    outer: [AtomicU32; REGISTRATIONS],
    /// Whether sets are in it.
    holds_sets: AtomicU32,
    first: AtomicU32,
    last: AtomicU32,
    /// Counters of the slabs as last seen.
    seen: AtomicPtr<queue::Seen>,
    /// What is known of looking before sleeping.
    patience: Patience,
}

// SAFETY: atomics only, of which zeros are valid.
unsafe impl Item for Set {
    fn link(&self) -> &AtomicU32 {
        &self.link
    }
}

/// All sets.
pub(crate) static SETS: Pool<Set> = Pool::private(1 << 12);

/// A connection in a set.
#[repr(C, align(64))]
pub(crate) struct Registration {
    link: AtomicU32,
    set: AtomicU32,
    fd: AtomicI32,
    connection: AtomicU32,
    /// In place of a connection: number of a set.
    inner: AtomicU32,
    events: AtomicU32,
    /// [`state`] bits.
    state: AtomicU32,
    next: AtomicU32,
    data: AtomicU64,
    /// What was there when the program was told last: the other end's tail, and what had ended.
    told_tail: AtomicU64,
    told_ending: AtomicU32,
    /// How often somebody had found no room, then.
    told_wishes: AtomicU64,
}

mod state {
    /// Its readiness is worked out here.
    pub(super) const MANAGED: u32 = 1;
    /// The kernel has a token for it, and says itself when it is ready.
    pub(super) const TOKEN: u32 = 2;
    /// EPOLLONESHOT has fired.
    pub(super) const DISABLED: u32 = 4;
    /// It is in the queue.
    pub(super) const QUEUED: u32 = 8;
    /// Something that makes an edge happened which cannot be told from its words.
    pub(super) const FRESH: u32 = 16;
    /// It is of a set, not of a connection.
    pub(super) const NESTED: u32 = 32;
}

// SAFETY: atomics only, of which zeros are valid.
unsafe impl Item for Registration {
    fn link(&self) -> &AtomicU32 {
        &self.link
    }
}

/// All registrations.
pub(crate) static ENTRIES: Pool<Registration> = Pool::private(1 << 17);

/// What a bell's event carries: an address that no program has.
static BELL_TOKEN: AtomicU32 = AtomicU32::new(0);

/// What the kernel tells of a managed connection.
fn heard(ring: Option<Ring>) -> u32 {
    // What comes by rings only shows no more at the socket but ends.
    let by_rings = ring.is_some_and(|ring| ring.sends() && switch::by_ring(ring.entered()));
    if by_rings { HEARD & !(libc::EPOLLIN | libc::EPOLLOUT) as u32 } else { HEARD }
}

/// All of it.
const HEARD: u32 = (libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLPRI | libc::EPOLLET) as u32;

fn bell_token() -> u64 {
    BELL_TOKEN.as_ptr() as u64
}

fn token(entry: &Registration) -> u64 {
    core::ptr::from_ref(entry) as u64
}

/// The program made the set `fd`.
pub(crate) fn created(fd: i32) {
    let _critical = crate::critical::Critical::enter();
    let Some((number, set)) = SETS.take().and_then(|number| Some((number, SETS.get(number)?))) else {
        return descriptors::is_other(fd);
    };
    set.fd.store(fd, Ordering::Relaxed);
    for word in
        [&set.lock, &set.sleepers, &set.managed, &set.bells, &set.nested, &set.holds_sets, &set.first, &set.last]
    {
        word.store(0, Ordering::Relaxed);
    }
    set.patience.forget();
    set.descriptors.store(1, Ordering::Release);
    descriptors::is_set(fd, number);
}

/// The set has another descriptor.
pub(crate) fn copied(number: u32) {
    if let Some(set) = SETS.get(number) {
        set.descriptors.fetch_add(1, Ordering::AcqRel);
    }
}

/// A descriptor of the set is closed.
pub(crate) fn closed(number: u32, fd: i32) {
    let Some(set) = SETS.get(number) else { return };
    if set.descriptors.fetch_sub(1, Ordering::AcqRel) == 1 {
        forget_entries(set, number);
        queue::clear(set);
        nested::closed(set, number);
        set.fd.store(-1, Ordering::Release);
        SETS.give_back(number);
    } else if set.fd.load(Ordering::Relaxed) == fd {
        // Calls of the library's own go on by the descriptor that is left.
        descriptors::for_each(0, u32::MAX, |other, kind| {
            if other != fd && matches!(kind, Kind::Set(same) if same == number) {
                set.fd.store(other, Ordering::Release);
            }
        });
    }
}

/// The set is no more: its connections know nothing of it.
fn forget_entries(set: &Set, number: u32) {
    for entry_number in 1..=ENTRIES.reach() {
        let connection = ENTRIES
            .get(entry_number)
            .filter(|entry| entry.set.load(Ordering::Relaxed) == number)
            .and_then(|entry| CONNECTIONS.get(entry.connection.load(Ordering::Relaxed)));
        let Some(connection) = connection else { continue };
        let _guard = lock(&connection.registering);
        let is_this = |place: &usize| connection.registrations[*place].load(Ordering::Acquire) == entry_number;
        if let Some(place) = (0..REGISTRATIONS).find(is_this) {
            remove(set, connection, place);
        }
    }
}

/// epoll_ctl on `fd`. `None`: the C library's own function does it, and nothing is to be noted.
pub(crate) fn control(
    set_fd: i32,
    operation: i32,
    fd: i32,
    event: Option<libc::epoll_event>,
) -> Option<Result<usize, i32>> {
    if let Kind::Set(inner_number) = descriptors::kind(fd)
        && let Some(inner) = SETS.get(inner_number)
    {
        nested::begin(inner);
        let Kind::Set(number) = descriptors::kind(set_fd) else { return None };
        return nested::control((SETS.get(number)?, number), operation, (inner, inner_number), fd, event);
    }
    let connection = descriptors::registered(fd)?;
    let Kind::Set(number) = descriptors::kind(set_fd) else {
        // A set that the library knows nothing of: what leaves TCP would not be heard there.
        refuse(connection);
        return None;
    };
    let set = SETS.get(number)?;
    let _guard = lock(&connection.registering);
    let (known, entry) = find(connection, number, fd).unzip();
    match operation {
        libc::EPOLL_CTL_ADD if known.is_none() => Some(add(set, number, connection, fd, event?)),
        libc::EPOLL_CTL_MOD => Some(modify(set, entry?, fd, event?)),
        libc::EPOLL_CTL_DEL => {
            let outcome = kernel::epoll_ctl(set_fd, operation, fd, None);
            if let (Some(place), Ok(_)) = (known, outcome) {
                remove(set, connection, place);
            }
            Some(outcome)
        }
        _ => None,
    }
}

fn refuse(connection: &Connection) {
    if let Some(block) = connection.block() {
        block.stays.fetch_or(stays::REFUSED, Ordering::AcqRel);
    }
}

fn find(connection: &Connection, set: u32, fd: i32) -> Option<(usize, &'static Registration)> {
    connection.registrations.iter().enumerate().find_map(|(place, number)| {
        let entry = ENTRIES.get(number.load(Ordering::Acquire))?;
        let same = entry.set.load(Ordering::Relaxed) == set && entry.fd.load(Ordering::Relaxed) == fd;
        same.then_some((place, entry))
    })
}

fn has_left_tcp(connection: &Connection) -> bool {
    connection.ring().is_some_and(|ring| ring.looks() || ring.sends())
}

fn add(set: &Set, number: u32, connection: &Connection, fd: i32, event: libc::epoll_event) -> Result<usize, i32> {
    let epoll = set.fd.load(Ordering::Relaxed);
    let plain = || kernel::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, Some(event));
    let place = connection.registrations.iter().position(|place| place.load(Ordering::Relaxed) == 0);
    let left = has_left_tcp(connection);
    let exclusive = event.events & libc::EPOLLEXCLUSIVE as u32 != 0;
    let entry = if exclusive && !left { None } else { place.and_then(|_| ENTRIES.take()) };
    let (Some(place), Some(entry_number), Some(entry)) = (place, entry, entry.and_then(|number| ENTRIES.get(number)))
    else {
        if left {
            return Err(libc::ENOSPC);
        }
        refuse(connection);
        return plain();
    };
    entry.set.store(number, Ordering::Relaxed);
    entry.fd.store(fd, Ordering::Relaxed);
    entry.connection.store(connection.number(), Ordering::Relaxed);
    entry.events.store(event.events, Ordering::Relaxed);
    entry.data.store(event.u64, Ordering::Relaxed);
    entry.state.store(0, Ordering::Relaxed);
    let added = if left {
        hold_bells(set);
        let events = heard(connection.ring());
        kernel::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, Some(libc::epoll_event { events, u64: token(entry) }))
    } else if event.events & libc::EPOLLONESHOT as u32 != 0 {
        entry.state.store(state::TOKEN, Ordering::Relaxed);
        kernel::epoll_ctl(
            epoll,
            libc::EPOLL_CTL_ADD,
            fd,
            Some(libc::epoll_event { events: event.events, u64: token(entry) }),
        )
    } else {
        plain()
    };
    if let Err(errno) = added {
        ENTRIES.give_back(entry_number);
        return Err(errno);
    }
    connection.registrations[place].store(entry_number, Ordering::Release);
    if left {
        manage(set, connection, entry);
    }
    Ok(0)
}

fn modify(set: &Set, entry: &Registration, fd: i32, event: libc::epoll_event) -> Result<usize, i32> {
    let epoll = set.fd.load(Ordering::Relaxed);
    let now = entry.state.load(Ordering::Acquire);
    if now & state::MANAGED == 0 {
        let oneshot = event.events & libc::EPOLLONESHOT as u32 != 0;
        // A token once given stays, for the kernel may tell of it any time.
        let token_given = now & state::TOKEN != 0 || oneshot;
        let data = if token_given { token(entry) } else { event.u64 };
        entry.events.store(event.events, Ordering::Relaxed);
        entry.data.store(event.u64, Ordering::Relaxed);
        entry.state.store(if token_given { state::TOKEN } else { 0 }, Ordering::Release);
        return kernel::epoll_ctl(
            epoll,
            libc::EPOLL_CTL_MOD,
            fd,
            Some(libc::epoll_event { events: event.events, u64: data }),
        );
    }
    if event.events & libc::EPOLLEXCLUSIVE as u32 != 0 {
        return Err(libc::EINVAL);
    }
    {
        let _guard = lock(&set.lock);
        entry.events.store(event.events, Ordering::Relaxed);
        entry.data.store(event.u64, Ordering::Relaxed);
        entry.state.fetch_and(!state::DISABLED, Ordering::AcqRel);
        entry.state.fetch_or(state::FRESH, Ordering::AcqRel);
        queue::push(set, entry);
    }
    rouse(set);
    Ok(0)
}

fn remove(set: &Set, connection: &Connection, place: usize) {
    let number = connection.registrations[place].swap(0, Ordering::AcqRel);
    let Some(entry) = ENTRIES.get(number) else { return };
    let _guard = lock(&set.lock);
    queue::take_out(set, entry);
    if entry.state.swap(0, Ordering::AcqRel) & state::MANAGED != 0 {
        set.managed.fetch_sub(1, Ordering::AcqRel);
    }
    entry.set.store(0, Ordering::Relaxed);
    ENTRIES.give_back(number);
}

/// The bells of this process into the kernel's set, as far as they are not there.
fn hold_bells(set: &Set) {
    let held = set.bells.load(Ordering::Acquire) as usize;
    let between = set.between.load(Ordering::Acquire);
    let epoll = if between > 0 { between } else { set.fd.load(Ordering::Relaxed) };
    for bell in sleep::bells().skip(held) {
        let event = libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLET) as u32, u64: bell_token() };
        let _ = kernel::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, bell, Some(event));
        set.bells.fetch_add(1, Ordering::AcqRel);
    }
}

fn manage(set: &Set, connection: &Connection, entry: &Registration) {
    if let Some(ring) = connection.ring() {
        want::want_bell(&ring.own.waiting.data);
    }
    {
        let _guard = lock(&set.lock);
        // What is known is of the place's last connection: the next room is an edge, however often that one had found none.
        entry.told_wishes.store(u64::MAX, Ordering::Relaxed);
        entry.state.fetch_or(state::MANAGED | state::FRESH, Ordering::AcqRel);
        set.managed.fetch_add(1, Ordering::AcqRel);
        queue::push(set, entry);
    }
    rouse(set);
}

/// Threads that wait in the kernel look again.
fn rouse(set: &Set) {
    // Between what was put into the queue and the look at who sleeps; they do it the other way round.
    fence(Ordering::SeqCst);
    // Who looks from outside is not counted among the sleepers.
    if (set.sleepers.load(Ordering::SeqCst) > 0 || set.nested.load(Ordering::SeqCst) != 0)
        && let Some(bell) = sleep::bells().next()
    {
        kernel::ring(bell);
    }
}

/// A connection is about to leave TCP: all its sets hold the bells, and its readiness is worked out here from now on. Whether
/// that can be.
pub(crate) fn take_over(connection: &Connection) -> bool {
    let _guard = lock(&connection.registering);
    let entries = || connection.registrations.iter().filter_map(|number| ENTRIES.get(number.load(Ordering::Acquire)));
    for entry in entries() {
        if entry.state.load(Ordering::Acquire) & state::MANAGED != 0 {
            continue;
        }
        let Some(set) = SETS.get(entry.set.load(Ordering::Relaxed)) else { return false };
        hold_bells(set);
        let event = libc::epoll_event { events: HEARD, u64: token(entry) };
        let fd = entry.fd.load(Ordering::Relaxed);
        if kernel::epoll_ctl(set.fd.load(Ordering::Relaxed), libc::EPOLL_CTL_MOD, fd, Some(event)).is_err() {
            return false;
        }
        manage(set, connection, entry);
    }
    true
}

/// The connection is no more in this process.
pub(crate) fn forget_connection(connection: &Connection) {
    let _guard = lock(&connection.registering);
    for place in 0..REGISTRATIONS {
        let entry = ENTRIES.get(connection.registrations[place].load(Ordering::Acquire));
        if let Some(set) = entry.and_then(|entry| SETS.get(entry.set.load(Ordering::Relaxed))) {
            remove(set, connection, place);
        }
    }
}

/// Somebody polls the set; whether connections are in it that left TCP.
pub(crate) fn is_polled(number: u32) -> bool {
    SETS.get(number).is_some_and(|set| {
        nested::begin(set);
        set.managed.load(Ordering::Acquire) > 0
    })
}

/// What the connection receives or sends goes by TCP again: the kernel's sets tell of that, too. Callers may hold any lock.
pub(crate) fn hear_socket(connection: &Connection) {
    for entry in connection.registrations.iter().filter_map(|number| ENTRIES.get(number.load(Ordering::Acquire))) {
        if entry.state.load(Ordering::Acquire) & state::MANAGED != 0
            && let Some(set) = SETS.get(entry.set.load(Ordering::Relaxed))
        {
            let event = libc::epoll_event { events: HEARD, u64: token(entry) };
            let fd = entry.fd.load(Ordering::Relaxed);
            // It fails if the program takes the descriptor out of the set just now.
            let _ = kernel::epoll_ctl(set.fd.load(Ordering::Relaxed), libc::EPOLL_CTL_MOD, fd, Some(event));
        }
    }
}

/// Something happened to the connection on this side.
pub(crate) fn rouse_all(connection: &Connection) {
    let entries = connection.registrations.iter().filter_map(|number| ENTRIES.get(number.load(Ordering::Acquire)));
    for entry in entries {
        let Some(set) = SETS.get(entry.set.load(Ordering::Relaxed)) else { continue };
        if entry.state.load(Ordering::Acquire) & state::MANAGED != 0 {
            let _guard = lock(&set.lock);
            entry.state.fetch_or(state::FRESH, Ordering::AcqRel);
            queue::push(set, entry);
        }
    }
}

/// In a child made by fork: threads that held locks are not there.
pub(crate) fn forget_locks() {
    for set in (1..=SETS.reach()).filter_map(|number| SETS.get(number)) {
        set.lock.store(0, Ordering::Relaxed);
        set.sleepers.store(0, Ordering::Relaxed);
    }
}
