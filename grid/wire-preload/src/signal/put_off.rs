//! Signals that come in a critical section.
//!
//! The signal is queued anew to its thread with all that the kernel said about it, and the thread blocks all signals from then
//! on. When it leaves the section it takes its former mask again, and the kernel delivers what has come meanwhile: with its true
//! particulars, on the right stack, with the right mask. Faults of instructions and the C library's own signals stay unblocked.
//!
//! Real-time signals which another thread of the process sent to this thread by pthread_sigqueue keep their number and values;
//! one that is put off comes after those of its own number that were queued already.

use core::ffi::{c_int, c_void};

use super::{FAULTS, bit, table::TABLE};
use crate::{sys, thread::Thread};

/// Signals by which the C library cancels threads and changes users.
const OF_THE_LIBRARY: u64 = if cfg!(target_env = "musl") { bit(32) | bit(33) | bit(34) } else { bit(32) | bit(33) };

/// What is blocked while `signal` is put off.
fn blocked(signal: c_int) -> u64 {
    let faults = FAULTS.iter().fold(0, |set, fault| set | bit(*fault));
    !(faults | OF_THE_LIBRARY) | bit(signal)
}

/// Puts `signal` off.
///
/// # Safety
/// `info` and `context` are the kernel's, of the handler that runs now.
pub(super) unsafe fn put_off(
    thread: &Thread,
    signal: c_int,
    info: *const libc::siginfo_t,
    context: *mut libc::ucontext_t,
) {
    let blocked = blocked(signal);
    // Before all else: with SA_NODEFER it would come again at once, and other signals may come between any two lines.
    sys::set_signal_mask(blocked);
    // SAFETY: the kernel's context; its set of signals has 64 bits, whatever the C library's has.
    let mask = unsafe { &mut *(&raw mut (*context).uc_sigmask).cast::<u64>() };
    // The mask of the first that was put off is the thread's own. But a handler of a fault, which may run in a section, can end
    // with the mask from before.
    if thread.put_off.get() == 0 || *mask & blocked != blocked {
        thread.mask.set(*mask);
    }
    thread.put_off.set(1);
    *mask |= blocked;
    // SAFETY: the kernel's siginfo.
    if !unsafe { sys::queue_to_self(signal, info) } {
        // The user has too many signals queued. One at most comes here, for all others are blocked now.
        thread.kept.set(signal as u64);
        // SAFETY: the place is this thread's, and nobody looks at it before `deliver`.
        unsafe { (*thread.kept_info.get()).write(*info) };
    }
}

/// Lets come what was put off: the thread has left its last critical section.
#[cold]
pub(crate) fn deliver(thread: &Thread) {
    let kept = thread.kept.replace(0) as c_int;
    let mask = thread.mask.get();
    thread.put_off.set(0);
    if kept != 0 {
        // SAFETY: written when the signal was kept.
        let mut info = unsafe { (*thread.kept_info.get()).assume_init() };
        call(kept, &mut info, mask);
    }
    // The kernel delivers before this returns.
    sys::set_signal_mask(mask);
}

/// Calls the handler of a signal that the kernel does not take back, with a context that says only what was blocked.
fn call(signal: c_int, info: &mut libc::siginfo_t, mask: u64) {
    // SAFETY: the kernel's siginfo, kept.
    if unsafe { sys::queue_to_self(signal, info) } {
        return;
    }
    let Some(now) = sys::disposition(signal) else { return };
    if now.handler != super::wrapper as *const () as usize {
        return;
    }
    let itself = if now.flags & libc::SA_NODEFER as libc::c_ulong == 0 { bit(signal) } else { 0 };
    sys::set_signal_mask(mask | now.mask | itself);
    // SAFETY: all zeros is a context.
    let mut context: libc::ucontext_t = unsafe { core::mem::zeroed() };
    // SAFETY: the set has at least the kernel's 64 bits.
    unsafe { (&raw mut context.uc_sigmask).cast::<u64>().write(mask) };
    let handler: unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) =
        // SAFETY: the program gave it for this.
        unsafe { core::mem::transmute(TABLE[signal as usize].handler().address) };
    // SAFETY: as the kernel would call it.
    unsafe { handler(signal, info, (&raw mut context).cast()) };
}
