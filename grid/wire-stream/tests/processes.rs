//! Ends in two processes, of which one is killed.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod common;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use wire::{Listener, Stream};

const DAEMON: &str = "WIRE_TEST_DAEMON";
const ADDRESS: &str = "WIRE_TEST_ADDRESS";
const PART: &str = "WIRE_TEST_PART";

/// Another process, which connects to `listener` and plays `part`, and this end of it. Killed at the latest when dropped.
struct Other(Child);

impl Other {
    fn start(part: &str, listener: &Listener) -> (Self, Stream) {
        let daemon = common::daemon();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_other_process", "--nocapture"])
            .env(DAEMON, daemon)
            .env(ADDRESS, listener.local_addr().unwrap().to_string())
            .env(PART, part)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let stream = listener.accept().unwrap().0;
        (Self(child), stream)
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Does nothing where it is a test; in a process that another test starts it plays that one's part.
#[test]
fn the_other_process() {
    let Ok(part) = std::env::var(PART) else { return };
    wire::set_daemon(std::env::var_os(DAEMON).unwrap());
    let address: SocketAddr = std::env::var(ADDRESS).unwrap().parse().unwrap();
    let mut stream = Stream::connect(address).unwrap();
    match part.as_str() {
        "echo" => drop(common::echo(stream)),
        "half-close" => {
            let mut byte = [0];
            loop {
                stream.read_exact(&mut byte).unwrap();
                stream.write_all(&byte).unwrap();
                if &byte == b"." {
                    break;
                }
            }
            stream.shutdown(Shutdown::Write).unwrap();
            std::thread::sleep(Duration::from_secs(600));
        }
        part => panic!("no part {part}"),
    }
}

fn join(stream: &mut Stream) {
    let until = std::time::Instant::now() + common::PATIENCE;
    let mut byte = [0];
    while !stream.writes_to_memory() {
        assert!(std::time::Instant::now() < until, "not joined");
        stream.write_all(b"?").unwrap();
        stream.read_exact(&mut byte).unwrap();
    }
    for _ in 0..10 {
        stream.write_all(b"?").unwrap();
        stream.read_exact(&mut byte).unwrap();
    }
}

#[test]
fn bytes_from_another_process_are_what_was_sent() {
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let (_other, stream) = Other::start("echo", &listener);
    let address = stream.peer_addr().unwrap();
    let probe = stream.try_clone().unwrap();
    common::send_and_compare(stream, address, 20_000_000, 7);
    assert!(probe.writes_to_memory());
}

#[test]
fn a_killed_process_is_seen_by_one_that_reads() {
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let (mut other, mut stream) = Other::start("echo", &listener);
    join(&mut stream);
    let mut reader = stream.try_clone().unwrap();
    let reads = std::thread::spawn(move || reader.read(&mut [0; 10]));
    std::thread::sleep(Duration::from_millis(30));
    other.kill();
    // As by TCP: the kernel ends its stream.
    assert_eq!(reads.join().unwrap().unwrap(), 0);
    let mut ended = stream.write(b"x");
    for _ in 0..1000 {
        if ended.is_err() {
            break;
        }
        ended = stream.write(b"x");
    }
    assert!(ended.is_err());
}

#[test]
fn a_killed_process_is_seen_by_one_that_waits_for_room() {
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    let (mut other, mut stream) = Other::start("half-close", &listener);
    join(&mut stream);
    stream.write_all(b".").unwrap();
    let mut byte = [0];
    stream.read_exact(&mut byte).unwrap();
    assert_eq!(stream.read(&mut byte).unwrap(), 0);
    let writes = std::thread::spawn(move || {
        loop {
            if let Err(error) = stream.write_all(&[1; 100_000]) {
                return error;
            }
        }
    });
    std::thread::sleep(Duration::from_millis(50));
    other.kill();
    writes.join().unwrap();
}
