//! Handlers of the program run only where it can bear their calls: not while a thread is in a [`Critical`](crate::critical).
//!
//! [`hooks`] stand in front of the functions that install handlers. They write the program's handler into [`table`] and give the
//! kernel a wrapper, which asks [`decide`] and then jumps to the handler, so that this sees the same arguments, frame and return
//! address as without it. A signal that comes in a critical section is put off: [`put_off`].

mod hooks;
mod put_off;
mod table;

pub(crate) use hooks::{catch_faults, catches_faults};
pub(crate) use put_off::deliver;

use core::ffi::{c_int, c_void};

use crate::{guard, sys, thread};
use table::{Found, TABLE};

/// Signals that the kernel raises for an instruction.
const FAULTS: [c_int; 6] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS];

/// Those of them that tell of memory which is not there.
const MEMORY: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// Bit of a signal in the kernel's sets.
const fn bit(signal: c_int) -> u64 {
    1 << (signal - 1)
}

/// Looks up what is needed, before the program can call it from a handler.
extern "C" fn prepare() {
    crate::process::prepare();
    hooks::prepare();
}

#[used]
#[unsafe(link_section = ".init_array")]
static PREPARE: extern "C" fn() = prepare;

/// What the kernel calls instead of the program's handlers.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn wrapper(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    core::arch::naked_asm!(
        ".cfi_startproc",
        "push rdi",
        ".cfi_adjust_cfa_offset 8",
        "push rsi",
        ".cfi_adjust_cfa_offset 8",
        "push rdx",
        ".cfi_adjust_cfa_offset 8",
        "call {decide}",
        "pop rdx",
        ".cfi_adjust_cfa_offset -8",
        "pop rsi",
        ".cfi_adjust_cfa_offset -8",
        "pop rdi",
        ".cfi_adjust_cfa_offset -8",
        "test rax, rax",
        "jz 2f",
        "jmp rax",
        "2: ret",
        ".cfi_endproc",
        decide = sym decide,
    );
}

/// What the kernel calls instead of the program's handlers.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn wrapper(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    core::arch::naked_asm!(
        ".cfi_startproc",
        "stp x29, x30, [sp, #-48]!",
        ".cfi_adjust_cfa_offset 48",
        ".cfi_rel_offset x29, 0",
        ".cfi_rel_offset x30, 8",
        "mov x29, sp",
        "stp x0, x1, [sp, #16]",
        "str x2, [sp, #32]",
        "bl {decide}",
        "mov x16, x0",
        "ldp x0, x1, [sp, #16]",
        "ldr x2, [sp, #32]",
        "ldp x29, x30, [sp], #48",
        ".cfi_adjust_cfa_offset -48",
        ".cfi_restore x29",
        ".cfi_restore x30",
        "cbz x16, 2f",
        "br x16",
        "2: ret",
        ".cfi_endproc",
        decide = sym decide,
    );
}

/// Address of the handler to call now; 0 for none.
///
/// # Safety
/// Called by the kernel, through the wrapper.
unsafe extern "C" fn decide(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::ucontext_t) -> usize {
    // SAFETY: the words are the thread's own.
    let thread = unsafe { &*thread::current() };
    // SAFETY: the kernel's siginfo lives as long as the wrapper.
    let raised_by_instruction = FAULTS.contains(&signal) && unsafe { (*info).si_code } > 0;
    // SAFETY: the kernel's context.
    if raised_by_instruction && MEMORY.contains(&signal) && unsafe { guard::recover(thread, context) } {
        return 0;
    }
    if thread.depth.get() != 0 && !raised_by_instruction {
        // SAFETY: the kernel's, both.
        unsafe { put_off::put_off(thread, signal, info, context) };
        return 0;
    }
    let entry = &TABLE[signal as usize];
    thread.handled.set(thread.handled.get().wrapping_add(1));
    if !entry.handler().restarts {
        thread.interrupted.set(thread.interrupted.get().wrapping_add(1));
    }
    match entry.find() {
        Found::Handler(address) => address,
        Found::Once(address) => {
            default_from_now_on(signal);
            address
        }
        Found::Used => {
            // Another thread has used the one call: this one gets what the kernel would do on the next signal.
            default_from_now_on(signal);
            // SAFETY: the kernel's siginfo.
            unsafe { sys::queue_to_self(signal, info) };
            0
        }
    }
}

/// What the kernel does after a handler with SA_RESETHAND was called: the flags and the mask stay.
fn default_from_now_on(signal: c_int) {
    let entry = &TABLE[signal as usize];
    // Whoever else changes it has its signals blocked and comes to an end.
    let _change = entry.change();
    let handler = entry.handler();
    if !handler.used {
        return;
    }
    if let Some(mut now) = sys::disposition(signal).filter(|now| now.handler == wrapper as *const () as usize) {
        now.handler = libc::SIG_DFL;
        now.flags = handler.flags(now.flags as c_int) as libc::c_ulong;
        // SAFETY: the default needs no handler; the rest is the kernel's own answer.
        unsafe { sys::set_disposition(signal, &now) };
    }
}
