//! What each descriptor of this process is.

use crate::{
    block::BLOCKS,
    connection::{CONNECTIONS, Connection},
    kernel, vsock,
};
use core::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

/// Descriptors from here on are nobody's business.
const ROOM: usize = 1 << 20;

static TABLE: AtomicPtr<AtomicU32> = AtomicPtr::new(core::ptr::null_mut());

const UNKNOWN: u32 = 0;
/// Nothing that concerns the library.
const OTHER: u32 = 1;
/// A stream socket that a call of this process made: a connection at its first bytes.
const STREAM: u32 = 2;
/// One of the library's own.
const OURS: u32 = 3;
const CONNECTION: u32 = 4;
const SET: u32 = 5;
const KINDS: u32 = 8;

/// What a descriptor is.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Not known, or of no concern.
    Other,
    /// A stream socket that carried nothing yet.
    Stream,
    /// One of the library's own, which the program may not touch.
    Ours,
    /// A connection.
    Connection(&'static Connection),
    /// An epoll set, by its number.
    Set(u32),
}

/// Makes the table, and notes what is open already: sockets which came from elsewhere stay on TCP.
pub(crate) fn open() {
    let bytes = ROOM * size_of::<AtomicU32>();
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let Some(start) = kernel::map(bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1) else { return };
    TABLE.store(start.cast(), Ordering::Release);
    let mut fds = [libc::pollfd { fd: 0, events: 0, revents: 0 }; 1024];
    for (number, one) in fds.iter_mut().enumerate() {
        one.fd = number as i32;
    }
    if kernel::poll(&mut fds, Some(0), None).is_err() {
        return;
    }
    for one in fds.iter().filter(|one| one.revents & libc::POLLNVAL == 0) {
        set(one.fd, OTHER);
    }
}

#[inline]
fn entry(fd: i32) -> Option<&'static AtomicU32> {
    let start = TABLE.load(Ordering::Relaxed);
    // SAFETY: the table stays mapped and the number is within it.
    (fd >= 0 && (fd as usize) < ROOM && !start.is_null()).then(|| unsafe { &*start.add(fd as usize) })
}

fn set(fd: i32, value: u32) {
    if let Some(entry) = entry(fd) {
        entry.store(value, Ordering::Release);
        if value % KINDS > OURS || value == STREAM {
            HIGHEST.fetch_max(fd as u32, Ordering::Relaxed);
        }
    }
}

/// What `fd` is.
#[inline]
pub(crate) fn kind(fd: i32) -> Kind {
    let Some(value) = entry(fd).map(|entry| entry.load(Ordering::Acquire)) else { return Kind::Other };
    match value % KINDS {
        STREAM => Kind::Stream,
        OURS => Kind::Ours,
        CONNECTION => CONNECTIONS.get(value / KINDS).map_or(Kind::Other, Kind::Connection),
        SET => Kind::Set(value / KINDS),
        _ => Kind::Other,
    }
}

/// Whether `fd` is anything but unknown.
#[inline]
pub(crate) fn concerns(fd: i32) -> bool {
    entry(fd).is_some_and(|entry| entry.load(Ordering::Relaxed) != UNKNOWN)
}

/// The connection of `fd`, which becomes one by this call if it is a stream socket that is about to carry bytes.
#[inline]
pub(crate) fn connection(fd: i32) -> Option<&'static Connection> {
    match kind(fd) {
        Kind::Connection(connection) => Some(connection),
        Kind::Stream => begin(fd, false),
        _ => None,
    }
}

/// The connection of `fd`, which may be about to be made still: an epoll set gets it.
pub(crate) fn registered(fd: i32) -> Option<&'static Connection> {
    match kind(fd) {
        Kind::Connection(connection) => Some(connection),
        Kind::Stream => begin(fd, true),
        _ => None,
    }
}

