//! Calls of the kernel, without the C library: they touch neither errno nor anything that is hooked, and are no point of
//! cancellation. What they return is the kernel's: negative numbers from -4095 are errors.

use core::arch::asm;
use core::ffi::{c_int, c_void};

/// Bytes of a set of signals as the kernel takes it.
const SIGSET_BYTES: usize = 8;

/// Asks the kernel.
///
/// # Safety
/// As the call `number` asks of its arguments.
#[cfg(target_arch = "x86_64")]
#[inline]
pub(crate) unsafe fn syscall6(
    number: libc::c_long,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> isize {
    let answer: isize;
    // SAFETY: the kernel overwrites rax, rcx and r11 alone; the arguments are the caller's.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number as isize => answer,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    answer
}

/// Asks the kernel.
///
/// # Safety
/// As the call `number` asks of its arguments.
#[cfg(target_arch = "aarch64")]
#[inline]
pub(crate) unsafe fn syscall6(
    number: libc::c_long,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> isize {
    let answer: isize;
    // SAFETY: the kernel overwrites x0 alone; the arguments are the caller's.
    unsafe {
        asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a => answer,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e, in("x5") f,
            options(nostack),
        );
    }
    answer
}

/// Process, as the kernel knows it.
pub(crate) fn getpid() -> c_int {
    // SAFETY: takes nothing and cannot fail.
    unsafe { syscall6(libc::SYS_getpid, 0, 0, 0, 0, 0, 0) as c_int }
}

/// Thread, as the kernel knows it.
pub(crate) fn gettid() -> c_int {
    // SAFETY: takes nothing and cannot fail.
    unsafe { syscall6(libc::SYS_gettid, 0, 0, 0, 0, 0, 0) as c_int }
}

/// Lets another thread have the core.
pub(crate) fn sched_yield() {
    // SAFETY: takes nothing and cannot fail.
    unsafe { syscall6(libc::SYS_sched_yield, 0, 0, 0, 0, 0, 0) };
}

/// Blocks exactly the signals of `mask` (bit 0 is signal 1); returns those that were blocked before.
pub(crate) fn set_signal_mask(mask: u64) -> u64 {
    let mut before = 0_u64;
    // SAFETY: both sets are SIGSET_BYTES long and live through the call.
    unsafe {
        syscall6(
            libc::SYS_rt_sigprocmask,
            libc::SIG_SETMASK as usize,
            &raw const mask as usize,
            &raw mut before as usize,
            SIGSET_BYTES,
            0,
            0,
        );
    }
    before
}

/// Queues `signal` for the calling thread, with `info`. Whether it could.
///
/// # Safety
/// `info` points to a whole siginfo_t.
pub(crate) unsafe fn queue_to_self(signal: c_int, info: *const libc::siginfo_t) -> bool {
    // SAFETY: the caller's `info`; the kernel copies it.
    let answer = unsafe {
        syscall6(
            libc::SYS_rt_tgsigqueueinfo,
            getpid() as usize,
            gettid() as usize,
            signal as usize,
            info as usize,
            0,
            0,
        )
    };
    answer == 0
}

/// What the kernel does on a signal.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Disposition {
    /// Address, or SIG_DFL, SIG_IGN.
    pub(crate) handler: usize,
    /// SA_ bits.
    pub(crate) flags: libc::c_ulong,
    /// Where a handler returns to.
    pub(crate) restorer: usize,
    /// Signals blocked meanwhile.
    pub(crate) mask: u64,
}

/// What the kernel does on `signal`.
pub(crate) fn disposition(signal: c_int) -> Option<Disposition> {
    let mut now = Disposition { handler: 0, flags: 0, restorer: 0, mask: 0 };
    // SAFETY: `now` has the kernel's layout and lives through the call.
    let answer =
        unsafe { syscall6(libc::SYS_rt_sigaction, signal as usize, 0, &raw mut now as usize, SIGSET_BYTES, 0, 0) };
    (answer == 0).then_some(now)
}

/// Makes the kernel do on `signal` as `wanted` says.
///
/// # Safety
/// The handler is a signal handler, or SIG_DFL or SIG_IGN; the restorer is the C library's.
pub(crate) unsafe fn set_disposition(signal: c_int, wanted: &Disposition) {
    // SAFETY: `wanted` has the kernel's layout and lives through the call.
    unsafe {
        syscall6(libc::SYS_rt_sigaction, signal as usize, wanted as *const Disposition as usize, 0, SIGSET_BYTES, 0, 0);
    }
}

/// Memory of this process alone which a child made by fork finds empty; `None` where there is none, or no such kind.
pub(crate) fn memory_emptied_by_fork(bytes: usize) -> Option<*mut c_void> {
    // SAFETY: asks for new memory, anywhere.
    let at = unsafe {
        syscall6(
            libc::SYS_mmap,
            0,
            bytes,
            (libc::PROT_READ | libc::PROT_WRITE) as usize,
            (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as usize,
            usize::MAX,
            0,
        )
    };
    let at = (!(-4095..0).contains(&at)).then_some(at as usize)?;
    // SAFETY: the memory is the one just made.
    let wiped = unsafe { syscall6(libc::SYS_madvise, at, bytes, libc::MADV_WIPEONFORK as usize, 0, 0, 0) };
    (wiped == 0).then_some(at as *mut c_void)
}
