//! Requests and replies that are as they should be.

use std::sync::mpsc::channel;

use crate::world::{Client, fixed, gate, server};

const GET: &str = "GET /a?b HTTP/1.1\r\nHost: sky\r\n\r\n";

#[test]
fn requests_of_a_connection_are_answered_in_their_order() {
    let (one, got) =
        fixed("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-A: b\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\nabc");
    let gate = gate(&[one], "");
    let mut client = Client::of(&gate);
    for _ in 0..3 {
        let reply = client.ask(GET);
        assert_eq!((reply.status, reply.body.as_slice(), reply.field("x-a")), (200, &b"abc"[..], Some("b")));
        assert_eq!(reply.field("x-hop"), None, "it is for the next hop alone");
        let got = got.recv().expect("a request");
        assert_eq!((got.line.as_str(), got.field("host")), ("GET /a?b HTTP/1.1", Some("sky")));
        assert_eq!(got.field("x-forwarded-for"), Some("127.0.0.1"));
    }
    client.send(GET.repeat(5));
    for _ in 0..5 {
        assert_eq!(client.reply().expect("a reply").body, b"abc");
    }
    assert!(client.ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").field("connection") == Some("close"));
    assert!(client.ends());
    drop(client);
    gate.finish().expect("an end");
}

#[test]
fn bodies_go_both_ways_whatever_their_form() {
    let echo = server(|mut one| {
        while let Some(got) = one.head() {
            let body = match got.field("content-length") {
                Some(length) => one.bytes(length.parse().expect("a length")),
                None => {
                    let mut body = Vec::new();
                    loop {
                        let mut line = String::new();
                        std::io::BufRead::read_line(&mut one.0, &mut line).expect("a size");
                        let length = usize::from_str_radix(line.trim_end(), 16).expect("a size");
                        let data = one.bytes(length + 2);
                        if length == 0 {
                            break;
                        }
                        body.extend_from_slice(&data[..length]);
                    }
                    body
                }
            };
            if got.line.contains("/chunks") {
                one.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n");
                for part in body.chunks(7000) {
                    one.send(format!("{:x};x=y\r\n", part.len()));
                    one.send(part);
                    one.send("\r\n");
                }
                one.send("0\r\nX-Sum: 9\r\n\r\n");
            } else if got.line.contains("/close") {
                one.send("HTTP/1.1 200 OK\r\n\r\n");
                one.send(body);
                return;
            } else {
                one.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
                one.send(body);
            }
        }
    });
    let gate = gate(&[echo], "");
    let body: Vec<u8> = (0..1_000_000_u32).map(|at| (at.wrapping_mul(at) >> 3) as u8).collect();
    for path in ["/length", "/chunks", "/close", "/length"] {
        let mut client = Client::of(&gate);
        client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", body.len()));
        client.send(&body);
        let reply = client.reply().expect("a reply");
        assert!(reply.body == body, "{path}: {} bytes", reply.body.len());
        client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
        for part in body.chunks(33_333) {
            client.send(format!("{:X}\r\n", part.len()));
            client.send(part);
            client.send("\r\n");
        }
        client.send("0\r\n\r\n");
        let reply = client.reply().expect("a reply");
        assert!(reply.body == body, "{path} in chunks: {} bytes", reply.body.len());
        if path == "/chunks" {
            assert_eq!(reply.field("x-sum"), Some("9"));
        }
    }
}

#[test]
fn a_reply_to_head_and_one_without_a_body_end_with_their_heads() {
    let (one, _) = fixed("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n");
    let first = gate(&[one], "");
    let mut client = Client::of(&first);
    for _ in 0..2 {
        client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        let reply = client.head().expect("a reply");
        assert_eq!((reply.status, reply.field("content-length")), (200, Some("30")));
    }
    let (one, _) = fixed("HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n");
    let second = gate(&[one], "");
    let mut client = Client::of(&second);
    for _ in 0..2 {
        client.send(GET);
        assert_eq!(client.head().expect("a reply").field("etag"), Some("\"x\""));
    }
}

#[test]
fn who_waits_to_be_told_to_go_on_is_told() {
    let (tell, told) = channel();
    let one = server(move |mut one| {
        while let Some(got) = one.head() {
            let body = one.bytes(got.field("content-length").expect("a length").parse().expect("a number"));
            let _ = tell.send((got.field("expect").is_some(), body));
            one.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let gate = gate(&[one], "");
    let mut client = Client::of(&gate);
    client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.head().expect("an interim reply").status, 100);
    client.send("data");
    assert_eq!(client.reply().expect("a reply").status, 201);
    assert_eq!(told.recv().expect("a request"), (false, b"data".to_vec()));
}

#[test]
fn a_client_of_the_first_version_gets_a_body_that_ends_with_the_connection() {
    let (one, _) = fixed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    let gate = gate(&[one], "");
    let reply = Client::of(&gate).ask("GET / HTTP/1.0\r\n\r\n");
    assert_eq!((reply.body.as_slice(), reply.field("transfer-encoding")), (&b"abc"[..], None));
}

#[test]
fn a_connection_can_go_over_to_another_protocol() {
    let one = server(|mut one| {
        let got = one.head().expect("a request");
        assert_eq!((got.field("upgrade"), got.field("connection")), (Some("websocket"), Some("Upgrade")));
        one.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello");
        let bytes = one.bytes(6);
        one.send(bytes.to_ascii_uppercase());
    });
    let gate = gate(&[one], "");
    let mut client = Client::of(&gate);
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n");
    let reply = client.head().expect("a reply");
    assert_eq!((reply.status, reply.field("upgrade")), (101, Some("websocket")));
    let mut read = [0; 5];
    std::io::Read::read_exact(&mut client.0, &mut read).expect("bytes");
    assert_eq!(&read, b"hello");
    client.send("answer");
    let mut rest = Vec::new();
    std::io::Read::read_to_end(&mut client.0, &mut rest).expect("bytes");
    assert_eq!(rest, b"ANSWER");
}

#[test]
fn routes_redirect_reply_rewrite_and_refuse() {
    let (one, got) = fixed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer: secret\r\n\r\n");
    let rules = r#"
[[route]]
prefix = "/old"
redirect = { to = "https://new.example{rest}{query}", status = 308 }
[[route]]
path = "/robots.txt"
respond = { status = 200, body = "User-agent: *\n", type = "text/plain" }
[[route]]
prefix = "/survey"
methods = ["GET", "POST"]
pool = "p"
strip_prefix = true
body_limit = 10
request = { set = { "X-From" = "gate" }, remove = ["Accept"] }
response = { set = { "Vary" = "Origin" }, remove = ["Server"] }
"#;
    let gate = gate(&[one], &format!("---{rules}"));
    let mut client = Client::of(&gate);
    let reply = client.ask("GET /old/x?y HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((reply.status, reply.field("location")), (308, Some("https://new.example/x?y")));
    assert_eq!(client.ask("GET /robots.txt HTTP/1.1\r\nHost: a\r\n\r\n").body, b"User-agent: *\n");
    assert_eq!(client.ask("GET /other HTTP/1.1\r\nHost: a\r\n\r\n").status, 404);
    let reply = client.ask("DELETE /survey/x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((reply.status, reply.field("allow")), (405, Some("GET, HEAD, POST")));
    let reply = client.ask("GET /survey/x?y HTTP/1.1\r\nHost: a\r\nAccept: b\r\n\r\n");
    assert_eq!((reply.status, reply.field("vary"), reply.field("server")), (200, Some("Origin"), None));
    let got = got.recv().expect("a request");
    assert_eq!(
        (got.line.as_str(), got.field("x-from"), got.field("accept")),
        ("GET /x?y HTTP/1.1", Some("gate"), None)
    );
    assert_eq!(client.ask("POST /survey/x HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n").status, 413);
}
