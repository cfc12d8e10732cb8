//! What two ends of one connection have in common, and no others: the numbers at which their streams of bytes begin.
//!
//! Addresses prove a pair within one network namespace. In another one anybody may have the same, and where they are translated on
//! the way they are not even the same. But each end chose 32 bits at random when the connection began, told them to the other one
//! alone, and the kernel counts from them as long as the connection lives.

use std::cell::{Cell, LazyCell};
use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::lookup::Lookup;
use crate::options;

/// Times that numbers are read which change while they are.
const TRIES: usize = 8;

/// Where the two streams of a connection begin, as one end counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Numbers {
    /// The sequence number of its first byte; one less at the end that connected.
    pub(crate) sends: u32,
    /// The sequence number of the other's first byte.
    pub(crate) receives: u32,
}

impl Numbers {
    /// What the other end may have. The end that connected counts its SYN among the bytes that were acknowledged.
    pub(crate) fn mirrors(self) -> [Self; 2] {
        let Self { sends, receives } = self;
        [
            Self { sends: receives, receives: sends.wrapping_add(1) },
            Self { sends: receives.wrapping_sub(1), receives: sends },
        ]
    }
}

/// Numbers, and who could have made them up: who administers a network namespace may give its sockets any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The numbers.
    pub(crate) numbers: Numbers,
    /// Whose network namespace it is.
    pub(crate) owner: Owner,
}

/// Who administers a network namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Who does so with the daemon's own.
    System,
    /// A user, in a user namespace that he made.
    User(u32),
}

impl Proof {
    /// Whether these numbers say something to an end of `user`, which has `other`: they could have been made up by nobody, by that
    /// user himself, or by who could make up the others just as well.
    pub(crate) fn convinces(&self, user: u32, other: &Self) -> bool {
        match self.owner {
            Owner::System => true,
            Owner::User(owner) => owner == user || self.owner == other.owner,
        }
    }
}

/// Why there are no numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// Both ends have loopback addresses, which are of one network namespace.
    Needless,
    /// The daemon may not look into that network namespace, or the kernel has no means.
    Forbidden,
    /// The connection is not there, or changes all the time.
    Absent,
}

impl Unread {
    /// In words, for those who ask why an end waits; `None` where that is no reason.
    pub(crate) fn text(self) -> Option<&'static str> {
        (self == Self::Forbidden).then_some("the daemon has not the right to prove ends of other network namespaces")
    }
}

/// Reads numbers, from whatever network namespace. A thread's own: it goes there, and comes back.
struct Reader {
    lookup: Lookup,
    home: File,
    network: u64,
    /// The daemon's user namespace.
    users: (u64, u64),
    /// It could not come back once, and does not know any more where it looks.
    astray: Cell<bool>,
}

thread_local! {
    static READER: LazyCell<Option<Reader>> = LazyCell::new(Reader::new);
}

/// Gets ready to read them in this thread, while there are descriptors enough.
pub(crate) fn prepare() {
    READER.with(|reader| LazyCell::force(reader).is_some());
}

/// The numbers of the connection from `local` to `remote` of which `socket` is one end, in `network`.
pub(crate) fn of(socket: BorrowedFd<'_>, network: u64, local: SocketAddr, remote: SocketAddr) -> Result<Proof, Unread> {
    if local.ip().is_loopback() && remote.ip().is_loopback() {
        return Err(Unread::Needless);
    }
    READER.with(|reader| reader.as_ref().ok_or(Unread::Forbidden)?.read(socket, network, [local, remote]))
}

