//! Copies from and to memory of the program that may not be there. The kernel says EFAULT of such; here an instruction faults, and the
//! wrapper that stands before the program's handlers ([`crate::signal`]) goes on behind the copy.
//!
//! A thread that blocks SIGSEGV is ended by it nevertheless, as is a program that has put a handler of its own past the C library.

use crate::{critical::Critical, signal, thread};
use core::cell::Cell;
use core::ffi::c_int;

/// No program has memory below: pointers there are mistakes whoever looks at the signals.
const NOWHERE: usize = 4096;

/// Copies as memcpy; whether all of it could be.
///
/// # Safety
/// As of memcpy, but for memory that is not there on one of the two sides. The caller is in a critical section.
#[inline]
pub(crate) unsafe fn copy(to: *mut u8, from: *const u8, bytes: usize) -> bool {
    if (to as usize) < NOWHERE || (from as usize) < NOWHERE {
        return bytes == 0;
    }
    // SAFETY: the thread's own words; the rest is the caller's.
    unsafe { guarded(to, from, bytes, &(*thread::current()).lands) == 0 }
}

/// Whether `count` from `at` on can be read, as far as that can be told: before the first connection leaves TCP faults are not
/// caught.
pub(crate) fn is_there<T>(at: *const T, count: usize) -> bool {
    const PAGE: usize = 4096;
    if !signal::catches_faults() {
        return !at.is_null() || count == 0;
    }
    let Some(bytes) = count.checked_mul(size_of::<T>()).filter(|bytes| *bytes > 0) else { return count == 0 };
    let _critical = Critical::enter();
    let (mut byte, mut next) = (0_u8, at as usize);
    let Some(last) = next.checked_add(bytes - 1) else { return false };
    loop {
        // SAFETY: one byte, which is there or not.
        if !unsafe { copy(&raw mut byte, next as *const u8, 1) } {
            return false;
        }
        if next == last {
            return true;
        }
        next = (next | (PAGE - 1)).saturating_add(1).min(last);
    }
}

/// memcpy; what it returns is 0, or 1 if it faulted. Meanwhile `lands` says where the stack stands on which the address lies at
/// which to go on.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
unsafe extern "C" fn guarded(to: *mut u8, from: *const u8, bytes: usize, lands: &Cell<usize>) -> c_int {
    core::arch::naked_asm!(
        ".cfi_startproc",
        "cmp rdx, 128",
        "ja 20f",
        // Few bytes: all are read before any is written, from both ends towards the middle.
        "lea rax, [rip + 19f]",
        "push rax",
        ".cfi_adjust_cfa_offset 8",
        "mov [rcx], rsp",
        "cmp rdx, 16",
        "jb 12f",
        "movups xmm0, [rsi]",
        "movups xmm1, [rsi + rdx - 16]",
        "cmp rdx, 32",
        "jbe 11f",
        "movups xmm2, [rsi + 16]",
        "movups xmm3, [rsi + rdx - 32]",
        "cmp rdx, 64",
        "jbe 10f",
        "movups xmm4, [rsi + 32]",
        "movups xmm5, [rsi + 48]",
        "movups xmm6, [rsi + rdx - 64]",
        "movups xmm7, [rsi + rdx - 48]",
        "movups [rdi + 32], xmm4",
        "movups [rdi + 48], xmm5",
        "movups [rdi + rdx - 64], xmm6",
        "movups [rdi + rdx - 48], xmm7",
        "10:",
        "movups [rdi + 16], xmm2",
        "movups [rdi + rdx - 32], xmm3",
        "11:",
        "movups [rdi], xmm0",
        "movups [rdi + rdx - 16], xmm1",
        "jmp 18f",
        "12:",
        "cmp edx, 8",
        "jb 13f",
        "mov rax, [rsi]",
        "mov r8, [rsi + rdx - 8]",
        "mov [rdi], rax",
        "mov [rdi + rdx - 8], r8",
        "jmp 18f",
        "13:",
        "cmp edx, 4",
        "jb 14f",
        "mov eax, [rsi]",
        "mov r8d, [rsi + rdx - 4]",
        "mov [rdi], eax",
        "mov [rdi + rdx - 4], r8d",
        "jmp 18f",
        "14:",
        "test edx, edx",
        "jz 18f",
        "movzx eax, byte ptr [rsi]",
        "mov r8d, edx",
        "shr r8d, 1",
        "movzx r9d, byte ptr [rsi + r8]",
        "movzx r10d, byte ptr [rsi + rdx - 1]",
        "mov [rdi], al",
        "mov [rdi + r8], r9b",
        "mov [rdi + rdx - 1], r10b",
        "18:",
        "mov qword ptr [rcx], 0",
        "add rsp, 8",
        ".cfi_adjust_cfa_offset -8",
        "xor eax, eax",
        "ret",
        "19:",
        "mov eax, 1",
        "ret",
        // Many.
        "20:",
        "push rbp",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbp, 0",
        "push rbx",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset rbx, 0",
        "push r12",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r12, 0",
        "push r13",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r13, 0",
        "push r14",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r14, 0",
        "push r15",
        ".cfi_adjust_cfa_offset 8",
        ".cfi_rel_offset r15, 0",
        "lea rax, [rip + 3f]",
        "push rax",
        ".cfi_adjust_cfa_offset 8",
        "mov rbx, rcx",
        "mov [rcx], rsp",
        "call qword ptr [rip + memcpy@GOTPCREL]",
        "mov qword ptr [rbx], 0",
        "add rsp, 8",
        ".cfi_adjust_cfa_offset -8",
        "xor eax, eax",
        "2:",
        "pop r15",
        ".cfi_adjust_cfa_offset -8",
        "pop r14",
        ".cfi_adjust_cfa_offset -8",
        "pop r13",
        ".cfi_adjust_cfa_offset -8",
        "pop r12",
        ".cfi_adjust_cfa_offset -8",
        "pop rbx",
        ".cfi_adjust_cfa_offset -8",
        "pop rbp",
        ".cfi_adjust_cfa_offset -8",
        "ret",
        "3:",
        ".cfi_adjust_cfa_offset 48",
        "mov eax, 1",
        "jmp 2b",
        ".cfi_endproc",
    );
}

