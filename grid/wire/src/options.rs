//! Socket options that rustix does not know.

#![allow(unsafe_code, reason = "getsockopt with options of other types")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// A socket option's first `N` bytes, and how many of them the kernel wrote.
fn read<const N: usize>(socket: BorrowedFd<'_>, level: i32, name: i32) -> io::Result<([u8; N], usize)> {
    let mut value = [0; N];
    let mut length = N as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes, which is what `value` has.
    let status =
        unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, value.as_mut_ptr().cast(), &raw mut length) };
    if status == 0 { Ok((value, (length as usize).min(N))) } else { Err(io::Error::last_os_error()) }
}

/// Name of the socket's network namespace, as long as the machine runs.
pub(crate) fn network_namespace(socket: BorrowedFd<'_>) -> io::Result<u64> {
    read::<8>(socket, libc::SOL_SOCKET, libc::SO_NETNS_COOKIE).map(|(value, _)| u64::from_ne_bytes(value))
}

/// Interface that the socket is bound to, 0 for none.
pub(crate) fn bound_interface(socket: BorrowedFd<'_>) -> io::Result<u32> {
    read::<4>(socket, libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX).map(|(value, _)| u32::from_ne_bytes(value))
}

/// State of a TCP socket: the first byte of its TCP_INFO.
pub(crate) fn tcp_state(socket: BorrowedFd<'_>) -> io::Result<u8> {
    read::<1>(socket, libc::IPPROTO_TCP, libc::TCP_INFO).map(|([state], _)| state)
}

/// Whether something above TCP has taken the socket over, as the kernel's TLS does.
pub(crate) fn has_upper_layer(socket: BorrowedFd<'_>) -> bool {
    read::<16>(socket, libc::IPPROTO_TCP, libc::TCP_ULP).is_ok_and(|(_, length)| length > 0)
}

/// The process that connected the other end of a Unix socket, where the kernel can tell (Linux 6.5).
pub(crate) fn peer_process(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let (value, _) = read::<4>(socket, libc::SOL_SOCKET, libc::SO_PEERPIDFD)?;
    // SAFETY: the kernel has just made this descriptor for the caller, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(i32::from_ne_bytes(value)) })
}
