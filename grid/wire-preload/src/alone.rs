//! Whether one thread is all there is: nobody else can then want its locks, which it takes without a locked instruction.

use core::sync::atomic::{AtomicPtr, AtomicU8, Ordering};

static NO: AtomicU8 = AtomicU8::new(0);
/// The C library's word, or [`NO`].
static WORD: AtomicPtr<u8> = AtomicPtr::new(NO.as_ptr());

/// Asks the C library: since glibc 2.32 it says in `__libc_single_threaded` what it goes by itself. Where there is no such word,
/// there may always be other threads.
pub(crate) fn open() {
    let found = crate::next::Next::new(c"__libc_single_threaded").get();
    if !found.is_null() {
        // SAFETY: the function stays as long as the library, which is never unloaded.
        let told = unsafe { libc::pthread_atfork(Some(forks), None, None) };
        if told == 0 {
            WORD.store(found.cast(), Ordering::Relaxed);
        }
    }
}

/// From now on other processes hold the same locks, in memory that children by fork share. The C library calls it before each fork
/// of its own, forkpty's too.
pub(crate) extern "C" fn forks() {
    WORD.store(NO.as_ptr(), Ordering::Relaxed);
}

/// Whether the process has one thread, and neither forked nor is a child by fork. Before there is another thread, the only one has
/// made it, so that the answer holds until the caller does that.
#[inline]
pub(crate) fn is_alone() -> bool {
    // SAFETY: the C library's word, or this file's: a byte that stays, of which other threads can only be told by this one.
    unsafe { WORD.load(Ordering::Relaxed).read_volatile() != 0 }
}
