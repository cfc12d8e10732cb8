//! A daemon for these tests, and pairs of connected streams.

#![allow(clippy::unwrap_used, reason = "a test ends where it fails")]
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(unreachable_pub, missing_docs, reason = "a module of tests")]

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pogson_wire::policy::Policy;
use pogson_wire::serve::{self, Daemon, Stopper};
use wire::{Listener, Stream};

/// Long enough for all that comes at all.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon in a thread.
pub struct Served {
    stopper: Stopper,
    thread: JoinHandle<()>,
}

impl Served {
    pub fn at(path: &Path) -> Self {
        let daemon = Daemon::bind(path, Policy::default()).unwrap();
        let stopper = daemon.stopper();
        Self { stopper, thread: std::thread::spawn(move || daemon.run().unwrap()) }
    }

    pub fn stop(self) {
        self.stopper.stop();
        self.thread.join().unwrap();
    }
}

/// The daemon of this process's tests, which ends with it.
pub fn daemon() -> &'static Path {
    static PLACE: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = PLACE.get_or_init(|| {
        serve::raise_limit();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wire.sock");
        Served::at(&path);
        wire::set_daemon(&path);
        (folder, path)
    });
    path
}

/// What the tests ask of a stream, TCP's or the wire's.
pub trait End: Read + Write + Send + Sized + 'static {
    fn shut(&self, how: Shutdown) -> io::Result<()>;
    fn patience(&self, time: Option<Duration>);
    fn error(&self) -> Option<io::Error>;
    fn other(&self) -> Self;
    fn look(&self, into: &mut [u8]) -> io::Result<usize>;
    fn pair() -> (Self, Self);
}

impl End for TcpStream {
    fn shut(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }

    fn patience(&self, time: Option<Duration>) {
        self.set_read_timeout(time).unwrap();
        self.set_write_timeout(time).unwrap();
    }

    fn error(&self) -> Option<io::Error> {
        self.take_error().unwrap()
    }

    fn other(&self) -> Self {
        self.try_clone().unwrap()
    }

    fn look(&self, into: &mut [u8]) -> io::Result<usize> {
        self.peek(into)
    }

    fn pair() -> (Self, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (one, listener.accept().unwrap().0)
    }
}

impl End for Stream {
    fn shut(&self, how: Shutdown) -> io::Result<()> {
        self.shutdown(how)
    }

    fn patience(&self, time: Option<Duration>) {
        self.set_read_timeout(time).unwrap();
        self.set_write_timeout(time).unwrap();
    }

    fn error(&self) -> Option<io::Error> {
        self.take_error().unwrap()
    }

    fn other(&self) -> Self {
        self.try_clone().unwrap()
    }

    fn look(&self, into: &mut [u8]) -> io::Result<usize> {
        self.peek(into)
    }

    /// Both go through memory, each way.
    fn pair() -> (Self, Self) {
        daemon();
        let listener = Listener::bind("127.0.0.1:0").unwrap();
        let mut one = Stream::connect(listener.local_addr().unwrap()).unwrap();
        let mut other = listener.accept().unwrap().0;
        join(&mut one, &mut other);
        (one, other)
    }
}

/// Talks until both go through memory.
pub fn join(one: &mut Stream, other: &mut Stream) {
    let end = Instant::now() + PATIENCE;
    while !(one.writes_to_memory() && other.writes_to_memory()) {
        assert!(Instant::now() < end, "the two are not joined");
        talk(one, other);
    }
    // The other one has read up to where TCP was left.
    talk(one, other);
}

fn talk(one: &mut Stream, other: &mut Stream) {
    let mut byte = [0];
    one.write_all(b"?").unwrap();
    other.read_exact(&mut byte).unwrap();
    other.write_all(b"!").unwrap();
    one.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"!");
}

/// Echoes a stream until it ends, then ends its own.
pub fn echo(mut stream: Stream) -> io::Result<u64> {
    let mut bytes = vec![0; 50_000];
    let mut total = 0;
    loop {
        match stream.read(&mut bytes)? {
            0 => break,
            length => {
                stream.write_all(&bytes[..length])?;
                total += length as u64;
            }
        }
    }
    stream.shutdown(Shutdown::Write)?;
    Ok(total)
}

/// Numbers that look random, the same each time.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.below(256) as u8;
        }
    }
}

/// Sends so many bytes in pieces of random sizes and compares what comes back.
pub fn send_and_compare(stream: Stream, address: SocketAddr, total: usize, seed: u64) {
    let mut sent = vec![0; total];
    Numbers(seed).fill(&mut sent);
    let (mut writer, mut reader) = (stream.try_clone().unwrap(), stream);
    let to_send = sent.clone();
    let writes = std::thread::spawn(move || {
        let mut numbers = Numbers(seed + 1);
        let mut rest = to_send.as_slice();
        while !rest.is_empty() {
            let most = if numbers.below(4) == 0 { 300_000 } else { 500 };
            let length = (1 + numbers.below(most) as usize).min(rest.len());
            writer.write_all(&rest[..length]).unwrap();
            rest = &rest[length..];
        }
        writer.shutdown(Shutdown::Write).unwrap();
    });
    let mut got = Vec::with_capacity(total);
    let mut numbers = Numbers(seed + 2);
    let mut piece = vec![0; 100_000];
    loop {
        let room = 1 + numbers.below(piece.len() as u64) as usize;
        match reader.read(&mut piece[..room]).unwrap() {
            0 => break,
            length => got.extend_from_slice(&piece[..length]),
        }
    }
    writes.join().unwrap();
    assert!(got == sent, "what came back from {address} is not what was sent");
}
