//! Memory that is shared with other processes.

#![allow(unsafe_code, reason = "memory that other processes write")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use pogson_ring::layout::{Geometry, HEAD_BYTES, Head, SLOT_BYTES, Slot};
use pogson_ring::protocol::{PAGE_BYTES, Page};
use pogson_ring::stream::{Rx, Stretches, Tx};
use rustix::mm::{MapFlags, ProtFlags};

use crate::slab::Slab;

/// A memfd of a fixed size.
pub(crate) struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: the memory belongs to no thread; words in it are atomics, and bytes are copied by who holds a direction's lock.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `length` bytes.
    ///
    /// - `memory`: of at least so many bytes, and sealed against shrinking; the daemon makes it so.
    pub(crate) fn new(memory: BorrowedFd<'_>, length: usize, writable: bool) -> io::Result<Self> {
        let rights = if writable { ProtFlags::READ | ProtFlags::WRITE } else { ProtFlags::READ };
        // SAFETY: a new mapping, at an address that the kernel chooses.
        let start = unsafe { rustix::mm::mmap(ptr::null_mut(), length, rights, MapFlags::SHARED, memory, 0) }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start, length })
    }

    /// As a process's page.
    pub(crate) fn page(&self) -> &Page {
        assert!(self.length >= PAGE_BYTES);
        // SAFETY: mapped as long as `self` lives, long enough, aligned to a page; a `Page` is all atomics, valid for any bytes.
        unsafe { self.start.cast().as_ref() }
    }

    /// As a half: its beginning.
    pub(crate) fn head(&self) -> &Head {
        assert!(self.length >= HEAD_BYTES);
        // SAFETY: as of `page`.
        unsafe { self.start.cast().as_ref() }
    }

    fn place<T>(&self, offset: usize, length: usize) -> NonNull<T> {
        assert!(offset + length <= self.length);
        // SAFETY: within the mapping, as asserted.
        unsafe { self.start.add(offset) }.cast()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`; references into it end with `self`. A failure leaves it mapped, which harms nobody.
        let _ = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), self.length) };
    }
}

/// A use of a slot, seen from one side.
pub(crate) struct Ring {
    /// What it lies in, which stays mapped as long as this lives.
    pub(crate) slab: Arc<Slab>,
    /// The slot.
    pub(crate) slot: u32,
    /// Which use of it.
    pub(crate) generation: u32,
    own: NonNull<Slot>,
    peer: NonNull<Slot>,
    own_bytes: NonNull<u8>,
    peer_bytes: NonNull<u8>,
    size: u32,
}

// SAFETY: places in mappings that belong to no thread.
unsafe impl Send for Ring {}
// SAFETY: words are atomics, and bytes are copied by who holds a direction's lock.
unsafe impl Sync for Ring {}

impl Ring {
    /// Slot `slot` of a slab; `None` if it has no such.
    pub(crate) fn new(slab: Arc<Slab>, slot: u32, generation: u32) -> Option<Self> {
        let geometry: Geometry = slab.geometry;
        if slot >= geometry.slots() {
            return None;
        }
        let (words, bytes) = (geometry.slot_offset(slot), geometry.ring_offset(slot));
        let size = geometry.ring_bytes();
        let own = slab.own.place(words, SLOT_BYTES);
        let peer = slab.peer.place(words, SLOT_BYTES);
        let own_bytes = slab.own.place(bytes, size as usize);
        let peer_bytes = slab.peer.place(bytes, size as usize);
        Some(Self { slab, slot, generation, own, peer, own_bytes, peer_bytes, size })
    }

    /// Words that this side writes.
    #[inline]
    pub(crate) fn own(&self) -> &Slot {
        // SAFETY: within the half that `slab` keeps mapped, aligned, and all atomics.
        unsafe { self.own.as_ref() }
    }

    /// Words that the other side writes.
    #[inline]
    pub(crate) fn peer(&self) -> &Slot {
        // SAFETY: as of `own`.
        unsafe { self.peer.as_ref() }
    }

    /// Bytes of each direction.
    pub(crate) fn size(&self) -> u32 {
        self.size
    }

    /// The sending end.
    #[inline]
    pub(crate) fn tx(&self) -> Tx<'_> {
        Tx { own: self.own(), peer: self.peer(), size: self.size }
    }

    /// The receiving end.
    #[inline]
    pub(crate) fn rx(&self) -> Rx<'_> {
        Rx { own: self.own(), peer: self.peer(), size: self.size }
    }

    /// Copies into the ring, where the stream's next bytes lie. The caller holds the sender's lock and has seen that there is room.
    pub(crate) fn put(&self, from: &[u8]) {
        let Stretches { offset, first, second } = self.tx().next(self.length(from.len()));
        let (one, other) = from.split_at(first);
        debug_assert_eq!(other.len(), second);
        // SAFETY: both stretches lie within the ring.
        let place = unsafe { self.own_bytes.add(offset) };
        // SAFETY: the ring is mapped for writing; the reader looks at these bytes once they are published.
        unsafe { ptr::copy_nonoverlapping(one.as_ptr(), place.as_ptr(), one.len()) };
        // SAFETY: as above.
        unsafe { ptr::copy_nonoverlapping(other.as_ptr(), self.own_bytes.as_ptr(), other.len()) };
    }

    /// Copies the bytes that end at `position` of the stream out of the ring again, which nobody has written over: the other side
    /// has not taken them.
    pub(crate) fn written_before(&self, position: u64, into: &mut [u8]) {
        let length = self.length(into.len());
        let Stretches { offset, first, .. } = Stretches::at(position.wrapping_sub(length.into()), length, self.size);
        let (one, other) = into.split_at_mut(first);
        // SAFETY: both stretches lie within the ring.
        let place = unsafe { self.own_bytes.add(offset) };
        // SAFETY: the ring is mapped, and only this side writes there.
        unsafe { ptr::copy_nonoverlapping(place.as_ptr(), one.as_mut_ptr(), one.len()) };
        // SAFETY: as above.
        unsafe { ptr::copy_nonoverlapping(self.own_bytes.as_ptr(), other.as_mut_ptr(), other.len()) };
    }

    /// Copies the stream's next bytes out of the ring. The caller holds the receiver's lock and has seen that they are there.
    pub(crate) fn take(&self, into: &mut [u8]) {
        let Stretches { offset, first, second } = self.rx().next(self.length(into.len()));
        let (one, other) = into.split_at_mut(first);
        debug_assert_eq!(other.len(), second);
        // SAFETY: both stretches lie within the other side's ring.
        let place = unsafe { self.peer_bytes.add(offset) };
        // SAFETY: the ring is mapped; the writer leaves these bytes alone until they are consumed, and one that does not only spoils
        // its own stream.
        unsafe { ptr::copy_nonoverlapping(place.as_ptr(), one.as_mut_ptr(), one.len()) };
        // SAFETY: as above.
        unsafe { ptr::copy_nonoverlapping(self.peer_bytes.as_ptr(), other.as_mut_ptr(), other.len()) };
    }

    /// Sends `before` and the stream's next `length` bytes to another socket in one piece, without waiting; how many of them went. The
    /// caller holds the receiver's lock and has seen that they are there.
    pub(crate) fn send_to(&self, to: BorrowedFd<'_>, before: &[u8], length: u32) -> io::Result<usize> {
        assert!(length <= self.size);
        let Stretches { offset, first, second } = self.rx().next(length);
        // SAFETY: both stretches lie within the other side's ring.
        let place = unsafe { self.peer_bytes.add(offset) };
        let part = |at: *mut u8, length| libc::iovec { iov_base: at.cast(), iov_len: length };
        let mut parts = [
            part(before.as_ptr().cast_mut(), before.len()),
            part(place.as_ptr(), first),
            part(self.peer_bytes.as_ptr(), second),
        ];
        // SAFETY: a header of zeros is one without address, control data and flags.
        let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
        message.msg_iov = parts.as_mut_ptr();
        message.msg_iovlen = parts.len() as _;
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        // SAFETY: the kernel only reads the parts, which are mapped; who writes into the ring meanwhile spoils its own stream alone.
        let sent = unsafe { libc::sendmsg(to.as_raw_fd(), &raw const message, flags) };
        usize::try_from(sent).map_err(|_| io::Error::last_os_error())
    }

    fn length(&self, bytes: usize) -> u32 {
        assert!(bytes <= self.size as usize);
        bytes as u32
    }
}
