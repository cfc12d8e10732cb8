//! What this process says to the daemon, and hears from it. No call of the program waits for it; a thread listens.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use pogson_ring::layout::{Geometry, VERSION};
use pogson_ring::protocol::{Answer, Ask, NEW_PEER, NEW_SLAB, PAGE_BYTES};
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::connection::{Connection, lock, phase};
use crate::home::Home;
use crate::memory::{Mapping, Ring};
use crate::slab::{Party, Slab};
use crate::{address, preload, record, upgrade};

/// Longest time between two looks for a daemon.
const RARELY: Duration = Duration::from_secs(32);

static STATE: Mutex<State> = Mutex::new(State::new());
static TAGS: AtomicU64 = AtomicU64::new(1);
/// Connections and bytes from before there was a page to count them on.
static UNTOLD: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];

struct State {
    place: Option<PathBuf>,
    session: Option<Session>,
    not_before: Option<Instant>,
    failures: u32,
    /// What the thread sleeps on.
    watch: Option<Arc<OwnedFd>>,
    /// Number of what is watched next.
    next: u64,
    /// Processes whose death is watched for, by number.
    parties: BTreeMap<u64, Weak<Party>>,
    /// Connections that the daemon was asked about.
    asked: BTreeMap<u64, Weak<Connection>>,
}

struct Session {
    number: u64,
    socket: OwnedFd,
    home: Option<Arc<Home>>,
    slabs: BTreeMap<(u64, u32), Arc<Slab>>,
    parties: BTreeMap<u64, Arc<Party>>,
}

/// Names the daemon's socket, in place of what the environment says. For connections that are made from now on, before which no
/// daemon was sought.
pub(crate) fn set_place(path: PathBuf) {
    lock(&STATE).place = Some(path);
}

/// Whether the library that `pogson wire run` loads is there: it does all this then, for these streams as for any socket.
pub(crate) fn defers() -> bool {
    preload::is_loaded()
}

/// A name for a connection.
pub(crate) fn next_tag() -> u64 {
    TAGS.fetch_add(1, Ordering::Relaxed)
}

/// Counts a connection that carries bytes.
pub(crate) fn count_connection() {
    UNTOLD[0].fetch_add(1, Ordering::Relaxed);
}

/// Counts what a connection sent by TCP.
pub(crate) fn count_sent(bytes: u64) {
    UNTOLD[1].fetch_add(bytes, Ordering::Relaxed);
}

/// Tells what was counted, unless others are at it.
pub(crate) fn tell_counts() {
    if let Ok(state) = STATE.try_lock() {
        state.count();
    }
}

/// Asks the daemon for the other end of `connection`.
pub(crate) fn register(connection: &Connection) {
    let mut state = lock(&STATE);
    let Some(socket) = state.connected() else { return };
    connection.phase.store(phase::ASKED, Ordering::Release);
    let ask = Ask::Register { tag: connection.tag, ring_bytes: 0 }.encode();
    match record::tell(socket, &ask, Some(connection.socket.as_fd())) {
        Ok(()) => {
            state.asked.insert(connection.tag, Weak::clone(&connection.me));
        }
        Err(error) => {
            connection.phase.store(phase::WATCHED, Ordering::Release);
            if !matches!(error, Errno::AGAIN | Errno::TOOMANYREFS | Errno::MFILE) {
                let gone = state.lose();
                drop(state);
                drop(gone);
            }
        }
    }
}

/// Tells the daemon that a connection which it was asked about is no more.
pub(crate) fn cancel(tag: u64) {
    let mut state = lock(&STATE);
    state.asked.remove(&tag);
    if let Some(session) = &state.session {
        // One that does not hear it finds the socket closed.
        let _ = record::tell(&session.socket, &Ask::Cancel { tag }.encode(), None);
    }
}

impl State {
    const fn new() -> Self {
        Self {
            place: None,
            session: None,
            not_before: None,
            failures: 0,
            watch: None,
            next: 0,
            parties: BTreeMap::new(),
            asked: BTreeMap::new(),
        }
    }

