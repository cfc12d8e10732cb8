//! This process, as others see it: its page, and the bell that they ring.

use std::os::fd::OwnedFd;
#[cfg(feature = "tokio")]
use std::sync::Arc;
use std::sync::{Mutex, PoisonError, Weak};

use pogson_ring::protocol::Page;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use crate::memory::Mapping;
use crate::slab::Slab;

/// How long a thread without an epoll set sleeps before it looks, nanoseconds.
const LOOKS_NS: i64 = 5_000_000;

/// Of one session with the daemon.
pub(crate) struct Home {
    page: Mapping,
    /// The eventfd. It is never read: who sleeps by it waits for the next write.
    pub(crate) bell: OwnedFd,
    /// Slabs whose other sides ring here.
    pub(crate) slabs: Mutex<Vec<Weak<Slab>>>,
    /// Epoll sets that hold the bell and which nobody uses now.
    spare: Mutex<Vec<OwnedFd>>,
    /// Runtimes with a task that waits for the bell, and what that is to ring.
    #[cfg(feature = "tokio")]
    pub(crate) runtimes: Mutex<Vec<(::tokio::runtime::Id, Arc<crate::tokio::Later>)>>,
}

impl Home {
    /// Takes over what the daemon gave.
    pub(crate) fn new(page: Mapping, bell: OwnedFd) -> Self {
        Self {
            page,
            bell,
            slabs: Mutex::default(),
            spare: Mutex::default(),
            #[cfg(feature = "tokio")]
            runtimes: Mutex::default(),
        }
    }

    pub(crate) fn page(&self) -> &Page {
        self.page.page()
    }

    fn new_set(&self) -> Result<OwnedFd, Errno> {
        let set = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&set, &self.bell, EventData::new_u64(0), EventFlags::IN | EventFlags::ET)?;
        Ok(set)
    }

    /// Sleeps until `socket` has news or the bell rings, not longer than `time`; not at all if `ready` after others were told to
    /// ring.
    pub(crate) fn sleep(
        &self,
        socket: impl std::os::fd::AsFd,
        time: &Timespec,
        ready: impl Fn() -> bool,
    ) -> Result<(), Errno> {
        let set = self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let set = match set {
            Some(set) => set,
            None => match self.new_set() {
                Ok(set) => set,
                Err(_) => {
                    // Without a descriptor left it looks again and again, at the socket all the time.
                    let time = if (time.tv_sec, time.tv_nsec) < (0, LOOKS_NS) {
                        *time
                    } else {
                        Timespec { tv_sec: 0, tv_nsec: LOOKS_NS }
                    };
                    let ends = PollFlags::IN | PollFlags::RDHUP;
                    return rustix::event::poll(&mut [PollFd::new(&socket, ends)], Some(&time)).map(drop);
                }
            },
        };
        // Rings of earlier times.
        let mut events: Vec<Event> = Vec::with_capacity(1);
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let _ = epoll::wait(&set, rustix::buffer::spare_capacity(&mut events), Some(&at_once));
        self.page().bell.arm();
        let outcome = if ready() {
            Ok(0)
        } else {
            let ends = PollFlags::IN | PollFlags::RDHUP;
            rustix::event::poll(&mut [PollFd::new(&socket, ends), PollFd::new(&set, PollFlags::IN)], Some(time))
        };
        self.page().bell.disarm();
        self.spare.lock().unwrap_or_else(PoisonError::into_inner).push(set);
        outcome.map(drop)
    }
}

#[cfg(feature = "tokio")]
impl Drop for Home {
    fn drop(&mut self) {
        // Tasks that wait for the bell have copies of it, and end.
        crate::slab::ring(&self.bell);
    }
}
