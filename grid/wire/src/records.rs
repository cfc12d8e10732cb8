//! Records over a Unix socket, with descriptors beside them.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use pogson_ring::protocol::{Ask, RECORD_BYTES};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};

/// Descriptors that are taken beside one record; the kernel closes what is sent beyond that.
const TAKEN: usize = 2;

/// Descriptors of an answer, at most.
const GIVEN: usize = 5;

/// What came.
pub(crate) struct Incoming {
    /// The record, if it is one.
    pub(crate) ask: Option<Ask>,
    /// What came with it.
    pub(crate) descriptors: Vec<OwnedFd>,
    /// Descriptors came that could not be taken: too many, or this process has as many as it may.
    pub(crate) cut: bool,
}

/// The next record; `None` at the end. Does not wait.
pub(crate) fn receive(socket: BorrowedFd<'_>) -> Result<Option<Incoming>, Errno> {
    // One byte more than a record, so that a longer one is seen to be none.
    let mut bytes = [0; RECORD_BYTES + 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(TAKEN))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let received = rustix::net::recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags)?;
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(given) = message {
            descriptors.extend(given);
        }
    }
    let cut = received.flags.contains(ReturnFlags::CTRUNC);
    if received.bytes == 0 && descriptors.is_empty() && !cut {
        return Ok(None);
    }
    Ok(Some(Incoming { ask: Ask::decode(&bytes[..received.bytes]), descriptors, cut }))
}

/// Sends a record; does not wait.
pub(crate) fn send(socket: BorrowedFd<'_>, record: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(GIVEN))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(Errno::INVAL);
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    rustix::net::sendmsg(socket, &[IoSlice::new(record)], &mut control, flags).map(drop)
}
