//! dprintf and its kin, whose writing would else go past the hooks. What they are given after the format has no fixed number and
//! types, so that each begins with a few instructions which put it where a va_list finds it.

use super::data;
use crate::{
    descriptors::{self, Kind},
    next::next,
};
use libc::{c_char, c_int, c_void};

/// Looks up what stands behind the hooks.
pub(crate) fn prepare() {
    real::vdprintf::look_up();
    real::vasprintf::look_up();
}

mod real {
    use super::*;
    next!(fn vdprintf(fd: c_int, format: *const c_char, list: *mut c_void) -> c_int);
    next!(fn vasprintf(text: *mut *mut c_char, format: *const c_char, list: *mut c_void) -> c_int);
}

/// vdprintf(3).
///
/// # Safety
/// As vdprintf asks; a va_list is given by its address on both kinds of machine.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn vdprintf(fd: c_int, format: *const c_char, list: *mut c_void) -> c_int {
    if !matches!(descriptors::kind(fd), Kind::Connection(_) | Kind::Stream) {
        // SAFETY: what the program gave.
        return unsafe { real::vdprintf::call(fd, format, list) };
    }
    let mut text = core::ptr::null_mut();
    // SAFETY: what the program gave.
    let length = unsafe { real::vasprintf::call(&raw mut text, format, list) };
    if length < 0 {
        return length;
    }
    let mut done = 0;
    while done < length {
        // SAFETY: the text is as long as vasprintf said.
        let more = unsafe { data::write(fd, text.add(done as usize).cast(), (length - done) as usize) };
        if more <= 0 {
            break;
        }
        done += more as c_int;
    }
    // SAFETY: vasprintf allocated it.
    unsafe { libc::free(text.cast()) };
    if done < length { -1 } else { length }
}

/// vdprintf(3), where the compiler wants formats checked: its own flag comes before the format.
///
/// # Safety
/// As vdprintf asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn __vdprintf_chk(
    fd: c_int,
    _flag: c_int,
    format: *const c_char,
    list: *mut c_void,
) -> c_int {
    // SAFETY: what the program gave.
    unsafe { vdprintf(fd, format, list) }
}

/// Makes a function that gathers its arguments into a va_list and goes on with `target`, to which the list is argument `$list`.
#[cfg(target_arch = "x86_64")]
macro_rules! gathering {
    ($(#[$meta:meta])* $name:ident, $named:literal, $list:literal, $target:path) => {
        $(#[$meta])*
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub(crate) unsafe extern "C" fn $name() {
            // The register save area lies at rsp+32, the list at rsp (System V ABI, AMD64 supplement, 3.5.7).
            core::arch::naked_asm!(
                ".cfi_startproc",
                "sub rsp, 216",
                ".cfi_adjust_cfa_offset 216",
                "mov [rsp + 48], rdx",
                "mov [rsp + 56], rcx",
                "mov [rsp + 64], r8",
                "mov [rsp + 72], r9",
                "test al, al",
                "je 2f",
                "movaps [rsp + 80], xmm0",
                "movaps [rsp + 96], xmm1",
                "movaps [rsp + 112], xmm2",
                "movaps [rsp + 128], xmm3",
                "movaps [rsp + 144], xmm4",
                "movaps [rsp + 160], xmm5",
                "movaps [rsp + 176], xmm6",
                "movaps [rsp + 192], xmm7",
                "2:",
                concat!("mov dword ptr [rsp], ", $named, " * 8"),
                "mov dword ptr [rsp + 4], 48",
                "lea rax, [rsp + 224]",
                "mov [rsp + 8], rax",
                "lea rax, [rsp + 32]",
                "mov [rsp + 16], rax",
                concat!("mov ", $list, ", rsp"),
                "call {target}",
                "add rsp, 216",
                ".cfi_adjust_cfa_offset -216",
                "ret",
                ".cfi_endproc",
                target = sym $target,
            );
        }
    };
}

/// Makes a function that gathers its arguments into a va_list and goes on with `target`, to which the list is argument `$list`.
#[cfg(target_arch = "aarch64")]
macro_rules! gathering {
    ($(#[$meta:meta])* $name:ident, $named:literal, $list:literal, $target:path) => {
        $(#[$meta])*
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub(crate) unsafe extern "C" fn $name() {
            // The list lies at sp+16, x2 to x7 at sp+64, q0 to q7 at sp+112 (Procedure Call Standard, appendix B).
            core::arch::naked_asm!(
                "stp x29, x30, [sp, #-256]!",
                "mov x29, sp",
                "stp x2, x3, [sp, #64]",
                "stp x4, x5, [sp, #80]",
                "stp x6, x7, [sp, #96]",
                "stp q0, q1, [sp, #112]",
                "stp q2, q3, [sp, #144]",
                "stp q4, q5, [sp, #176]",
                "stp q6, q7, [sp, #208]",
                "add x9, sp, #256",
                "str x9, [sp, #16]",
                "add x9, sp, #112",
                "str x9, [sp, #24]",
                "add x9, sp, #240",
                "str x9, [sp, #32]",
                concat!("mov w9, #-((8 - ", $named, ") * 8)"),
                "str w9, [sp, #40]",
                "mov w9, #-128",
                "str w9, [sp, #44]",
                concat!("add ", $list, ", sp, #16"),
                "bl {target}",
                "ldp x29, x30, [sp], #256",
                "ret",
                target = sym $target,
            );
        }
    };
}

#[cfg(target_arch = "x86_64")]
gathering!(
    /// dprintf(3).
    dprintf, "2", "rdx", vdprintf
);
#[cfg(target_arch = "x86_64")]
gathering!(
    /// dprintf(3), where the compiler wants formats checked.
    __dprintf_chk, "3", "rcx", __vdprintf_chk
);
#[cfg(target_arch = "aarch64")]
gathering!(
    /// dprintf(3).
    dprintf, "2", "x2", vdprintf
);
#[cfg(target_arch = "aarch64")]
gathering!(
    /// dprintf(3), where the compiler wants formats checked.
    __dprintf_chk, "3", "x3", __vdprintf_chk
);
