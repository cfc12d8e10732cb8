//! exec, posix_spawn and their kin: another program gets descriptors of this one. And the process's end.

use crate::{back, descriptors, kernel, next::Next, next::next, process::borrows_memory};
use core::ffi::c_void;
use libc::{FILE, c_char, c_int, pid_t, posix_spawn_file_actions_t, posix_spawnattr_t};

/// Looks up what stands behind the hooks.
pub(crate) fn prepare() {
    real::execve::look_up();
    real::execv::look_up();
    real::execvp::look_up();
    real::execvpe::look_up();
    real::fexecve::look_up();
    real::execveat::look_up();
    real::posix_spawn::look_up();
    real::posix_spawnp::look_up();
    real::posix_spawn_file_actions_adddup2::look_up();
    real::system::look_up();
    real::popen::look_up();
    for list in [&EXECL, &EXECLP, &EXECLE, &EXIT, &EXIT_PLAINLY] {
        list.get();
    }
}

type Strings = *const *const c_char;

mod real {
    use super::*;
    next!(fn execve(path: *const c_char, arguments: Strings, environment: Strings) -> c_int);
    next!(fn execv(path: *const c_char, arguments: Strings) -> c_int);
    next!(fn execvp(file: *const c_char, arguments: Strings) -> c_int);
    next!(fn execvpe(file: *const c_char, arguments: Strings, environment: Strings) -> c_int);
    next!(fn fexecve(fd: c_int, arguments: Strings, environment: Strings) -> c_int);
    next!(fn execveat(folder: c_int, path: *const c_char, arguments: Strings, environment: Strings, flags: c_int) -> c_int);
    next!(fn posix_spawn(pid: *mut pid_t, path: *const c_char, actions: *const posix_spawn_file_actions_t, attributes: *const posix_spawnattr_t, arguments: Strings, environment: Strings) -> c_int, else libc::ENOSYS);
    next!(fn posix_spawnp(pid: *mut pid_t, file: *const c_char, actions: *const posix_spawn_file_actions_t, attributes: *const posix_spawnattr_t, arguments: Strings, environment: Strings) -> c_int, else libc::ENOSYS);
    next!(fn posix_spawn_file_actions_adddup2(actions: *mut posix_spawn_file_actions_t, fd: c_int, to: c_int) -> c_int, else libc::ENOSYS);
    next!(fn system(command: *const c_char) -> c_int);
    next!(fn popen(command: *const c_char, mode: *const c_char) -> *mut FILE, else core::ptr::null_mut());
}

static EXECL: Next = Next::new(c"execl");
static EXECLP: Next = Next::new(c"execlp");
static EXECLE: Next = Next::new(c"execle");
static EXIT: Next = Next::new(c"_exit");
static EXIT_PLAINLY: Next = Next::new(c"_Exit");

/// Before the program at `path` takes the process's place, unless there is none: shells try one folder after another.
///
/// # Safety
/// `path` is what the program gave.
unsafe fn before(path: *const c_char) {
    // SAFETY: the kernel says what is wrong with it.
    if unsafe { kernel::may_begin(path) } {
        back::hand_on_inheritable();
    }
}

/// execve(2).
///
/// # Safety
/// As execve asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn execve(path: *const c_char, arguments: Strings, environment: Strings) -> c_int {
    // SAFETY: what the program gave.
    unsafe {
        before(path);
        real::execve::call(path, arguments, environment)
    }
}

/// execv(3).
///
/// # Safety
/// As execv asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn execv(path: *const c_char, arguments: Strings) -> c_int {
    // SAFETY: what the program gave.
    unsafe {
        before(path);
        real::execv::call(path, arguments)
    }
}

/// execvp(3).
///
/// # Safety
/// As execvp asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn execvp(file: *const c_char, arguments: Strings) -> c_int {
    back::hand_on_inheritable();
    // SAFETY: what the program gave.
    unsafe { real::execvp::call(file, arguments) }
}

/// execvpe(3).
///
/// # Safety
/// As execvpe asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn execvpe(file: *const c_char, arguments: Strings, environment: Strings) -> c_int {
    back::hand_on_inheritable();
    // SAFETY: what the program gave.
    unsafe { real::execvpe::call(file, arguments, environment) }
}

/// fexecve(3).
///
/// # Safety
/// As fexecve asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn fexecve(fd: c_int, arguments: Strings, environment: Strings) -> c_int {
    back::hand_on_inheritable();
    // SAFETY: what the program gave.
    unsafe { real::fexecve::call(fd, arguments, environment) }
}

/// execveat(2).
///
/// # Safety
/// As execveat asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn execveat(
    folder: c_int,
    path: *const c_char,
    arguments: Strings,
    environment: Strings,
    flags: c_int,
) -> c_int {
    back::hand_on_inheritable();
    // SAFETY: what the program gave.
    unsafe { real::execveat::call(folder, path, arguments, environment, flags) }
}

