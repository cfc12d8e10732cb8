//! The beginnings of the other sides' halves once more, each at a place of its own by the slab's number. They stay readable when
//! a slab goes, so that epoll sets look for changes without a lock and without holding on to slabs.

use crate::kernel;
use core::sync::atomic::{AtomicPtr, Ordering};
use pogson_ring::layout::{HEAD_BYTES, Head};

/// Slabs that there can be: numbers 1 to this.
pub(crate) const SLABS_AT_MOST: u32 = 1 << 12;

static START: AtomicPtr<u8> = AtomicPtr::new(core::ptr::null_mut());

fn place(number: u32) -> Option<*mut u8> {
    let start = START.load(Ordering::Acquire);
    // SAFETY: the places of all numbers are mapped, from that of 0 on.
    (!start.is_null() && number <= SLABS_AT_MOST).then(|| unsafe { start.add(number as usize * HEAD_BYTES) })
}

/// Shows the head that lies in `file` from `offset` on as that of slab `number`; whether it does. The caller holds the session's lock.
pub(crate) fn show(number: u32, file: i32, offset: u64) -> bool {
    if START.load(Ordering::Acquire).is_null() {
        let bytes = (SLABS_AT_MOST as usize + 1) * HEAD_BYTES;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let Some(start) = kernel::map(bytes, libc::PROT_READ, flags, -1) else { return false };
        START.store(start, Ordering::Release);
    }
    let Some(place) = place(number) else { return false };
    // SAFETY: the place is this number's, and readable before and after.
    unsafe { kernel::map_over(place, HEAD_BYTES, libc::PROT_READ, libc::MAP_SHARED, file, offset) }
}

/// Slab `number` is no more: its place reads as zeros.
pub(crate) fn hide(number: u32) {
    if let Some(place) = place(number) {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: the place is this number's, and readable before and after.
        unsafe { kernel::map_over(place, HEAD_BYTES, libc::PROT_READ, flags, -1, 0) };
    }
}

/// The head of slab `number`, zeros where there is no such slab.
#[inline]
pub(crate) fn of(number: u32) -> Option<&'static Head> {
    // SAFETY: the places are never unmapped, aligned to pages and long enough; a head is made of atomics.
    place(number).map(|place| unsafe { &*place.cast::<Head>() })
}
