//! Servers and clients that fail, hang and lie.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crate::world::{Client, fixed, gate, server};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port")
}

#[test]
fn a_server_that_is_not_there_is_passed_over() {
    let (one, _) = fixed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    let gate = gate(&[nobody(), one, nobody()], "");
    let mut client = Client::of(&gate);
    for number in 0..20 {
        assert_eq!(client.ask(&format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n")).status, 200);
    }
}

#[test]
fn where_no_server_is_the_client_is_told() {
    let gate = gate(&[nobody()], "");
    assert!(matches!(Client::of(&gate).ask(GET).status, 502 | 503));
}

#[test]
fn a_reply_that_is_cut_off_is_never_taken_for_a_whole_one() {
    for reply in [
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    ] {
        let one = server(move |mut one| {
            one.head();
            one.send(reply);
        });
        let gate = gate(&[one], "");
        let mut client = Client::of(&gate);
        client.send(GET);
        assert!(client.reply().is_none(), "{reply:?}");
    }
}

#[test]
fn bytes_after_a_reply_are_never_another_clients() {
    let one = server(|mut one| {
        while one.head().is_some() {
            one.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
        }
    });
    let gate = gate(&[one], "");
    for _ in 0..10 {
        assert_eq!(Client::of(&gate).ask(GET).body, b"ok");
    }
}

#[test]
fn what_is_no_reply_is_a_bad_gateway() {
    for reply in [
        "nonsense\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n".to_owned(),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n".to_owned(),
        "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000),
        format!("HTTP/1.1 200 OK\r\n{}", "X: y\r\n".repeat(20_000)),
    ] {
        let one = server(move |mut one| {
            one.head();
            one.send(&reply);
            // Stays, as if more were to come.
            one.head();
        });
        let gate = gate(&[one], "");
        assert_eq!(Client::of(&gate).ask(GET).status, 502);
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let one = server(|mut one| while one.head().is_some() {});
    let gate = gate(&[one], "times = { response_head = \"200ms\" }\nretries = { attempts = 0 }");
    assert_eq!(Client::of(&gate).ask(GET).status, 504);
}

#[test]
fn a_kept_connection_that_its_server_closed_does_not_cost_a_request() {
    let one = server(|mut one| {
        one.head();
        one.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        // It said nothing of closing.
    });
    let gate = gate(&[one], "retries = { attempts = 0 }");
    let mut client = Client::of(&gate);
    for _ in 0..50 {
        assert_eq!(client.ask(GET).body, b"ok");
    }
}

#[test]
fn a_request_that_may_not_be_sent_twice_is_not() {
    let count = Arc::new(AtomicUsize::new(0));
    let counts = count.clone();
    let one = server(move |mut one| {
        if one.head().is_some() {
            counts.fetch_add(1, Ordering::SeqCst);
        }
    });
    let gate = gate(&[one], "");
    let reply = Client::of(&gate).ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((reply.status, count.load(Ordering::SeqCst)), (502, 1));
    assert_eq!(Client::of(&gate).ask(GET).status, 502);
    assert!(count.load(Ordering::SeqCst) >= 2, "GET may be sent again");
}

#[test]
fn a_reply_before_the_request_has_ended_comes_through() {
    let one = server(|mut one| {
        one.head();
        one.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmuch");
        thread::sleep(Duration::from_millis(300));
    });
    let gate = gate(&[one], "");
    let mut client = Client::of(&gate);
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    client.send(vec![b'x'; 100_000]);
    let reply = client.reply().expect("a reply");
    assert_eq!((reply.status, reply.body.as_slice()), (413, &b"much"[..]));
}

#[test]
fn requests_wait_for_room_and_the_rest_is_refused_at_once() {
    let (tell, told) = mpsc::channel();
    let go = Arc::new(AtomicUsize::new(0));
    let may = go.clone();
    let one = server(move |mut one| {
        while one.head().is_some() {
            let _ = tell.send(());
            while may.load(Ordering::SeqCst) == 0 {
                thread::sleep(Duration::from_millis(5));
            }
            one.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let listed = format!("address = \"http://{one}\"\nmax_active = 1\n");
    let gate = gate(&[], &format!("queue = {{ limit = 2 }}\n[[pool.server]]\n{listed}"));
    let mut first = Client::of(&gate);
    first.send(GET);
    told.recv().expect("the first is at the server");
    let mut waiting: Vec<Client> = (0..2).map(|_| Client::of(&gate)).collect();
    waiting.iter_mut().for_each(|one| one.send(GET));
    // Both are in the gate when a further one is refused, sooner or later.
    let refused = (0..200).map(|_| Client::of(&gate)).find_map(|mut one| {
        one.send(GET);
        one.0.get_ref().set_read_timeout(Some(Duration::from_millis(50))).expect("a limit");
        one.reply()
    });
    let refused = refused.expect("a refusal");
    assert_eq!(refused.status, 503);
    assert!(
        refused.field("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds >= 1))
    );
    go.store(1, Ordering::SeqCst);
    assert_eq!(first.reply().expect("a reply").body, b"ok");
    for mut one in waiting {
        assert_eq!(one.reply().expect("a reply").body, b"ok");
    }
}

#[test]
fn what_is_under_way_ends_before_the_gate_does() {
    let (tell, told) = mpsc::channel();
    let one = server(move |mut one| {
        one.head();
        let _ = tell.send(());
        thread::sleep(Duration::from_millis(300));
        one.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let gate = gate(&[one], "");
    let mut client = Client::of(&gate);
    let idle = Client::of(&gate);
    client.send(GET);
    told.recv().expect("it is at the server");
    let ends = thread::spawn(move || gate.finish());
    assert_eq!(client.reply().expect("a reply").body, b"ok");
    ends.join().expect("no panic").expect("an end");
    drop(idle);
}
