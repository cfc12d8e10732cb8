//! A process that is killed. One test in a process of its own, for it looks at the time that this process takes.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod client;

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use client::{Client, Served};
use pogson_wire::policy::Policy;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::time::{ClockId, clock_gettime};

/// Where [`live_until_killed`] finds the daemon and the test.
const SOCKET: &str = "TEST_SOCKET";
const PORT: &str = "TEST_PORT";

/// Not a test, but the process that the test kills.
#[test]
#[ignore = "a program for another test"]
fn live_until_killed() {
    let client = Client::new(Path::new(&std::env::var_os(SOCKET).unwrap()));
    let stream = TcpStream::connect(("127.0.0.1", std::env::var(PORT).unwrap().parse().unwrap())).unwrap();
    client.register(1, &stream);
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[test]
fn a_killed_process_is_forgotten_seen_by_its_peer_and_costs_nothing_more() {
    let served = Served::new(Policy::default());
    let mut near = Client::new(&served.path);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut other = Command::new(std::env::current_exe().unwrap());
    other.args(["--ignored", "--exact", "live_until_killed"]).env(SOCKET, &served.path);
    other.env(PORT, listener.local_addr().unwrap().port().to_string());
    let other = Killed(other.spawn().unwrap());
    let pid = other.0.id();
    let (stream, _) = listener.accept().unwrap();
    near.register(1, &stream);
    let paired = near.paired();
    let details = served.report().details.unwrap();
    assert!(details.iter().any(|process| process.session == paired.peer && process.pid == pid));
    let process = near.peers[&paired.peer][2].try_clone().unwrap();
    let ended = || {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        rustix::event::poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&at_once)).unwrap() == 1
    };
    assert!(!ended());
    drop(other);
    assert!(ended());
    let report = served.report_when(|report| report.processes == 1);
    assert_eq!((report.slabs, report.waiting), (0, 0));
    // The peer still holds what tells of the other's end; the daemon must not look at it for ever.
    let (began, used) = (Instant::now(), processor_seconds());
    std::thread::sleep(Duration::from_millis(300));
    assert!(processor_seconds() - used < began.elapsed().as_secs_f64() / 4.0);
}
