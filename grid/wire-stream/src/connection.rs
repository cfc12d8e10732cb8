//! A connection: its socket, and its slot once it has one.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
#[cfg(feature = "tokio")]
use std::task::Waker;
use std::time::Duration;

use pogson_ring::ending::{Broken, Ending, flag};
use pogson_ring::layout::fin;
use pogson_ring::switch;
use rustix::net::sockopt;

use crate::gate::Gate;
use crate::memory::Ring;
use crate::{session, tcp};

/// How far a connection has come.
pub(crate) mod phase {
    /// On TCP, and watched.
    pub(crate) const WATCHED: u8 = 0;
    /// The daemon was asked.
    pub(crate) const ASKED: u8 = 1;
    /// It has a slot.
    pub(crate) const PAIRED: u8 = 2;
    /// It stays on TCP.
    pub(crate) const ALONE: u8 = 3;
}

/// Calls after which those who look are told how many bytes they moved.
const TELLING: u32 = 64;

/// A connection, of which streams are handles.
pub(crate) struct Connection {
    /// Itself.
    pub(crate) me: Weak<Connection>,
    /// The socket. Nobody else reads or writes it.
    pub(crate) socket: TcpStream,
    /// This process's name for it.
    pub(crate) tag: u64,
    /// A [`phase`].
    pub(crate) phase: AtomicU8,
    ring: OnceLock<Ring>,
    /// Whether it stays on TCP for good, as far as it has not left.
    pub(crate) stays: AtomicBool,
    /// Held while the sending end of the ring is used, or the sending side of the socket once a ring was offered.
    sender: Mutex<()>,
    receiver: Mutex<()>,
    /// Calls that send by TCP.
    pub(crate) sending: Gate,
    /// Calls that receive by TCP with no eye on a ring.
    pub(crate) receiving: Gate,
    /// Bytes sent by TCP.
    pub(crate) sent: AtomicU64,
    /// Bytes received by TCP.
    pub(crate) received: AtomicU64,
    /// Whether it was begun to go back to TCP, and how many bytes of the ring went there again.
    pub(crate) goes_back: AtomicBool,
    pub(crate) sent_again: AtomicU32,
    /// Calls that moved bytes by TCP.
    pub(crate) messages: AtomicU32,
    /// How many those were when the daemon was asked in vain.
    pub(crate) asked_at: AtomicU32,
    /// Whether calls do not block.
    pub(crate) nonblocking: AtomicBool,
    /// Microseconds that a receiving call may take, 0 for any.
    pub(crate) receive_timeout_us: AtomicU64,
    /// Microseconds that a sending call may take, 0 for any.
    pub(crate) send_timeout_us: AtomicU64,
    /// Nanoseconds that a thread looks before it sleeps.
    pub(crate) patience_ns: AtomicU32,
    /// Waits since the last time that looking was tried without hope.
    pub(crate) waits: AtomicU32,
    /// The runtime whose task wakes the other end, once for all that was sent in a turn; `None` where each send does.
    #[cfg(feature = "tokio")]
    pub(crate) rings_later: OnceLock<::tokio::runtime::Id>,
    /// Tasks that wait for bytes and for room.
    #[cfg(feature = "tokio")]
    pub(crate) wakers: Mutex<[Option<Waker>; 2]>,
}

