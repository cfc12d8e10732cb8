//! How the daemon begins and ends, and what it survives.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod client;

use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use client::{Client, Served, connect, connection, pair, receive, send};
use pogson_ring::protocol::{Ask, RECORD_BYTES};
use pogson_wire::error::{ReportError, ServeError};
use pogson_wire::policy::Policy;
use pogson_wire::report;
use pogson_wire::serve::Daemon;
use rustix::net::sockopt;

#[test]
fn the_socket_goes_with_its_daemon_and_no_other() {
    let served = Served::new(Policy::default());
    let path = served.path.clone();
    let second = Daemon::bind(&path, Policy::default());
    assert!(matches!(second.err(), Some(ServeError::Taken { .. })));
    Client::new(&path);
    let folder = tempfile::tempdir().unwrap();
    // Somebody moves the file and puts another there.
    let moved = folder.path().join("moved");
    fs::rename(&path, &moved).unwrap();
    let other = Served::at(&path, Policy::default());
    drop(served);
    assert!(!path.exists(), "the folder went with the first");
    drop(other);
    let path = folder.path().join("wire.sock");
    let served = Served::at(&path, Policy::default());
    assert!(path.exists());
    drop(served);
    assert!(!path.exists());
}

#[test]
fn a_dead_daemons_socket_is_replaced_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/er/wire.sock");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let dead = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert!(matches!(Daemon::bind(&path, Policy::default()).err(), Some(ServeError::Taken { .. })));
    drop(dead);
    let served = Served::at(&path, Policy::default());
    Client::new(&path);
    drop(served);
    fs::write(&path, "precious").unwrap();
    assert!(matches!(Daemon::bind(&path, Policy::default()).err(), Some(ServeError::NoSocket { .. })));
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[test]
fn folders_on_the_way_to_the_socket_are_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run/pogson/wire.sock");
    let _served = Served::at(&path, Policy::default());
    Client::new(&path);
    let long = folder.path().join("x".repeat(120));
    assert!(matches!(Daemon::bind(&long, Policy::default()).err(), Some(ServeError::Place { .. })));
}

#[test]
fn live_connections_go_on_while_the_daemon_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wire.sock");
    let first = Served::at(&path, Policy::default());
    let [mut near, mut far] = [Client::new(&path), Client::new(&path)];
    let [at_near, at_far] = pair(&mut near, &mut far, 1, &connection());
    near.take_part(&at_near);
    far.take_part(&at_far);
    near.send(&at_near, b"before");
    drop(first);
    assert!(receive(&near.socket).is_none());
    assert!(matches!(report::ask(&path, false), Err(ReportError::Absent { .. })));
    assert_eq!(far.receive(&at_far, 6), b"before");
    far.send(&at_far, b"without");
    assert_eq!(near.receive(&at_near, 7), b"without");
    let _second = Served::at(&path, Policy::default());
    let [mut again, mut far_again] = [Client::new(&path), Client::new(&path)];
    pair(&mut again, &mut far_again, 1, &connection());
    near.send(&at_near, b"after");
    assert_eq!(far.receive(&at_far, 5), b"after");
}

#[test]
fn who_says_what_makes_no_sense_is_heard_no_more_and_others_are() {
    let served = Served::new(Policy::default());
    let mut others = [Client::new(&served.path), Client::new(&served.path)];
    let (socket, _far) = connection();
    let register = Ask::Register { tag: 1, ring_bytes: 0 }.encode();
    let cancel = Ask::Cancel { tag: 1 }.encode();
    let mut unknown = cancel;
    unknown[0] = 200;
    let long = [0; RECORD_BYTES + 1];
    let two = [socket.as_fd(), socket.as_fd()];
    let wrong: [(&[u8], &[BorrowedFd<'_>]); 8] = [
        (b"x", &[]),
        (&unknown, &[]),
        (&long, &[]),
        (&register, &[]),
        (&register, &two),
        (&register, &[socket.as_fd(); 16]),
        (&cancel, &[socket.as_fd()]),
        (b"", &[socket.as_fd()]),
    ];
    for (record, descriptors) in wrong {
        let client = Client::new(&served.path);
        send(&client.socket, record, descriptors).unwrap();
        assert!(receive(&client.socket).is_none(), "{record:?}");
    }
    // A second hello, and anything before the first.
    let client = Client::new(&served.path);
    client::hello(&client.socket);
    assert!(receive(&client.socket).is_none());
    let silent = connect(&served.path);
    send(&silent, &register, &[socket.as_fd()]).unwrap();
    assert!(receive(&silent).is_none());
    let [near, far] = &mut others;
    pair(near, far, 1, &connection());
}

#[test]
fn descriptors_that_come_with_nonsense_are_closed() {
    let served = Served::new(Policy::default());
    let client = Client::new(&served.path);
    let (read, write) = rustix::pipe::pipe().unwrap();
    send(&client.socket, b"nonsense", &[write.as_fd(); 9]).unwrap();
    drop(write);
    // The pipe ends when nobody holds its other end.
    assert_eq!(rustix::io::read(&read, &mut [0; 8]), Ok(0));
}

#[test]
fn a_socket_that_is_slow_to_close_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wire.sock");
    let daemon = Daemon::bind(&path, Policy::default()).unwrap();
    let (mut near, mut far) = connection();
    sockopt::set_socket_linger(&near, Some(Duration::from_secs(3600))).unwrap();
    near.set_nonblocking(true).unwrap();
    let bytes = [0; 1 << 16];
    let mut sent = 0;
    while let Ok(length) = near.write(&bytes) {
        sent += length;
    }
    let first = connect(&path);
    client::hello(&first);
    send(&first, &Ask::Register { tag: 1, ring_bytes: 0 }.encode(), &[near.as_fd()]).unwrap();
    // The daemon's descriptor is the last, and closing it waits until the other end has read.
    drop(near);
    let served = Served::run(daemon, &path);
    let [mut first, mut second] = [Client::welcomed(first), Client::new(&path)];
    pair(&mut first, &mut second, 2, &connection());
    drop((first, second));
    served.report_when(|report| report.processes == 0);
    let mut came = 0;
    while let Ok(length @ 1..) = far.read(&mut vec![0; 1 << 16]) {
        came += length;
    }
    assert_eq!(came, sent);
}

#[test]
fn who_does_not_listen_is_heard_no_more() {
    let served = Served::new(Policy::default());
    let deaf = Client::new(&served.path);
    let file = tempfile::tempfile().unwrap();
    let register = Ask::Register { tag: 1, ring_bytes: 0 }.encode();
    // Each is answered with a refusal that nobody reads.
    let error = (0..1_000_000).find_map(|_| send(&deaf.socket, &register, &[file.as_fd()]).err());
    assert!(error.is_some());
    assert_eq!(served.report_when(|report| report.processes == 0).processes, 0);
}

#[test]
fn a_report_is_complete_however_long() {
    let served = Served::new(Policy::default());
    let client = Client::new(&served.path);
    let ends: Vec<_> = (0..3000).map(|_| connection().0).collect();
    for (tag, end) in (0..).zip(&ends) {
        client.register(tag, end);
    }
    let report = served.report_when(|report| report.waiting == 3000);
    let tags: Vec<u64> = report.details.unwrap()[0].ends.iter().map(|end| end.tag).collect();
    assert_eq!(tags, (0..3000).collect::<Vec<_>>());
}