impl Reader {
    fn new() -> Option<Self> {
        let lookup = Lookup::load().ok()?;
        let home = File::open("/proc/thread-self/ns/net").ok()?;
        let any = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None).ok()?;
        let network = options::network_namespace(any.as_fd()).ok()?;
        let users = name(&File::open("/proc/thread-self/ns/user").ok()?)?;
        Some(Self { lookup, home, network, users, astray: Cell::new(false) })
    }

    fn read(&self, socket: BorrowedFd<'_>, network: u64, ends: [SocketAddr; 2]) -> Result<Proof, Unread> {
        if self.astray.get() {
            return Err(Unread::Forbidden);
        }
        if network == self.network {
            return Ok(Proof { numbers: self.read_here(ends)?, owner: Owner::System });
        }
        let there = options::network_of(socket).map_err(|_| Unread::Forbidden)?;
        let owner = options::owner_of(there.as_fd()).map_err(|_| Unread::Forbidden)?;
        let owner = match owner {
            (users, _) if name(&users).is_some_and(|name| name == self.users) => Owner::System,
            (_, user) => Owner::User(user),
        };
        let net = Some(LinkNameSpaceType::Network);
        move_into_link_name_space(there.as_fd(), net).map_err(|_| Unread::Forbidden)?;
        let numbers = self.read_here(ends);
        self.astray.set(move_into_link_name_space(self.home.as_fd(), net).is_err());
        Ok(Proof { numbers: numbers?, owner })
    }

    /// Two words change together, but are not read together: what is right is read twice.
    fn read_here(&self, [local, remote]: [SocketAddr; 2]) -> Result<Numbers, Unread> {
        let mut last = None;
        for _ in 0..TRIES {
            let now = self.lookup.numbers(local, remote).ok().flatten().ok_or(Unread::Absent)?;
            if last == Some(now) {
                return Ok(now);
            }
            last = Some(now);
        }
        Err(Unread::Absent)
    }
}

/// What tells a namespace from others.
fn name(namespace: impl AsFd) -> Option<(u64, u64)> {
    rustix::fs::fstat(namespace).ok().map(|stat| (stat.st_dev, stat.st_ino))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identify::plain;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    fn connection(listener: &TcpListener) -> [TcpStream; 2] {
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        [near, listener.accept().unwrap().0]
    }

    fn numbers(reader: &Reader, end: &TcpStream) -> Numbers {
        let ends = [end.local_addr().unwrap(), end.peer_addr().unwrap()].map(plain);
        let network = options::network_namespace(end.as_fd()).unwrap();
        reader.read(end.as_fd(), network, ends).unwrap().numbers
    }

    #[test]
    fn numbers_convince_nobody_but_who_could_have_made_them_up_or_knows_that_no_user_has() {
        let of = |owner| Proof { numbers: Numbers { sends: 0, receives: 0 }, owner };
        let [system, seven, eight] = [Owner::System, Owner::User(7), Owner::User(8)].map(of);
        assert!(system.convinces(7, &seven) && system.convinces(7, &system) && system.convinces(8, &seven));
        assert!(seven.convinces(7, &system) && seven.convinces(7, &eight) && seven.convinces(100_007, &seven));
        assert!(!seven.convinces(8, &system) && !seven.convinces(0, &system) && !seven.convinces(8, &eight));
    }

    #[test]
    fn numbers_of_two_ends_mirror_each_other_and_those_of_others_do_not() {
        let Some(reader) = Reader::new() else {
            eprintln!("skipped: this process may not load a program into the kernel");
            return;
        };
        for address in ["127.0.0.1:0", "[::1]:0", "[::]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let ([mut near, mut far], others) = (connection(&listener), connection(&listener));
            let ends = [numbers(&reader, &near), numbers(&reader, &far)];
            assert!(ends[0].mirrors().contains(&ends[1]) && ends[1].mirrors().contains(&ends[0]), "{ends:?}");
            for other in others.each_ref().map(|end| numbers(&reader, end)) {
                assert!(ends.iter().all(|end| !end.mirrors().contains(&other) && *end != other));
            }
            // However much has gone by, and when a direction has ended, too.
            near.write_all(&[1; 100_000]).unwrap();
            far.read_exact(&mut [0; 90_000]).unwrap();
            far.write_all(&[1; 30]).unwrap();
            near.shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!([numbers(&reader, &near), numbers(&reader, &far)], ends);
        }
    }

    #[test]
    fn a_stranger_of_the_network_is_absent_and_loopback_needs_no_numbers() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let [near, _far] = connection(&listener);
        let [local, remote] = [near.local_addr().unwrap(), near.peer_addr().unwrap()];
        let network = options::network_namespace(near.as_fd()).unwrap();
        assert_eq!(of(near.as_fd(), network, local, remote), Err(Unread::Needless));
        let Some(reader) = Reader::new() else { return };
        let stranger = [local, ([192, 0, 2, 1], 9).into()];
        assert_eq!(reader.read(near.as_fd(), network, stranger), Err(Unread::Absent));
    }
}
