//! Clients that are slow, silent or too many do not hold up others.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pogson_image::fits::{Header, write_image_f32};
use pogson_portal::connection::Limits;
use pogson_portal::serve::{Server, Settings};

/// A portal of one worker with one small mosaic.
struct Portal {
    address: SocketAddr,
    stop: Box<dyn Fn()>,
    thread: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

const LONG: Duration = Duration::from_secs(600);
/// A cut-out of 16 MB, more than sockets hold.
const LARGE: &str = "/sky/cutout?ra=10&dec=10&size=0.2&width=2000&height=2000";
const SMALL: &str = "/sky/cutout?ra=10&dec=10&size=0.1&width=8";

fn mosaic(path: &Path) {
    let header = Header::from_text(
        "CTYPE1  = 'RA---TAN'\nCTYPE2  = 'DEC--TAN'\nCRPIX1  = 100.5\nCRPIX2  = 100.5\nCRVAL1  = 10.0\nCRVAL2  = 10.0\n\
         CDELT1  = -0.002\nCDELT2  = 0.002",
    )
    .expect("a header");
    let values: Vec<f32> = (0..200 * 200).map(|k| (k % 97) as f32).collect();
    write_image_f32(path, &header, &[200, 200], &values, true).expect("an image");
}

impl Portal {
    fn start(limits: Limits) -> Portal {
        let folder = tempfile::tempdir().expect("a folder");
        mosaic(&folder.path().join("sky.fits"));
        let settings = Settings {
            dir: folder.path().into(),
            scratch: std::env::temp_dir(),
            listen: "127.0.0.1:0".into(),
            unix: None,
            cache_bytes: 64 << 20,
            store_delay: Duration::ZERO,
            workers: 1,
            queue: 100,
            block_order: None,
            publisher: Default::default(),
            reporting: None,
            limits,
        };
        let server = Server::start(&settings).expect("a portal");
        let address = server.address().expect("an address");
        let stop = server.stopper();
        let thread = std::thread::spawn(move || server.run().expect("an orderly end"));
        Portal { address, stop: Box::new(stop), thread: Some(thread), _folder: folder }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("a connection");
        stream.set_read_timeout(Some(LONG)).expect("a time limit");
        stream
    }

    fn ask(&self, path: &str) -> TcpStream {
        let mut stream = self.connect();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: sky.example\r\nConnection: close\r\n\r\n")
            .expect("a request is sent");
        stream
    }

    /// Status and body.
    fn get(&self, path: &str) -> (u16, Vec<u8>) {
        parts(&all(self.ask(path)))
    }

