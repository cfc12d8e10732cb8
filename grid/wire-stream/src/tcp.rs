//! What the kernel says of a TCP connection.

#![allow(unsafe_code, reason = "a socket option and a request that rustix does not know")]

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// tcpi_state of a connection that both ends use.
const ESTABLISHED: u8 = 1;
/// tcpi_state after the other end has shut its sending side.
const CLOSE_WAIT: u8 = 8;
/// tcpi_state of a connection that is over.
pub(crate) const CLOSED: u8 = 7;
/// Bit of tcpi_options: bytes went with the SYN, which counters leave out.
const SYN_DATA: u8 = 32;

/// Whether a socket of this tcpi_state has got the other end's FIN.
pub(crate) fn got_fin(state: u8) -> bool {
    const TIME_WAIT: u8 = 6;
    const LAST_ACK: u8 = 9;
    const CLOSING: u8 = 11;
    matches!(state, TIME_WAIT | CLOSED | CLOSE_WAIT | LAST_ACK | CLOSING)
}

/// Has bytes that came acknowledged at once. The kernel waits 40 ms for an answer to acknowledge them with, and Nagle's algorithm at
/// the other end for the acknowledgement; but the answer goes by the ring.
pub(crate) fn acknowledge(socket: impl AsFd) {
    // At worst it is acknowledged later.
    let _ = rustix::net::sockopt::set_tcp_quickack(socket, true);
}

/// The kernel's struct tcp_info, up to tcpi_bytes_retrans.
struct Info([u8; 216]);

impl Info {
    fn of(socket: impl AsFd) -> io::Result<Self> {
        let mut info = [0; 216];
        let mut length = info.len() as libc::socklen_t;
        let fd = socket.as_fd().as_raw_fd();
        let (level, name) = (libc::IPPROTO_TCP, libc::TCP_INFO);
        // SAFETY: the kernel writes at most `length` bytes, which is what `info` has.
        let status = unsafe { libc::getsockopt(fd, level, name, info.as_mut_ptr().cast(), &raw mut length) };
        if status == 0 { Ok(Self(info)) } else { Err(io::Error::last_os_error()) }
    }

    fn state(&self) -> u8 {
        self.0[0]
    }

    fn number(&self, at: usize) -> u64 {
        u64::from_ne_bytes(std::array::from_fn(|i| self.0[at + i]))
    }

    fn acknowledged(&self) -> u64 {
        self.number(120)
    }

    fn received(&self) -> u64 {
        self.number(128)
    }

    fn not_sent(&self) -> u64 {
        u64::from(u32::from_ne_bytes(std::array::from_fn(|i| self.0[144 + i])))
    }

    fn sent_once(&self) -> u64 {
        self.number(200).wrapping_sub(self.number(208))
    }
}

/// tcpi_state.
pub(crate) fn state(socket: impl AsFd) -> io::Result<u8> {
    Info::of(socket).map(|info| info.state())
}

/// Bytes that were ever written to the socket, while nobody writes; `None` if the kernel's counters do not agree with each other.
pub(crate) fn written(socket: impl AsFd) -> Option<u64> {
    for _ in 0..8 {
        let before = Info::of(&socket).ok()?;
        let queued = unacknowledged(&socket).ok()?;
        let after = Info::of(&socket).ok()?;
        if before.acknowledged() != after.acknowledged() {
            continue;
        }
        if !matches!(after.state(), ESTABLISHED | CLOSE_WAIT) || after.0[5] & SYN_DATA != 0 {
            return None;
        }
        let written = after.sent_once() + after.not_sent();
        // The end that connected counts its SYN as acknowledged.
        let by_acknowledgement = after.acknowledged() + queued;
        return (by_acknowledgement == written || by_acknowledgement == written + 1).then_some(written);
    }
    None
}

/// Bytes that were ever read from the socket, while nobody reads and the other end has not ended; `None` if that is not known.
pub(crate) fn read(socket: impl AsFd) -> Option<u64> {
    for _ in 0..8 {
        let before = Info::of(&socket).ok()?;
        let queued = rustix::io::ioctl_fionread(&socket).ok()?;
        let after = Info::of(&socket).ok()?;
        if before.received() != after.received() {
            continue;
        }
        if after.state() != ESTABLISHED || after.0[5] & SYN_DATA != 0 {
            return None;
        }
        return after.received().checked_sub(queued);
    }
    None
}

fn unacknowledged(socket: impl AsFd) -> io::Result<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the request writes an int.
    let status = unsafe { libc::ioctl(socket.as_fd().as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    if status == 0 { Ok(bytes.max(0) as u64) } else { Err(io::Error::last_os_error()) }
}
