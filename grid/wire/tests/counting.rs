//! What processes sent by rings is counted whole, whichever of them ends first and however.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]

mod client;

use client::{Client, Served, connection, pair};
use pogson_ring::layout::Counters;
use pogson_wire::policy::Policy;
use std::sync::atomic::Ordering::Relaxed;

/// A daemon, two processes with a connection, and what each has sent by it.
fn both_have_sent() -> (Served, [Client; 2], [client::Paired; 2]) {
    let served = Served::new(Policy::default());
    let mut clients = [0; 2].map(|_| Client::new(&served.path));
    let [near, far] = &mut clients;
    let ends = pair(near, far, 1, &connection());
    for (client, end, bytes) in [(&*near, &ends[0], 1000), (&*far, &ends[1], 200)] {
        client.take_part(end);
        client.send(end, &vec![0; bytes]);
    }
    assert_eq!(served.report().bytes_ring, 1200);
    (served, clients, ends)
}

/// As a process does that closes the connection.
fn close(client: &Client, end: &client::Paired, sent: u64) {
    let Counters { bytes_ring, .. } = &client.page.page().counters;
    bytes_ring.fetch_add(sent, Relaxed);
    client.release(end);
}

#[test]
fn bytes_of_two_processes_that_end_without_closing_are_counted_in_either_order() {
    for first in [0, 1] {
        let (served, mut clients, ends) = both_have_sent();
        clients.swap(0, first);
        let [one, other] = clients;
        drop(one);
        let report = served.report_when(|report| report.processes == 1);
        assert_eq!((report.bytes_ring, report.slabs), (1200, 0));
        // The last bytes of who lives on are seen, too.
        other.send(&ends[1 - first], &[0; 34]);
        assert_eq!(served.report().bytes_ring, 1234);
        drop(other);
        assert_eq!(served.report_when(|report| report.processes == 0).bytes_ring, 1234);
    }
}

#[test]
fn bytes_of_a_process_that_closes_after_the_other_has_gone_are_counted_once() {
    let (served, [near, far], ends) = both_have_sent();
    drop(near);
    served.report_when(|report| report.processes == 1);
    close(&far, &ends[1], 200);
    assert_eq!(served.report().bytes_ring, 1200);
    drop(far);
    assert_eq!(served.report_when(|report| report.processes == 0).bytes_ring, 1200);
}

#[test]
fn memory_shared_with_who_has_gone_is_let_go_when_the_other_is_done_with_it() {
    let (_served, [near, mut far], ends) = both_have_sent();
    let maps = || std::fs::read_to_string("/proc/self/maps").unwrap();
    let halves = |maps: &str| maps.lines().filter(|line| line.contains("memfd:pogson-wire ")).count();
    drop(near);
    close(&far, &ends[1], 200);
    far.halves.clear();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while halves(&maps()) > 0 {
        assert!(std::time::Instant::now() < end, "{}", maps());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
