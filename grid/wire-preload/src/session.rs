//! What this process says to the daemon, and hears from it. Nothing here waits for it.

use crate::{
    connection::{CONNECTIONS, Connection, phase},
    descriptors, kernel,
    lock::{self, lock},
    party::{PARTIES, Party},
    slab::{SLABS, Slab},
    upgrade,
};
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use pogson_ring::{
    layout::{Counters, Geometry, VERSION},
    protocol::{Answer, Ask, CAN_FAR, FAR, NEW_PEER, NEW_SLAB, Page, RECORD_BYTES},
};

/// Descriptors that a record brings, at most.
const BROUGHT: usize = 8;

static LOCK: AtomicU32 = AtomicU32::new(0);
static SOCKET: AtomicI32 = AtomicI32::new(-1);
/// Number of this process's own party, 0 before the daemon's welcome.
static HOME: AtomicU32 = AtomicU32::new(0);
/// The page of that party, to look at without detours.
static PAGE: AtomicPtr<Page> = AtomicPtr::new(core::ptr::null_mut());
static MAIL: AtomicU32 = AtomicU32::new(0);
/// When the daemon may be sought again.
static NOT_BEFORE_NS: AtomicU64 = AtomicU64::new(0);
static FAILURES: AtomicU32 = AtomicU32::new(0);
/// The library's own descriptors are not below.
static LOWEST: AtomicI32 = AtomicI32::new(i32::MAX);
static ADDRESS: AtomicPtr<libc::sockaddr_un> = AtomicPtr::new(core::ptr::null_mut());

/// Notes where the daemon is. Once, when the library is loaded.
pub(crate) fn open() {
    let bytes = size_of::<libc::sockaddr_un>();
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let Some(place) = kernel::map(bytes, libc::PROT_READ | libc::PROT_WRITE, flags, -1) else { return };
    let address: *mut libc::sockaddr_un = place.cast();
    // SAFETY: just mapped, zeros, and nobody else knows it.
    let target = unsafe { &mut *address };
    target.sun_family = libc::AF_UNIX as _;
    if !environment::socket(&mut target.sun_path) {
        return;
    }
    ADDRESS.store(address, Ordering::Release);
}

/// The lowest descriptor that is the library's own.
pub(crate) fn lowest_descriptor() -> u32 {
    u32::try_from(LOWEST.load(Ordering::Relaxed)).unwrap_or(u32::MAX)
}

/// Moves `fd` to where programs do not look, and makes it the library's own.
pub(crate) fn keep(fd: i32) -> i32 {
    if fd < 0 {
        return fd;
    }
    let mut limit = libc::rlimit { rlim_cur: 1024, rlim_max: 1024 };
    // SAFETY: `limit` is valid for writing; the C library's function is no hook.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    let least = (limit.rlim_cur.min(1 << 19) as i32 * 7 / 8).max(16);
    let kept = match kernel::duplicate_above(fd, least) {
        Ok(above) => {
            kernel::close(fd);
            above as i32
        }
        Err(_) => fd,
    };
    LOWEST.fetch_min(kept, Ordering::Relaxed);
    descriptors::is_ours(kept);
    kept
}

/// Moves one of the library's own descriptors away, for the program wants its number.
pub(crate) fn make_way(fd: i32) {
    let _guard = lock(&LOCK);
    let Ok(other) = kernel::duplicate_above(fd, fd + 1) else { return };
    let other = other as i32;
    descriptors::is_ours(other);
    let _ = SOCKET.compare_exchange(fd, other, Ordering::AcqRel, Ordering::Relaxed);
    crate::slab::renumber(fd, other);
    crate::sleep::renumber(fd, other);
    crate::waiter::renumber(fd, other);
    crate::set::renumber(fd, other);
    kernel::close(fd);
    descriptors::is_free(fd);
}

/// Closes one of the library's own descriptors.
pub(crate) fn close_own(fd: i32) {
    if fd >= 0 {
        descriptors::is_free(fd);
        kernel::close(fd);
    }
}

