//! The portal's socket in the file system: the same answers as by TCP, and large ones on a connection that a gate lends.

use std::io::{BufRead, BufReader, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pogson_image::fits::{Header, write_image_f32};
use pogson_portal::connection::Limits;
use pogson_portal::serve::{Server, Settings};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

const LARGE: &str = "/sky/cutout?ra=10&dec=10&size=0.2&width=1000&height=1000";
const SMALL: &str = "/sky/cutout?ra=10&dec=10&size=0.1&width=8";
const LONG: Duration = Duration::from_secs(600);

struct Portal {
    address: SocketAddr,
    path: PathBuf,
    stop: Box<dyn Fn()>,
    thread: Option<std::thread::JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Portal {
    fn start() -> Portal {
        let folder = tempfile::tempdir().expect("a folder");
        let header = Header::from_text(
            "CTYPE1  = 'RA---TAN'\nCTYPE2  = 'DEC--TAN'\nCRPIX1  = 100.5\nCRPIX2  = 100.5\nCRVAL1  = 10.0\nCRVAL2  = 10.0\n\
             CDELT1  = -0.002\nCDELT2  = 0.002",
        )
        .expect("a header");
        let values: Vec<f32> = (0..200 * 200).map(|k| (k % 97) as f32).collect();
        let image = folder.path().join("sky.fits");
        write_image_f32(&image, &header, &[200, 200], &values, true).expect("an image");
        let path = folder.path().join("socket");
        // One that was left there is no hindrance.
        drop(std::os::unix::net::UnixListener::bind(&path).expect("a socket"));
        let settings = Settings {
            dir: folder.path().into(),
            scratch: std::env::temp_dir(),
            listen: "127.0.0.1:0".into(),
            unix: Some(path.clone()),
            cache_bytes: 64 << 20,
            store_delay: Duration::ZERO,
            workers: 1,
            queue: 100,
            block_order: None,
            publisher: Default::default(),
            reporting: None,
            limits: Limits::default(),
        };
        let server = Server::start(&settings).expect("a portal");
        let address = server.address().expect("an address");
        let stop = server.stopper();
        let thread = std::thread::spawn(move || server.run().expect("an orderly end"));
        Portal { address, path, stop: Box::new(stop), thread: Some(thread), _folder: folder }
    }

    fn end(&mut self) {
        (self.stop)();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("an end");
        }
    }

    /// Status, fields and body of an answer by TCP.
    fn get(&self, path: &str) -> (String, Vec<u8>) {
        let stream = TcpStream::connect(self.address).expect("a connection");
        let mut link = Link(BufReader::new(stream));
        link.asks("GET", path, "Connection: close\r\n");
        link.answer()
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        self.end();
    }
}

struct Link<S>(BufReader<S>);

impl<S: Read + Write> Link<S> {
    fn asks(&mut self, method: &str, path: &str, more: &str) {
        write!(self.0.get_mut(), "{method} {path} HTTP/1.1\r\nHost: sky.example\r\n{more}\r\n").expect("a request");
    }

    fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(self.0.read_line(&mut head).expect("a line") > 0, "the connection ended: {head}");
        }
        head.to_lowercase()
    }

    fn answer(&mut self) -> (String, Vec<u8>) {
        let head = self.head();
        let mut body = vec![0; length(&head)];
        self.0.read_exact(&mut body).expect("a body");
        (head, body)
    }
}

fn length(head: &str) -> usize {
    let line = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    line.parse().expect("a number")
}

fn local(portal: &Portal) -> Link<UnixStream> {
    let stream = UnixStream::connect(&portal.path).expect("a connection");
    stream.set_read_timeout(Some(LONG)).expect("a limit");
    Link(BufReader::new(stream))
}

/// The two ends of a client's connection.
fn client() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let theirs = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    (theirs, listener.accept().expect("a connection").0)
}

fn lend(link: &Link<UnixStream>, socket: &TcpStream) {
    let sockets = [socket.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&sockets)));
    sendmsg(link.0.get_ref(), &[IoSlice::new(b"g")], &mut control, SendFlags::empty()).expect("a loan");
}

