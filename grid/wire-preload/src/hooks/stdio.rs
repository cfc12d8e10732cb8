//! Streams of the C library on sockets. The library's own reading and writing goes past all hooks, so that such a stream is made one
//! of those that ask functions for their bytes.

use super::{data, descriptor};
use crate::{
    block::stays,
    connection::Connection,
    descriptors::{self, Kind},
    next::next,
};
use libc::{FILE, c_char, c_int, c_void, size_t, ssize_t};

/// Looks up what stands behind the hooks.
pub(crate) fn prepare() {
    real::fdopen::look_up();
    real::fopencookie::look_up();
}

/// The functions of a stream.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Functions {
    read: Option<unsafe extern "C" fn(*mut c_void, *mut c_char, size_t) -> ssize_t>,
    write: Option<unsafe extern "C" fn(*mut c_void, *const c_char, size_t) -> ssize_t>,
    seek: Option<unsafe extern "C" fn(*mut c_void, *mut i64, c_int) -> c_int>,
    close: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
}

mod real {
    use super::*;
    next!(fn fdopen(fd: c_int, mode: *const c_char) -> *mut FILE, else core::ptr::null_mut());
    next!(fn fopencookie(cookie: *mut c_void, mode: *const c_char, functions: Functions) -> *mut FILE, else core::ptr::null_mut());
}

unsafe extern "C" fn reads(cookie: *mut c_void, buffer: *mut c_char, length: size_t) -> ssize_t {
    // SAFETY: what the C library gives, with the descriptor as cookie.
    unsafe { data::read(cookie as usize as c_int, buffer.cast(), length) }
}

unsafe extern "C" fn writes(cookie: *mut c_void, buffer: *const c_char, length: size_t) -> ssize_t {
    let mut done = 0;
    while done < length {
        // SAFETY: what the C library gives, with the descriptor as cookie.
        let more = unsafe { data::write(cookie as usize as c_int, buffer.add(done).cast(), length - done) };
        if more <= 0 {
            break;
        }
        done += more as usize;
    }
    // 0 is the failure that the C library expects of such a function.
    done as ssize_t
}

unsafe extern "C" fn closes(cookie: *mut c_void) -> c_int {
    // SAFETY: the descriptor.
    unsafe { descriptor::close(cookie as usize as c_int) }
}

/// fdopen(3).
///
/// # Safety
/// As fdopen asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn fdopen(fd: c_int, mode: *const c_char) -> *mut FILE {
    if !matches!(descriptors::kind(fd), Kind::Connection(_) | Kind::Stream) {
        // SAFETY: what the program gave.
        return unsafe { real::fdopen::call(fd, mode) };
    }
    let functions = Functions { read: Some(reads), write: Some(writes), seek: None, close: Some(closes) };
    // SAFETY: the functions take the descriptor for the cookie.
    let stream = unsafe { real::fopencookie::call(fd as usize as *mut c_void, mode, functions) };
    if stream.is_null() {
        if let Some(block) = descriptors::registered(fd).and_then(Connection::block) {
            block.stays.fetch_or(stays::UNSEEN, core::sync::atomic::Ordering::AcqRel);
        }
        // SAFETY: what the program gave.
        return unsafe { real::fdopen::call(fd, mode) };
    }
    // SAFETY: the word of the C library's FILE which fileno(3) gives, negative where there is no descriptor; its place has been the
    // same in all versions for 64-bit machines.
    let number = unsafe { &mut *stream.cast::<u8>().add(FILENO).cast::<c_int>() };
    if *number < 0 {
        *number = fd;
    }
    stream
}

/// Where the descriptor's number lies in a FILE, bytes.
const FILENO: usize = if cfg!(target_env = "musl") { 120 } else { 112 };
