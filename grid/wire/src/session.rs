//! One connected process.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pogson_ring::protocol::{Ask, CAN_FAR, PAGE_BYTES, RECORD_BYTES, Refusal};
use rustix::event::EventfdFlags;
use rustix::io::Errno;

use crate::closing::Closing;
use crate::identify::{self, Place, Stream};
use crate::mapping::Mapping;
use crate::memfd;
use crate::records::{self, Incoming};
use crate::remains::Remains;
use crate::users::Caller;

/// Refusals of a session that are remembered for those who look.
const REMEMBERED: usize = 256;

/// What a process has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// First of all.
    Hello {
        /// Version of the protocol.
        version: u32,
        /// The program's name.
        program: [u8; 16],
        /// What else it can do.
        abilities: u32,
    },
    /// A socket, which is closed by now.
    Register {
        /// The process's name for it.
        tag: u64,
        /// Bytes of ring that would be of use.
        ring_bytes: u32,
        /// What the socket was.
        stream: Result<Stream, Refusal>,
    },
    /// A connection is no more.
    Cancel {
        /// As registered.
        tag: u64,
    },
    /// Figures are wanted.
    Report {
        /// How much of them.
        detail: u32,
    },
    /// Nothing will follow, or nothing that makes sense.
    End,
}

/// What only a process has that said hello.
pub(crate) struct Member {
    /// Its page.
    pub(crate) page: Arc<Mapping>,
    /// The page, for others.
    pub(crate) page_reader: OwnedFd,
    /// Its eventfd.
    pub(crate) bell: Arc<OwnedFd>,
    /// Its program.
    pub(crate) program: String,
    /// Whether it can use memory that guests share.
    pub(crate) far: bool,
    /// Sequence of its bell that the daemon has rung.
    pub(crate) rung: Arc<AtomicU64>,
}

impl Member {
    /// Makes a process's page and eventfd. Returns the page for the process itself, too.
    pub(crate) fn new(program: [u8; 16], abilities: u32) -> io::Result<(Self, OwnedFd)> {
        let writer = memfd::fixed("pogson-wire-page", PAGE_BYTES)?;
        let page = Arc::new(Mapping::new(writer.as_fd(), PAGE_BYTES, true)?);
        let page_reader = memfd::read_only(&writer)?;
        let bell = Arc::new(rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let program = String::from_utf8_lossy(&program).trim_end_matches('\0').to_owned();
        let far = abilities & CAN_FAR != 0;
        Ok((Self { page, page_reader, bell, program, far, rung: Arc::default() }, writer))
    }
}

/// A connection that stays on TCP.
pub(crate) struct Refused {
    /// The process's name for it.
    pub(crate) tag: u64,
    /// Where it is, if that was found out.
    pub(crate) place: Option<Place>,
    /// Why.
    pub(crate) reason: Refusal,
}

/// A connected process.
pub(crate) struct Session {
    /// The daemon's name for it.
    pub(crate) id: u64,
    /// The way to it.
    pub(crate) socket: OwnedFd,
    /// Who it is.
    pub(crate) caller: Caller,
    /// What it has since it said hello.
    pub(crate) member: Option<Member>,
    /// What it has said and nobody has acted on.
    pub(crate) inbox: VecDeque<Told>,
    /// Sessions that it shares slabs with.
    pub(crate) partners: HashSet<u64>,
    /// Sessions whose page, eventfd and process it was given.
    pub(crate) peers: HashSet<u64>,
    /// What is left of slabs that it shared with sessions that have ended.
    pub(crate) remains: Vec<Remains>,
    /// Connections that stay on TCP, the last ones.
    pub(crate) refused: VecDeque<Refused>,
    /// What of a report is still to be sent.
    pub(crate) report: VecDeque<u8>,
}

/// Bytes of a report in one record.
const PIECE: usize = 16 << 10;

impl Session {
    /// A process that has said nothing yet.
    pub(crate) fn new(id: u64, socket: OwnedFd, caller: Caller) -> Self {
        Self {
            id,
            socket,
            caller,
            member: None,
            inbox: VecDeque::new(),
            partners: HashSet::new(),
            peers: HashSet::new(),
            remains: Vec::new(),
            refused: VecDeque::new(),
            report: VecDeque::new(),
        }
    }

