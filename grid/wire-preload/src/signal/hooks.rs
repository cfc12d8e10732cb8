//! The functions that install handlers.

use core::ffi::c_int;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::table::{Handler, SIGNALS, TABLE, fits};
use super::{MEMORY, bit, wrapper};
use crate::next::{next, set_errno};
use crate::process::borrows_memory;
use crate::sys;

type Action = libc::sigaction;
type Plain = libc::sighandler_t;

next!(fn sigaction(signal: c_int, action: *const Action, old: *mut Action) -> c_int);

/// SIG_HOLD of sigset.
const HOLD: Plain = 2;

/// Signals that siginterrupt lets interrupt calls: what `signal` installs for them does not restart any.
static INTERRUPTING: AtomicU64 = AtomicU64::new(0);

pub(super) fn prepare() {
    sigaction::look_up();
}

/// As sigaction, with the wrapper before the program's handlers.
///
/// # Safety
/// As sigaction.
unsafe fn exchange(signal: c_int, action: *const Action, old: *mut Action) -> c_int {
    let entry = usize::try_from(signal).ok().filter(|at| (1..SIGNALS).contains(at)).map(|at| &TABLE[at]);
    let Some(entry) = entry else {
        // SAFETY: the caller's.
        return unsafe { sigaction::call(signal, action, old) };
    };
    // SAFETY: null or an action of the caller's.
    let wanted = unsafe { action.as_ref() }.copied();
    // The child of vfork has dispositions of its own, but this table is its parent's.
    let changed = wanted.filter(|_| !borrows_memory());
    let change = changed.map(|_| entry.change());
    let before = entry.handler();
    let mut given = wanted;
    if let (Some(given), true) = (&mut given, change.is_some())
        && ![libc::SIG_DFL, libc::SIG_IGN].contains(&given.sa_sigaction)
        && fits(given.sa_sigaction)
    {
        // Before the kernel has it: a signal may come at once.
        entry.write(Handler {
            address: given.sa_sigaction,
            three_arguments: given.sa_flags & libc::SA_SIGINFO != 0,
            once: given.sa_flags & libc::SA_RESETHAND != 0,
            used: false,
            restarts: given.sa_flags & libc::SA_RESTART != 0,
        });
        given.sa_sigaction = wrapper as *const () as usize;
        given.sa_flags = given.sa_flags & !libc::SA_RESETHAND | libc::SA_SIGINFO;
    } else if let (Some(given), true) = (&mut given, change.is_some())
        && given.sa_sigaction == libc::SIG_DFL
        && MEMORY.contains(&signal)
        && catches_faults()
    {
        entry.write(Handler::NONE);
        *given = ours();
    }
    let given = given.as_ref().map_or(core::ptr::null(), |given| given as *const Action);
    // SAFETY: null, or an action that lives through the call; `old` is the caller's.
    let answer = unsafe { sigaction::call(signal, given, old) };
    if answer != 0 {
        if change.is_some() {
            entry.write(before);
        }
        return answer;
    }
    drop(change);
    // SAFETY: the caller's, null or filled.
    if let Some(old) = unsafe { old.as_mut() }
        && old.sa_sigaction == wrapper as *const () as usize
    {
        if before.address == 0 {
            // Nothing of the program's: the wrapper is there for the library itself.
            *old = empty();
            return answer;
        }
        old.sa_flags = before.flags(old.sa_flags);
        old.sa_sigaction = if before.used { libc::SIG_DFL } else { before.address };
    }
    answer
}

/// From now on copies may fault ([`crate::guard`]). What the program has installed for that, or will, is called as before.
#[cold]
pub(crate) fn catch_faults() {
    if CATCHING.swap(true, Ordering::Relaxed) {
        return;
    }
    for signal in MEMORY {
        let entry = &TABLE[signal as usize];
        let _change = entry.change();
        if sys::disposition(signal).is_some_and(|now| now.handler == libc::SIG_DFL) {
            entry.write(Handler::NONE);
            // SAFETY: an action of this frame; the table has no handler, so that the wrapper does what the default is.
            unsafe { sigaction::call(signal, &ours(), core::ptr::null_mut()) };
        }
    }
}

/// Whether [`catch_faults`] was called.
#[inline]
pub(crate) fn catches_faults() -> bool {
    CATCHING.load(Ordering::Relaxed)
}

static CATCHING: AtomicBool = AtomicBool::new(false);

/// The wrapper, where the program has no handler.
fn ours() -> Action {
    let mut action = empty();
    action.sa_sigaction = wrapper as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    action
}

