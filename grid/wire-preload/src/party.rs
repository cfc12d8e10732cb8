//! Other processes, and this one as they see it: a page and a bell each.

use crate::{
    kernel,
    pool::{Item, Pool},
};
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering};
use pogson_ring::protocol::{PAGE_BYTES, Page};

/// A process's page and its eventfd: another's, or one of this process and those that it comes from.
#[repr(C, align(64))]
pub(crate) struct Party {
    link: AtomicU32,
    /// The daemon's name of the session; 0 for a party that is gone.
    pub(crate) session: AtomicU64,
    page: AtomicPtr<Page>,
    /// Its bell.
    pub(crate) eventfd: AtomicI32,
    /// For another process: readable when it is dead; -1 for none.
    pub(crate) pidfd: AtomicI32,
    /// Sequence of its bell that was rung.
    rung: AtomicU64,
    /// Slabs that are shared with it.
    pub(crate) slabs: AtomicU32,
}

// SAFETY: atomics only, of which zeros are valid.
unsafe impl Item for Party {
    fn link(&self) -> &AtomicU32 {
        &self.link
    }
}

/// All parties.
pub(crate) static PARTIES: Pool<Party> = Pool::private(1 << 13);

impl Party {
    /// Takes over the mapping and the descriptors. `writable`: the page is of this process.
    pub(crate) fn open(session: u64, page: i32, eventfd: i32, pidfd: i32, writable: bool) -> Option<u32> {
        let protection = if writable { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_READ };
        let mapped = kernel::map(PAGE_BYTES, protection, libc::MAP_SHARED, page)?;
        Self::begin(session, mapped, eventfd, pidfd)
    }

    /// A process in another guest, which has no page and no bell here.
    pub(crate) fn far(session: u64, death: i32) -> Option<u32> {
        Self::begin(session, core::ptr::null_mut(), -1, death)
    }

    fn begin(session: u64, mapped: *mut u8, eventfd: i32, pidfd: i32) -> Option<u32> {
        let number = PARTIES.take()?;
        let party = PARTIES.get(number)?;
        party.page.store(mapped.cast(), Ordering::Relaxed);
        party.eventfd.store(eventfd, Ordering::Relaxed);
        party.pidfd.store(pidfd, Ordering::Relaxed);
        party.rung.store(0, Ordering::Relaxed);
        party.slabs.store(0, Ordering::Relaxed);
        party.session.store(session, Ordering::Release);
        Some(number)
    }

    /// Its page.
    #[inline]
    pub(crate) fn page(&self) -> Option<&'static Page> {
        let page = self.page.load(Ordering::Relaxed);
        // SAFETY: mapped by `open`, of atomics, and unmapped only when no slab of the party is left.
        (!page.is_null()).then(|| unsafe { &*page })
    }

    /// Rings its bell if it sleeps and was not rung since.
    #[inline]
    pub(crate) fn ring(&self) {
        if self.page().is_some_and(|page| page.bell.must_ring(&self.rung)) {
            kernel::ring(self.eventfd.load(Ordering::Relaxed));
            crate::session::count(|counters| &counters.wakes, 1);
        }
    }

    /// Whether the process is known to be dead.
    pub(crate) fn is_dead(&self) -> bool {
        let pidfd = self.pidfd.load(Ordering::Relaxed);
        pidfd >= 0 && kernel::poll_now(pidfd, libc::POLLIN) != 0
    }

    pub(crate) fn close(&self, number: u32) {
        self.session.store(0, Ordering::Release);
        for fd in [self.eventfd.swap(-1, Ordering::AcqRel), self.pidfd.swap(-1, Ordering::AcqRel)] {
            crate::session::close_own(fd);
        }
        let page = self.page.swap(core::ptr::null_mut(), Ordering::AcqRel);
        if !page.is_null() {
            // SAFETY: no slab of the party is left, so nobody looks at its page.
            unsafe { kernel::unmap(page.cast(), PAGE_BYTES) };
        }
        PARTIES.give_back(number);
    }
}

/// Numbers of the parties that are this process, or were when it was still its parent.
pub(crate) fn party_of_session(session: u64) -> Option<u32> {
    (1..=PARTIES.reach())
        .find(|number| PARTIES.get(*number).is_some_and(|party| party.session.load(Ordering::Acquire) == session))
}
