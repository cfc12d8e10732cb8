//! A process that is served, as simple as can be, and a daemon to serve it.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(unreachable_pub, reason = "a module of tests")]
#![allow(unsafe_code, reason = "memory that the daemon gave")]
#![allow(missing_docs, reason = "a module of tests")]

use std::collections::HashMap;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::ptr;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pogson_ring::layout::{Geometry, Head, Slot, VERSION};
use pogson_ring::protocol::{Answer, Ask, CAN_FAR, FAR, NEW_PEER, NEW_SLAB, PAGE_BYTES, Page, RECORD_BYTES};
use pogson_ring::stream::{Rx, Tx};
use pogson_ring::switch;
use pogson_wire::policy::Policy;
use pogson_wire::report::{self, Report};
use pogson_wire::serve::{Daemon, Stopper};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketAddrUnix, SocketFlags, SocketType, sockopt,
};

/// Long enough for any answer that comes at all.
const PATIENCE: Duration = Duration::from_secs(20);

/// A daemon in a thread.
pub struct Served {
    pub path: PathBuf,
    stopper: Stopper,
    thread: Option<JoinHandle<()>>,
    folder: Option<tempfile::TempDir>,
}

impl Served {
    pub fn new(policy: Policy) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Other users' tests connect, too.
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut served = Self::at(&folder.path().join("wire.sock"), policy);
        served.folder = Some(folder);
        served
    }

    pub fn at(path: &Path, policy: Policy) -> Self {
        Self::run(Daemon::bind(path, policy).unwrap(), path)
    }

    pub fn run(daemon: Daemon, path: &Path) -> Self {
        let stopper = daemon.stopper();
        let thread = std::thread::spawn(move || daemon.run().unwrap());
        Self { path: path.into(), stopper, thread: Some(thread), folder: None }
    }

    pub fn report(&self) -> Report {
        report::ask(&self.path, true).unwrap()
    }

    /// The report, as soon as there is one and `enough` holds of it.
    pub fn report_when(&self, enough: impl Fn(&Report) -> bool) -> Report {
        let end = Instant::now() + PATIENCE;
        loop {
            let report = report::ask(&self.path, true);
            if report.as_ref().is_ok_and(&enough) {
                return report.unwrap();
            }
            assert!(Instant::now() < end, "it does not come to that: {report:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stopper.stop();
        // A daemon that hangs is not waited for by a test that has found that out.
        if let Some(thread) = self.thread.take().filter(|_| !std::thread::panicking()) {
            thread.join().unwrap();
        }
    }
}

/// Shared memory.
pub struct Map {
    start: *mut u8,
    length: usize,
    memory: OwnedFd,
}

impl Map {
    pub fn new(memory: OwnedFd, length: usize, writable: bool) -> Self {
        Self::part(memory, 0, length, writable)
    }

    pub fn part(memory: OwnedFd, offset: u64, length: usize, writable: bool) -> Self {
        let start = map_part(&memory, offset, length, writable).unwrap();
        Self { start, length, memory }
    }

    pub fn memory(&self) -> &OwnedFd {
        &self.memory
    }

    pub fn page(&self) -> &Page {
        // SAFETY: the mapping is as long as a page and lives as long as `self`.
        unsafe { &*self.start.cast() }
    }

    pub fn head(&self) -> &Head {
        // SAFETY: a half is longer than its head, aligned, all atomics, and lives as long as `self`.
        unsafe { &*self.start.cast() }
    }

    pub fn slot(&self, geometry: Geometry, slot: u32) -> &Slot {
        assert!(slot < geometry.slots() && self.length >= geometry.half_bytes());
        // SAFETY: within the mapping.
        let start = unsafe { self.start.add(geometry.slot_offset(slot)) };
        // SAFETY: aligned, all atomics, lives as long as `self`.
        unsafe { &*start.cast() }
    }

    fn write(&self, offset: usize, bytes: &[u8]) {
        assert!(offset + bytes.len() <= self.length);
        // SAFETY: within the mapping.
        let to = unsafe { self.start.add(offset) };
        // SAFETY: the other side reads these bytes only after they are published.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) }
    }

    fn read(&self, offset: usize, bytes: &mut [u8]) {
        assert!(offset + bytes.len() <= self.length);
        // SAFETY: within the mapping.
        let from = unsafe { self.start.add(offset) };
        // SAFETY: the other side writes these bytes again only after they are consumed.
        unsafe { ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), bytes.len()) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`.
        unsafe { rustix::mm::munmap(self.start.cast(), self.length) }.unwrap();
    }
}

// SAFETY: the memory is looked at through atomics, and bytes by whom the atomics say.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

/// Maps a descriptor.
pub fn map(memory: impl AsFd, length: usize, writable: bool) -> Result<*mut u8, Errno> {
    map_part(memory, 0, length, writable)
}

fn map_part(memory: impl AsFd, offset: u64, length: usize, writable: bool) -> Result<*mut u8, Errno> {
    let rights = if writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
    // SAFETY: a new mapping at an address that the kernel chooses.
    unsafe { rustix::mm::mmap(ptr::null_mut(), length, rights, MapFlags::SHARED, memory, offset) }.map(|at| at.cast())
}

/// A paired connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paired {
    pub tag: u64,
    pub slab: u64,
    pub side: u32,
    pub slot: u32,
    pub generation: u32,
    pub geometry: Geometry,
    pub peer: u64,
    pub brings: u32,
}

/// A connected process.
pub struct Client {
    pub socket: OwnedFd,
    pub page: Map,
    pub bell: OwnedFd,
    pub session: u64,
    pub halves: HashMap<(u64, u32), [Map; 2]>,
    pub peers: HashMap<u64, [OwnedFd; 3]>,
    /// Processes in other guests: what tells their death.
    pub far_peers: HashMap<u64, OwnedFd>,
}

/// Connects, and no more.
pub fn connect(path: &Path) -> OwnedFd {
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Recv, Some(PATIENCE)).unwrap();
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(PATIENCE)).unwrap();
    rustix::net::connect(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
    socket
}

/// Sends any bytes with any descriptors.
pub fn send(socket: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(descriptors.is_empty() || control.push(SendAncillaryMessage::ScmRights(descriptors)));
    rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL).map(drop)
}

/// The next answer and what came with it; `None` at the end.
pub fn receive(socket: impl AsFd) -> Option<(Answer, Vec<OwnedFd>)> {
    let mut bytes = [0; RECORD_BYTES + 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = match rustix::net::recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags) {
        Err(Errno::CONNRESET) => return None,
        other => other.unwrap(),
    };
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(given) = message {
            descriptors.extend(given);
        }
    }
    (received.bytes > 0).then(|| (Answer::decode(&bytes[..received.bytes]).unwrap(), descriptors))
}

pub fn hello(socket: impl AsFd) {
    hello_with(socket, 0);
}

pub fn hello_with(socket: impl AsFd, abilities: u32) {
    let program = *b"test\0\0\0\0\0\0\0\0\0\0\0\0";
    send(socket, &Ask::Hello { version: VERSION, program, abilities }.encode(), &[]).unwrap();
}

impl Client {
    pub fn new(path: &Path) -> Self {
        let socket = connect(path);
        hello(&socket);
        Self::welcomed(socket)
    }

    /// A process that can use memory of other guests.
    pub fn far(path: &Path) -> Self {
        let socket = connect(path);
        hello_with(&socket, CAN_FAR);
        Self::welcomed(socket)
    }

    /// Goes on after hello.
    pub fn welcomed(socket: OwnedFd) -> Self {
        let (answer, descriptors) = receive(&socket).unwrap();
        let Answer::Welcome { version: VERSION, session } = answer else { panic!("{answer:?}") };
        let [page, bell] = descriptors.try_into().unwrap();
        let page = Map::new(page, PAGE_BYTES, true);
        let (halves, peers, far_peers) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { socket, page, bell, session, halves, peers, far_peers }
    }

    pub fn say(&self, ask: Ask) {
        send(&self.socket, &ask.encode(), &[]).unwrap();
    }

    pub fn register(&self, tag: u64, socket: impl AsFd) {
        self.register_wishing(tag, 0, socket);
    }

    pub fn register_wishing(&self, tag: u64, ring_bytes: u32, socket: impl AsFd) {
        send(&self.socket, &Ask::Register { tag, ring_bytes }.encode(), &[socket.as_fd()]).unwrap();
    }

    /// The next answer but that an end waits; what a pairing brings is kept.
    pub fn answer(&mut self) -> Answer {
        let (answer, descriptors) = loop {
            match receive(&self.socket).expect("the session has ended") {
                (Answer::Waiting { .. }, none) => assert!(none.is_empty()),
                other => break other,
            }
        };
        if let Answer::Paired { slab, side, slots, ring_bytes, peer, brings, offsets, .. } = answer {
            let mut descriptors = descriptors.into_iter();
            let mut next = || descriptors.next().unwrap();
            let geometry = Geometry::new(slots, ring_bytes).unwrap();
            if brings & NEW_SLAB != 0 {
                let own = Map::part(next(), offsets[0], geometry.half_bytes(), true);
                let other = Map::part(next(), offsets[1], geometry.half_bytes(), false);
                assert!(self.halves.insert((slab, side), [own, other]).is_none());
            }
            let far = brings & FAR != 0;
            if brings & NEW_PEER != 0 && far {
                assert!(self.far_peers.insert(peer, next()).is_none());
            } else if brings & NEW_PEER != 0 {
                assert!(self.peers.insert(peer, [next(), next(), next()]).is_none());
            }
            assert!(descriptors.next().is_none());
            let known = if far { self.far_peers.contains_key(&peer) } else { self.peers.contains_key(&peer) };
            assert!(self.halves.contains_key(&(slab, side)) && known);
        } else {
            assert!(descriptors.is_empty());
        }
        answer
    }

    pub fn paired(&mut self) -> Paired {
        match self.answer() {
            Answer::Paired { tag, slab, side, slot, generation, slots, ring_bytes, peer, brings, offsets: _ } => {
                let geometry = Geometry::new(slots, ring_bytes).unwrap();
                Paired { tag, slab, side, slot, generation, geometry, peer, brings }
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn refusal(&mut self) -> (u64, pogson_ring::protocol::Refusal) {
        match self.answer() {
            Answer::Refused { tag, reason } => (tag, reason),
            other => panic!("{other:?}"),
        }
    }

    /// Own slot and the other's.
    pub fn slots(&self, paired: &Paired) -> [&Slot; 2] {
        self.halves[&(paired.slab, paired.side)].each_ref().map(|half| half.slot(paired.geometry, paired.slot))
    }

    pub fn take_part(&self, paired: &Paired) {
        switch::take_part(self.slots(paired)[0], paired.generation);
    }

    pub fn release(&self, paired: &Paired) {
        switch::release(self.slots(paired)[0], paired.generation);
    }

    /// Sends all of `bytes`.
    pub fn send(&self, paired: &Paired, bytes: &[u8]) {
        let half = &self.halves[&(paired.slab, paired.side)][0];
        let [own, peer] = self.slots(paired);
        let tx = Tx { own, peer, size: paired.geometry.ring_bytes() };
        let base = paired.geometry.ring_offset(paired.slot);
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = tx.room(1).unwrap().min(rest.len() as u32);
            let at = tx.next(length);
            half.write(base + at.offset, &rest[..at.first]);
            half.write(base, &rest[at.first..at.first + at.second]);
            tx.publish(length);
            rest = &rest[length as usize..];
            std::thread::yield_now();
        }
    }

    /// Receives `length` bytes.
    pub fn receive(&self, paired: &Paired, length: usize) -> Vec<u8> {
        let half = &self.halves[&(paired.slab, paired.side)][1];
        let [own, peer] = self.slots(paired);
        let rx = Rx { own, peer, size: paired.geometry.ring_bytes() };
        let base = paired.geometry.ring_offset(paired.slot);
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            let there = rx.available(1).unwrap().min((length - filled) as u32);
            let at = rx.next(there);
            half.read(base + at.offset, &mut bytes[filled..filled + at.first]);
            half.read(base, &mut bytes[filled + at.first..filled + there as usize]);
            rx.consume(there);
            filled += there as usize;
            std::thread::yield_now();
        }
        bytes
    }
}

/// The two ends of a TCP connection.
pub fn connection() -> (TcpStream, TcpStream) {
    connection_at("127.0.0.1:0")
}

/// The two ends of a TCP connection to `address`.
pub fn connection_at(address: &str) -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(address).unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    (near, far)
}

/// Both ends, registered by their processes as `tag`, paired.
pub fn pair(near: &mut Client, far: &mut Client, tag: u64, ends: &(TcpStream, TcpStream)) -> [Paired; 2] {
    near.register(tag, &ends.0);
    far.register(tag, &ends.1);
    let both = [near.paired(), far.paired()];
    assert!(both.iter().all(|paired| paired.tag == tag));
    both
}
