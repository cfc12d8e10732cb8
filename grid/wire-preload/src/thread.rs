//! Words of each thread.
//!
//! They are found by the thread pointer and an offset that is fixed when the library is loaded, in two instructions. The usual way
//! of a shared library asks the dynamic linker for the address, which may allocate: a signal handler must not.

use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;

/// What a thread knows about itself; zeros at its start.
#[repr(C)]
pub(crate) struct Thread {
    /// The kernel's number of it, 0 until asked.
    pub(crate) id: Cell<u32>,
    /// Critical sections that it is in.
    pub(crate) depth: Cell<u32>,
    /// Whether a signal was put off until it is in none.
    pub(crate) put_off: Cell<u32>,
    /// Handlers that have run.
    pub(crate) handled: Cell<u32>,
    /// Those of them that end calls (without SA_RESTART).
    pub(crate) interrupted: Cell<u32>,
    /// Signals that it blocked before, then.
    pub(crate) mask: Cell<u64>,
    /// Signal that could not be queued, or 0.
    pub(crate) kept: Cell<u64>,
    /// Where the stack stands while the program's memory is copied ([`crate::guard`]), else 0.
    pub(crate) lands: Cell<usize>,
    /// Particulars of the signal that could not be queued.
    pub(crate) kept_info: UnsafeCell<MaybeUninit<libc::siginfo_t>>,
}

const BYTES: usize = 256;
const _: () = assert!(size_of::<Thread>() <= BYTES && align_of::<Thread>() <= 64);

core::arch::global_asm!(
    ".pushsection .tbss.pogson_wire_thread,\"awT\",@nobits",
    ".hidden pogson_wire_thread",
    ".globl pogson_wire_thread",
    ".type pogson_wire_thread, @object",
    ".size pogson_wire_thread, {bytes}",
    ".balign 64",
    "pogson_wire_thread:",
    ".zero {bytes}",
    ".popsection",
    bytes = const BYTES,
);

/// The calling thread's words. They are valid as long as the thread is.
#[inline]
pub(crate) fn current() -> *const Thread {
    let at: *const Thread;
    // SAFETY: reads the thread pointer and a constant of the library.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        core::arch::asm!(
            "mov {at}, qword ptr [rip + pogson_wire_thread@GOTTPOFF]",
            "add {at}, qword ptr fs:[0]",
            at = out(reg) at,
            options(pure, readonly, nostack),
        );
    }
    // SAFETY: reads the thread pointer and a constant of the library.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        core::arch::asm!(
            "mrs {at}, tpidr_el0",
            "adrp {offset}, :gottprel:pogson_wire_thread",
            "ldr {offset}, [{offset}, :gottprel_lo12:pogson_wire_thread]",
            "add {at}, {at}, {offset}",
            at = out(reg) at,
            offset = out(reg) _,
            options(pure, readonly, nostack, preserves_flags),
        );
    }
    at
}
