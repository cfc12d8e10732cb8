//! What the kernel says of a TCP connection.

use crate::kernel;

/// tcpi_state of a connection that both ends use.
pub(crate) const ESTABLISHED: u8 = 1;
/// tcpi_state after the other end has shut its sending side.
pub(crate) const CLOSE_WAIT: u8 = 8;
/// tcpi_state of a connection that is over.
pub(crate) const CLOSED: u8 = 7;

/// Whether a socket of this tcpi_state has got the other end's FIN.
pub(crate) fn got_fin(state: u8) -> bool {
    const TIME_WAIT: u8 = 6;
    const LAST_ACK: u8 = 9;
    const CLOSING: u8 = 11;
    matches!(state, TIME_WAIT | CLOSED | CLOSE_WAIT | LAST_ACK | CLOSING)
}

/// tcpi_state of a socket that accepts.
pub(crate) const LISTEN: u8 = 10;
/// Bit of tcpi_options: bytes went with the SYN, which counters leave out.
const SYN_DATA: u8 = 32;

/// The kernel's struct tcp_info, up to tcpi_bytes_retrans.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct Info([u8; 216]);

impl Info {
    /// Of the socket `fd`; an errno if it is no TCP socket or the kernel is older than the counters (4.19).
    pub(crate) fn of(fd: i32) -> Result<Self, i32> {
        let protocol: i32 = kernel::socket_option(fd, libc::SOL_SOCKET, libc::SO_PROTOCOL, 0)?;
        if protocol != libc::IPPROTO_TCP {
            return Err(libc::EPROTONOSUPPORT);
        }
        kernel::socket_option(fd, libc::IPPROTO_TCP, libc::TCP_INFO, Self([0; 216]))
    }

    pub(crate) fn state(&self) -> u8 {
        self.0[0]
    }

    fn number(&self, at: usize) -> u64 {
        u64::from_ne_bytes(core::array::from_fn(|i| self.0[at + i]))
    }

    fn acknowledged(&self) -> u64 {
        self.number(120)
    }

    fn received(&self) -> u64 {
        self.number(128)
    }

    fn not_sent(&self) -> u64 {
        u64::from(u32::from_ne_bytes(core::array::from_fn(|i| self.0[144 + i])))
    }

    fn sent_once(&self) -> u64 {
        self.number(200).wrapping_sub(self.number(208))
    }
}

/// Bytes that were ever written to the socket, while nobody writes; `None` if the kernel's counters do not agree with each other.
pub(crate) fn written(fd: i32) -> Option<u64> {
    for _ in 0..8 {
        let before = Info::of(fd).ok()?;
        let queued = kernel::unacknowledged(fd).ok()?;
        let after = Info::of(fd).ok()?;
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
pub(crate) fn read(fd: i32) -> Option<u64> {
    for _ in 0..8 {
        let before = Info::of(fd).ok()?;
        let queued = kernel::unread(fd).ok()?;
        let after = Info::of(fd).ok()?;
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
