//! Connections: one for each request, thousands at once, from one thread.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Protocol, Socket, Type};

use crate::http::{HttpError, Incoming, Response};

/// A request to be sent.
#[derive(Debug)]
pub struct Outgoing {
    /// Where to.
    pub to: SocketAddr,
    /// The address that it comes from; the system picks one where there is none.
    pub from: Option<IpAddr>,
    /// Head and body.
    pub bytes: Vec<u8>,
    /// Where the connection is dropped, if at all.
    pub cut: Option<Cut>,
    /// The sender's own mark, handed back with the reply.
    pub mark: u64,
}

/// Where a connection is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// After so many bytes were sent.
    Sending(usize),
    /// Before the reply is read.
    Reply,
}

/// What became of a request.
#[derive(Debug)]
pub struct Done {
    /// The sender's mark.
    pub mark: u64,
    /// The reply, or why there is none.
    pub outcome: Result<Response, Trouble>,
}

/// Why there is no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nobody listens.
    #[error("connection refused")]
    Refused,
    /// The other side ended the connection.
    #[error("connection lost")]
    Lost,
    /// Nothing came in time.
    #[error("timed out")]
    TimedOut,
    /// The emulator itself dropped the connection, as it was asked to.
    #[error("connection dropped on purpose")]
    Dropped,
    /// What came is no reply.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Too many files or ports are in use here.
    #[error("no socket left on this machine")]
    NoSocket,
}

struct Slot {
    stream: TcpStream,
    request: Outgoing,
    sent: usize,
    writing: bool,
    incoming: Incoming,
    deadline: Instant,
}

/// All connections.
pub struct Net {
    poll: Poll,
    events: Events,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    failed: Vec<Done>,
    patience: Duration,
    swept: Instant,
}

impl Net {
    /// - `patience`: how long a request may take as a whole.
    ///
    /// # Errors
    /// When the system refuses to watch connections.
    pub fn new(patience: Duration) -> io::Result<Net> {
        Ok(Net {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            slots: Vec::new(),
            free: Vec::new(),
            failed: Vec::new(),
            patience,
            swept: Instant::now(),
        })
    }

    /// How many requests are on their way.
    pub fn on_their_way(&self) -> usize {
        self.slots.len() - self.free.len() + self.failed.len()
    }

    /// Opens a connection and sends what it takes at once.
    pub fn send(&mut self, request: Outgoing) {
        let mark = request.mark;
        if let Err(trouble) = self.open(request) {
            self.failed.push(Done { mark, outcome: Err(trouble) });
        }
    }

    fn open(&mut self, request: Outgoing) -> Result<(), Trouble> {
        let stream = connect(&request).map_err(|error| trouble(&error))?;
        let deadline = Instant::now() + self.patience;
        let at = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let mut slot = Slot { stream, request, sent: 0, writing: true, incoming: Incoming::default(), deadline };
        // On the same machine the connection mostly stands by now, and a wake-up is saved.
        let early = match slot.write() {
            Err(Trouble::Lost) | Ok(()) => Ok(()),
            other => other,
        };
        let interest = if slot.writing { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        let watched = early.and_then(|()| {
            self.poll.registry().register(&mut slot.stream, Token(at), interest).map_err(|error| trouble(&error))
        });
        match watched {
            Ok(()) => self.slots[at] = Some(slot),
            Err(trouble) => {
                self.free.push(at);
                return Err(trouble);
            }
        }
        Ok(())
    }

    /// Waits for replies, at most so long, and appends what is done.
    ///
    /// # Errors
    /// When the system no longer tells what happens on connections.
    pub fn wait(&mut self, longest: Duration, done: &mut Vec<Done>) -> io::Result<()> {
        let longest = if self.failed.is_empty() { longest } else { Duration::ZERO };
        done.append(&mut self.failed);
        match self.poll.poll(&mut self.events, Some(longest)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        for event in &self.events {
            let at = event.token().0;
            let Some(slot) = self.slots.get_mut(at).and_then(Option::as_mut) else { continue };
            if let Some(outcome) = slot.turn() {
                done.push(Done { mark: slot.request.mark, outcome });
                self.slots[at] = None;
                self.free.push(at);
            }
        }
        let now = Instant::now();
        if now.duration_since(self.swept) > Duration::from_millis(500) {
            self.swept = now;
            for at in 0..self.slots.len() {
                if let Some(slot) = self.slots[at].take_if(|slot| slot.deadline < now) {
                    done.push(Done { mark: slot.request.mark, outcome: Err(Trouble::TimedOut) });
                    self.free.push(at);
                }
            }
        }
        Ok(())
    }
}

fn connect(request: &Outgoing) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(request.to), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    if let Some(from) = request.from {
        // Ports of connections that have just ended may be taken again.
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::new(from, 0).into())?;
    }
    match socket.connect(&request.to.into()) {
        Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

fn trouble(error: &io::Error) -> Trouble {
    match error.kind() {
        ErrorKind::ConnectionRefused => Trouble::Refused,
        ErrorKind::TimedOut => Trouble::TimedOut,
        ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse => Trouble::NoSocket,
        _ if error.raw_os_error() == Some(rustix::io::Errno::MFILE.raw_os_error()) => Trouble::NoSocket,
        _ => Trouble::Lost,
    }
}

impl Slot {
    /// Goes on as far as the connection lets it; the outcome, once there is one.
    fn turn(&mut self) -> Option<Result<Response, Trouble>> {
        if self.writing
            && let Err(trouble) = self.write()
        {
            // A server may answer and close before it has read all; the answer is then still there to be read.
            return match self.read() {
                Ok(Some(response)) if trouble != Trouble::Dropped => Some(Ok(response)),
                _ => Some(Err(trouble)),
            };
        }
        match self.read() {
            Ok(Some(_)) if self.request.cut == Some(Cut::Reply) => Some(Err(Trouble::Dropped)),
            Ok(Some(response)) => Some(Ok(response)),
            Ok(None) => None,
            Err(trouble) => Some(Err(trouble)),
        }
    }

    fn write(&mut self) -> Result<(), Trouble> {
        let end = match self.request.cut {
            Some(Cut::Sending(bytes)) => bytes.min(self.request.bytes.len()),
            _ => self.request.bytes.len(),
        };
        while self.sent < end {
            match self.stream.write(&self.request.bytes[self.sent..end]) {
                Ok(0) => return Err(Trouble::Lost),
                Ok(count) => self.sent += count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(trouble(&error)),
            }
        }
        if matches!(self.request.cut, Some(Cut::Sending(_))) {
            return Err(Trouble::Dropped);
        }
        self.writing = false;
        // Nothing is sent twice on a connection.
        self.request.bytes = Vec::new();
        Ok(())
    }

    fn read(&mut self) -> Result<Option<Response>, Trouble> {
        loop {
            let bytes = self.incoming.bytes();
            let filled = bytes.len();
            bytes.resize(filled + 16_384, 0);
            let read = self.stream.read(&mut bytes[filled..]);
            bytes.truncate(filled + read.as_ref().map_or(0, |count| *count));
            match read {
                Ok(0) => return self.incoming.take(true)?.map_or(Err(Trouble::Lost), |response| Ok(Some(response))),
                Ok(_) => {
                    if let Some(response) = self.incoming.take(false)? {
                        return Ok(Some(response));
                    }
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    return Ok(None);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(trouble(&error)),
            }
        }
    }
}
