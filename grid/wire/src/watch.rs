//! What the daemon sleeps on.

use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

use crate::session::Session;

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    /// Somebody connects.
    Connects,
    /// The daemon is to stop.
    Stops,
    /// Another guest's daemon may have said something, or a second has gone by.
    Guests,
    /// A session's socket can be read, or is at its end, and has room or not.
    Said {
        /// The session.
        session: u64,
        /// Whether there is room to send.
        room: bool,
        /// Whether there is something to read.
        data: bool,
    },
    /// A session's process has ended, though others may hold its socket.
    Ended(u64),
}

const CONNECTS: u64 = 0;
const STOPS: u64 = 1;
const GUESTS: u64 = u64::MAX;

/// An epoll set.
pub(crate) struct Watch(OwnedFd);

impl Watch {
    /// Watches a listening socket, and a descriptor that becomes readable when all is to stop.
    pub(crate) fn new(listener: impl AsFd, stop: impl AsFd) -> Result<Self, Errno> {
        let set = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&set, listener, EventData::new_u64(CONNECTS), EventFlags::IN)?;
        epoll::add(&set, stop, EventData::new_u64(STOPS), EventFlags::IN)?;
        Ok(Self(set))
    }

    /// Watches a descriptor that is readable when there is something to do for other guests, edge by edge.
    pub(crate) fn guests(&self, bell: impl AsFd) -> Result<(), Errno> {
        epoll::add(&self.0, bell, EventData::new_u64(GUESTS), EventFlags::IN | EventFlags::ET)
    }

    /// Watches a session.
    pub(crate) fn begin(&self, session: &Session) -> Result<(), Errno> {
        epoll::add(&self.0, &session.socket, EventData::new_u64(session.id * 2), EventFlags::IN)?;
        epoll::add(&self.0, &session.caller.process, EventData::new_u64(session.id * 2 + 1), EventFlags::IN)
    }

    /// Watches a session no more. To be called before its descriptors are closed: others have the same open process.
    pub(crate) fn end(&self, session: &Session) {
        // What is not watched need not be removed.
        let _ = epoll::delete(&self.0, &session.socket);
        let _ = epoll::delete(&self.0, &session.caller.process);
    }

    /// Watches for room to send to a session, or no more.
    pub(crate) fn wait_for_room(&self, session: &Session, wanted: bool) {
        let flags = if wanted { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
        // It fails only for what is not watched.
        let _ = epoll::modify(&self.0, &session.socket, EventData::new_u64(session.id * 2), flags);
    }

    /// What has happened, after waiting for it so long at most.
    pub(crate) fn look(&self, most: Option<Duration>) -> Result<Vec<Happened>, Errno> {
        let mut events: Vec<Event> = Vec::with_capacity(256);
        let timeout = most.and_then(|most| Timespec::try_from(most).ok());
        match epoll::wait(&self.0, rustix::buffer::spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        Ok(events.iter().map(|event| Happened::from(*event)).collect())
    }
}

impl From<Event> for Happened {
    fn from(event: Event) -> Self {
        let flags = event.flags;
        match event.data.u64() {
            CONNECTS => Self::Connects,
            STOPS => Self::Stops,
            GUESTS => Self::Guests,
            number if number % 2 == 1 => Self::Ended(number / 2),
            number => Self::Said {
                session: number / 2,
                room: flags.contains(EventFlags::OUT),
                data: flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR),
            },
        }
    }
}