/// This process's own party.
pub(crate) fn home() -> u32 {
    HOME.load(Ordering::Acquire)
}

/// Adds to what the daemon tells of this process.
#[inline]
pub(crate) fn count(which: impl Fn(&Counters) -> &AtomicU64, amount: u64) {
    let page = PAGE.load(Ordering::Relaxed);
    if !page.is_null() {
        // SAFETY: the page stays mapped, and is made of atomics.
        which(unsafe { &(*page).counters }).fetch_add(amount, Ordering::Relaxed);
    }
}

/// Asks the daemon for the other end of `connection`; whether it could be asked.
pub(crate) fn register(connection: &Connection, fd: i32) -> bool {
    let Some(_guard) = lock::try_lock(&LOCK) else { return false };
    let Some(socket) = connected() else { return false };
    let tag = tag(connection);
    // Another thread, or a handler that came in between, may have asked, and the answer have come since.
    if connection.phase.compare_exchange(phase::WATCHED, phase::ASKED, Ordering::AcqRel, Ordering::Relaxed).is_err() {
        return false;
    }
    match tell(socket, &Ask::Register { tag, ring_bytes: 0 }.encode(), Some(fd)) {
        Ok(_) => true,
        Err(errno) => {
            connection.phase.store(phase::WATCHED, Ordering::Release);
            if errno != libc::EAGAIN && errno != libc::ETOOMANYREFS && errno != libc::EMFILE {
                lost();
            }
            false
        }
    }
}

/// Tells the daemon that a connection which it was asked about is no more.
pub(crate) fn cancel(connection: &Connection) {
    let _guard = lock(&LOCK);
    let socket = SOCKET.load(Ordering::Acquire);
    if socket >= 0 {
        let _ = tell(socket, &Ask::Cancel { tag: tag(connection) }.encode(), None);
    }
}

fn tag(connection: &Connection) -> u64 {
    u64::from(connection.serial.load(Ordering::Relaxed)) << 32 | u64::from(connection.number())
}

/// Whether the daemon has said something; costs a look at memory.
#[inline]
pub(crate) fn has_mail() -> bool {
    let page = PAGE.load(Ordering::Acquire);
    if page.is_null() {
        return SOCKET.load(Ordering::Relaxed) >= 0;
    }
    // SAFETY: the page stays mapped, and is made of atomics.
    unsafe { (*page).mail.0.load(Ordering::Acquire) != MAIL.load(Ordering::Relaxed) }
}

/// Hears what the daemon has said.
pub(crate) fn listen() {
    let Some(_guard) = lock::try_lock(&LOCK) else { return };
    let page = PAGE.load(Ordering::Acquire);
    if !page.is_null() {
        // SAFETY: the page stays mapped, and is made of atomics.
        MAIL.store(unsafe { (*page).mail.0.load(Ordering::Acquire) }, Ordering::Relaxed);
    }
    loop {
        let socket = SOCKET.load(Ordering::Acquire);
        if socket < 0 {
            return;
        }
        let mut brought = [-1; BROUGHT];
        match hear(socket, &mut brought) {
            Ok(Some(answer)) => take(answer, &mut brought),
            Ok(None) => {}
            Err(libc::EAGAIN | libc::EINTR) => return,
            Err(_) => lost(),
        }
        for fd in brought.into_iter().filter(|fd| *fd >= 0) {
            kernel::close(fd);
        }
    }
}

/// The connection to the daemon, -1 for none.
pub(crate) fn socket() -> i32 {
    SOCKET.load(Ordering::Acquire)
}

/// Gives back what is shared with processes that are dead or was given by a former daemon, if `slab` is such and not in use.
pub(crate) fn tidy(slab: &Slab) {
    if slab.is_idle()
        && slab.is_over()
        && let Some(_guard) = lock::try_lock(&LOCK)
    {
        crate::slab::sweep();
    }
}