/// Locks, whatever a thread that panicked did: all that is guarded here is right after each step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connection {
    /// Takes over a connected socket that has no other users.
    pub(crate) fn new(socket: TcpStream) -> Arc<Self> {
        let micros = |time: io::Result<Option<Duration>>| {
            time.ok().flatten().map_or(0, |time| time.as_micros().min(u128::from(u64::MAX)) as u64)
        };
        let counted = if session::defers() { None } else { tcp::written(&socket).zip(tcp::read(&socket)) };
        let nonblocking =
            rustix::fs::fcntl_getfl(&socket).is_ok_and(|flags| flags.contains(rustix::fs::OFlags::NONBLOCK));
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            tag: session::next_tag(),
            phase: AtomicU8::new(if counted.is_some() { phase::WATCHED } else { phase::ALONE }),
            ring: OnceLock::new(),
            stays: AtomicBool::new(counted.is_none()),
            sender: Mutex::default(),
            receiver: Mutex::default(),
            sending: Gate::default(),
            receiving: Gate::default(),
            sent: AtomicU64::new(counted.map_or(0, |(sent, _)| sent)),
            received: AtomicU64::new(counted.map_or(0, |(_, received)| received)),
            goes_back: AtomicBool::new(false),
            sent_again: AtomicU32::new(0),
            messages: AtomicU32::new(0),
            asked_at: AtomicU32::new(0),
            nonblocking: AtomicBool::new(nonblocking),
            receive_timeout_us: AtomicU64::new(micros(socket.read_timeout())),
            send_timeout_us: AtomicU64::new(micros(socket.write_timeout())),
            patience_ns: AtomicU32::new(0),
            waits: AtomicU32::new(0),
            #[cfg(feature = "tokio")]
            rings_later: OnceLock::new(),
            #[cfg(feature = "tokio")]
            wakers: Mutex::default(),
            socket,
        })
    }

    /// Its slot, if it has one.
    #[inline]
    pub(crate) fn ring(&self) -> Option<&Ring> {
        self.ring.get()
    }

    /// Gives it a slot, unless it stays on TCP; whether it took it.
    pub(crate) fn pair(&self, ring: Ring) -> Result<(), Ring> {
        // Who shuts a side looks for the slot under the same lock.
        let _sender = self.lock_sender();
        if self.stays.load(Ordering::Acquire) || self.phase.load(Ordering::Acquire) != phase::ASKED {
            self.phase.store(phase::ALONE, Ordering::Release);
            return Err(ring);
        }
        switch::take_part(ring.own(), ring.generation);
        ring.slab.occupy(ring.slot, Weak::clone(&self.me));
        ring.slab.home.page().counters.upgraded.fetch_add(1, Ordering::Relaxed);
        self.ring.set(ring)?;
        self.phase.store(phase::PAIRED, Ordering::Release);
        Ok(())
    }

    pub(crate) fn lock_sender(&self) -> MutexGuard<'_, ()> {
        lock(&self.sender)
    }

    pub(crate) fn lock_receiver(&self) -> MutexGuard<'_, ()> {
        lock(&self.receiver)
    }

    pub(crate) fn try_lock_receiver(&self) -> Option<MutexGuard<'_, ()>> {
        self.receiver.try_lock().ok()
    }

    /// Notes that a call received `bytes` by TCP.
    pub(crate) fn has_received(&self, bytes: usize) {
        self.received.fetch_add(bytes as u64, Ordering::AcqRel);
        self.moved();
    }

    /// Notes that a call sent `bytes` by TCP.
    pub(crate) fn has_sent(&self, bytes: usize) {
        self.sent.fetch_add(bytes as u64, Ordering::AcqRel);
        session::count_sent(bytes as u64);
        self.moved();
    }

    fn moved(&self) {
        match self.messages.fetch_add(1, Ordering::Relaxed) {
            0 => session::count_connection(),
            messages if messages % TELLING == 0 => session::tell_counts(),
            _ => {}
        }
    }

    /// Shuts one side or both, as shutdown of a TCP socket does.
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        let ends = matches!(how, Shutdown::Write | Shutdown::Both);
        let goes_back = || match self.ring().filter(|_| ends) {
            Some(ring) if !self.finish_going_back(ring) => {
                // The other end must not take what it got for all there was.
                sockopt::set_socket_linger(&self.socket, Some(Duration::ZERO))?;
                Err(io::Error::from_raw_os_error(libc::ECONNRESET))
            }
            _ => Ok(()),
        };
        goes_back()?;
        let told = {
            let _sender = self.lock_sender();
            match self.ring() {
                Some(ring) if ends && !ring.has_gone_back() => {
                    let both = how == Shutdown::Both;
                    if both {
                        let tail = ring.peer().sending.tail.load(Ordering::Acquire);
                        ring.own().side.deaf_from.store(tail, Ordering::Relaxed);
                    }
                    ring.tx().end(if both { fin::END | fin::DEAF } else { fin::END });
                    Some((ring, ring.tx().wake()))
                }
                Some(_) => None,
                None => {
                    // The other side of a slot takes it that an end which was not told there is a death.
                    self.stays.store(true, Ordering::Release);
                    None
                }
            }
        };
        if let Some((ring, wake)) = told {
            ring.wake_reader(wake);
        }
        // It may have been asked for meanwhile; the socket is not shut yet.
        goes_back()?;
        if let Some(ring) = self.ring().filter(|_| how != Shutdown::Write) {
            ring.set_flags(flag::NO_RECEIVING);
            self.rouse(ring);
        }
        self.socket.shutdown(how)
    }

    /// The error that nobody took yet.
    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        let told = self.ring().and_then(|ring| ring.ending().take_error(ring.own()));
        told.map_or_else(|| self.socket.take_error(), |told| Ok(Some(broken(told))))
    }
}

/// As the system says it.
pub(crate) fn broken(told: Broken) -> io::Error {
    io::Error::from_raw_os_error(match told {
        Broken::Pipe => libc::EPIPE,
        Broken::Reset => libc::ECONNRESET,
    })
}

impl Ring {
    /// Whether this side sends by the ring.
    #[inline]
    pub(crate) fn sends(&self) -> bool {
        switch::by_ring(self.own().switching.epoch.load(Ordering::Acquire))
    }

    /// Epoch up to which this side has read.
    #[inline]
    pub(crate) fn entered(&self) -> u32 {
        self.own().switching.entered.load(Ordering::Acquire)
    }

    /// Whether this side has ever offered to receive by the ring.
    #[inline]
    pub(crate) fn has_offered(&self) -> bool {
        self.own().switching.offer.load(Ordering::Acquire) != 0
    }

    /// Whether this side looks at the ring when it receives.
    #[inline]
    pub(crate) fn looks(&self) -> bool {
        self.has_offered() && self.entered() < 2
    }

    /// What has ended.
    pub(crate) fn ending(&self) -> Ending {
        Ending::of(self.own(), self.peer(), self.size())
    }

    pub(crate) fn flags(&self) -> u32 {
        self.own().side.flags.load(Ordering::Acquire)
    }

    pub(crate) fn set_flags(&self, bits: u32) {
        self.own().side.flags.fetch_or(bits, Ordering::AcqRel);
    }
}
