//! A daemon without descriptors. One test in a process of its own, for it uses them all up.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod client;

use std::fs::File;
use std::os::fd::OwnedFd;
use std::time::Duration;

use client::{Client, Served, connect, connection, pair, receive, send};
use pogson_ring::protocol::{Answer, Ask, Refusal};
use pogson_wire::policy::Policy;
use rustix::process::{Resource, Rlimit};

/// All descriptors that are left but `spare`, after the daemon has closed what it was about to close.
fn use_up(spare: usize) -> Vec<OwnedFd> {
    let file = File::open("/dev/null").unwrap();
    let mut held = Vec::new();
    for _ in 0..20 {
        while let Ok(descriptor) = rustix::io::fcntl_dupfd_cloexec(&file, 0) {
            held.push(descriptor);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    held.truncate(held.len() - spare);
    held.push(file.into());
    held
}

#[test]
fn without_descriptors_connections_stay_on_tcp_and_with_them_they_do_not() {
    let Rlimit { maximum, .. } = rustix::process::getrlimit(Resource::Nofile);
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(200), maximum }).unwrap();
    let served = Served::new(Policy::default());
    let [mut near, mut far] = [Client::new(&served.path), Client::new(&served.path)];
    let ends = connection();
    let full = |near: &mut Client, far: &mut Client, spare: usize| {
        let held = use_up(spare);
        near.register(1, &ends.0);
        far.register(2, &ends.1);
        let answers = [near.refusal(), far.refusal()];
        drop(held);
        answers
    };
    // Not even the sockets can be taken; they can, but no memory can be made; a part of it can.
    for spare in 0..4 {
        assert_eq!(full(&mut near, &mut far, spare), [(1, Refusal::Full), (2, Refusal::Full)], "{spare} left");
    }
    let [at_near, _] = pair(&mut near, &mut far, 3, &ends);
    assert_eq!((at_near.slab, at_near.slot), (1, 0), "nothing was lost by the failures");

    // One that connects is sent away, and one that does get in gets no page.
    let held = use_up(1);
    let socket = connect(&served.path);
    assert!(receive(&socket).is_none());
    drop((socket, held));
    let socket = connect(&served.path);
    served.report_when(|_| true);
    let held = use_up(1);
    client::hello(&socket);
    let (answer, _) = receive(&socket).unwrap();
    assert_eq!(answer, Answer::Refused { tag: 0, reason: Refusal::Full });
    drop(held);
    Client::new(&served.path);
    send(&near.socket, &Ask::Cancel { tag: 3 }.encode(), &[]).unwrap();
}
