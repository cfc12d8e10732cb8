//! Connections that stay on TCP.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]
#![allow(unsafe_code, reason = "a thread takes another user, another network")]

mod client;

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::ops::RangeInclusive;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use client::{Client, Served, connect, connection, pair, receive, send};
use pogson_ring::layout::VERSION;
use pogson_ring::protocol::{Answer, Ask, Refusal};
use pogson_wire::policy::{Bounds, Policy, Who};
use pogson_wire::report::State;

/// A user that is neither root nor anybody here.
const STRANGER: u32 = 54_321;

/// What `work` gives in a thread of another user.
fn as_stranger<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        scope
            .spawn(|| {
                // SAFETY: the system call itself changes this thread alone, which ends after it.
                let status = unsafe { libc::syscall(libc::SYS_setresuid, -1, STRANGER, -1) };
                assert_eq!(status, 0);
                work()
            })
            .join()
            .unwrap()
    })
}

/// Whether this process may do what only root may; a test that needs it says so.
fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        println!("left out: only root can take another user or network");
    }
    root
}

#[test]
fn what_is_no_connected_tcp_socket_is_refused() {
    let served = Served::new(Policy::default());
    let mut client = Client::new(&served.path);
    let (unix, _other) = UnixStream::pair().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.connect(listener.local_addr().unwrap()).unwrap();
    let file = tempfile::tempfile().unwrap();
    let (closed, far) = connection();
    drop(far);
    closed.shutdown(std::net::Shutdown::Both).unwrap();
    let sockets = [unix.as_fd(), listener.as_fd(), udp.as_fd(), file.as_fd(), closed.as_fd()];
    for (tag, socket) in (1..).zip(sockets) {
        client.register(tag, socket);
        assert_eq!(client.refusal(), (tag, Refusal::NoStream));
    }
    let report = served.report();
    assert_eq!(report.refused["not a connected stream socket"], 5);
    assert!(report.details.unwrap()[0].ends.iter().all(|end| end.state == State::Refused));
}

#[test]
fn a_half_closed_connection_is_paired() {
    let served = Served::new(Policy::default());
    let [mut near, mut far] = [Client::new(&served.path), Client::new(&served.path)];
    let ends = connection();
    ends.0.shutdown(std::net::Shutdown::Write).unwrap();
    pair(&mut near, &mut far, 1, &ends);
}

#[test]
fn ports_that_policy_names_stay_on_tcp() {
    let ends = connection();
    let port = ends.0.peer_addr().unwrap().port();
    let refusal = |without: &[RangeInclusive<u16>], only: &[RangeInclusive<u16>]| {
        let policy = Policy { without: without.to_vec(), only: only.to_vec(), ..Policy::default() };
        let served = Served::new(policy);
        let mut client = Client::new(&served.path);
        client.register(1, &ends.0);
        client.refusal().1
    };
    assert_eq!(refusal(&[port..=port], &[]), Refusal::Port);
    assert_eq!(refusal(&[], &[1..=1]), Refusal::Port);
}

#[test]
fn an_end_that_two_processes_hold_is_refused_to_both_and_its_other_end_waits() {
    let served = Served::new(Policy::default());
    let mut clients = [0; 3].map(|_| Client::new(&served.path));
    let ends = connection();
    clients[0].register(10, &ends.0);
    served.report_when(|report| report.waiting == 1);
    clients[1].register(20, &ends.0);
    assert_eq!(clients[0].refusal(), (10, Refusal::Shared));
    assert_eq!(clients[1].refusal(), (20, Refusal::Shared));
    clients[2].register(30, &ends.1);
    assert_eq!(served.report_when(|report| report.waiting == 1).pairs, 0);
}

#[test]
fn an_end_that_is_paired_is_refused_to_whom_comes_later() {
    let served = Served::new(Policy::default());
    let [mut near, mut far, mut late] = [0; 3].map(|_| Client::new(&served.path));
    let ends = connection();
    let [at_near, _] = pair(&mut near, &mut far, 1, &ends);
    late.register(9, &ends.0);
    assert_eq!(late.refusal(), (9, Refusal::Shared));
    assert_eq!(near.refusal(), (1, Refusal::Shared));
    near.register(2, &ends.0);
    assert_eq!(near.refusal(), (2, Refusal::Shared));
    assert_eq!(served.report().pairs, 1);
    near.release(&at_near);
}

