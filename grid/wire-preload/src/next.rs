//! The functions that stand behind the hooks: those of the C library, or of another library that was preloaded after this one.

#[cfg(target_env = "gnu")]
use core::ffi::c_char;
use core::ffi::{CStr, c_void};
use core::sync::atomic::{AtomicPtr, Ordering};

/// A function looked up once.
pub(crate) struct Next {
    name: &'static CStr,
    found: AtomicPtr<c_void>,
}

impl Next {
    /// - `name`: its symbol.
    pub(crate) const fn new(name: &'static CStr) -> Self {
        Self { name, found: AtomicPtr::new(core::ptr::null_mut()) }
    }

    /// Where it is; null if there is none.
    ///
    /// The first call asks the dynamic linker, which takes locks: who may be called from a signal handler has it looked up when
    /// the library is loaded.
    #[inline]
    pub(crate) fn get(&self) -> *mut c_void {
        let found = self.found.load(Ordering::Relaxed);
        if found.is_null() { self.look_up() } else { found }
    }

    /// Whether it was found when it was last looked up.
    pub(crate) fn is_there(&self) -> bool {
        !self.found.load(Ordering::Relaxed).is_null()
    }

    #[cold]
    fn look_up(&self) -> *mut c_void {
        // SAFETY: the name is a C string.
        let found = unsafe { dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        self.found.store(found, Ordering::Relaxed);
        found
    }
}

/// dlsym(3) by its first version, which all versions of glibc have: the linker would take the newest.
#[cfg(target_env = "gnu")]
#[unsafe(naked)]
unsafe extern "C" fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void {
    #[cfg(target_arch = "x86_64")]
    core::arch::naked_asm!(
        ".symver pogson_first_dlsym, dlsym@GLIBC_2.2.5",
        "jmp qword ptr [rip + pogson_first_dlsym@GOTPCREL]",
    );
    #[cfg(target_arch = "aarch64")]
    core::arch::naked_asm!(".symver pogson_first_dlsym, dlsym@GLIBC_2.17", "b pogson_first_dlsym");
}

#[cfg(not(target_env = "gnu"))]
use libc::dlsym;

/// Calls of the function that stands behind a hook. `next!(fn close(fd: c_int) -> c_int);` makes a module `close` with
/// `unsafe fn call(fd) -> c_int`, which fails with ENOSYS and -1 (or what `else` says) where there is no such function, and
/// `fn look_up()`.
macro_rules! next {
    ($(#[$meta:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) -> $ret:ty) => {
        $crate::next::next!($(#[$meta])* fn $name($($arg: $type),*) -> $ret, else -1);
    };
    ($(#[$meta:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) -> $ret:ty, else $none:expr) => {
        $(#[$meta])*
        #[allow(non_snake_case, dead_code)]
        pub(crate) mod $name {
            #[allow(unused_imports)]
            use super::*;

            static NEXT: $crate::next::Next = {
                const NAME: &core::ffi::CStr =
                    match core::ffi::CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                        Ok(name) => name,
                        Err(_) => panic!("a name holds no NUL"),
                    };
                $crate::next::Next::new(NAME)
            };

            /// Looks it up, if that has not been done.
            pub(crate) fn look_up() {
                NEXT.get();
            }

            /// Whether it was found when it was looked up.
            pub(crate) fn is_there() -> bool {
                NEXT.is_there()
            }

            /// Calls it.
            ///
            /// # Safety
            /// As the function asks.
            #[inline]
            pub(crate) unsafe fn call($($arg: $type),*) -> $ret {
                let found = NEXT.get();
                if found.is_null() {
                    $crate::next::no_such_call();
                    return $none;
                }
                // SAFETY: the symbol of this name has this type.
                let function: unsafe extern "C" fn($($type),*) -> $ret = unsafe { core::mem::transmute(found) };
                // SAFETY: as the caller promises.
                unsafe { function($($arg),*) }
            }
        }
    };
}
pub(crate) use next;

/// Says that a call does not exist.
#[cold]
pub(crate) fn no_such_call() {
    set_errno(libc::ENOSYS);
}

/// Sets the C library's errno.
pub(crate) fn set_errno(number: core::ffi::c_int) {
    // SAFETY: the place belongs to the calling thread.
    unsafe { *libc::__errno_location() = number };
}