    /// Takes in what the process has sent, `most` records at most. Returns whether that was all.
    pub(crate) fn hear(&mut self, most: usize, closing: &mut Closing) -> bool {
        for _ in 0..most {
            if self.inbox.back() == Some(&Told::End) {
                return true;
            }
            let told = match records::receive(self.socket.as_fd()) {
                Err(Errno::AGAIN) => return true,
                Err(Errno::INTR) => continue,
                Err(_) | Ok(None) => Told::End,
                Ok(Some(incoming)) => self.understand(incoming, closing),
            };
            self.inbox.push_back(told);
        }
        false
    }

    /// What came, its descriptors looked at and closed.
    fn understand(&self, incoming: Incoming, closing: &mut Closing) -> Told {
        let Incoming { ask, descriptors, cut } = incoming;
        let told = match (ask, descriptors.as_slice()) {
            (Some(Ask::Hello { version, program, abilities }), []) => Told::Hello { version, program, abilities },
            (Some(Ask::Register { tag, ring_bytes }), [socket]) if !cut => {
                Told::Register { tag, ring_bytes, stream: identify::identify(socket.as_fd()) }
            }
            // The kernel could not hand the socket over: this process has as many descriptors as it may.
            (Some(Ask::Register { tag, ring_bytes }), []) if cut => {
                Told::Register { tag, ring_bytes, stream: Err(Refusal::Full) }
            }
            (Some(Ask::Cancel { tag }), []) => Told::Cancel { tag },
            (Some(Ask::Report { detail }), []) => Told::Report { detail },
            _ => Told::End,
        };
        for descriptor in descriptors {
            if identify::closes_at_once(descriptor.as_fd()) {
                drop(descriptor);
            } else {
                closing.close(self.caller.user, descriptor);
            }
        }
        told
    }

    /// Whether the process has said since, or may have said, that its end `tag` at `place` is no more.
    pub(crate) fn has_left(&self, tag: u64, place: &Place) -> bool {
        self.inbox.iter().any(|told| match told {
            Told::Cancel { tag: other } => *other == tag,
            Told::Register { tag: other, stream, .. } => {
                *other == tag || stream.is_ok_and(|stream| stream.place == *place)
            }
            Told::End => true,
            Told::Hello { .. } | Told::Report { .. } => false,
        })
    }

    /// Nothing more is taken from this process, and its session ends at its next turn.
    pub(crate) fn give_up(&mut self) {
        self.inbox.clear();
        self.inbox.push_back(Told::End);
    }

    /// Sends an answer.
    pub(crate) fn send(&self, record: &[u8; RECORD_BYTES], descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
        records::send(self.socket.as_fd(), record, descriptors)?;
        if let Some(member) = &self.member {
            member.page.page().mail.0.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    /// Sends what fits of the report, and the empty record after it. Returns whether all is sent.
    pub(crate) fn send_report(&mut self) -> Result<bool, Errno> {
        loop {
            let piece: Vec<u8> = self.report.iter().take(PIECE).copied().collect();
            match records::send(self.socket.as_fd(), &piece, &[]) {
                Ok(()) if piece.is_empty() => return Ok(true),
                Ok(()) => drop(self.report.drain(..piece.len())),
                Err(Errno::AGAIN) => return Ok(false),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Remembers that `tag` stays on TCP.
    pub(crate) fn remember(&mut self, refused: Refused) {
        self.forget(refused.tag);
        if self.refused.len() == REMEMBERED {
            self.refused.pop_front();
        }
        self.refused.push_back(refused);
    }

    /// Forgets that `tag` stays on TCP.
    pub(crate) fn forget(&mut self, tag: u64) {
        self.refused.retain(|refused| refused.tag != tag);
    }
}