/// As long as the guard lives, no slab and no party comes or goes; `None` if another thread sees to them now.
pub(crate) fn hold() -> Option<lock::Guard<'static>> {
    lock::try_lock(&LOCK)
}

fn take(answer: Answer, brought: &mut [i32; BROUGHT]) {
    match answer {
        Answer::Welcome { version, session } => {
            if version != VERSION || brought[1] < 0 {
                return lost();
            }
            let eventfd = keep(core::mem::replace(&mut brought[1], -1));
            let Some(home) = Party::open(session, brought[0], eventfd, -1, true) else { return lost() };
            let page = PARTIES.get(home).and_then(Party::page).filter(|page| crate::sleep::add_home(page, eventfd));
            if page.is_none() {
                lost();
                // There is no place for one more home: it stays as it is.
                return NOT_BEFORE_NS.store(u64::MAX, Ordering::Relaxed);
            }
            HOME.store(home, Ordering::Release);
            if let Some(page) = page {
                MAIL.store(page.mail.0.load(Ordering::Acquire), Ordering::Relaxed);
                PAGE.store(core::ptr::from_ref(page).cast_mut(), Ordering::Release);
                for (counter, untold) in
                    [(&page.counters.connections, &UNTOLD), (&page.counters.bytes_tcp, &UNTOLD_BYTES)]
                {
                    counter.fetch_add(untold.swap(0, Ordering::Relaxed), Ordering::Relaxed);
                }
            }
        }
        Answer::Waiting { tag } => {
            if let Some(connection) = tagged(tag) {
                upgrade::waits(connection);
            }
        }
        Answer::Refused { tag, .. } => {
            if let Some(connection) = tagged(tag) {
                upgrade::refused(connection);
            }
        }
        Answer::Paired { tag, slab, side, slot, generation, slots, ring_bytes, peer, brings, offsets } => {
            let Some(geometry) = Geometry::new(slots, ring_bytes) else { return };
            if brought.iter().filter(|fd| **fd >= 0).count() < pogson_ring::protocol::brought(brings) {
                return lost();
            }
            let mut next = brought.iter_mut();
            let mut one = |wanted: bool| match next.next() {
                Some(fd) if wanted => core::mem::replace(fd, -1),
                _ => -1,
            };
            let new_slab = brings & NEW_SLAB != 0;
            let new_peer = brings & NEW_PEER != 0;
            if new_peer {
                crate::slab::sweep();
            }
            let halves = if new_slab { [keep(one(true)), keep(one(true))] } else { [-1; 2] };
            let far = brings & FAR != 0;
            let others = match new_peer {
                true if far => [-1, -1, keep(one(true))],
                true => [one(true), keep(one(true)), keep(one(true))],
                false => [-1; 3],
            };
            let new_party = || match far {
                true => Party::far(peer, others[2]),
                false => Party::open(peer, others[0], others[1], others[2], false),
            };
            let party = crate::party::party_of_session(peer).or_else(|| new_peer.then(new_party).flatten());
            if others[0] >= 0 {
                kernel::close(others[0]);
            }
            let (Some(party), home) = (party, home()) else { return };
            let number = Slab::find(slab, side).or_else(|| {
                new_slab.then(|| Slab::open(slab, side, geometry, halves, offsets, (party, home, far))).flatten()
            });
            let mapped = number.and_then(|number| Some((number, SLABS.get(number)?)));
            let ring = mapped.and_then(|(_, slab)| slab.ring(slot));
            let (Some((number, slab)), Some(ring)) = (mapped, ring) else { return };
            match tagged(tag) {
                Some(connection) => upgrade::paired(connection, (number, slab), slot, generation, ring),
                // Closed meanwhile: the slot is free again as far as this side goes.
                None => upgrade::decline(ring, generation),
            }
        }
    }
}

