//! Streams of the wire beside those of TCP, which are the control.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use common::{End, Numbers};
use wire::{Listener, Stream};

/// What a test saw, by TCP or by memory.
#[derive(Default, Debug, PartialEq, Eq)]
struct Seen(Vec<String>);

impl Seen {
    fn result<T: std::fmt::Debug>(&mut self, what: &str, result: std::io::Result<T>) {
        let result = result.map_err(|error| error.raw_os_error().map_or_else(|| error.to_string(), |n| n.to_string()));
        self.0.push(format!("{what}: {result:?}"));
    }

    fn read(&mut self, what: &str, end: &mut impl End) {
        let mut bytes = [0; 100];
        let result = end.read(&mut bytes).map(|length| String::from_utf8_lossy(&bytes[..length]).into_owned());
        self.result(what, result);
    }
}

/// Runs a test's steps by TCP and by memory, and compares what was seen.
macro_rules! same_by_both {
    ($steps:ident) => {
        let mut by_tcp = Seen::default();
        $steps(<TcpStream as End>::pair(), &mut by_tcp);
        let mut by_memory = Seen::default();
        $steps(<Stream as End>::pair(), &mut by_memory);
        assert_eq!(by_tcp, by_memory);
    };
}

#[test]
fn an_end_comes_after_the_bytes_and_the_other_direction_goes_on() {
    fn steps<E: End>((mut one, mut other): (E, E), seen: &mut Seen) {
        one.write_all(b"last").unwrap();
        seen.result("shut", one.shut(Shutdown::Write));
        seen.result("write after", one.write(b"x"));
        seen.read("bytes", &mut other);
        seen.read("end", &mut other);
        seen.read("end again", &mut other);
        other.write_all(b"answer").unwrap();
        seen.read("answer", &mut one);
        seen.result("shut", other.shut(Shutdown::Write));
        seen.read("its end", &mut one);
    }
    same_by_both!(steps);
}

#[test]
fn a_close_is_an_end_and_what_is_sent_after_it_resets() {
    fn steps<E: End>((mut one, mut other): (E, E), seen: &mut Seen) {
        other.patience(Some(Duration::from_secs(20)));
        one.write_all(b"last").unwrap();
        drop(one);
        seen.read("bytes", &mut other);
        seen.read("end", &mut other);
        seen.result("first write", other.write(b"hello"));
        // The answer to it comes.
        std::thread::sleep(Duration::from_millis(50));
        seen.result("second write", other.write(b"hello"));
        seen.result("error", other.error().map_or(Ok(()), Err));
        seen.read("read after", &mut other);
    }
    same_by_both!(steps);
}

#[test]
fn a_close_with_bytes_unread_resets() {
    fn steps<E: End>((mut one, mut other): (E, E), seen: &mut Seen) {
        other.write_all(b"nobody reads this").unwrap();
        // It has come when it can be looked at.
        seen.result("look", one.look(&mut [0; 4]));
        one.write_all(b"last").unwrap();
        drop(one);
        std::thread::sleep(Duration::from_millis(50));
        let first = other.read(&mut [0; 100]);
        seen.result("write", other.write(b"x"));
        seen.read("read", &mut other);
        // By TCP a reset takes back what was not read before; by memory the bytes come first.
        assert!(first.is_ok_and(|bytes| bytes == 4) || seen.0.len() == 3);
    }
    let mut by_memory = Seen::default();
    steps(<Stream as End>::pair(), &mut by_memory);
    assert_eq!(by_memory.0[1..], ["write: Err(\"104\")".to_owned(), "read: Ok(\"\")".to_owned()]);
}

#[test]
fn one_that_shuts_its_receiving_reads_what_lies_there_then_the_end() {
    fn steps<E: End>((mut one, mut other): (E, E), seen: &mut Seen) {
        other.write_all(b"before").unwrap();
        seen.result("look", one.look(&mut [0; 6]));
        seen.result("shut", one.shut(Shutdown::Read));
        seen.read("before", &mut one);
        seen.read("end", &mut one);
        one.write_all(b"still").unwrap();
        seen.read("still", &mut other);
    }
    same_by_both!(steps);
}

#[test]
fn a_thread_that_waits_is_woken_by_a_shutdown_of_another() {
    fn steps<E: End>((one, other): (E, E), seen: &mut Seen) {
        let mut reader = one.other();
        let waits = std::thread::spawn(move || reader.read(&mut [0; 10]));
        std::thread::sleep(Duration::from_millis(30));
        one.shut(Shutdown::Both).unwrap();
        seen.result("read", waits.join().unwrap());
        drop(other);
    }
    same_by_both!(steps);
}

