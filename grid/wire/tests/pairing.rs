//! The two ends of a connection become a pair.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod client;

use std::sync::atomic::Ordering::Relaxed;

use client::{Client, Served, connect, connection, connection_at, hello, pair, send};
use pogson_ring::protocol::{Ask, NEW_PEER, NEW_SLAB};
use pogson_wire::policy::Policy;
use pogson_wire::report::State;
use pogson_wire::serve::Daemon;
use rustix::io::Errno;

/// Bytes that never repeat within a ring.
fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn bytes_go_both_ways_through_the_memory_that_a_pair_gets() {
    let served = Served::new(Policy { ring_bytes: 1 << 16, ..Policy::default() });
    let [mut near, mut far] = [Client::new(&served.path), Client::new(&served.path)];
    let ends = connection();
    let [at_near, at_far] = pair(&mut near, &mut far, 5, &ends);
    assert_eq!((at_near.slab, at_near.slot, at_near.generation), (at_far.slab, at_far.slot, at_far.generation));
    assert_eq!((at_near.peer, at_far.peer), (far.session, near.session));
    assert_ne!(at_near.side, at_far.side);
    let (there, back) = (bytes(1, 1_000_000), bytes(2, 700_001));
    near.take_part(&at_near);
    far.take_part(&at_far);
    std::thread::scope(|scope| {
        scope.spawn(|| near.send(&at_near, &there));
        scope.spawn(|| far.send(&at_far, &back));
        let came_back = scope.spawn(|| near.receive(&at_near, back.len()));
        assert!(far.receive(&at_far, there.len()) == there);
        assert!(came_back.join().unwrap() == back);
    });
    let report = served.report();
    assert_eq!(report.bytes_ring, 1_700_001);
    let end = &report.details.unwrap()[0].ends[0];
    assert_eq!((end.state, end.sends.unwrap().bytes, end.receives.unwrap().bytes), (State::Paired, 1_000_000, 700_001));
}

#[test]
fn processes_ring_each_others_bells_and_read_each_others_pages() {
    let served = Served::new(Policy::default());
    let [mut near, mut far] = [Client::new(&served.path), Client::new(&served.path)];
    pair(&mut near, &mut far, 1, &connection());
    let [page, bell, process] = &near.peers[&far.session];
    far.page.page().counters.wakes.store(77, Relaxed);
    let seen = rustix::io::dup(page).unwrap();
    assert_eq!(client::Map::new(seen, 4096, false).page().counters.wakes.load(Relaxed), 77);
    assert_eq!(client::map(page, 4096, true).err(), Some(Errno::ACCESS));
    rustix::io::write(bell, &3_u64.to_ne_bytes()).unwrap();
    let mut rung = [0; 8];
    rustix::io::read(&far.bell, &mut rung).unwrap();
    assert_eq!(u64::from_ne_bytes(rung), 3);
    assert!(rustix::process::pidfd_send_signal(process, rustix::process::Signal::CONT).is_ok());
}

#[test]
fn mail_grows_with_each_answer() {
    let served = Served::new(Policy::default());
    let [mut near, mut far] = [Client::new(&served.path), Client::new(&served.path)];
    let mail =
        |clients: [&Client; 2]| clients.map(|client| client.page.page().mail.0.load(Relaxed)).iter().sum::<u32>();
    pair(&mut near, &mut far, 1, &connection());
    // Both are welcomed, the first is told that its other end has not come, and both that it has.
    served.report_when(|_| mail([&near, &far]) == 5);
}

#[test]
fn addresses_of_ipv6_are_paired_and_of_ipv4_within_ipv6() {
    let served = Served::new(Policy::default());
    let [mut near, mut far] = [Client::new(&served.path), Client::new(&served.path)];
    pair(&mut near, &mut far, 1, &connection_at("[::1]:0"));
    // One end speaks IPv4 to a socket of IPv6.
    let listener = std::net::TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let one = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let (other, from) = listener.accept().unwrap();
    assert!(from.is_ipv6());
    pair(&mut near, &mut far, 2, &(one, other));
}

#[test]
fn a_process_is_paired_with_itself() {
    let served = Served::new(Policy::default());
    let mut both = Client::new(&served.path);
    let ends = connection();
    both.register(1, &ends.0);
    both.register(2, &ends.1);
    let [one, other] = [both.paired(), both.paired()];
    assert_eq!((one.tag, other.tag), (1, 2));
    assert_eq!((one.brings, other.brings), (NEW_SLAB | NEW_PEER, NEW_SLAB));
    assert_ne!(one.side, other.side);
    both.take_part(&one);
    both.take_part(&other);
    both.send(&one, b"to myself");
    assert_eq!(both.receive(&other, 9), b"to myself");
    assert_eq!(served.report().bytes_ring, 9);
}

#[test]
fn a_socket_that_is_connected_to_itself_waits_for_ever() {
    let served = Served::new(Policy::default());
    let client = Client::new(&served.path);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).unwrap();
    sockopt_reuse(&socket);
    rustix::net::bind(&socket, &address).unwrap();
    rustix::net::connect(&socket, &address).unwrap();
    client.register(1, &socket);
    client.register(1, &socket);
    assert_eq!(served.report_when(|report| report.waiting == 1).pairs, 0);
}