fn tagged(tag: u64) -> Option<&'static Connection> {
    let connection = CONNECTIONS.get(tag as u32)?;
    let same = connection.serial.load(Ordering::Relaxed) == (tag >> 32) as u32;
    (same && connection.phase.load(Ordering::Acquire) == phase::ASKED).then_some(connection)
}

/// Connections seen before there was a page to count them on.
static UNTOLD: AtomicU64 = AtomicU64::new(0);

/// Bytes that were sent by TCP before.
static UNTOLD_BYTES: AtomicU64 = AtomicU64::new(0);

/// Counts bytes that were sent by TCP.
pub(crate) fn count_bytes(bytes: u64) {
    if PAGE.load(Ordering::Relaxed).is_null() {
        UNTOLD_BYTES.fetch_add(bytes, Ordering::Relaxed);
    } else {
        count(|counters| &counters.bytes_tcp, bytes);
    }
}

/// Counts a connection that carries bytes.
pub(crate) fn count_connection() {
    if PAGE.load(Ordering::Relaxed).is_null() {
        UNTOLD.fetch_add(1, Ordering::Relaxed);
    } else {
        count(|counters| &counters.connections, 1);
    }
}

/// The socket to the daemon, which is sought if there is none.
fn connected() -> Option<i32> {
    let socket = SOCKET.load(Ordering::Acquire);
    if socket >= 0 {
        return Some(socket);
    }
    let now = kernel::now_ns();
    if now < NOT_BEFORE_NS.load(Ordering::Relaxed) {
        return None;
    }
    crate::slab::sweep();
    let address = ADDRESS.load(Ordering::Acquire);
    if address.is_null() {
        return None;
    }
    let failures = FAILURES.fetch_add(1, Ordering::Relaxed).min(6);
    NOT_BEFORE_NS.store(now + (500_000_000 << failures), Ordering::Relaxed);
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let socket = keep(kernel::socket(libc::AF_UNIX, kind).ok()? as i32);
    // SAFETY: `open` made the address.
    let connected = unsafe { kernel::connect(socket, address, size_of::<libc::sockaddr_un>() as u32) };
    let hello = Ask::Hello { version: VERSION, program: environment::program(), abilities: CAN_FAR };
    if connected.is_err() || tell(socket, &hello.encode(), None).is_err() {
        close_own(socket);
        return None;
    }
    FAILURES.store(0, Ordering::Relaxed);
    SOCKET.store(socket, Ordering::Release);
    Some(socket)
}

/// The daemon is gone: channels live on, and connections that wait for an answer are watched again.
fn lost() {
    let socket = SOCKET.swap(-1, Ordering::AcqRel);
    close_own(socket);
    HOME.store(0, Ordering::Release);
    PAGE.store(core::ptr::null_mut(), Ordering::Release);
    crate::slab::forget_names();
    for number in 1..=CONNECTIONS.reach() {
        if let Some(connection) = CONNECTIONS.get(number) {
            let _ =
                connection.phase.compare_exchange(phase::ASKED, phase::WATCHED, Ordering::AcqRel, Ordering::Relaxed);
        }
    }
}

/// In a child made by fork: the session is its parent's.
pub(crate) fn forget() {
    LOCK.store(0, Ordering::Relaxed);
    NOT_BEFORE_NS.store(0, Ordering::Relaxed);
    FAILURES.store(0, Ordering::Relaxed);
    UNTOLD.store(0, Ordering::Relaxed);
    UNTOLD_BYTES.store(0, Ordering::Relaxed);
    lost();
}