    /// The socket to the daemon, which is sought if there is none.
    fn connected(&mut self) -> Option<&OwnedFd> {
        if self.session.is_none() {
            let now = Instant::now();
            if self.not_before.is_some_and(|not_before| now < not_before) {
                return None;
            }
            let rest = (Duration::from_millis(500) * (1 << self.failures.min(6))).min(RARELY);
            self.not_before = Some(now + rest);
            self.failures += 1;
            let socket = connect(self.place.clone().unwrap_or_else(address::path)).ok()?;
            let watch = self.watch()?;
            self.next += 1;
            epoll::add(&*watch, &socket, EventData::new_u64(self.next), EventFlags::IN).ok()?;
            self.failures = 0;
            let (slabs, parties) = (BTreeMap::new(), BTreeMap::new());
            self.session = Some(Session { number: self.next, socket, home: None, slabs, parties });
        }
        self.session.as_ref().map(|session| &session.socket)
    }

    /// What the thread sleeps on, which begins if there is none.
    fn watch(&mut self) -> Option<Arc<OwnedFd>> {
        if self.watch.is_none() {
            let watch = Arc::new(epoll::create(CreateFlags::CLOEXEC).ok()?);
            let seen = Arc::clone(&watch);
            std::thread::Builder::new().name("pogson-wire".into()).spawn(move || listen(&seen)).ok()?;
            self.watch = Some(watch);
        }
        self.watch.clone()
    }

    /// The daemon is gone: what is paired lives on, and connections that wait for an answer are watched again. Returns what is to be
    /// dropped without the lock.
    fn lose(&mut self) -> (Option<Session>, Vec<Arc<Connection>>) {
        let asked = std::mem::take(&mut self.asked).into_values().filter_map(|one| one.upgrade());
        let asked: Vec<_> = asked.collect();
        for connection in &asked {
            let (asked, watched) = (phase::ASKED, phase::WATCHED);
            let _ = connection.phase.compare_exchange(asked, watched, Ordering::AcqRel, Ordering::Relaxed);
        }
        (self.session.take(), asked)
    }

    /// The other process of a pair that is new.
    fn meet(&mut self, [page, bell, process]: [OwnedFd; 3]) -> Option<Arc<Party>> {
        let page = Mapping::new(page.as_fd(), PAGE_BYTES, false).ok()?;
        let party = Party { page, bell, process, rung: AtomicU64::new(0), slabs: Mutex::default() };
        self.next += 1;
        let watched = EventData::new_u64(self.next);
        epoll::add(&**self.watch.as_ref()?, &party.process, watched, EventFlags::IN | EventFlags::ONESHOT).ok()?;
        let party = Arc::new(party);
        self.parties.retain(|_, party| party.strong_count() > 0);
        self.parties.insert(self.next, Arc::downgrade(&party));
        Some(party)
    }

    /// The slot that the daemon gave, and whose it is.
    fn take(&mut self, paired: &Paired, brought: Vec<OwnedFd>) -> Option<Ring> {
        let mut brought = brought.into_iter();
        let mut next = || brought.next();
        let halves = if paired.brings & NEW_SLAB != 0 { next().zip(next()) } else { None };
        if paired.brings & NEW_PEER != 0 {
            let party = self.meet([next()?, next()?, next()?])?;
            self.session.as_mut()?.parties.insert(paired.peer, party);
        }
        let session = self.session.as_mut()?;
        let key = (paired.slab, paired.side);
        if let Some((own, peer)) = halves {
            let party = Arc::clone(session.parties.get(&paired.peer)?);
            let home = Arc::clone(session.home.as_ref()?);
            let bytes = paired.geometry.half_bytes();
            let own = Mapping::new(own.as_fd(), bytes, true).ok()?;
            let peer = Mapping::new(peer.as_fd(), bytes, false).ok()?;
            let slab = Arc::new(Slab::new(own, peer, paired.geometry, party, home));
            for list in [&slab.party.slabs, &slab.home.slabs] {
                let mut list = lock(list);
                list.retain(|slab| slab.strong_count() > 0);
                list.push(Arc::downgrade(&slab));
            }
            session.slabs.insert(key, slab);
        }
        Ring::new(Arc::clone(session.slabs.get(&key)?), paired.slot, paired.generation)
    }

    fn welcome(&mut self, brought: Vec<OwnedFd>) -> Option<()> {
        let mut brought = brought.into_iter();
        let page = Mapping::new(brought.next()?.as_fd(), PAGE_BYTES, true).ok()?;
        let home = Home::new(page, brought.next()?);
        self.session.as_mut()?.home = Some(Arc::new(home));
        Some(())
    }
}

struct Paired {
    slab: u64,
    side: u32,
    slot: u32,
    generation: u32,
    geometry: Geometry,
    peer: u64,
    brings: u32,
}

