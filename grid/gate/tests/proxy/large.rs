//! Large bodies, which go from socket to socket without a copy.

use std::io::Read;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::world::{Client, Taken, gate, server};

const SPLICE: &str = "splice = \"64KiB\"\n---";

fn bytes(length: usize) -> Vec<u8> {
    (0..length as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

/// Length that a path such as `/300000` names.
fn asked(line: &str) -> usize {
    let path = line.split(' ').nth(1).expect("a target");
    path.trim_start_matches(|letter: char| !letter.is_ascii_digit()).parse().expect("a length")
}

/// Replies with as many bytes as the path names, and takes those that a request brings.
fn serves(mut one: Taken) {
    while let Some(got) = one.head() {
        let brought = got.field("content-length").map_or(0, |length| length.parse().expect("a length"));
        let body = if brought > 0 { one.bytes(brought) } else { bytes(asked(&got.line)) };
        if got.line.contains("/close") {
            one.send("HTTP/1.1 200 OK\r\n\r\n");
            return one.send(body);
        }
        one.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
        one.send(&body);
    }
}

#[test]
fn large_bodies_and_small_ones_take_turns_on_a_connection() {
    let (tell, told) = channel();
    let one = server(move |one| {
        let _ = tell.send(());
        serves(one);
    });
    let gate = gate(&[one], SPLICE);
    let mut client = Client::of(&gate);
    let lengths = [65_535, 65_536, 0, 65_700, 82_000, 1, 3_000_000, 300, 16_384 + 65_536, 700_001];
    for length in lengths {
        let reply = client.ask(&format!("GET /{length} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(reply.status == 200 && reply.body == bytes(length), "{length}: {} bytes", reply.body.len());
        client.send(format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", length + 1));
        client.send(bytes(length + 1));
        let reply = client.reply().expect("a reply");
        assert!(reply.body == bytes(length + 1), "{length} and 1 brought: {} bytes", reply.body.len());
    }
    // Requests with bodies, which cannot be sent twice, have fresh connections; all others share one.
    assert_eq!(told.try_iter().count(), 1 + lengths.len());
    for length in [100, 400_000, 2_000_000] {
        let reply = client.ask(&format!("GET /close/{length} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(reply.field("transfer-encoding") == Some("chunked") && reply.body == bytes(length), "{length}");
    }
    let mut old = Client::of(&gate);
    let reply = old.ask("GET /close/2000000 HTTP/1.0\r\n\r\n");
    assert!(reply.body == bytes(2_000_000));
    drop((client, old));
    gate.finish().expect("an end");
}

#[test]
fn who_reads_slowly_gets_every_byte_and_holds_up_nobody() {
    let gate = gate(&[server(serves)], SPLICE);
    let mut slow = Client::of(&gate);
    slow.send("GET /12000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = slow.head().expect("a reply");
    assert_eq!(reply.field("content-length"), Some("12000000"));
    // Its socket fills, and so does its pipe.
    thread::sleep(Duration::from_millis(100));
    for _ in 0..3 {
        let reply = Client::of(&gate).ask("GET /1000000 HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(reply.body == bytes(1_000_000), "pipes of others' bytes are not used");
    }
    let mut body = Vec::new();
    let mut piece = vec![0; 300_000];
    while body.len() < 12_000_000 {
        let most = piece.len().min(12_000_000 - body.len());
        let length = slow.0.read(&mut piece[..most]).expect("bytes");
        assert!(length > 0, "it ends after {} bytes", body.len());
        body.extend_from_slice(&piece[..length]);
        if body.len() % 5 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    assert!(body == bytes(12_000_000));
    assert!(slow.ask("GET /90000 HTTP/1.1\r\nHost: a\r\n\r\n").body == bytes(90_000));
}

#[test]
fn a_server_that_dies_in_a_large_body_leaves_a_reply_that_is_seen_to_be_cut() {
    let dies = server(|mut one| {
        while let Some(got) = one.head() {
            if got.line.contains("/whole") {
                one.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
                continue;
            }
            one.send("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n");
            return one.send(bytes(asked(&got.line)));
        }
    });
    let gate = gate(&[dies], SPLICE);
    for length in [0, 100, 500_000, 1_999_999] {
        let mut client = Client::of(&gate);
        client.send(format!("GET /{length} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.head().expect("a reply").field("content-length"), Some("2000000"));
        let mut body = Vec::new();
        // A reset is as good as an end.
        let _ = client.0.read_to_end(&mut body);
        assert!(bytes(length).starts_with(&body), "what came of {length} is {} other bytes", body.len());
        assert_eq!(Client::of(&gate).ask("GET /whole HTTP/1.1\r\nHost: a\r\n\r\n").body, b"ok");
    }
}

#[test]
fn clients_that_go_away_leave_no_bytes_for_others() {
    let gate = gate(&[server(serves)], SPLICE);
    for round in 0..40 {
        let mut client = Client::of(&gate);
        client.send("GET /20000000 HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.head().expect("a reply").status, 200);
        drop(client);
        let length = 70_000 + round * 1000;
        assert!(Client::of(&gate).ask(&format!("GET /{length} HTTP/1.1\r\nHost: a\r\n\r\n")).body == bytes(length));
    }
}