    /// A connection that was answered and stays open.
    fn is_let_in(&self) -> TcpStream {
        let begun = Instant::now();
        while begun.elapsed() < LONG {
            let mut stream = self.connect();
            let mut head = [0; 12];
            let asked = write!(stream, "GET /health HTTP/1.1\r\nHost: sky.example\r\n\r\n");
            if asked.and_then(|()| stream.read_exact(&mut head)).is_ok() && &head == b"HTTP/1.1 200" {
                return stream;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("no place became free");
    }

    /// Waits until so many connections are open besides the one that asks.
    fn has_connections(&self, wanted: u64) {
        let begun = Instant::now();
        while begun.elapsed() < LONG {
            let (_, body) = self.get("/status");
            let text = String::from_utf8_lossy(&body).into_owned();
            let open = text
                .split("\"connections\":")
                .nth(1)
                .and_then(|rest| rest.split([',', '}']).next()?.parse::<u64>().ok());
            if open == Some(wanted + 1) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("there are not {wanted} connections");
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        (self.stop)();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// All until the end; an end by reset is one, too.
fn all(mut stream: TcpStream) -> Vec<u8> {
    let (mut out, mut part) = (Vec::new(), [0; 65536]);
    while let Ok(count @ 1..) = stream.read(&mut part) {
        out.extend_from_slice(&part[..count]);
    }
    out
}

fn parts(answer: &[u8]) -> (u16, Vec<u8>) {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    let status = std::str::from_utf8(&answer[9..12]).ok().and_then(|text| text.parse().ok()).expect("a status");
    (status, answer[end..].to_vec())
}

#[test]
fn readers_that_do_not_read_leave_the_worker_to_others_and_get_all_when_they_go_on() {
    let portal = Portal::start(Limits { stall: LONG, ..Limits::default() });
    let slow: Vec<TcpStream> = (0..5).map(|_| portal.ask(LARGE)).collect();
    // The only worker has made all five before this one.
    let (status, body) = portal.get(SMALL);
    assert_eq!((status, body.len() % 2880), (200, 0));
    let wanted = portal.get(LARGE).1;
    assert_eq!(wanted.len(), (2000 * 2000 * 4 + 2880_usize).next_multiple_of(2880));
    for stream in slow {
        assert!(parts(&all(stream)) == (200, wanted.clone()), "what is read late is whole");
    }
}

#[test]
fn a_reader_that_stalls_is_given_up() {
    let portal = Portal::start(Limits { stall: Duration::from_millis(100), slowest: u32::MAX, ..Limits::default() });
    let slow: Vec<TcpStream> = (0..3).map(|_| portal.ask(LARGE)).collect();
    portal.has_connections(0);
    for stream in slow {
        assert!(all(stream).len() < 16_000_000);
    }
    assert_eq!(portal.get(SMALL).0, 200);
}

#[test]
fn where_unread_answers_take_all_the_memory_nothing_more_is_made() {
    let portal = Portal::start(Limits { unread: 1 << 20, stall: LONG, ..Limits::default() });
    let slow = portal.ask(LARGE);
    let begun = Instant::now();
    while portal.get(SMALL).0 != 503 {
        assert!(begun.elapsed() < LONG);
    }
    assert_eq!(portal.get("/sky/properties").0, 200, "what takes no memory is answered");
    assert!(all(slow).len() > 16_000_000);
    assert_eq!(portal.get(SMALL).0, 200);
}

#[test]
fn heads_that_do_not_come_and_idle_connections_are_closed() {
    let portal = Portal::start(Limits { head: Duration::from_millis(200), ..Limits::default() });
    let silent = portal.connect();
    let mut half = portal.connect();
    half.write_all(b"GET /health HTTP/1.1\r\nHost: sky.ex").expect("half a head");
    let mut idle = portal.connect();
    idle.write_all(b"GET /health HTTP/1.1\r\nHost: sky.example\r\n\r\n").expect("a request");
    assert!(all(silent).is_empty());
    let half = all(half);
    assert!(half.is_empty() || half.starts_with(b"HTTP/1.1 408"));
    assert!(all(idle).ends_with(b"ok\n"), "the request was answered, then the connection closed");
}

#[test]
fn bodies_are_not_waited_for() {
    let portal = Portal::start(Limits { head: LONG, ..Limits::default() });
    for (method, status) in [("GET", 200), ("POST", 405)] {
        let mut stream = portal.connect();
        write!(stream, "{method} /health HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nx").expect("a head");
        let mut head = [0; 12];
        stream.read_exact(&mut head).expect("an answer");
        assert_eq!(head, *format!("HTTP/1.1 {status}").as_bytes());
    }
}

#[test]
fn heads_are_bounded() {
    let portal = Portal::start(Limits::default());
    let mut stream = portal.connect();
    // It may be answered and closed before all is sent.
    let _ = write!(stream, "GET /health HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "a".repeat(200_000));
    let answer = all(stream);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(portal.get("/health").0, 200);
}

#[test]
fn one_connection_too_many_is_told_so() {
    let portal = Portal::start(Limits { connections: 3, head: LONG, ..Limits::default() });
    let held = [portal.connect(), portal.connect()];
    portal.has_connections(2);
    // The connection that asked for the count may be counted for a while after its answer, so the third asks until it has a place.
    let third = portal.is_let_in();
    let mut fourth = portal.connect();
    let mut text = String::new();
    fourth.read_to_string(&mut text).expect("an answer");
    assert!(text.starts_with("HTTP/1.1 503 ") && text.contains("Retry-After"), "{text}");
    drop((third, held));
    portal.has_connections(0);
}
