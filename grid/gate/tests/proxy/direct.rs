//! Servers that write bodies to clients' connections themselves.

use std::io::{BufRead, BufReader, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpStream;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use pogson_gate::config::Config;
use pogson_gate::serve::Gate;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use crate::world::Client;

const LENGTH: usize = 3_000_000;

fn bytes(length: usize) -> Vec<u8> {
    (0..length as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

/// The socket that a gate lends.
fn lent(link: &UnixStream) -> TcpStream {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(link, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::empty()).expect("a message");
    assert_eq!((got.bytes, &byte), (1, b"g"));
    let socket = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut sockets) => sockets.next(),
        _ => None,
    });
    let client = TcpStream::from(socket.expect("a socket"));
    client.set_nonblocking(false).expect("a socket that waits");
    client
}

/// Replies to one request after the other as its path says, and tells in a field whether it was offered the connection.
fn serves(link: UnixStream) {
    link.set_read_timeout(Some(Duration::from_secs(20))).expect("a limit");
    let mut lines = BufReader::new(link.try_clone().expect("a socket"));
    let mut to = link.try_clone().expect("a socket");
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if lines.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let path = head.split(' ').nth(1).expect("a path").to_owned();
        let offers: Vec<&str> = head.lines().filter(|line| line.to_lowercase().starts_with("pogson-direct")).collect();
        let offers = if offers.is_empty() { "none".to_owned() } else { offers.join(";") };
        let head = |taken: &str, length: usize| {
            format!("HTTP/1.1 200 OK\r\nX-Offers: {offers}\r\n{taken}Content-Length: {length}\r\n\r\n")
        };
        let mut say = |text: &[u8]| {
            // The gate may be gone.
            let _ = to.write_all(text);
        };
        match path.as_str() {
            "/plain" => say(&[head("", LENGTH).as_bytes(), &bytes(LENGTH)].concat()),
            path => {
                say(head("Pogson-Direct: taken\r\n", LENGTH).as_bytes());
                let mut client = lent(&link);
                let body = bytes(LENGTH);
                let part = LENGTH / 3;
                let _ = client.write_all(&body[..part]);
                say(&(part as u64).to_le_bytes());
                match path {
                    "/dies" => return,
                    "/lies" => say(&(LENGTH as u64 + 1).to_le_bytes()),
                    "/hangs" => thread::sleep(Duration::from_secs(3)),
                    _ => {
                        let _ = client.write_all(&body[part..]);
                        say(&(LENGTH as u64).to_le_bytes());
                    }
                }
            }
        }
    }
}

fn gate(path: &Path, more: &str) -> Gate {
    let listener = UnixListener::bind(path).expect("a socket");
    thread::spawn(move || listener.incoming().flatten().for_each(|link| drop(thread::spawn(move || serves(link)))));
    let text = format!(
        "workers = 1\n{more}\n[[listen]]\naddress = \"127.0.0.1:0\"\n[[pool]]\n[[pool.server]]\naddress = \"unix:{}\"\ndirect = true\n",
        path.display()
    );
    Gate::start(Config::parse(&text).unwrap_or_else(|why| panic!("{why}"))).expect("a gate")
}

fn asks(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn a_server_writes_bodies_to_the_client_and_the_connection_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let gate = gate(&folder.path().join("s"), "");
    let mut client = Client::of(&gate);
    for path in ["/one", "/plain", "/two", "/three"] {
        let reply = client.ask(&asks(path));
        assert!(reply.status == 200 && reply.body == bytes(LENGTH), "{path}: {} bytes", reply.body.len());
        assert_eq!(reply.field("x-offers"), Some("pogson-direct: offered"), "{path}");
        assert_eq!(reply.field("pogson-direct"), None, "{path}");
    }
    // Two at once on one connection are answered one after the other.
    client.send(asks("/one").repeat(2));
    for _ in 0..2 {
        assert!(client.reply().is_some_and(|reply| reply.body == bytes(LENGTH)));
    }
}

#[test]
fn a_slow_reader_gets_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let gate = gate(&folder.path().join("s"), "");
    let mut slow = Client::of(&gate);
    slow.send(asks("/slow"));
    let begun = slow.head().expect("a head");
    assert_eq!(begun.field("content-length"), Some("3000000"));
    // Others are answered meanwhile.
    assert_eq!(Client::of(&gate).ask(&asks("/one")).body.len(), LENGTH);
    let mut body = vec![0; LENGTH];
    slow.0.read_exact(&mut body).expect("the body");
    assert!(body == bytes(LENGTH));
}

#[test]
fn a_server_that_makes_the_socket_wait_holds_up_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let gate = gate(&folder.path().join("s"), "");
    let mut client = Client::of(&gate);
    assert_eq!(client.ask(&asks("/one")).body.len(), LENGTH);
    // More than sockets hold, which nobody reads.
    client.send(asks("/plain").repeat(3));
    client.head().expect("a head");
    assert_eq!(Client::of(&gate).ask(&asks("/plain")).body.len(), LENGTH);
}

#[test]
fn only_what_can_be_lent_is_offered() {
    let folder = tempfile::tempdir().expect("a folder");
    let gate = gate(&folder.path().join("s"), "");
    let offers = |request: &str| {
        let mut client = Client::of(&gate);
        client.send(request);
        client.head().expect("a reply").field("x-offers").map(str::to_owned)
    };
    let none = Some("none".to_owned());
    assert_eq!(offers("GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"), Some("pogson-direct: offered".into()));
    // What the client itself says of it does not go on.
    assert_eq!(offers("HEAD /plain HTTP/1.1\r\nHost: a\r\nPogson-Direct: offered\r\n\r\n"), none);
    assert_eq!(offers("POST /plain HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab"), none);
    assert_eq!(
        offers("GET /plain HTTP/1.1\r\nHost: a\r\nPogson_Direct: x\r\nUpgrade: y\r\nConnection: upgrade\r\n\r\n"),
        none
    );
}

#[test]
fn a_server_that_dies_lies_or_hangs_cuts_the_reply_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let gate = gate(&folder.path().join("s"), "[times]\nwrite_idle = \"1s\"\n");
    for path in ["/dies", "/lies", "/hangs"] {
        let mut client = Client::of(&gate);
        client.send(asks(path));
        client.head().expect("a head");
        let mut got = Vec::new();
        // Whether it ends or is reset, it is not taken for whole.
        let _ = client.0.read_to_end(&mut got);
        assert!(got.len() < LENGTH && got == bytes(LENGTH)[..got.len()], "{path}: {} bytes", got.len());
        assert_eq!(Client::of(&gate).ask(&asks("/one")).body.len(), LENGTH, "after {path}");
    }
}

#[test]
fn connections_are_lent_to_servers_of_the_file_system_alone() {
    let text = "[[listen]]\naddress = \"127.0.0.1:0\"\n[[pool]]\n[[pool.server]]\naddress = \"http://127.0.0.1:1\"\ndirect = true\n";
    let why = Config::parse(text).expect_err("no loan").to_string();
    assert!(why.contains("unix:/path") && why.contains("6:"), "{why}");
}