fn tell(socket: i32, record: &[u8; RECORD_BYTES], fd: Option<i32>) -> kernel::Outcome {
    let mut part = libc::iovec { iov_base: record.as_ptr().cast_mut().cast(), iov_len: record.len() };
    let mut beside = Beside::new();
    // SAFETY: a msghdr of zeros is valid.
    let mut message: libc::msghdr = unsafe { core::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    if let Some(fd) = fd {
        beside.put(fd);
        message.msg_control = (&raw mut beside).cast();
        message.msg_controllen = CONTROL_ONE as _;
    }
    // SAFETY: the parts live through the call.
    unsafe { kernel::send_message(socket, &raw const message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL) }
}

/// A control message with descriptors.
#[repr(C, align(8))]
struct Beside {
    header: libc::cmsghdr,
    fds: [i32; BROUGHT],
}

const CONTROL_ONE: usize = size_of::<libc::cmsghdr>() + size_of::<i32>();

impl Beside {
    fn new() -> Self {
        // SAFETY: plain numbers.
        unsafe { core::mem::zeroed() }
    }

    fn put(&mut self, fd: i32) {
        self.header.cmsg_len = CONTROL_ONE as _;
        self.header.cmsg_level = libc::SOL_SOCKET;
        self.header.cmsg_type = libc::SCM_RIGHTS;
        self.fds[0] = fd;
    }
}

fn hear(socket: i32, brought: &mut [i32; BROUGHT]) -> Result<Option<Answer>, i32> {
    let mut record = [0_u8; RECORD_BYTES];
    let mut part = libc::iovec { iov_base: record.as_mut_ptr().cast(), iov_len: record.len() };
    let mut beside = Beside::new();
    // SAFETY: a msghdr of zeros is valid.
    let mut message: libc::msghdr = unsafe { core::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = (&raw mut beside).cast();
    message.msg_controllen = size_of::<Beside>() as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the parts live through the call and are valid for writing.
    let bytes = unsafe { kernel::receive_message(socket, &raw mut message, flags) }?;
    if bytes == 0 {
        return Err(libc::ECONNRESET);
    }
    let rights = beside.header.cmsg_level == libc::SOL_SOCKET && beside.header.cmsg_type == libc::SCM_RIGHTS;
    if rights && message.msg_controllen as usize >= size_of::<libc::cmsghdr>() {
        let count = (beside.header.cmsg_len as usize - size_of::<libc::cmsghdr>()) / size_of::<i32>();
        for (to, from) in brought.iter_mut().zip(beside.fds).take(count) {
            *to = from;
        }
    }
    Ok(record.get(..bytes).and_then(Answer::decode))
}

pub(crate) mod environment {
    //! What the process was told at its start.

    use core::ffi::CStr;

    /// The daemon's path into `path`, as a C string; whether there is one that fits.
    pub(super) fn socket(path: &mut [core::ffi::c_char]) -> bool {
        let told = variable(c"POGSON_WIRE_SOCKET");
        let (start, end): (&[u8], &[u8]) = match (told, variable(c"XDG_RUNTIME_DIR")) {
            (Some(told), _) => (told, b""),
            (None, Some(runtime)) => (runtime, b"/pogson/wire.sock"),
            (None, None) => (b"/run/pogson/wire.sock", b""),
        };
        if start.len() + end.len() >= path.len() {
            return false;
        }
        for (to, from) in path.iter_mut().zip(start.iter().chain(end)) {
            *to = *from as _;
        }
        true
    }

    /// Beginning of the program's name.
    pub(super) fn program() -> [u8; 16] {
        let mut name = [0_u8; 16];
        // SAFETY: PR_GET_NAME writes 16 bytes; the C library's function is no hook.
        unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
        name
    }

    /// A variable's whole number, if it is one.
    pub(crate) fn number(name: &CStr) -> Option<u32> {
        core::str::from_utf8(variable(name)?).ok()?.parse().ok()
    }

    fn variable(name: &CStr) -> Option<&'static [u8]> {
        // SAFETY: called once at load, when nobody else changes the environment; what it points to is copied at once.
        let value = unsafe { libc::getenv(name.as_ptr()) };
        if value.is_null() {
            return None;
        }
        // SAFETY: getenv gives C strings.
        let value = unsafe { CStr::from_ptr(value) }.to_bytes();
        (!value.is_empty()).then_some(value)
    }
}
