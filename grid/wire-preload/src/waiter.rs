//! Epoll sets of the library's own that hold the bells, for calls which wait for descriptors without a set of the program's.

use crate::{descriptors, kernel, session, sleep};
use core::sync::atomic::{AtomicI32, AtomicU32, Ordering};

struct Place {
    /// The set, -1 while a thread has it or there is none, [`FILLED`] while it is put there.
    fd: AtomicI32,
    /// Bells that it holds.
    bells: AtomicU32,
}

const FILLED: i32 = -2;

static PLACES: [Place; 64] = [const { Place { fd: AtomicI32::new(-1), bells: AtomicU32::new(0) } }; 64];

/// How long a thread sleeps that has no descriptor left for a set.
const WITHOUT_NS: u64 = 1_000_000;

/// A set that is readable once a bell has rung since it was taken; -1 if the process has no descriptor left for one.
pub(crate) struct Waiter {
    pub(crate) fd: i32,
    bells: u32,
}

impl Waiter {
    /// Takes one.
    pub(crate) fn take() -> Self {
        let free = PLACES.iter().find_map(|place| {
            let fd = place.fd.load(Ordering::Acquire);
            let taken = fd >= 0 && place.fd.compare_exchange(fd, -1, Ordering::AcqRel, Ordering::Relaxed).is_ok();
            taken.then(|| Self { fd, bells: place.bells.load(Ordering::Relaxed) })
        });
        let mut waiter = match free {
            Some(waiter) => waiter,
            None => Self { fd: kernel::epoll_create().map_or(-1, |fd| session::keep(fd as i32)), bells: 0 },
        };
        if waiter.fd < 0 {
            return waiter;
        }
        for bell in sleep::bells().skip(waiter.bells as usize) {
            let event = libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLET) as u32, u64: 0 };
            let _ = kernel::epoll_ctl(waiter.fd, libc::EPOLL_CTL_ADD, bell, Some(event));
            waiter.bells += 1;
        }
        waiter.quiet();
        waiter
    }

    /// How long a thread may sleep by it that wants to sleep for `wanted_ns`; `None` is for ever.
    pub(crate) fn longest_ns(&self, wanted_ns: Option<u64>) -> Option<u64> {
        if self.fd < 0 { Some(wanted_ns.map_or(WITHOUT_NS, |wanted| wanted.min(WITHOUT_NS))) } else { wanted_ns }
    }

    /// Forgets what has rung so far.
    pub(crate) fn quiet(&self) {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 8];
        // SAFETY: the array has room for as many events.
        let _ = unsafe { kernel::epoll_wait(self.fd, events.as_mut_ptr(), 8, Some(0), core::ptr::null()) };
    }

    /// What to poll it for.
    pub(crate) fn entry(&self) -> libc::pollfd {
        libc::pollfd { fd: self.fd, events: libc::POLLIN, revents: 0 }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Waiter {
    /// Gives it to whoever takes one next; once.
    pub(crate) fn give_back(&self) {
        if self.fd < 0 {
            return;
        }
        let free = PLACES
            .iter()
            .find(|place| place.fd.compare_exchange(-1, FILLED, Ordering::AcqRel, Ordering::Relaxed).is_ok());
        match free {
            Some(place) => {
                place.bells.store(self.bells, Ordering::Relaxed);
                place.fd.store(self.fd, Ordering::Release);
            }
            None => session::close_own(self.fd),
        }
    }
}

/// One of the library's own descriptors has another number now.
pub(crate) fn renumber(from: i32, to: i32) {
    for place in &PLACES {
        let _ = place.fd.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed);
    }
}

/// In a child made by fork: sets are shared with the parent, which must not be woken by what the child waits for.
pub(crate) fn forget() {
    for place in &PLACES {
        let fd = place.fd.swap(-1, Ordering::AcqRel);
        if fd >= 0 {
            descriptors::is_free(fd);
            kernel::close(fd);
        }
    }
}
