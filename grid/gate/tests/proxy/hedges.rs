//! Reads that a second server gets where the first is slow.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use pogson_gate::serve::Gate;

use crate::world::{Client, Taken, gate, server};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const HEDGE: &str = "hedge = { after = \"20ms\", budget = 100.0 }\n";

/// Two servers of which the first that gets a request does `slow` with its connection, and the other replies `OK`. Tells the requests in
/// their order, with which server got them.
fn pair(slow: impl Fn(&mut Taken) + Send + Sync + Clone + 'static) -> ([SocketAddr; 2], Receiver<(usize, String)>) {
    let (tell, told) = channel();
    let slow_one = Arc::new(AtomicUsize::new(usize::MAX));
    let one = |number: usize| {
        let (tell, slow_one, slow) = (tell.clone(), slow_one.clone(), slow.clone());
        server(move |mut taken| {
            while let Some(got) = taken.head() {
                let first = slow_one.compare_exchange(usize::MAX, number, Ordering::SeqCst, Ordering::SeqCst);
                let _ = tell.send((number, got.line));
                if first.is_ok() || first == Err(number) {
                    slow(&mut taken);
                } else {
                    taken.send(OK);
                }
            }
            let _ = tell.send((number, "closed".to_owned()));
        })
    };
    ([one(0), one(1)], told)
}

/// A figure of the gate: all of its lines with a text added up.
fn figure(gate: &Gate, name: &str, with: &str) -> f64 {
    let host = gate.admin_address().expect("an address");
    let mut stream = TcpStream::connect(host).expect("a connection");
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("a reply");
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(with));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

#[test]
fn a_read_at_a_server_that_stalls_is_answered_by_another() {
    let (servers, told) = pair(|_| {});
    let gate = gate(&servers, &format!("admin = {{ address = \"127.0.0.1:0\" }}\n---{HEDGE}"));
    let mut client = Client::of(&gate);
    assert_eq!(client.ask(GET).body, b"ok");
    let (slow, _) = told.recv().expect("a request");
    let (fast, line) = told.recv().expect("a second request");
    assert_ne!(slow, fast);
    assert_eq!(line, "GET / HTTP/1.1");
    assert_eq!(told.recv().expect("an end"), (slow, "closed".to_owned()), "the slow one is not waited for any longer");
    // The reply may be here before it is counted.
    while figure(&gate, "pogson_gate_requests_total", "") < 1.0 {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(figure(&gate, "pogson_gate_hedges_total{", ""), 1.0);
    assert_eq!(figure(&gate, "pogson_gate_hedges_won_total{", ""), 1.0);
    assert_eq!(figure(&gate, "pogson_gate_retries_total{", ""), 0.0);
    let chosen = format!("server=\"http://{}\"", servers[fast]);
    assert_eq!(figure(&gate, "pogson_gate_choices_total", &chosen), 1.0);
    assert_eq!(figure(&gate, "pogson_gate_choices_total", "reason=\"hedged\""), 1.0);
    assert_eq!(figure(&gate, "pogson_gate_server_active{", ""), 0.0, "nobody is taken to have the request any more");
}

#[test]
fn head_is_a_read_too() {
    let (servers, told) = pair(|_| {});
    let gate = gate(&servers, HEDGE);
    let mut client = Client::of(&gate);
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let reply = client.head().expect("a reply");
    assert_eq!((reply.status, reply.field("content-length")), (200, Some("2")));
    assert_ne!(told.recv().expect("one").0, told.recv().expect("two").0);
}

#[test]
fn what_changes_something_is_never_asked_twice() {
    for head in [
        "POST / HTTP/1.1\r\nContent-Length: 2\r\n",
        "POST / HTTP/1.1\r\n",
        "PUT / HTTP/1.1\r\nContent-Length: 2\r\n",
        "DELETE / HTTP/1.1\r\n",
        "PATCH / HTTP/1.1\r\nContent-Length: 2\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 2\r\n",
        "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: x\r\n",
    ] {
        let body = if head.contains("Length") { "ab" } else { "" };
        let (servers, told) = pair(move |taken| {
            taken.bytes(body.len());
            thread::sleep(Duration::from_millis(120));
            taken.send(OK);
        });
        let gate = gate(&servers, HEDGE);
        let mut client = Client::of(&gate);
        assert_eq!(client.ask(&format!("{head}Host: a\r\n\r\n{body}")).body, b"ok", "{head}");
        assert_eq!(told.try_iter().count(), 1, "{head}");
    }
}

#[test]
fn without_the_key_nobody_else_is_asked() {
    let (servers, told) = pair(|taken| {
        thread::sleep(Duration::from_millis(120));
        taken.send(OK);
    });
    let gate = gate(&servers, "");
    assert_eq!(Client::of(&gate).ask(GET).body, b"ok");
    assert_eq!(told.try_iter().count(), 1);
}

/// Both answer, each in its own time, with bodies that say whose they are: each reply is one of the two whole, and none is another
/// request's.
#[test]
fn when_both_answer_one_reply_comes_whole_and_nothing_of_the_other() {
    let connections = Arc::new(Mutex::new(HashSet::new()));
    let one = |name: char, delays: [u64; 3]| {
        let connections = connections.clone();
        server(move |mut taken| {
            let peer = taken.0.get_ref().peer_addr().expect("an address");
            for at in 0.. {
                let Some(got) = taken.head() else { break };
                connections.lock().expect("a list").insert(peer);
                let path = got.line.split(' ').nth(1).expect("a path").to_owned();
                let number: usize = path[1..].parse().expect("a number");
                thread::sleep(Duration::from_millis(delays[number % 3]));
                let body = format!("{name}{path};").repeat(20_000);
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                taken.send(head);
                if at % 2 == 0 {
                    thread::sleep(Duration::from_millis(2));
                }
                taken.send(body);
            }
        })
    };
    let servers = [one('a', [0, 12, 8]), one('b', [12, 0, 8])];
    let gate = gate(&servers, "policy = \"round-robin\"\nhedge = { after = \"5ms\", budget = 100.0 }\n");
    let gate = Arc::new(gate);
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let gate = gate.clone();
            thread::spawn(move || {
                let mut one = Client::of(&gate);
                for at in 0..30 {
                    let number = client * 1000 + at;
                    let reply = one.ask(&format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"));
                    let body = String::from_utf8(reply.body).expect("text");
                    let name = body.chars().next().expect("a letter");
                    assert_eq!(body, format!("{name}/{number};").repeat(20_000));
                }
            })
        })
        .collect();
    clients.into_iter().for_each(|one| one.join().expect("a client"));
}