#[test]
fn a_thread_that_waits_for_room_goes_on_when_the_other_reads_or_closes() {
    fn steps<E: End>((mut one, mut other): (E, E), seen: &mut Seen) {
        let bytes = vec![5; 20 << 20];
        let length = bytes.len();
        let writes = std::thread::spawn(move || {
            let all = one.write_all(&bytes);
            (one, bytes, all)
        });
        let mut got = vec![0; length];
        other.read_exact(&mut got).unwrap();
        let (mut one, bytes, all) = writes.join().unwrap();
        seen.result("all", all);
        assert!(got == bytes);
        let writes = std::thread::spawn(move || {
            loop {
                if let Err(error) = one.write_all(&bytes) {
                    return error.kind();
                }
            }
        });
        std::thread::sleep(Duration::from_millis(30));
        drop(other);
        let kind = writes.join().unwrap();
        assert!(matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{kind:?}");
    }
    same_by_both!(steps);
}

#[test]
fn timeouts_end_waits() {
    fn steps<E: End>((mut one, other): (E, E), seen: &mut Seen) {
        one.patience(Some(Duration::from_millis(20)));
        seen.read("nothing comes", &mut one);
        let mut kind = None;
        while kind.is_none() {
            kind = one.write(&[1; 100_000]).err().map(|error| error.kind());
        }
        seen.result("full", Ok(kind));
        drop(other);
    }
    same_by_both!(steps);
}

#[test]
fn looking_at_bytes_leaves_them() {
    fn steps<E: End>((one, mut other): (E, E), seen: &mut Seen) {
        let mut one = one;
        other.write_all(b"abc").unwrap();
        let mut bytes = [0; 2];
        seen.result("look", one.look(&mut bytes));
        seen.result("it", Ok(bytes));
        seen.read("read", &mut one);
    }
    same_by_both!(steps);
}

#[test]
fn a_stream_that_does_not_block_says_so() {
    let (mut one, mut other) = <Stream as End>::pair();
    one.set_nonblocking(true).unwrap();
    assert_eq!(one.read(&mut [0; 5]).unwrap_err().kind(), ErrorKind::WouldBlock);
    let mut sent = 0_usize;
    let full = loop {
        match one.write(&[3; 1000]) {
            Ok(bytes) => sent += bytes,
            Err(error) => break error.kind(),
        }
    };
    assert_eq!(full, ErrorKind::WouldBlock);
    let mut bytes = vec![0; sent];
    other.read_exact(&mut bytes).unwrap();
    assert!(bytes.iter().all(|byte| *byte == 3));
    assert!(one.write(&[3; 1000]).is_ok());
}

#[test]
fn bytes_both_ways_are_what_was_sent_whatever_the_sizes() {
    common::daemon();
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    for seed in [10, 20, 30] {
        let stream = Stream::connect(address).unwrap();
        let (other, _) = listener.accept().unwrap();
        let echoes = std::thread::spawn(move || common::echo(other).unwrap());
        let total = 5_000_000 + Numbers(seed).below(100_000) as usize;
        common::send_and_compare(stream, address, total, seed);
        assert_eq!(echoes.join().unwrap(), total as u64);
    }
}

#[test]
fn a_thousand_connections_are_joined_and_each_carries_its_own_bytes() {
    const CONNECTIONS: u32 = 1000;
    common::daemon();
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut pairs: Vec<(Stream, Stream)> =
        (0..CONNECTIONS).map(|_| (Stream::connect(address).unwrap(), listener.accept().unwrap().0)).collect();
    for (one, other) in &mut pairs {
        common::join(one, other);
    }
    for (number, (one, other)) in (0_u32..).zip(&mut pairs) {
        one.write_all(&number.to_le_bytes()).unwrap();
        other.write_all(&(!number).to_le_bytes()).unwrap();
    }
    for (number, (one, other)) in (0..CONNECTIONS).zip(&mut pairs).rev() {
        let mut bytes = [0; 4];
        other.read_exact(&mut bytes).unwrap();
        assert_eq!(u32::from_le_bytes(bytes), number);
        one.read_exact(&mut bytes).unwrap();
        assert_eq!(u32::from_le_bytes(bytes), !number);
    }
}
