//! Records to and from the daemon, with descriptors beside them.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pogson_ring::protocol::{Answer, RECORD_BYTES};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};

/// Descriptors that a record brings, at most.
const BROUGHT: usize = 8;

/// Sends a record; does not wait.
pub(crate) fn tell(daemon: impl AsFd, record: &[u8; RECORD_BYTES], given: Option<BorrowedFd<'_>>) -> Result<(), Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if let Some(given) = &given
        && !control.push(SendAncillaryMessage::ScmRights(std::slice::from_ref(given)))
    {
        return Err(Errno::INVAL);
    }
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    rustix::net::sendmsg(daemon, &[IoSlice::new(record)], &mut control, flags).map(drop)
}

/// The next record and what it brings, `None` for one of an unknown kind; does not wait.
pub(crate) fn hear(daemon: impl AsFd) -> Result<(Option<Answer>, Vec<OwnedFd>), Errno> {
    let mut record = [0; RECORD_BYTES];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(BROUGHT))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let received = rustix::net::recvmsg(daemon, &mut [IoSliceMut::new(&mut record)], &mut control, flags)?;
    if received.bytes == 0 {
        return Err(Errno::CONNRESET);
    }
    let mut brought = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(given) = message {
            brought.extend(given);
        }
    }
    Ok((record.get(..received.bytes).and_then(Answer::decode), brought))
}
