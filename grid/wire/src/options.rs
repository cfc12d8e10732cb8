//! What the kernel says of sockets that rustix does not know.

#![allow(unsafe_code, reason = "calls with types that rustix does not know")]

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

/// The socket's network namespace itself, for who may administer it.
pub(crate) fn network_of(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    const SIOCGSKNS: libc::Ioctl = 0x894c;
    related(socket, SIOCGSKNS)
}

/// The user namespace that a network namespace belongs to, and the user who made that.
pub(crate) fn owner_of(network: BorrowedFd<'_>) -> io::Result<(OwnedFd, u32)> {
    let users = related(network, libc::NS_GET_USERNS)?;
    let mut user: libc::uid_t = 0;
    // SAFETY: the kernel writes a uid_t.
    let status = unsafe { libc::ioctl(users.as_raw_fd(), libc::NS_GET_OWNER_UID, &raw mut user) };
    if status == 0 { Ok((users, user)) } else { Err(io::Error::last_os_error()) }
}

/// A descriptor that an ioctl without an argument makes.
fn related(of: BorrowedFd<'_>, request: libc::Ioctl) -> io::Result<OwnedFd> {
    // SAFETY: callers name requests that take no argument.
    let file = unsafe { libc::ioctl(of.as_raw_fd(), request) };
    if file < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for the caller, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(file) })
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

/// Process and user that connected the other end of a Unix socket; the process is 0 if it cannot be seen from here.
pub(crate) fn peer(socket: BorrowedFd<'_>) -> io::Result<(u32, u32)> {
    let (value, _) = read::<12>(socket, libc::SOL_SOCKET, libc::SO_PEERCRED)?;
    let word = |at: usize| u32::from_ne_bytes(std::array::from_fn(|i| value[at + i]));
    Ok((word(0), word(4)))
}

/// The process that connected the other end of a Unix socket, where the kernel can tell (Linux 6.5).
pub(crate) fn peer_process(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let (value, _) = read::<4>(socket, libc::SOL_SOCKET, libc::SO_PEERPIDFD)?;
    // SAFETY: the kernel has just made this descriptor for the caller, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(i32::from_ne_bytes(value)) })
}

/// Context and port of a vsock's own end.
pub(crate) fn vsock_name(socket: BorrowedFd<'_>) -> io::Result<(u32, u32)> {
    vsock_address(socket, libc::getsockname)
}

/// Context and port of a vsock's other end; an error if it is not connected.
pub(crate) fn vsock_peer(socket: BorrowedFd<'_>) -> io::Result<(u32, u32)> {
    vsock_address(socket, libc::getpeername)
}

fn vsock_address(
    socket: BorrowedFd<'_>,
    ask: unsafe extern "C" fn(libc::c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> libc::c_int,
) -> io::Result<(u32, u32)> {
    // SAFETY: a sockaddr_vm of zeros is valid.
    let mut address: libc::sockaddr_vm = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::sockaddr_vm>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes, which is what `address` has.
    let status = unsafe { ask(socket.as_raw_fd(), (&raw mut address).cast(), &raw mut length) };
    match status {
        0 if i32::from(address.svm_family) == libc::AF_VSOCK => Ok((address.svm_cid, address.svm_port)),
        0 => Err(io::ErrorKind::InvalidData.into()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The context that vsock gives this machine, by the device `/dev/vsock`; the largest number for none.
pub(crate) fn vsock_context(device: BorrowedFd<'_>) -> io::Result<u32> {
    const GET_LOCAL_CID: libc::c_ulong = 0x07b9;
    let mut context = 0_u32;
    // SAFETY: the kernel writes a number of 32 bits.
    let status = unsafe { libc::ioctl(device.as_raw_fd(), GET_LOCAL_CID as _, &raw mut context) };
    if status == 0 { Ok(context) } else { Err(io::Error::last_os_error()) }
}