/// As [`exchange`], by the handler alone; SIG_ERR on failure.
fn exchange_plain(signal: c_int, handler: Plain, flags: c_int, mask: Option<c_int>) -> Plain {
    if handler == libc::SIG_ERR {
        set_errno(libc::EINVAL);
        return libc::SIG_ERR;
    }
    let mut action = empty();
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    if let Some(also) = mask {
        // SAFETY: a set of this frame. A signal that does not exist is refused below.
        unsafe { libc::sigaddset(&mut action.sa_mask, also) };
    }
    let mut old = empty();
    // SAFETY: actions of this frame; the handler is the program's.
    if unsafe { exchange(signal, &action, &mut old) } == 0 { old.sa_sigaction } else { libc::SIG_ERR }
}

fn empty() -> Action {
    // SAFETY: all zeros is an action: the default, without flags, with an empty mask.
    unsafe { core::mem::zeroed() }
}

fn interrupts(signal: c_int) -> bool {
    (1..SIGNALS as c_int).contains(&signal) && INTERRUPTING.load(Ordering::Relaxed) & bit(signal) != 0
}

/// Hook of sigaction.
///
/// # Safety
/// As sigaction.
#[unsafe(no_mangle)]
unsafe extern "C" fn sigaction(signal: c_int, action: *const Action, old: *mut Action) -> c_int {
    // SAFETY: the caller's.
    unsafe { exchange(signal, action, old) }
}

/// Hook of sigaction's other name.
///
/// # Safety
/// As sigaction.
#[unsafe(no_mangle)]
unsafe extern "C" fn __sigaction(signal: c_int, action: *const Action, old: *mut Action) -> c_int {
    // SAFETY: the caller's.
    unsafe { exchange(signal, action, old) }
}

/// Hook of signal: calls go on after the handler.
#[unsafe(no_mangle)]
extern "C" fn signal(signal: c_int, handler: Plain) -> Plain {
    let flags = if interrupts(signal) { 0 } else { libc::SA_RESTART };
    exchange_plain(signal, handler, flags, (!cfg!(target_env = "musl")).then_some(signal))
}

/// Hook of signal's BSD name.
#[unsafe(no_mangle)]
extern "C" fn bsd_signal(number: c_int, handler: Plain) -> Plain {
    signal(number, handler)
}

/// Hook of signal's name for software signals.
#[unsafe(no_mangle)]
extern "C" fn ssignal(number: c_int, handler: Plain) -> Plain {
    signal(number, handler)
}

/// Hook of signal as in System V: the handler is called once and can be interrupted by itself.
#[unsafe(no_mangle)]
extern "C" fn __sysv_signal(number: c_int, handler: Plain) -> Plain {
    if cfg!(target_env = "musl") {
        return signal(number, handler);
    }
    exchange_plain(number, handler, libc::SA_RESETHAND | libc::SA_NODEFER, None)
}

/// Hook of `__sysv_signal`'s other name.
#[unsafe(no_mangle)]
extern "C" fn sysv_signal(number: c_int, handler: Plain) -> Plain {
    __sysv_signal(number, handler)
}

/// Hook of siginterrupt.
#[unsafe(no_mangle)]
extern "C" fn siginterrupt(signal: c_int, interrupts: c_int) -> c_int {
    let mut action = empty();
    // SAFETY: an action of this frame.
    if unsafe { exchange(signal, core::ptr::null(), &mut action) } != 0 {
        return -1;
    }
    if interrupts == 0 {
        INTERRUPTING.fetch_and(!bit(signal), Ordering::Relaxed);
        action.sa_flags |= libc::SA_RESTART;
    } else {
        INTERRUPTING.fetch_or(bit(signal), Ordering::Relaxed);
        action.sa_flags &= !libc::SA_RESTART;
    }
    // SAFETY: what the program has installed, with another flag.
    unsafe { exchange(signal, &action, core::ptr::null_mut()) }
}

/// Hook of sigset: the handler, with the signal unblocked; or the signal blocked.
#[unsafe(no_mangle)]
extern "C" fn sigset(signal: c_int, handler: Plain) -> Plain {
    // SAFETY: all zeros is an empty set.
    let (mut one, mut blocked): (libc::sigset_t, libc::sigset_t) = unsafe { core::mem::zeroed() };
    // SAFETY: a set of this frame.
    if unsafe { libc::sigaddset(&mut one, signal) } != 0 {
        return libc::SIG_ERR;
    }
    let mut before = libc::SIG_ERR;
    if handler != HOLD {
        before = exchange_plain(signal, handler, 0, None);
        if before == libc::SIG_ERR {
            return libc::SIG_ERR;
        }
    }
    let how = if handler == HOLD { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK };
    // SAFETY: sets of this frame.
    if unsafe { libc::sigprocmask(how, &one, &mut blocked) } != 0 {
        return libc::SIG_ERR;
    }
    // SAFETY: a set of this frame, filled.
    if unsafe { libc::sigismember(&blocked, signal) } == 1 {
        return HOLD;
    }
    if handler == HOLD {
        let mut action = empty();
        // SAFETY: an action of this frame.
        if unsafe { exchange(signal, core::ptr::null(), &mut action) } == 0 {
            before = action.sa_sigaction;
        }
    }
    before
}