#[test]
fn users_are_joined_only_as_policy_says() {
    if !is_root() {
        return;
    }
    let joined = |policy: Policy, strangers: bool| {
        let served = Served::new(policy);
        let mut near = as_stranger(|| Client::new(&served.path));
        let mut far = if strangers { as_stranger(|| Client::new(&served.path)) } else { Client::new(&served.path) };
        let ends = connection();
        near.register(1, &ends.0);
        far.register(2, &ends.1);
        let answers = [near.answer(), far.answer()];
        match answers {
            [Answer::Paired { .. }, Answer::Paired { .. }] => true,
            [Answer::Refused { reason: Refusal::Users, .. }, Answer::Refused { reason: Refusal::Users, .. }] => false,
            other => panic!("{other:?}"),
        }
    };
    let root = Who::User(0);
    assert!(!joined(Policy::default(), false));
    assert!(joined(Policy::default(), true));
    assert!(!joined(Policy { users: vec![(root, Who::User(STRANGER + 1))], ..Policy::default() }, false));
    assert!(joined(Policy { users: vec![(root, Who::User(STRANGER))], ..Policy::default() }, false));
}

#[test]
fn users_see_only_their_own_processes() {
    if !is_root() {
        return;
    }
    let served = Served::new(Policy::default());
    let _own = Client::new(&served.path);
    let theirs = as_stranger(|| Client::new(&served.path));
    let seen = as_stranger(|| served.report()).details.unwrap();
    assert_eq!(seen.iter().map(|process| process.session).collect::<Vec<_>>(), [theirs.session]);
    assert_eq!(served.report().details.unwrap().len(), 2);
}

/// Work in a thread that has a network of its own, with the loopback device up.
fn in_other_network<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: changes this thread alone, which ends after it.
            assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNET) }, 0);
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            // SAFETY: all zeros are a valid ifreq.
            let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
            for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
                *to = (*from).cast_signed();
            }
            request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
            let descriptor = std::os::fd::AsRawFd::as_raw_fd(&socket);
            // SAFETY: the kernel reads the request, which lives during the call.
            assert_eq!(unsafe { libc::ioctl(descriptor, libc::SIOCSIFFLAGS, &raw const request) }, 0);
            work()
        });
        thread.join().unwrap()
    })
}

#[test]
fn ends_with_mirrored_addresses_in_two_networks_are_no_pair() {
    if !is_root() {
        return;
    }
    let served = Served::new(Policy::default());
    let [mut near, mut far] = [Client::new(&served.path), Client::new(&served.path)];
    let at = |from: u16| {
        let listener = TcpListener::bind("127.0.0.1:4001").unwrap();
        let socket =
            rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
        rustix::net::bind(&socket, &std::net::SocketAddr::from(([127, 0, 0, 1], from))).unwrap();
        rustix::net::connect(&socket, &listener.local_addr().unwrap()).unwrap();
        (TcpStream::from(socket), listener.accept().unwrap().0)
    };
    let one = in_other_network(|| at(4000));
    let other = in_other_network(|| at(4000));
    assert_eq!(one.0.local_addr().unwrap(), other.1.peer_addr().unwrap());
    near.register(1, &one.0);
    far.register(1, &other.1);
    assert_eq!(served.report_when(|report| report.waiting == 2).pairs, 0);
    // Each with its own other end is one.
    far.register(2, &one.1);
    assert_eq!((near.paired().tag, far.paired().tag), (1, 2));
}

#[test]
fn a_process_of_another_version_is_told_so() {
    let served = Served::new(Policy::default());
    let socket = connect(&served.path);
    send(&socket, &Ask::Hello { version: VERSION + 1, program: [0; 16], abilities: 0 }.encode(), &[]).unwrap();
    let (answer, _) = receive(&socket).unwrap();
    assert_eq!(answer, Answer::Refused { tag: 0, reason: Refusal::Version });
    assert!(receive(&socket).is_none());
}

#[test]
fn a_user_has_so_many_ends_slabs_and_processes_and_no_more() {
    let bounds = Bounds { sessions: 3, ends: 4, slabs: 2 };
    let served = Served::new(Policy { bounds, slots: 1, ..Policy::default() });
    let [mut near, mut far] = [Client::new(&served.path), Client::new(&served.path)];
    let ends: Vec<_> = (0..5).map(|_| connection()).collect();
    // A slab between two processes of a user counts twice.
    let [at_near, at_far] = pair(&mut near, &mut far, 1, &ends[0]);
    near.register(2, &ends[1].0);
    far.register(2, &ends[1].1);
    assert_eq!((near.refusal(), far.refusal()), ((2, Refusal::Full), (2, Refusal::Full)));
    near.register(3, &ends[2].0);
    near.register(4, &ends[3].0);
    near.register(5, &ends[4].0);
    assert_eq!(near.refusal(), (5, Refusal::Full));
    near.release(&at_near);
    far.release(&at_far);
    near.say(Ask::Cancel { tag: 1 });
    near.say(Ask::Cancel { tag: 3 });
    far.register(4, &ends[3].1);
    assert_eq!((near.paired().tag, far.paired().tag), (4, 4));
    // The report is the third process, so a fourth is sent away.
    let third = Client::new(&served.path);
    assert!(receive(connect(&served.path)).is_none());
    drop(third);
    served.report_when(|report| report.processes == 2);
}