/// posix_spawn(3).
///
/// # Safety
/// As posix_spawn asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn posix_spawn(
    pid: *mut pid_t,
    path: *const c_char,
    actions: *const posix_spawn_file_actions_t,
    attributes: *const posix_spawnattr_t,
    arguments: Strings,
    environment: Strings,
) -> c_int {
    // SAFETY: what the program gave.
    unsafe {
        before(path);
        real::posix_spawn::call(pid, path, actions, attributes, arguments, environment)
    }
}

/// posix_spawnp(3).
///
/// # Safety
/// As posix_spawnp asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn posix_spawnp(
    pid: *mut pid_t,
    file: *const c_char,
    actions: *const posix_spawn_file_actions_t,
    attributes: *const posix_spawnattr_t,
    arguments: Strings,
    environment: Strings,
) -> c_int {
    back::hand_on_inheritable();
    // SAFETY: what the program gave.
    unsafe { real::posix_spawnp::call(pid, file, actions, attributes, arguments, environment) }
}

/// posix_spawn_file_actions_adddup2(3): a program that is begun will have the socket, whatever else befalls the descriptor.
///
/// # Safety
/// As posix_spawn_file_actions_adddup2 asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn posix_spawn_file_actions_adddup2(
    actions: *mut posix_spawn_file_actions_t,
    fd: c_int,
    to: c_int,
) -> c_int {
    descriptors::leaves(fd);
    // SAFETY: what the program gave.
    unsafe { real::posix_spawn_file_actions_adddup2::call(actions, fd, to) }
}

/// system(3).
///
/// # Safety
/// As system asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn system(command: *const c_char) -> c_int {
    if !command.is_null() {
        back::hand_on_inheritable();
    }
    // SAFETY: what the program gave.
    unsafe { real::system::call(command) }
}

/// popen(3).
///
/// # Safety
/// As popen asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn popen(command: *const c_char, mode: *const c_char) -> *mut FILE {
    back::hand_on_inheritable();
    // SAFETY: what the program gave.
    unsafe { real::popen::call(command, mode) }
}

extern "C" fn before_execl() -> *mut c_void {
    back::hand_on_inheritable();
    EXECL.get()
}

extern "C" fn before_execlp() -> *mut c_void {
    back::hand_on_inheritable();
    EXECLP.get()
}

extern "C" fn before_execle() -> *mut c_void {
    back::hand_on_inheritable();
    EXECLE.get()
}

/// Makes a function of any arguments that calls `before`, which gives the function behind it, and goes on there as if it had been
/// called itself. What all programs pass in registers is kept over it.
#[cfg(target_arch = "x86_64")]
macro_rules! passing_on {
    ($(#[$meta:meta])* $name:ident, $before:path) => {
        $(#[$meta])*
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub(crate) unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                ".cfi_startproc",
                "push rdi",
                "push rsi",
                "push rdx",
                "push rcx",
                "push r8",
                "push r9",
                "push rax",
                ".cfi_adjust_cfa_offset 56",
                "call {before}",
                "mov r11, rax",
                "pop rax",
                "pop r9",
                "pop r8",
                "pop rcx",
                "pop rdx",
                "pop rsi",
                "pop rdi",
                ".cfi_adjust_cfa_offset -56",
                "jmp r11",
                ".cfi_endproc",
                before = sym $before,
            );
        }
    };
}

/// Makes a function of any arguments that calls `before`, which gives the function behind it, and goes on there as if it had been
/// called itself. What all programs pass in registers is kept over it.
#[cfg(target_arch = "aarch64")]
macro_rules! passing_on {
    ($(#[$meta:meta])* $name:ident, $before:path) => {
        $(#[$meta])*
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        pub(crate) unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                "stp x29, x30, [sp, #-80]!",
                "mov x29, sp",
                "stp x0, x1, [sp, #16]",
                "stp x2, x3, [sp, #32]",
                "stp x4, x5, [sp, #48]",
                "stp x6, x7, [sp, #64]",
                "bl {before}",
                "mov x16, x0",
                "ldp x0, x1, [sp, #16]",
                "ldp x2, x3, [sp, #32]",
                "ldp x4, x5, [sp, #48]",
                "ldp x6, x7, [sp, #64]",
                "ldp x29, x30, [sp], #80",
                "br x16",
                before = sym $before,
            );
        }
    };
}

passing_on!(
    /// execl(3).
    execl,
    before_execl
);
passing_on!(
    /// execlp(3).
    execlp,
    before_execlp
);
passing_on!(
    /// execle(3).
    execle,
    before_execle
);

/// What is still to be done before the process ends.
pub(crate) extern "C" fn ends() {
    if !borrows_memory() {
        back::finish_all();
    }
}

extern "C" fn before_exit() -> *mut c_void {
    ends();
    EXIT.get()
}

extern "C" fn before_exit_plainly() -> *mut c_void {
    ends();
    EXIT_PLAINLY.get()
}

passing_on!(
    /// _exit(2).
    _exit,
    before_exit
);
passing_on!(
    /// _Exit(3).
    _Exit,
    before_exit_plainly
);
