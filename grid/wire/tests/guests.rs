//! Two daemons and the memory that they share, as two guests of a host would: here both are on one machine, and each process is
//! known to one of them alone.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod client;

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::Ordering::{Acquire, Relaxed};
use std::time::{Duration, Instant};

use client::{Client, Served, connection, pair};
use pogson_ring::protocol::FAR;
use pogson_wire::guest::Settings;
use pogson_wire::policy::Policy;
use pogson_wire::serve::Daemon;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{AddressFamily, SocketType, sockopt};

/// Two guests, `red` at 127.0.0.1 and `blue` at 127.0.0.2.
struct Guests {
    folder: tempfile::TempDir,
    red: Option<Served>,
    blue: Option<Served>,
}

impl Guests {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        File::create(folder.path().join("region")).unwrap().set_len(16 << 20).unwrap();
        let mut guests = Self { folder, red: None, blue: None };
        guests.map("h", "h");
        guests.red = Some(guests.serve("red", "blue"));
        guests.blue = Some(guests.serve("blue", "red"));
        guests
    }

    fn map(&self, red: &str, blue: &str) {
        let guest = |name: &str, node: &str, address: &str| {
            format!(r#"{{"name": "{name}", "node": "{node}", "addresses": ["{address}"]}}"#)
        };
        let (red, blue) = (guest("red", red, "127.0.0.1"), guest("blue", blue, "127.0.0.2"));
        fs::write(self.folder.path().join("next"), format!(r#"{{"guests": [{red}, {blue}]}}"#)).unwrap();
        fs::rename(self.folder.path().join("next"), self.file("map")).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn serve(&self, name: &str, peer: &str) -> Served {
        self.serve_by(name, peer, "map")
    }

    fn serve_by(&self, name: &str, peer: &str, map: &str) -> Served {
        let path = self.file(&format!("{name}.sock"));
        let mut daemon = Daemon::bind(&path, Policy::default()).unwrap();
        let user = rustix::process::geteuid().as_raw();
        let regions = vec![(peer.into(), self.file("region"))];
        daemon.join_guests(Settings { name: name.into(), map: self.file(map), regions, user, network: None }).unwrap();
        Served::run(daemon, &path)
    }

    fn red(&self) -> &Served {
        self.red.as_ref().unwrap()
    }

    fn blue(&self) -> &Served {
        self.blue.as_ref().unwrap()
    }

    fn clients(&self) -> [Client; 2] {
        [Client::far(&self.red().path), Client::far(&self.blue().path)]
    }
}

/// A connection from red to a server in blue.
fn between() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let near = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    sockopt::set_socket_reuseaddr(&near, true).unwrap();
    rustix::net::bind(&near, &std::net::SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    rustix::net::connect(&near, &listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    (near.into(), far)
}

/// Whether `fd` becomes readable within a time that is long enough if it ever does.
fn comes(fd: impl std::os::fd::AsFd) -> bool {
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    rustix::event::poll(&mut fds, Some(&Timespec { tv_sec: 20, tv_nsec: 0 })).unwrap() > 0
}

fn bytes(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|at| (at as u8).wrapping_mul(31).wrapping_add((at >> 8) as u8).wrapping_add(seed)).collect()
}

#[test]
fn ends_in_two_guests_are_paired_and_bytes_go_both_ways() {
    let guests = Guests::new();
    let [mut red, mut blue] = guests.clients();
    let ends = [between(), between()];
    for (tag, ends) in ends.iter().enumerate() {
        let [at_red, at_blue] = pair(&mut red, &mut blue, tag as u64, ends);
        assert_eq!((at_red.brings & FAR, at_blue.brings & FAR), (FAR, FAR));
        assert_eq!((at_red.slot, at_red.generation), (at_blue.slot, at_blue.generation));
        assert_ne!(at_red.side, at_blue.side);
        red.take_part(&at_red);
        blue.take_part(&at_blue);
        let (there, back) = (bytes(1, 500_000), bytes(2, 300_001));
        std::thread::scope(|scope| {
            scope.spawn(|| red.send(&at_red, &there));
            scope.spawn(|| blue.send(&at_blue, &back));
            let came_back = scope.spawn(|| red.receive(&at_red, back.len()));
            assert!(blue.receive(&at_blue, there.len()) == there);
            assert!(came_back.join().unwrap() == back);
        });
    }
    assert_eq!((red.halves.len(), blue.halves.len()), (1, 1), "both connections lie in one area");
}

#[test]
fn whichever_end_comes_first_waits_for_the_other() {
    let guests = Guests::new();
    let [mut red, mut blue] = guests.clients();
    let ends = between();
    blue.register(1, &ends.1);
    guests.blue().report_when(|report| report.waiting == 1);
    std::thread::sleep(Duration::from_millis(50));
    red.register(1, &ends.0);
    assert_eq!(red.paired().slot, blue.paired().slot);
    let ends = between();
    red.register(2, &ends.0);
    guests.red().report_when(|report| report.waiting == 1);
    std::thread::sleep(Duration::from_millis(50));
    blue.register(2, &ends.1);
    assert_eq!(red.paired().slot, blue.paired().slot);
}

#[test]
fn an_end_that_left_before_the_other_came_is_not_paired() {
    let guests = Guests::new();
    let [red, mut blue] = guests.clients();
    let ends = between();
    blue.register(1, &ends.1);
    guests.blue().report_when(|report| report.waiting == 1);
    blue.say(pogson_ring::protocol::Ask::Cancel { tag: 1 });
    guests.blue().report_when(|report| report.waiting == 0);
    red.register(1, &ends.0);
    let mut red = red;
    let other = between();
    let [at_red, _] = pair(&mut red, &mut blue, 2, &other);
    assert_eq!(at_red.tag, 2);
    assert_eq!(guests.red().report().waiting, 1);
}

#[test]
fn connections_within_a_guest_stay_there() {
    let guests = Guests::new();
    let [mut one, mut other] = [Client::far(&guests.red().path), Client::far(&guests.red().path)];
    let [at_one, _] = pair(&mut one, &mut other, 1, &connection());
    assert_eq!(at_one.brings & FAR, 0);
}

#[test]
fn a_process_that_knows_nothing_of_guests_is_not_paired_with_them() {
    let guests = Guests::new();
    let (old, blue) = (Client::new(&guests.red().path), Client::far(&guests.blue().path));
    let ends = between();
    old.register(1, &ends.0);
    blue.register(1, &ends.1);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((guests.red().report().waiting, guests.blue().report().waiting), (1, 1));
}

#[test]
fn guests_that_share_no_host_are_not_joined_until_the_map_says_so() {
    let mut guests = Guests::new();
    guests.map("here", "there");
    guests.red = None;
    guests.blue = None;
    guests.red = Some(guests.serve("red", "blue"));
    guests.blue = Some(guests.serve("blue", "red"));
    let [mut red, mut blue] = guests.clients();
    let ends = between();
    red.register(1, &ends.0);
    blue.register(1, &ends.1);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(guests.red().report().waiting, 1);
    guests.map("here", "here");
    assert_eq!(red.paired().generation, blue.paired().generation);
}

#[test]
fn when_the_map_parts_two_guests_new_connections_stay_on_tcp_and_an_unused_region_is_let_go() {
    let guests = Guests::new();
    let [mut red, mut blue] = guests.clients();
    let ends = between();
    let [at_red, at_blue] = pair(&mut red, &mut blue, 1, &ends);
    red.take_part(&at_red);
    blue.take_part(&at_blue);
    guests.map("here", "there");
    std::thread::sleep(Duration::from_millis(2500));
    let later = between();
    red.register(2, &later.0);
    blue.register(2, &later.1);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!((guests.red().report().waiting, guests.blue().report().waiting), (1, 1));
    let seen = &guests.red().report().guests[0];
    assert_eq!((seen.name.as_str(), seen.shares, seen.open, seen.slabs), ("blue", false, true, 1));
    red.send(&at_red, &bytes(5, 10_000));
    assert!(blue.receive(&at_blue, 10_000) == bytes(5, 10_000), "what was joined goes on");
    drop((red, blue));
    for served in [guests.red(), guests.blue()] {
        served.report_when(|report| !report.guests[0].open);
    }
}

#[test]
fn processes_of_both_guests_are_told_to_leave_when_one_map_parts_them() {
    let mut guests = Guests::new();
    fs::copy(guests.file("map"), guests.file("blues")).unwrap();
    guests.blue = None;
    guests.blue = Some(guests.serve_by("blue", "red", "blues"));
    let [mut red, mut blue] = guests.clients();
    let ends = between();
    let [at_red, at_blue] = pair(&mut red, &mut blue, 1, &ends);
    let told =
        |client: &Client, end: &client::Paired| client.halves[&(end.slab, end.side)][0].head().leave.load(Acquire) != 0;
    red.take_part(&at_red);
    blue.take_part(&at_blue);
    assert!(!told(&red, &at_red) && !told(&blue, &at_blue));
    guests.map("here", "there");
    for (served, client, end) in [(guests.red(), &red, &at_red), (guests.blue(), &blue, &at_blue)] {
        let report = served.report_when(|report| report.guests[0].leaving);
        assert!(report.guests[0].open && report.guests[0].connections == 1);
        served.report_when(|_| told(client, end));
    }
    assert!(guests.blue().report().guests[0].shares, "its own map does not part them");
    // Who has left has released its slots.
    red.release(&at_red);
    let report = guests.red().report_when(|report| !report.guests[0].open);
    assert_eq!((report.guests[0].connections, report.guests[0].slabs), (0, 0));
    blue.release(&at_blue);
    guests.blue().report_when(|report| report.guests[0].slabs == 0);
    for client in [&mut red, &mut blue] {
        client.halves.clear();
        client.far_peers.clear();
    }
    // Nothing is joined before red's map says so, and then by memory that is not to be left.
    let ends = between();
    red.register(2, &ends.0);
    blue.register(2, &ends.1);
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!((guests.red().report().waiting, guests.blue().report().waiting), (1, 1));
    guests.map("here", "here");
    let (at_red, at_blue) = (red.paired(), blue.paired());
    assert_eq!((at_red.slot, at_red.generation), (at_blue.slot, at_blue.generation));
    assert!(!told(&red, &at_red) && !told(&blue, &at_blue));
}

#[test]
fn a_daemon_that_begins_when_the_guests_are_parted_uses_no_region() {
    let mut guests = Guests::new();
    guests.red = None;
    guests.map("here", "there");
    guests.red = Some(guests.serve("red", "blue"));
    guests.red().report_when(|report| !report.guests[0].open && !report.guests[0].leaving);
}

#[test]
fn who_sleeps_is_woken_by_what_the_other_guest_stirs() {
    let guests = Guests::new();
    let [mut red, mut blue] = guests.clients();
    let ends = between();
    let [at_red, _] = pair(&mut red, &mut blue, 1, &ends);
    let before = blue.page.page().far.stirred.load(Acquire);
    blue.page.page().bell.arm();
    red.halves[&(at_red.slab, at_red.side)][0].head().stir.fetch_add(1, Relaxed);
    assert!(comes(&blue.bell), "the daemon there has rung");
    assert_ne!(blue.page.page().far.stirred.load(Acquire), before);
}

#[test]
fn the_death_of_a_process_is_told_in_the_other_guest_and_its_area_is_used_again() {
    let guests = Guests::new();
    let [_, mut blue] = guests.clients();
    // More processes than there are areas.
    for round in 0..20 {
        let mut red = Client::far(&guests.red().path);
        let ends = between();
        let [at_red, at_blue] = pair(&mut red, &mut blue, round, &ends);
        red.take_part(&at_red);
        blue.take_part(&at_blue);
        drop(red);
        assert!(comes(&blue.far_peers[&at_blue.peer]), "its death is told");
        blue.release(&at_blue);
    }
}

#[test]
fn a_daemon_that_begins_anew_pairs_again_and_spares_what_is_in_use() {
    let mut guests = Guests::new();
    let [mut red, mut blue] = guests.clients();
    let ends = between();
    let [at_red, at_blue] = pair(&mut red, &mut blue, 1, &ends);
    red.take_part(&at_red);
    blue.take_part(&at_blue);
    guests.red = None;
    guests.blue = None;
    guests.red = Some(guests.serve("red", "blue"));
    guests.blue = Some(guests.serve("blue", "red"));
    let [mut new_red, mut new_blue] = guests.clients();
    let new_ends = between();
    let new = pair(&mut new_red, &mut new_blue, 1, &new_ends);
    new_red.take_part(&new[0]);
    new_blue.take_part(&new[1]);
    let (old_bytes, new_bytes) = (bytes(7, 60_000), bytes(9, 60_000));
    red.send(&at_red, &old_bytes);
    new_red.send(&new[0], &new_bytes);
    assert!(blue.receive(&at_blue, 60_000) == old_bytes && new_blue.receive(&new[1], 60_000) == new_bytes);
}

#[test]
fn why_a_region_cannot_be_used_is_told() {
    let mut guests = Guests::new();
    guests.red = None;
    File::options().write(true).open(guests.file("region")).unwrap().set_len(100_000).unwrap();
    guests.red = Some(guests.serve("red", "blue"));
    let seen = &guests.red().report().guests[0];
    assert!(!seen.open && seen.fault.as_ref().is_some_and(|fault| fault.contains("region")), "{seen:?}");
}

#[test]
fn nonsense_in_the_region_ends_no_daemon() {
    let guests = Guests::new();
    let [mut red, mut blue] = guests.clients();
    let ends = between();
    pair(&mut red, &mut blue, 1, &ends);
    let region = File::options().write(true).open(guests.file("region")).unwrap();
    let end = Instant::now() + Duration::from_millis(500);
    let mut seed = 1_u64;
    while Instant::now() < end {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Words of the cards, and numbers that a message might have.
        let at = (seed >> 33) % (2 * 17_000);
        let card = (at / 17_000) * 32_768 + at % 17_000;
        std::os::unix::fs::FileExt::write_at(&region, &(seed >> 61).to_ne_bytes(), card & !7).unwrap();
    }
    assert_eq!(guests.red().report().processes, 1);
    assert_eq!(guests.blue().report().processes, 1);
}