#[test]
fn no_more_are_asked_twice_than_the_budget_has() {
    let count = Arc::new(AtomicUsize::new(0));
    let one = || {
        let count = count.clone();
        server(move |mut taken| {
            while taken.head().is_some() {
                count.fetch_add(1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(30));
                taken.send(OK);
            }
        })
    };
    let gate = gate(&[one(), one()], "hedge = { after = \"5ms\", budget = 10.0 }\n");
    let mut client = Client::of(&gate);
    for _ in 0..40 {
        assert_eq!(client.ask(GET).status, 200);
    }
    // One to begin with, and a tenth of the requests.
    assert!((41..=45).contains(&count.load(Ordering::SeqCst)), "{count:?}");
}

#[test]
fn who_says_that_it_cannot_does_not_win_against_who_can() {
    let count = Arc::new(AtomicUsize::new(0));
    let one = |says: &'static str| {
        let count = count.clone();
        move |taken: &mut Taken| {
            count.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(80));
            if says.is_empty() {
                // It goes without a word.
                let _ = taken.0.get_ref().shutdown(std::net::Shutdown::Both);
            }
            taken.send(says);
        }
    };
    for says in ["", "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "nonsense\r\n\r\n"] {
        // The second takes longer than the first, and is right.
        let slow = one(says);
        let asked = Arc::new(AtomicUsize::new(0));
        let both = || {
            let (slow, asked) = (slow.clone(), asked.clone());
            server(move |mut taken| {
                while taken.head().is_some() {
                    if asked.fetch_add(1, Ordering::SeqCst) == 0 {
                        slow(&mut taken);
                    } else {
                        thread::sleep(Duration::from_millis(200));
                        taken.send(OK);
                    }
                }
            })
        };
        let gate = gate(&[both(), both()], HEDGE);
        assert_eq!(Client::of(&gate).ask(GET).body, b"ok", "{says:?}");
        assert_eq!(asked.load(Ordering::SeqCst), 2, "{says:?}");
    }
}

#[test]
fn where_both_fail_the_client_is_told_what_was_said() {
    let one = || {
        server(|mut taken| {
            while taken.head().is_some() {
                thread::sleep(Duration::from_millis(60));
                taken.send("HTTP/1.1 500 Oh\r\nContent-Length: 3\r\n\r\noh!");
            }
        })
    };
    let gate = gate(&[one(), one()], HEDGE);
    let mut client = Client::of(&gate);
    for _ in 0..3 {
        let reply = client.ask(GET);
        assert_eq!((reply.status, reply.body.as_slice()), (500, &b"oh!"[..]));
    }
}

#[test]
fn early_hints_are_a_first_byte() {
    let (servers, told) = pair(|taken| {
        taken.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
        thread::sleep(Duration::from_millis(120));
        taken.send(OK);
    });
    let gate = gate(&servers, "hedge = { after = \"60ms\", budget = 100.0 }\n");
    let mut client = Client::of(&gate);
    client.send(GET);
    assert_eq!(client.head().expect("hints").status, 103);
    assert_eq!(client.reply().expect("a reply").body, b"ok");
    assert_eq!(told.try_iter().count(), 1);
}
