//! Streams without a daemon, and with one that comes, ends and comes again.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod common;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use common::Served;
use wire::{Listener, Stream};

fn talk(one: &mut Stream, other: &mut Stream) {
    let mut byte = [0];
    one.write_all(b"?").unwrap();
    other.read_exact(&mut byte).unwrap();
    other.write_all(b"!").unwrap();
    one.read_exact(&mut byte).unwrap();
}

#[test]
fn streams_go_by_tcp_without_a_daemon_and_live_on_when_theirs_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wire.sock");
    wire::set_daemon(&path);
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let pair = || (Stream::connect(address).unwrap(), listener.accept().unwrap().0);

    let (mut one, mut other) = pair();
    for _ in 0..200 {
        talk(&mut one, &mut other);
    }
    assert!(!one.writes_to_memory() && !other.writes_to_memory());

    // A daemon that comes later is found.
    let served = Served::at(&path);
    let until = Instant::now() + common::PATIENCE;
    while !one.writes_to_memory() {
        assert!(Instant::now() < until, "the daemon is not found");
        for _ in 0..100 {
            talk(&mut one, &mut other);
        }
        std::thread::sleep(Duration::from_millis(20));
    }

    served.stop();
    for _ in 0..200 {
        talk(&mut one, &mut other);
    }
    let (mut new, mut its) = pair();
    for _ in 0..200 {
        talk(&mut new, &mut its);
    }
    assert!(one.writes_to_memory() && !new.writes_to_memory());

    let served = Served::at(&path);
    let until = Instant::now() + common::PATIENCE;
    while !new.writes_to_memory() {
        assert!(Instant::now() < until, "the new daemon is not found");
        for _ in 0..100 {
            talk(&mut new, &mut its);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    talk(&mut one, &mut other);
    drop(one);
    assert_eq!(other.read(&mut [0; 8]).unwrap(), 0);
    served.stop();
}