fn sockopt_reuse(socket: &std::os::fd::OwnedFd) {
    rustix::net::sockopt::set_socket_reuseaddr(socket, true).unwrap();
}

#[test]
fn slab_and_peer_come_once() {
    let served = Served::new(Policy { slots: 2, ..Policy::default() });
    let [mut near, mut far] = [Client::new(&served.path), Client::new(&served.path)];
    let ends: Vec<_> = (0..3).map(|_| connection()).collect();
    let [first, first_far] = pair(&mut near, &mut far, 1, &ends[0]);
    assert_eq!((first.brings, first_far.brings), (NEW_SLAB | NEW_PEER, NEW_SLAB | NEW_PEER));
    // Registered in the other order, it has the same sides.
    far.register(2, &ends[1].1);
    near.register(2, &ends[1].0);
    let [second, second_far] = [near.paired(), far.paired()];
    assert_eq!((second.brings, second_far.brings), (0, 0));
    assert_eq!((second.slab, second.side, second_far.side), (first.slab, first.side, first_far.side));
    assert_ne!(second.slot, first.slot);
    let [third, third_far] = pair(&mut near, &mut far, 3, &ends[2]);
    assert_eq!((third.brings, third_far.brings), (NEW_SLAB, NEW_SLAB));
    assert_ne!(third.slab, first.slab);
}

#[test]
fn a_slot_comes_again_in_its_next_generation_when_both_sides_are_done() {
    let served = Served::new(Policy { slots: 1, ..Policy::default() });
    let [mut near, mut far] = [Client::new(&served.path), Client::new(&served.path)];
    let [at_near, at_far] = pair(&mut near, &mut far, 1, &connection());
    near.release(&at_near);
    // One side holds it still.
    let [other, _] = pair(&mut near, &mut far, 2, &connection());
    assert_ne!(other.slab, at_near.slab);
    far.release(&at_far);
    for generation in 2..5 {
        let ends = connection();
        let [again, again_far] = pair(&mut near, &mut far, 3, &ends);
        assert_eq!((again.slab, again.slot, again.generation), (at_near.slab, at_near.slot, generation));
        for (client, paired) in [(&near, again), (&far, again_far)] {
            client.take_part(&paired);
            client.release(&paired);
            client.say(Ask::Cancel { tag: 3 });
        }
    }
}

#[test]
fn rings_are_as_large_as_wished() {
    let served = Served::new(Policy::default());
    let [mut near, mut far] = [Client::new(&served.path), Client::new(&served.path)];
    let ends = connection();
    near.register_wishing(1, 1 << 20, &ends.0);
    far.register(1, &ends.1);
    assert_eq!([near.paired(), far.paired()].map(|paired| paired.geometry.ring_bytes()), [1 << 20; 2]);
}

#[test]
fn an_end_that_was_cancelled_is_paired_only_when_it_comes_again() {
    let served = Served::new(Policy::default());
    let [mut near, mut far] = [Client::new(&served.path), Client::new(&served.path)];
    let ends = connection();
    near.register(1, &ends.0);
    near.say(Ask::Cancel { tag: 1 });
    served.report_when(|report| report.processes == 2 && report.waiting == 0);
    far.register(1, &ends.1);
    assert_eq!(served.report_when(|report| report.waiting == 1).pairs, 0);
    near.register(2, &ends.0);
    assert_eq!((near.paired().tag, far.paired().tag), (2, 1));
}

#[test]
fn an_end_whose_process_has_said_that_it_is_closed_is_not_paired_though_nobody_has_heard_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wire.sock");
    let daemon = Daemon::bind(&path, Policy::default()).unwrap();
    // All is said before the daemon hears anything; of the first process it hears a part before it hears the second.
    let [near, far] = [connect(&path), connect(&path)];
    let ends = connection();
    hello(&near);
    send(&near, &Ask::Register { tag: 1, ring_bytes: 0 }.encode(), &[std::os::fd::AsFd::as_fd(&ends.0)]).unwrap();
    for _ in 0..100 {
        send(&near, &Ask::Cancel { tag: 2 }.encode(), &[]).unwrap();
    }
    send(&near, &Ask::Cancel { tag: 1 }.encode(), &[]).unwrap();
    hello(&far);
    send(&far, &Ask::Register { tag: 1, ring_bytes: 0 }.encode(), &[std::os::fd::AsFd::as_fd(&ends.1)]).unwrap();
    let served = Served::run(daemon, &path);
    let _welcomed = [Client::welcomed(near), Client::welcomed(far)];
    assert_eq!(served.report_when(|report| report.waiting == 1).pairs, 0);
}

#[test]
fn a_connection_is_paired_anew_after_both_sides_gave_its_slot_back() {
    let served = Served::new(Policy::default());
    let [mut near, mut far] = [Client::new(&served.path), Client::new(&served.path)];
    let ends = connection();
    let [at_near, at_far] = pair(&mut near, &mut far, 1, &ends);
    near.release(&at_near);
    far.release(&at_far);
    let [again, _] = pair(&mut near, &mut far, 2, &ends);
    assert_eq!(served.report().pairs, 2);
    assert_eq!(again.slab, at_near.slab);
}