fn connect(path: PathBuf) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(&path)?)?;
    let mut program = [0; 16];
    let name = std::env::current_exe().ok().and_then(|path| path.file_name().map(std::ffi::OsStr::to_os_string));
    for (to, from) in program.iter_mut().zip(name.iter().flat_map(|name| name.as_encoded_bytes())).take(15) {
        *to = *from;
    }
    record::tell(&socket, &Ask::Hello { version: VERSION, program, abilities: 0 }.encode(), None)?;
    Ok(socket)
}

/// The thread's life.
fn listen(watch: &OwnedFd) {
    let mut events: Vec<Event> = Vec::with_capacity(64);
    loop {
        events.clear();
        // Nothing else can go wrong than that a signal comes.
        let _ = epoll::wait(watch, rustix::buffer::spare_capacity(&mut events), None);
        for event in &events {
            let number = event.data.u64();
            let party = lock(&STATE).parties.remove(&number);
            match party {
                Some(party) => died(&party),
                None => while hear(number) {},
            }
        }
    }
}

/// A process is dead: who waits for it looks.
fn died(party: &Weak<Party>) {
    let Some(party) = party.upgrade() else { return };
    {
        let mut state = lock(&STATE);
        if let Some(session) = &mut state.session {
            session.parties.retain(|_, other| !Arc::ptr_eq(other, &party));
            let unused = session.slabs.extract_if(.., |_, slab| Arc::ptr_eq(&slab.party, &party));
            let unused: Vec<_> = unused.collect();
            drop(state);
            drop(unused);
        }
    }
    let slabs: Vec<_> = lock(&party.slabs).iter().filter_map(Weak::upgrade).collect();
    for connection in slabs.iter().flat_map(|slab| slab.connections(0, slab.geometry.slots())) {
        if let Some(ring) = connection.ring() {
            connection.check_life(ring);
            connection.rouse(ring);
        }
    }
}

/// Hears one record of session `number`; whether there may be more.
fn hear(number: u64) -> bool {
    let mut state = lock(&STATE);
    state.count();
    let Some(session) = state.session.as_ref().filter(|session| session.number == number) else { return false };
    let (answer, brought) = match record::hear(&session.socket) {
        Ok(heard) => heard,
        Err(Errno::AGAIN | Errno::INTR) => return false,
        Err(_) => {
            let gone = state.lose();
            drop(state);
            drop(gone);
            return false;
        }
    };
    match answer {
        Some(Answer::Welcome { version, .. }) => {
            if version != VERSION || state.welcome(brought).is_none() {
                let gone = state.lose();
                drop(state);
                drop(gone);
                return false;
            }
            state.count();
        }
        Some(Answer::Refused { tag, .. }) => {
            let connection = state.asked.remove(&tag).and_then(|one| one.upgrade());
            drop(state);
            if let Some(connection) = connection {
                connection.phase.store(phase::ALONE, Ordering::Release);
            }
        }
        Some(Answer::Paired { tag, slab, side, slot, generation, slots, ring_bytes, peer, brings, offsets: _ }) => {
            if brought.len() < pogson_ring::protocol::brought(brings) {
                let gone = state.lose();
                drop(state);
                drop(gone);
                return false;
            }
            let geometry = Geometry::new(slots, ring_bytes);
            let paired = geometry.map(|geometry| Paired { slab, side, slot, generation, geometry, peer, brings });
            let ring = paired.and_then(|paired| state.take(&paired, brought));
            let connection = state.asked.remove(&tag).and_then(|one| one.upgrade());
            drop(state);
            match (ring, connection) {
                (Some(ring), Some(connection)) => {
                    if let Err(ring) = connection.pair(ring) {
                        upgrade::decline(&ring);
                    }
                }
                // Closed meanwhile: the slot is free again as far as this side goes.
                (Some(ring), None) => upgrade::decline(&ring),
                (None, Some(connection)) => connection.phase.store(phase::ALONE, Ordering::Release),
                (None, None) => {}
            }
        }
        Some(Answer::Waiting { .. }) | None => {}
    }
    true
}

impl State {
    /// Tells of what was not told before there was a page.
    fn count(&self) {
        let Some(home) = self.session.as_ref().and_then(|session| session.home.as_ref()) else { return };
        let counters = &home.page().counters;
        for (untold, counter) in UNTOLD.iter().zip([&counters.connections, &counters.bytes_tcp]) {
            counter.fetch_add(untold.swap(0, Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}
