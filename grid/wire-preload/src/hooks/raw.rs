//! syscall(2): programs that make calls by number, as far as they concern descriptors that the library knows.

use super::{data, descriptor};
use crate::next::next;
use libc::{c_int, c_long};

/// Looks up what stands behind the hook.
pub(crate) fn prepare() {
    real::syscall::look_up();
}

mod real {
    use super::*;
    next!(fn syscall(number: c_long, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> c_long);
}

/// syscall(2). Arguments are passed on whether they were given or not.
///
/// # Safety
/// As the call asks.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn syscall(
    number: c_long,
    a: usize,
    b: usize,
    c: usize,
    d: usize,
    e: usize,
    f: usize,
) -> c_long {
    let fd = a as c_int;
    // SAFETY: what the program gave.
    unsafe {
        match number {
            libc::SYS_read => data::read(fd, b as _, c) as c_long,
            libc::SYS_write => data::write(fd, b as _, c) as c_long,
            libc::SYS_readv => data::readv(fd, b as _, c as c_int) as c_long,
            libc::SYS_writev => data::writev(fd, b as _, c as c_int) as c_long,
            libc::SYS_recvfrom => data::recvfrom(fd, b as _, c, d as c_int, e as _, f as _) as c_long,
            libc::SYS_sendto => data::sendto(fd, b as _, c, d as c_int, e as _, f as _) as c_long,
            libc::SYS_recvmsg => super::message::recvmsg(fd, b as _, c as c_int) as c_long,
            libc::SYS_sendmsg => super::message::sendmsg(fd, b as _, c as c_int) as c_long,
            libc::SYS_close => descriptor::close(fd).into(),
            libc::SYS_close_range => descriptor::close_range(a as _, b as _, c as c_int).into(),
            libc::SYS_dup => descriptor::dup(fd).into(),
            libc::SYS_dup3 => descriptor::dup3(fd, b as c_int, c as c_int).into(),
            libc::SYS_fcntl => descriptor::fcntl(fd, b as c_int, c).into(),
            libc::SYS_ioctl => descriptor::ioctl(fd, b as _, c).into(),
            libc::SYS_shutdown => descriptor::shutdown(fd, b as c_int).into(),
            libc::SYS_socket => descriptor::socket(fd, b as c_int, c as c_int).into(),
            libc::SYS_accept4 => descriptor::accept4(fd, b as _, c as _, d as c_int).into(),
            _ => real::syscall::call(number, a, b, c, d, e, f),
        }
    }
}
