//! Servers that lie about where their replies end, and what a client may be told of them (RFC 9112, sections 4 to 6 and 9.2).

use std::io::Read;
use std::thread;
use std::time::Duration;

use crate::world::{Client, fixed, gate, server};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A server that writes `first` to the first request of a connection, and `ok` to those after it.
fn once(first: &'static str) -> std::net::SocketAddr {
    server(move |mut one| {
        if one.head().is_some() {
            one.send(first);
        }
        while one.head().is_some() {
            one.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    })
}

#[test]
fn a_reply_of_which_nobody_knows_the_end_is_a_bad_gateway() {
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok!",
        "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX: y\r\n Content-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX: y\rContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nX: \0\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\n: y\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 +20 OK\r\nContent-Length: 2\r\n\r\nok",
        "\0HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "<html>ok</html>\r\n\r\n",
    ] {
        let gate = gate(&[once(reply)], "retries = { attempts = 0 }\nhealth.passive = { failures = 100 }");
        let mut client = Client::of(&gate);
        assert_eq!(client.ask(GET).status, 502, "{reply:?}");
        // The client's connection is not to blame, and the server's is not used again.
        assert_eq!(client.ask(GET).status, 502, "{reply:?}");
    }
}

#[test]
fn a_head_that_is_too_long_is_a_bad_gateway() {
    let one = server(|mut one| {
        one.head();
        one.send(format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 2\r\n\r\nok", "y".repeat(1 << 20)));
        one.head();
    });
    assert_eq!(Client::of(&gate(&[one], "")).ask(GET).status, 502);
}

#[test]
fn what_is_unusual_and_clear_comes_through() {
    for (reply, body) in [
        ("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.1 200 \r\nContent-Length:2\r\n\r\nok", "ok"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding:\tChunked \r\n\r\n0002;a=b\r\nok\r\n000\r\n\r\n", "ok"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2  \r\nok\r\n0\r\nX: y\r\n\r\n", "ok"),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "ok"),
        ("HTTP/1.1 299 Whatever\r\nContent-Length: 2\r\n\r\nok", "ok"),
        (
            "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            "ok",
        ),
        ("HTTP/1.1 200 OK\r\nX: \u{e9}\r\nContent-Length: 0\r\n\r\n", ""),
    ] {
        let gate = gate(&[once(reply)], "");
        let mut client = Client::of(&gate);
        client.send(GET);
        let mut reply_seen = client.reply().expect("a reply");
        while reply_seen.status < 200 {
            reply_seen = client.reply().expect("a reply");
        }
        assert_eq!(String::from_utf8_lossy(&reply_seen.body), body, "{reply:?}");
        assert_eq!(client.ask(GET).body, b"ok", "{reply:?}");
    }
}

#[test]
fn a_body_where_none_may_be_is_nobodys_reply() {
    const EVIL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for (method, first) in [
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\nContent-Length: 44\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 44\r\n\r\n"),
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n"),
        ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ] {
        // At once, and when the connection already waits for the next request.
        for late in [false, true] {
            let one = server(move |mut one| {
                if one.head().is_some() {
                    one.send(first);
                    if late {
                        thread::sleep(Duration::from_millis(30));
                    }
                    one.send(EVIL);
                }
                // Nobody asks here again.
                one.head();
            });
            let (good, _) = fixed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            let gate = gate(&[one, good], "policy = \"round-robin\"");
            for _ in 0..4 {
                let mut client = Client::of(&gate);
                client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
                let mut all = String::new();
                client.0.read_to_string(&mut all).expect("text");
                assert!(all.starts_with("HTTP/1.1 ") && !all.contains("evil"), "{method} {first:?}: {all:?}");
                thread::sleep(Duration::from_millis(60));
            }
        }
    }
}

#[test]
fn a_reply_that_ends_with_its_connection_is_whole_and_its_connection_is_not_used_again() {
    let one = server(|mut one| {
        one.head();
        one.send("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    });
    let gate = gate(&[one], "");
    let mut client = Client::of(&gate);
    for _ in 0..2 {
        assert_eq!(client.ask(GET).body, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    }
}

#[test]
fn fields_of_the_next_hop_alone_do_not_come_from_servers() {
    let (one, _) = fixed(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\nX-Hop: 1\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nTrailer: y\r\nX-Stays: 1\r\n\r\nok",
    );
    let reply = Client::of(&gate(&[one], "")).ask(GET);
    let names: Vec<_> = reply.fields.iter().map(|(name, _)| name.to_lowercase()).collect();
    assert_eq!(names, ["x-stays", "content-length"]);
}
