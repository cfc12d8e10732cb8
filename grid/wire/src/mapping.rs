//! Shared memory as the daemon sees it.

#![allow(unsafe_code, reason = "memory that other processes write")]

use std::io;
use std::os::fd::BorrowedFd;
use std::ptr::{self, NonNull};

use pogson_ring::layout::{Geometry, SLOT_BYTES, Slot};
use pogson_ring::protocol::{PAGE_BYTES, Page};
use rustix::mm::{MapFlags, ProtFlags};

/// The beginning of a memfd that cannot shrink.
pub(crate) struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the memory belongs to no thread, and is looked at through atomics alone.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps the first `length` bytes.
    ///
    /// - `memory`: a memfd of at least so many bytes that is sealed against shrinking.
    pub(crate) fn new(memory: BorrowedFd<'_>, length: usize, writable: bool) -> io::Result<Self> {
        let rights = if writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        // SAFETY: a new mapping, at an address that the kernel chooses.
        let start = unsafe { rustix::mm::mmap(ptr::null_mut(), length, rights, MapFlags::SHARED, memory, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, length })
    }

    /// As a process's page.
    pub(crate) fn page(&self) -> &Page {
        assert!(self.length >= PAGE_BYTES && size_of::<Page>() <= PAGE_BYTES);
        // SAFETY: mapped as long as `self` lives, long enough, aligned to a page; a `Page` is all atomics, valid for any bytes.
        unsafe { self.start.cast().as_ref() }
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

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`; references into it end with `self`. A failure leaves it mapped, which harms nobody.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.length) };
    }
}
