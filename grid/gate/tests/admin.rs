//! What can be done to a gate at work: another configuration, another gate in its place, servers that come, go and fall ill.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pogson_gate::config::Config;
use pogson_gate::control::{Order, tell};
use pogson_gate::serve::Gate;

/// A server that says its name, and on `/health` whether it is well.
struct Back {
    address: SocketAddr,
    well: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
}

impl Back {
    fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (well, answered) = (Arc::new(AtomicBool::new(true)), Arc::<AtomicU64>::default());
        let (is_well, count) = (well.clone(), answered.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (is_well, count) = (is_well.clone(), count.clone());
                thread::spawn(move || answer(&stream, name, &is_well, &count));
            }
        });
        Self { address, well, answered }
    }

    fn entry(&self, name: &str) -> String {
        format!("[[pool.server]]\nname = \"{name}\"\naddress = \"http://{}\"\nslow_start = \"0s\"\n", self.address)
    }
}

fn answer(stream: &TcpStream, name: &str, well: &AtomicBool, count: &AtomicU64) {
    let mut lines = BufReader::new(stream).lines();
    let mut stream = stream;
    loop {
        let Some(Ok(first)) = lines.next() else { return };
        while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
        let status = if first.contains("/health") && !well.load(Ordering::Relaxed) { 500 } else { 200 };
        if !first.contains("/health") {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let text = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{name}", name.len());
        if stream.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

fn config(address: &str, socket: Option<&Path>, servers: &[String], health: &str) -> Config {
    let admin = socket.map(|path| format!("[admin]\nsocket = \"{}\"\n", path.display())).unwrap_or_default();
    let text = format!(
        "workers = 2\n[[listen]]\naddress = \"{address}\"\n{admin}[times]\ndrain = \"10s\"\n[[pool]]\npolicy = \"round-robin\"\n\
         allow_empty = true\n{}{health}",
        servers.concat(),
    );
    Config::parse(&text).unwrap_or_else(|why| panic!("{why}"))
}

/// A client that asks one request after the other by one connection, and begins a new one when it is told that the old one ends.
struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    fn get(&mut self, path: &str) -> std::io::Result<(u16, String)> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_read_timeout(Some(Duration::from_secs(20)))?;
                BufReader::new(stream)
            }
        };
        write!(stream.get_mut(), "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")?;
        let (mut head, mut length, mut close) = (String::new(), 0, false);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let lower = line.to_ascii_lowercase();
            if let Some(text) = lower.strip_prefix("content-length:") {
                length = text.trim().parse().expect("a length");
            }
            close |= lower.starts_with("connection:") && lower.contains("close");
            head.push_str(&line);
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        if !close {
            self.stream = Some(stream);
        }
        Ok((head[9..12].parse().expect("a status"), String::from_utf8_lossy(&body).into_owned()))
    }
}

/// Clients that ask all the time; gives what was answered, and what failed.
fn load(address: SocketAddr, clients: usize, stop: &Arc<AtomicBool>) -> Vec<JoinHandle<(u64, Vec<String>)>> {
    let one = |_| {
        let stop = stop.clone();
        thread::spawn(move || {
            let (mut client, mut good, mut bad) = (Client::new(address), 0, Vec::new());
            while !stop.load(Ordering::Relaxed) {
                match client.get("/x") {
                    Ok((200, _)) => good += 1,
                    other => {
                        bad.push(format!("{other:?}"));
                        client.stream = None;
                    }
                }
            }
            (good, bad)
        })
    };
    (0..clients).map(one).collect()
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(30), "{what} did not come");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Bodies of some requests, each by a connection of its own.
fn bodies(address: SocketAddr, count: usize) -> Vec<String> {
    (0..count).map(|_| Client::new(address).get("/x").expect("an answer").1).collect()
}

#[test]
fn ten_gates_after_each_other_serve_one_address_and_no_request_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("gate.sock");
    let back = Back::start("one");
    let mut gate = Gate::start(config("127.0.0.1:0", Some(&socket), &[back.entry("one")], "")).expect("a gate");
    let address = gate.addresses()[0];
    let stop = Arc::<AtomicBool>::default();
    let clients = load(address, 8, &stop);
    for _ in 0..10 {
        thread::sleep(Duration::from_millis(100));
        let config = config("127.0.0.1:0", Some(&socket), &[back.entry("one")], "");
        let next = Gate::take_over(config).expect("the next gate");
        assert_eq!(next.addresses(), [address]);
        assert!(gate.drains());
        gate.wait().expect("an end");
        gate = next;
    }
    stop.store(true, Ordering::Relaxed);
    let mut answered = 0;
    for client in clients {
        let (good, bad) = client.join().expect("a client");
        assert_eq!(bad, Vec::<String>::new());
        answered += good;
    }
    assert!(answered >= 80, "{answered}");
    gate.finish().expect("an end");
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn another_configuration_is_served_without_a_failed_request() {
    let (one, two) = (Back::start("one"), Back::start("two"));
    let gate = Gate::start(config("127.0.0.1:0", None, &[one.entry("one")], "")).expect("a gate");
    let address = gate.addresses()[0];
    let stop = Arc::<AtomicBool>::default();
    let clients = load(address, 4, &stop);
    for round in 0..10 {
        let servers = if round % 2 == 0 { vec![two.entry("two")] } else { vec![one.entry("one"), two.entry("two")] };
        gate.reload(config("127.0.0.1:0", None, &servers, "")).expect("it is taken");
        thread::sleep(Duration::from_millis(50));
    }
    gate.reload(config("127.0.0.1:0", None, &[two.entry("two")], "")).expect("it is taken");
    until("the other server alone", || bodies(address, 4).iter().all(|body| body == "two"));
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        assert_eq!(client.join().expect("a client").1, Vec::<String>::new());
    }
    assert_eq!(gate.addresses(), [address]);
    assert!(one.answered.load(Ordering::Relaxed) > 0);
    gate.finish().expect("an end");
}

