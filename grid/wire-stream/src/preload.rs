//! Whether the library that `pogson wire run` loads is in this process.

#![allow(unsafe_code, reason = "asks the loader for a name")]

use std::sync::LazyLock;

static LOADED: LazyLock<bool> = LazyLock::new(|| {
    // SAFETY: the name is a C string; what it names is not touched.
    !unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"pogson_wire_preload".as_ptr()) }.is_null()
});

/// Whether it is.
pub(crate) fn is_loaded() -> bool {
    *LOADED
}
