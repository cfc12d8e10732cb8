//! Clients of HTTP/2 that keep the gate at work or take nothing: each costs a bounded piece of memory, and the others are served on.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use pogson_gate::config::Config;
use pogson_gate::serve::Gate;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW: u8 = 8;
const CONTINUATION: u8 = 9;
/// Bytes that a flood has at most.
const FLOOD: usize = 24 << 20;
/// Bytes by which a flood may make this process grow. The tests of this file run side by side.
const GROWTH: usize = 96 << 20;
/// Time after which a test is stuck.
const STUCK: Duration = Duration::from_secs(20);

/// What all threads send from.
static BIG: [u8; 4 << 20] = [b'x'; 4 << 20];

/// A server that answers `/big` with 4 MB, reads nothing of a request for `/deaf`, and answers all else with two bytes.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut input = Vec::new();
                let mut room = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut room) {
                    input.extend_from_slice(&room[..length]);
                    if input.starts_with(b"POST /deaf") {
                        thread::sleep(STUCK);
                        return;
                    }
                    while let Some(end) = input.windows(4).position(|four| four == b"\r\n\r\n") {
                        let body: &[u8] = if input.starts_with(b"GET /big") { &BIG } else { b"ok" };
                        input.drain(..end + 4);
                        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                        if stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    address
}

fn gate(keys: &str) -> Gate {
    let text = format!(
        "workers = 1\n{keys}\n[[listen]]\naddress = \"127.0.0.1:0\"\n[[pool]]\n[[pool.server]]\naddress = \"http://{}\"\n",
        origin()
    );
    Gate::start(Config::parse(&text).expect("a configuration")).expect("a gate")
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32).to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields as literals without indexing (RFC 7541, section 6.2.2).
fn fields(pairs: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    pairs.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

fn head(method: &str, path: &str) -> Vec<u8> {
    fields(&[(":method", method), (":scheme", "http"), (":authority", "a"), (":path", path)])
}

fn connected(gate: &Gate, settings: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(gate.addresses()[0]).expect("a connection");
    stream.set_read_timeout(Some(STUCK)).expect("a limit");
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, settings)].concat()).expect("a beginning");
    stream
}

/// Frames until the connection ends.
fn frames(stream: &mut TcpStream) -> impl Iterator<Item = (u8, u8, u32, Vec<u8>)> {
    std::iter::from_fn(move || {
        let mut head = [0; 9];
        stream.read_exact(&mut head).ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).ok()?;
        Some((head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
    })
}

/// Whether another client is served.
fn serves(gate: &Gate) -> bool {
    let mut other = connected(gate, &[]);
    other.write_all(&frame(HEADERS, 5, 1, &head("GET", "/"))).expect("a request");
    // 0x88 is `:status: 200` in HPACK's static table.
    frames(&mut other).any(|(kind, _, _, payload)| kind == HEADERS && payload.first() == Some(&0x88))
}

/// Bytes of this process in memory.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("a Linux");
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("a number") * 4096
}

/// Sends `piece` again and again, and reads nothing, until that is much or the gate takes no more.
fn flood(stream: &mut TcpStream, piece: &[u8]) {
    stream.set_write_timeout(Some(Duration::from_millis(500))).expect("a limit");
    let piece = piece.repeat((64 << 10) / piece.len() + 1);
    let mut sent = 0;
    while sent < FLOOD {
        match stream.write(&piece[sent % piece.len()..]) {
            Ok(length) => sent += length,
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[test]
fn floods_of_frames_cost_little_memory_and_nobody_elses_requests() {
    let asks = frame(HEADERS, 4, 1, &head("POST", "/deaf"));
    for (name, first, piece) in [
        ("PING", vec![], frame(PING, 0, 0, b"12345678")),
        ("SETTINGS", vec![], frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])),
        ("empty SETTINGS", vec![], frame(SETTINGS, 0, 0, &[])),
        ("PRIORITY", vec![], frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 7])),
        ("unknown frames", vec![], frame(0xbe, 0, 0, b"x")),
        ("empty DATA", asks.clone(), frame(DATA, 0, 1, &[])),
        ("padding alone", asks.clone(), frame(DATA, 8, 1, &[3, 0, 0, 0])),
        ("DATA byte by byte", asks.clone(), frame(DATA, 0, 1, b"x")),
        ("WINDOW_UPDATE", asks.clone(), frame(WINDOW, 0, 1, &[0, 0, 0, 1])),
        ("WINDOW_UPDATE of all", asks.clone(), frame(WINDOW, 0, 0, &[0, 0, 0, 1])),
        ("RST_STREAM", asks, frame(RESET, 0, 1, &[0, 0, 0, 8])),
        ("empty CONTINUATION", frame(HEADERS, 0, 1, &head("GET", "/")), frame(CONTINUATION, 0, 1, &[])),
    ] {
        let gate = gate("");
        let before = resident();
        let mut stream = connected(&gate, &[]);
        stream.write_all(&first).expect("a request");
        flood(&mut stream, &piece);
        assert!(resident().saturating_sub(before) < GROWTH, "{name}: {} bytes", resident() - before);
        assert!(serves(&gate), "{name}");
    }
}