#[test]
fn an_address_that_is_taken_leaves_the_old_configuration_as_it_is() {
    let back = Back::start("one");
    let gate = Gate::start(config("127.0.0.1:0", None, &[back.entry("one")], "")).expect("a gate");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let wrong = config(&taken.local_addr().expect("an address").to_string(), None, &[], "");
    let why = gate.reload(wrong).expect_err("it is taken").to_string();
    assert!(why.contains("127.0.0.1:"), "{why}");
    assert_eq!(bodies(gate.addresses()[0], 2), ["one", "one"]);
    gate.finish().expect("an end");
}

#[test]
fn servers_are_added_drained_weighted_and_removed_by_orders() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("gate.sock");
    let (one, two) = (Back::start("one"), Back::start("two"));
    let gate = Gate::start(config("127.0.0.1:0", Some(&socket), &[one.entry("one")], "")).expect("a gate");
    let address = gate.addresses()[0];
    assert_eq!(bodies(address, 3), ["one"; 3]);
    let named = |name: &str| (None::<String>, name.to_owned());
    let told =
        tell(&socket, &Order::Add { pool: None, name: "two".into(), address: two.address.to_string(), weight: 1.0 });
    assert_eq!(told.expect("it joins").servers.len(), 2);
    assert!(bodies(address, 8).contains(&"two".to_string()));
    let (pool, name) = named("one");
    tell(&socket, &Order::Drained { pool, name }).expect("it is drained");
    assert_eq!(bodies(address, 4), ["two"; 4]);
    let (pool, name) = named("one");
    tell(&socket, &Order::Up { pool, name }).expect("it is back");
    let (pool, name) = named("two");
    let told = tell(&socket, &Order::Weight { pool, name, weight: 0.0 }).expect("it has no weight");
    assert_eq!(told.servers[1].state, "weightless");
    assert_eq!(bodies(address, 4), ["one"; 4]);
    let (pool, name) = named("two");
    assert_eq!(tell(&socket, &Order::Remove { pool, name }).expect("it leaves").servers.len(), 1);
    let (pool, name) = named("three");
    let why = tell(&socket, &Order::Up { pool, name }).expect_err("there is none").to_string();
    assert!(why.contains("\"three\""), "{why}");
    let told = tell(&socket, &Order::Add { pool: None, name: "x".into(), address: "ftp://a".into(), weight: 1.0 });
    assert!(told.is_err());
    gate.finish().expect("an end");
}

#[test]
fn a_server_that_says_it_is_not_well_gets_nothing_until_it_is() {
    let (one, two) = (Back::start("one"), Back::start("two"));
    let health = "[pool.health]\npath = \"/health\"\ninterval = \"50ms\"\nrise = 2\nfall = 2\n";
    let servers = [one.entry("one"), two.entry("two")];
    let gate = Gate::start(config("127.0.0.1:0", None, &servers, health)).expect("a gate");
    let address = gate.addresses()[0];
    one.well.store(false, Ordering::Relaxed);
    until("the other alone", || bodies(address, 6) == ["two"; 6]);
    one.well.store(true, Ordering::Relaxed);
    until("both", || bodies(address, 6).contains(&"one".to_string()));
    gate.finish().expect("an end");
}

#[test]
fn a_server_that_cannot_be_reached_is_left_out_for_a_while_and_never_all_of_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("gate.sock");
    let one = Back::start("one");
    let gone = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let servers = [
        one.entry("one"),
        format!("[[pool.server]]\nname = \"gone\"\naddress = \"http://{gone}\"\nslow_start = \"0s\"\n"),
    ];
    let health = "[pool.health.passive]\nfailures = 3\nejection = \"1h\"\nmax_ejected = 50.0\n";
    let gate = Gate::start(config("127.0.0.1:0", Some(&socket), &servers, health)).expect("a gate");
    let address = gate.addresses()[0];
    let state = |name: &str| {
        let told = tell(&socket, &Order::Servers).expect("servers");
        told.servers.into_iter().find(|server| server.name == name).expect("it").state
    };
    until("an ejection", || bodies(address, 2) == ["one"; 2] && state("gone") == "ejected");
    assert_eq!(state("one"), "up");
    gate.finish().expect("an end");
}
