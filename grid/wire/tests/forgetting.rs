//! Nothing remains of a process that has gone. One test in a process of its own, for it counts what that process holds.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod client;

use std::fs;

use client::{Client, Served, connection, pair};
use pogson_wire::policy::Policy;

/// Memory and descriptors that have to do with shared memory.
fn held() -> [usize; 2] {
    let links = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let named = |name: &str| ["pogson-wire", "eventfd", "pidfd", "socket:"].iter().any(|part| name.contains(part));
    let descriptors = links.filter(|link| named(&link.to_string_lossy())).count();
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    [descriptors, maps.lines().filter(|line| line.contains("pogson-wire")).count()]
}

/// The same, when the daemon has seen that nobody is connected any more.
fn held_at_rest() -> [usize; 2] {
    let mut least = held();
    for _ in 0..50 {
        std::thread::sleep(std::time::Duration::from_millis(2));
        least = least.min(held());
    }
    least
}

#[test]
fn a_process_that_has_gone_leaves_no_descriptor_and_no_memory() {
    let served = Served::new(Policy { slots: 2, ..Policy::default() });
    // Some parts come into being with the first use.
    drop(Client::new(&served.path));
    served.report_when(|report| report.processes == 0);
    let empty = held_at_rest();
    for round in 0..3 {
        let mut clients = [0; 3].map(|_| Client::new(&served.path));
        let [near, far, third] = &mut clients;
        let ends: Vec<_> = (0..6).map(|_| connection()).collect();
        for tag in 0..4 {
            let [at_near, _] = pair(near, far, tag, &ends[tag as usize]);
            near.take_part(&at_near);
            near.send(&at_near, b"ten bytes!");
        }
        pair(near, third, 4, &ends[4]);
        third.register(5, &ends[5].0);
        let report = served.report_when(|report| report.waiting == 1);
        assert_eq!((report.slabs, report.processes), (3, 3));
        assert!(held()[1] > empty[1]);
        // One goes while the others stay, then all go.
        let [near, far, third] = clients;
        drop(near);
        let report = served.report_when(|report| report.processes == 2);
        assert_eq!((report.slabs, report.waiting), (0, 1));
        assert_eq!(report.bytes_ring, (round + 1) * 40, "bytes of processes that have gone are remembered");
        let counted = |report: &pogson_wire::report::Report| {
            report.details.as_ref().unwrap().iter().map(|process| process.ends.len()).sum::<usize>()
        };
        assert_eq!(counted(&report), 1);
        drop((far, third, ends));
        // Who asks is a process, too, for a moment.
        served.report_when(|report| report.processes == 0 && report.waiting == 0 && held() == empty);
    }
}