/// What is the same whichever way an answer comes.
fn essence(head: &str) -> Vec<&str> {
    let names = [
        "http/1.1 ",
        "content-type:",
        "content-length:",
        "etag:",
        "cache-control:",
        "accept-ranges:",
        "last-modified:",
    ];
    head.lines().filter(|line| names.iter().any(|name| line.starts_with(name))).collect()
}

#[test]
fn answers_are_those_of_tcp() {
    let portal = Portal::start();
    let mut link = local(&portal);
    for path in [SMALL, LARGE, "/sky/properties", "/nothing", "/health", "/sky/cutout?ra=1"] {
        let wanted = portal.get(path);
        for offer in ["", "Pogson-Direct: no\r\n"] {
            link.asks("GET", path, offer);
            let (head, body) = link.answer();
            assert_eq!(essence(&head), essence(&wanted.0), "{path}");
            assert!(body == wanted.1 && head.contains("\r\ndate: "), "{path}");
        }
        link.asks("HEAD", path, "Pogson-Direct: offered\r\n");
        assert_eq!(essence(&link.head()), essence(&wanted.0), "HEAD of {path}");
    }
    link.asks("GET", SMALL, "Pogson-Direct: offered\r\n");
    assert!(link.answer().1 == portal.get(SMALL).1, "what is small is not worth a loan");
}

#[test]
fn a_large_answer_goes_to_the_connection_that_is_lent() {
    let portal = Portal::start();
    let wanted = portal.get(LARGE);
    let mut link = local(&portal);
    for _ in 0..2 {
        link.asks("GET", LARGE, "Pogson-Direct: offered\r\n");
        let head = link.head();
        assert!(head.contains("pogson-direct: taken"), "{head}");
        assert_eq!(essence(&head), essence(&wanted.0));
        let (theirs, ours) = client();
        lend(&link, &ours);
        drop(ours);
        let reads = std::thread::spawn(move || {
            let mut body = Vec::new();
            BufReader::new(theirs).read_to_end(&mut body).expect("an end");
            body
        });
        let (mut told, mut count) = (0, [0; 8]);
        while told < wanted.1.len() as u64 {
            link.0.read_exact(&mut count).expect("a count");
            let now = u64::from_le_bytes(count);
            assert!(now > told, "{now} after {told}");
            told = now;
        }
        assert_eq!(told, wanted.1.len() as u64);
        // It lets the connection go when it has written: the other end is gone here, too.
        assert!(reads.join().expect("a reader") == wanted.1);
    }
    link.asks("GET", "/health", "");
    assert_eq!(link.answer().1, b"ok\n");
}

#[test]
fn a_client_that_goes_away_ends_the_loan_and_the_memory_is_given_back() {
    let portal = Portal::start();
    let mut link = local(&portal);
    link.asks("GET", "/sky/cutout?ra=10&dec=10&size=0.2&width=3000&height=3000", "Pogson-Direct: offered\r\n");
    assert!(link.head().contains("pogson-direct: taken"));
    let (theirs, ours) = client();
    lend(&link, &ours);
    drop((theirs, ours));
    // Counts may come first.
    let mut rest = Vec::new();
    link.0.read_to_end(&mut rest).expect("an end");
    let begun = Instant::now();
    while !String::from_utf8_lossy(&portal.get("/status").1).contains("\"connections\":1,") {
        assert!(begun.elapsed() < LONG, "connections are still counted");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn bad_heads_are_told_so_and_the_socket_goes_with_the_portal() {
    let mut portal = Portal::start();
    for (text, status) in
        [("nonsense\r\n\r\n", "400"), (&format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(40_000)), "431")]
    {
        let mut link = local(&portal);
        link.0.get_mut().write_all(text.as_bytes()).expect("room");
        let head = link.head();
        assert!(head.starts_with(&format!("http/1.1 {status}")) && head.contains("connection: close"), "{head}");
    }
    assert!(portal.path.exists());
    portal.end();
    assert!(!portal.path.exists());
}