#[cold]
fn begin(fd: i32, early: bool) -> Option<&'static Connection> {
    let state = crate::tcp::Info::of(fd).map(|info| info.state());
    let vsock = state.is_err() && vsock::is_stream(fd);
    match state {
        Ok(crate::tcp::ESTABLISHED | crate::tcp::CLOSE_WAIT) => {}
        Ok(state) if early && state != crate::tcp::LISTEN => {}
        Err(_) if vsock && vsock::is_connection(fd, early) => {}
        Err(_) if !vsock => {
            set(fd, OTHER);
            return None;
        }
        // Not connected yet, or a listener: it may be asked again.
        _ => return None,
    }
    let _critical = crate::critical::Critical::enter();
    let block = BLOCKS.take()?;
    let Some(number) = CONNECTIONS.take() else {
        BLOCKS.give_back(block);
        return None;
    };
    BLOCKS.get(block)?.begin(0);
    let connection = CONNECTIONS.get(number)?;
    connection.begin(number, block, vsock);
    connection.cookie.store(kernel::cookie(fd), Ordering::Relaxed);
    let entry = entry(fd)?;
    // Another thread may have been faster with the same descriptor.
    if entry.compare_exchange(STREAM, number * KINDS + CONNECTION, Ordering::AcqRel, Ordering::Relaxed).is_err() {
        CONNECTIONS.give_back(number);
        BLOCKS.give_back(block);
        return match kind(fd) {
            Kind::Connection(connection) => Some(connection),
            _ => None,
        };
    }
    crate::session::count_connection();
    Some(connection)
}

/// Whether `fd` is a connection by vsock.
pub(crate) fn is_vsock(fd: i32) -> bool {
    matches!(kind(fd), Kind::Connection(connection) if connection.is_vsock())
}

/// A call of this process made the stream socket `fd`.
pub(crate) fn is_stream(fd: i32) {
    set(fd, STREAM);
}

/// `fd` is of no concern, or came from elsewhere.
pub(crate) fn is_other(fd: i32) {
    set(fd, OTHER);
}

/// `fd` is an epoll set.
pub(crate) fn is_set(fd: i32, number: u32) {
    set(fd, number * KINDS + SET);
}

/// `fd` is the library's own.
pub(crate) fn is_ours(fd: i32) {
    set(fd, OURS);
}

/// `fd` was just closed by the library itself.
pub(crate) fn is_free(fd: i32) {
    set(fd, UNKNOWN);
}

/// Takes the entry of a descriptor that is about to be closed.
pub(crate) fn take(fd: i32) -> Kind {
    let before = kind(fd);
    set(fd, UNKNOWN);
    before
}

/// `copy` has become another descriptor of what `fd` is.
pub(crate) fn copied(fd: i32, copy: i32) {
    let value = entry(fd).map_or(OTHER, |entry| entry.load(Ordering::Acquire));
    match kind(fd) {
        Kind::Connection(connection) => {
            connection.descriptors.fetch_add(1, Ordering::AcqRel);
            set(copy, value);
        }
        Kind::Set(number) => {
            crate::set::copied(number);
            set(copy, value);
        }
        Kind::Stream => set(copy, STREAM),
        Kind::Ours | Kind::Other => set(copy, OTHER),
    }
}

/// `fd` came from somewhere past the hooks: if it is a connection of this process, it is one more descriptor of it.
pub(crate) fn found(fd: i32) {
    let cookie = kernel::cookie(fd);
    let known = (1..=CONNECTIONS.reach()).find_map(|number| {
        let connection = CONNECTIONS.get(number)?;
        let same =
            connection.cookie.load(Ordering::Relaxed) == cookie && connection.descriptors.load(Ordering::Acquire) > 0;
        (cookie != 0 && same).then_some((number, connection))
    });
    match known {
        Some((number, connection)) => {
            connection.descriptors.fetch_add(1, Ordering::AcqRel);
            set(fd, number * KINDS + CONNECTION);
        }
        None => set(fd, OTHER),
    }
}

/// The connection of `fd` will be used by those who do not know of rings.
pub(crate) fn leaves(fd: i32) {
    match kind(fd) {
        Kind::Connection(connection) => crate::back::hand_on(connection, fd),
        Kind::Stream => set(fd, OTHER),
        _ => {}
    }
}

/// Numbers of all descriptors that are the library's own, from `from` on.
pub(crate) fn next_of_ours(from: u32, to: u32) -> Option<u32> {
    let to = to.min(ROOM as u32 - 1);
    let lowest = crate::session::lowest_descriptor();
    (from.max(lowest)..=to).find(|fd| matches!(kind(*fd as i32), Kind::Ours))
}

/// Calls `each` with every descriptor of the range that is something.
pub(crate) fn for_each(from: u32, to: u32, mut each: impl FnMut(i32, Kind)) {
    let reach = HIGHEST.load(Ordering::Relaxed).min(to);
    for fd in from..=reach {
        match kind(fd as i32) {
            Kind::Other => {}
            kind => each(fd as i32, kind),
        }
    }
}

/// No descriptor above it is a connection, a stream socket or an epoll set.
static HIGHEST: AtomicU32 = AtomicU32::new(0);