/// memcpy; what it returns is 0, or 1 if it faulted. Meanwhile `lands` says where the stack stands on which the address lies at
/// which to go on.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
unsafe extern "C" fn guarded(to: *mut u8, from: *const u8, bytes: usize, lands: &Cell<usize>) -> c_int {
    core::arch::naked_asm!(
        "stp x29, x30, [sp, #-176]!",
        "mov x29, sp",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "stp d8, d9, [sp, #96]",
        "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]",
        "stp d14, d15, [sp, #144]",
        "adr x9, 3f",
        "str x9, [sp, #-16]!",
        "mov x19, x3",
        "mov x9, sp",
        "str x9, [x3]",
        "bl memcpy",
        "str xzr, [x19]",
        "add sp, sp, #16",
        "mov w0, #0",
        "2:",
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]",
        "ldp x27, x28, [sp, #80]",
        "ldp d8, d9, [sp, #96]",
        "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]",
        "ldp d14, d15, [sp, #144]",
        "ldp x29, x30, [sp], #176",
        "ret",
        "3:",
        "mov w0, #1",
        "b 2b",
    );
}

/// Bytes by which the stack lies higher where a faulted copy goes on.
const STEP: usize = if cfg!(target_arch = "x86_64") { 8 } else { 16 };

/// An instruction of this thread has faulted: makes the thread go on behind its copy. Whether it was in one.
///
/// # Safety
/// `context` is the kernel's, of the handler that runs now.
pub(crate) unsafe fn recover(thread: &thread::Thread, context: *mut libc::ucontext_t) -> bool {
    let lands = thread.lands.replace(0);
    if lands == 0 {
        return false;
    }
    // SAFETY: `guarded` has put the address there, and its frame lives as long as `lands` is not 0.
    let address = unsafe { *(lands as *const usize) };
    // SAFETY: the kernel's context.
    let registers = unsafe { &mut (*context).uc_mcontext };
    #[cfg(target_arch = "x86_64")]
    {
        registers.gregs[libc::REG_RIP as usize] = address as i64;
        registers.gregs[libc::REG_RSP as usize] = (lands + STEP) as i64;
    }
    #[cfg(target_arch = "aarch64")]
    {
        registers.pc = address as u64;
        registers.sp = (lands + STEP) as u64;
    }
    true
}
