//! How many connections clients may have at once.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use pogson_gate::config::Config;
use pogson_gate::serve::Gate;

/// Time after which a test is stuck.
const STUCK: Duration = Duration::from_secs(20);

fn gate(keys: &str) -> Gate {
    let text = format!(
        "workers = 2\n[[listen]]\naddress = \"127.0.0.1:0\"\n{keys}\n[[pool]]\nallow_empty = true\n[[route]]\nrespond = {{ status = 200, body = \"here\" }}\n"
    );
    Gate::start(Config::parse(&text).expect("a configuration")).expect("a gate")
}

/// A connection, after `first` and a request; whether that was answered.
fn come(address: SocketAddr, first: &str) -> (TcpStream, bool) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(STUCK)).expect("a limit");
    // One that is closed at once takes no request.
    let _ = stream.write_all(format!("{first}GET / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    let mut start = [0; 12];
    let is_answered = stream.read_exact(&mut start).is_ok();
    assert!(!is_answered || start == *b"HTTP/1.1 200");
    (stream, is_answered)
}

/// Comes until it is answered: the gate sees after a moment that somebody has left.
fn comes_in(address: SocketAddr, first: &str) -> TcpStream {
    let end = Instant::now() + STUCK;
    loop {
        let (stream, is_answered) = come(address, first);
        if is_answered {
            return stream;
        }
        assert!(Instant::now() < end, "there is no room although one left");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn connections_beyond_the_limit_are_closed_at_once_on_whatever_thread_they_come() {
    let gate = gate("limits = { connections = 5 }");
    let address = gate.addresses()[0];
    let mut all: Vec<TcpStream> = (0..5).map(|_| comes_in(address, "")).collect();
    for _ in 0..5 {
        assert!(!come(address, "").1);
    }
    all.pop();
    let _one = comes_in(address, "");
    assert!(!come(address, "").1);
}

#[test]
fn a_client_has_no_more_connections_than_it_may_also_behind_a_proxy() {
    let gate = gate("limits = { connections_per_client = 2 }\nproxy_protocol = \"v1\"\ntrusted = [\"127.0.0.0/8\"]");
    let address = gate.addresses()[0];
    let from = |client: &str| format!("PROXY TCP4 {client} 192.0.2.99 1000 80\r\n");
    let first = comes_in(address, &from("192.0.2.1"));
    let _second = comes_in(address, &from("192.0.2.1"));
    assert!(!come(address, &from("192.0.2.1")).1);
    let _other = comes_in(address, &from("192.0.2.2"));
    drop(first);
    let _third = comes_in(address, &from("192.0.2.1"));
    assert!(!come(address, &from("192.0.2.1")).1);
}
