//! Whether the memory belongs to the process that runs.
//!
//! The child of vfork runs in its parent's memory until it calls exec: what it does there to tables, the parent finds done. The C
//! library's pid would tell nothing; the kernel's is compared with one that lies on a page which fork empties (so that its child,
//! with memory of its own, is known as the owner of that).

use core::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use crate::sys;

static OWNER: AtomicPtr<AtomicI32> = AtomicPtr::new(core::ptr::null_mut());

/// Makes the page; where it cannot be made, no process is ever taken for a vfork's child. Call when the library is loaded.
pub(crate) fn prepare() {
    if let Some(page) = sys::memory_emptied_by_fork(4096) {
        OWNER.store(page.cast(), Ordering::Release);
        borrows_memory();
    }
}

/// Whether this process runs in another's memory.
pub(crate) fn borrows_memory() -> bool {
    let page = OWNER.load(Ordering::Acquire);
    if page.is_null() {
        return false;
    }
    // SAFETY: the page is never unmapped.
    let owner = unsafe { &*page };
    let pid = sys::getpid();
    match owner.compare_exchange(0, pid, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => false,
        Err(owner) => owner != pid,
    }
}
