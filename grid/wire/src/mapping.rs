//! Shared memory as the daemon sees it.

#![allow(unsafe_code, reason = "memory that other processes write")]

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};
use std::sync::atomic::AtomicU32;

use pogson_ring::layout::{Geometry, Head, SLOT_BYTES, Slot};
use pogson_ring::protocol::{PAGE_BYTES, Page};
use rustix::mm::{MapFlags, ProtFlags};

use crate::guest::card::{CARD_BYTES, Card};
use crate::guest::packets::{PACKETS_BYTES, Packets};

/// The beginning of a memfd that cannot shrink.
pub(crate) struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the memory belongs to no thread, and is looked at through atomics alone.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `length` bytes.
    ///
    /// - `memory`: a memfd of at least so many bytes that is sealed against shrinking.
    pub(crate) fn new(memory: BorrowedFd<'_>, length: usize, writable: bool) -> io::Result<Self> {
        Self::part(memory, 0, length, writable)
    }

    /// Maps `length` bytes from `offset` on, a multiple of 4096.
    pub(crate) fn part(memory: BorrowedFd<'_>, offset: u64, length: usize, writable: bool) -> io::Result<Self> {
        let rights = if writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        // SAFETY: a new mapping, at an address that the kernel chooses.
        let start = unsafe { rustix::mm::mmap(ptr::null_mut(), length, rights, MapFlags::SHARED, memory, offset) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, length })
    }

    /// Where it is in this process.
    pub(crate) fn address(&self) -> usize {
        self.start.as_ptr() as usize
    }

    /// As a process's page.
    pub(crate) fn page(&self) -> &Page {
        assert!(self.length >= PAGE_BYTES && size_of::<Page>() <= PAGE_BYTES);
        // SAFETY: mapped as long as `self` lives, long enough, aligned to a page; a `Page` is all atomics, valid for any bytes.
        unsafe { self.start.cast().as_ref() }
    }

    /// As a half: its beginning.
    pub(crate) fn head(&self) -> &Head {
        assert!(self.length >= size_of::<Head>());
        // SAFETY: mapped as long as `self` lives, long enough, aligned to a page; a `Head` is all atomics, valid for any bytes.
        unsafe { self.start.cast().as_ref() }
    }

    /// As the beginning of a region that two guests share: the card of `side`, 0 or 1.
    pub(crate) fn card(&self, side: usize) -> &Card {
        let offset = side * CARD_BYTES;
        assert!(offset + size_of::<Card>() <= self.length);
        // SAFETY: within the mapping, as asserted.
        let start = unsafe { self.start.add(offset) };
        // SAFETY: mapped as long as `self` lives, and aligned to a page; a `Card` is all atomics, valid for any bytes.
        unsafe { start.cast().as_ref() }
    }

    /// As a region's part for packets: that of `side`, 0 or 1.
    pub(crate) fn packets(&self, side: usize) -> &Packets {
        let offset = side * PACKETS_BYTES;
        assert!(offset + PACKETS_BYTES <= self.length);
        // SAFETY: within the mapping, as asserted.
        let start = unsafe { self.start.add(offset) };
        // SAFETY: mapped as long as `self` lives, and aligned to a page; `Packets` are all atomics, valid for any bytes.
        unsafe { start.cast().as_ref() }
    }

    /// As a half: its slot `slot`.
    pub(crate) fn slot(&self, geometry: Geometry, slot: u32) -> &Slot {
        let offset = geometry.slot_offset(slot);
        assert!(offset + SLOT_BYTES <= self.length);
        // SAFETY: within the mapping, as asserted.
        let start = unsafe { self.start.add(offset) };
        // SAFETY: mapped as long as `self` lives, and aligned, for offsets of slots are multiples of 512; a `Slot` is all atomics,
        // valid for any bytes.
        unsafe { start.cast().as_ref() }
    }
}

/// Wakes all that sleep on `word`, in whatever process.
pub(crate) fn wake_all(word: &AtomicU32) {
    // SAFETY: the kernel looks at the address alone, which is valid.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, i32::MAX) };
}

/// Lets the calling thread sleep as short as it asks for.
pub(crate) fn wake_on_time() {
    // SAFETY: plain numbers; without effect it wakes a little later.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_000_u64) };
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`; references into it end with `self`. A failure leaves it mapped, which harms nobody.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.length) };
    }
}