#[test]
fn a_small_head_that_unpacks_to_a_large_one_is_refused() {
    let gate = gate("");
    let before = resident();
    // One field of 4000 bytes goes to the table, and is named by one byte 15 thousand times: 60 MB.
    let mut block = head("GET", "/");
    block.extend([&[0x40, 1, b'x', 0x7f, 0xa1, 0x1e][..], &[b'y'; 4000]].concat());
    block.extend([0xbe; 12_000]);
    let mut stream = connected(&gate, &[]);
    for stream_id in [1, 3, 5] {
        let flood = frame(HEADERS, 5, stream_id, &block);
        // The gate may have ended the connection already.
        let _ = stream.write_all(&flood);
    }
    let told = frames(&mut stream).find(|(kind, ..)| [HEADERS, RESET, GOAWAY].contains(kind));
    let (kind, _, _, payload) = told.expect("a word");
    assert!(kind != HEADERS || payload[0] != 0x88, "{payload:?}");
    assert!(resident().saturating_sub(before) < GROWTH);
    assert!(serves(&gate));
}

#[test]
fn a_client_that_never_opens_its_window_is_given_up_in_time() {
    let gate = gate("times.write_idle = \"300ms\"");
    let mut stream = connected(&gate, &[0, 4, 0, 0, 0, 0]);
    for number in 0..20 {
        stream.write_all(&frame(HEADERS, 5, 2 * number + 1, &head("GET", "/big"))).expect("a request");
    }
    let start = Instant::now();
    let mut ended = 0;
    for (kind, _, _, payload) in frames(&mut stream) {
        assert!(kind != DATA || payload.is_empty(), "no room was given");
        ended += usize::from(kind == RESET);
        if ended == 20 {
            break;
        }
    }
    assert_eq!(ended, 20);
    assert!(start.elapsed() >= Duration::from_millis(300), "they had their time");
    assert!(serves(&gate));
}

#[test]
fn a_client_that_reads_nothing_at_all_is_given_up_and_costs_little() {
    let gate = gate("times.write_idle = \"300ms\"\ntimes.keep_alive = \"500ms\"");
    let before = resident();
    // Windows as wide as they can be: it is the socket that takes nothing.
    let mut stream = connected(&gate, &[0, 4, 0x7f, 0xff, 0xff, 0xff]);
    stream.write_all(&frame(WINDOW, 0, 0, &[0x7f, 0, 0, 0])).expect("a window");
    for number in 0..50 {
        stream.write_all(&frame(HEADERS, 5, 2 * number + 1, &head("GET", "/big"))).expect("a request");
    }
    thread::sleep(Duration::from_secs(2));
    assert!(resident().saturating_sub(before) < GROWTH);
    assert!(serves(&gate));
    // What was on its way comes, and then the end, long before all 200 MB.
    let mut rest = Vec::new();
    let ends = stream.read_to_end(&mut rest);
    assert!(ends.is_ok() || ends.is_err_and(|why| why.kind() == ErrorKind::ConnectionReset));
    assert!(rest.len() < 50 << 20, "{} bytes", rest.len());
}

#[test]
fn tunnels_to_anywhere_are_refused() {
    let gate = gate("");
    for pairs in [
        &[(":method", "CONNECT"), (":authority", "a:443")][..],
        &[(":method", "CONNECT"), (":scheme", "http"), (":authority", "a"), (":path", "/")],
    ] {
        let mut stream = connected(&gate, &[]);
        stream.write_all(&frame(HEADERS, 4, 1, &fields(pairs))).expect("a request");
        let told = frames(&mut stream).find(|(kind, ..)| [HEADERS, RESET, GOAWAY].contains(kind));
        let (kind, _, _, payload) = told.expect("a word");
        assert!(kind != HEADERS || payload[0] != 0x88, "{pairs:?}: {payload:?}");
        assert!(serves(&gate));
    }
}
