//! The memory that a BOINC client shares with its task: eight channels of 1024 bytes, each a flag and a text.
//!
//! Layout as in BOINC's `lib/app_ipc.h`: byte 0 is 1 while a message waits, the text follows and ends with a zero.
#![allow(unsafe_code, reason = "the one file that maps and touches shared memory")]

use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};

/// Bytes of a channel.
const SIZE: usize = 1024;
/// Number of channels.
#[cfg(unix)]
const CHANNELS: usize = 8;

/// Channels that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Channel {
    /// Client to task: quit, abort, suspend, resume.
    Control = 0,
    /// Client to task, once a second.
    Heartbeat = 4,
    /// Task to client: times and progress.
    Status = 5,
}

/// The shared memory.
pub(crate) struct Shared {
    bytes: &'static [AtomicU8],
}

impl Shared {
    /// Maps the file; none where it is absent, too small, or cannot be mapped.
    #[cfg(unix)]
    pub(crate) fn open(path: &Path) -> Option<Shared> {
        use rustix::mm::{MapFlags, ProtFlags, mmap};
        let file = std::fs::File::options().read(true).write(true).open(path).ok()?;
        let size = CHANNELS * SIZE;
        if file.metadata().ok()?.len() < size as u64 {
            return None;
        }
        let (access, kind) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a new mapping at an address of the system's choice; no memory of ours is touched.
        let start = unsafe { mmap(std::ptr::null_mut(), size, access, kind, &file, 0) }.ok()?;
        // SAFETY: the mapping is `size` bytes long, is never unmapped, and is only touched as atomic bytes, which have
        // neither alignment nor invalid values.
        let bytes = unsafe { std::slice::from_raw_parts(start.cast::<AtomicU8>(), size) };
        Some(Shared { bytes })
    }

    /// Other systems' clients share memory by other means.
    #[cfg(not(unix))]
    pub(crate) fn open(_: &Path) -> Option<Shared> {
        None
    }

    fn channel(&self, channel: Channel) -> Option<(&AtomicU8, &[AtomicU8])> {
        let begin = channel as usize * SIZE;
        self.bytes.get(begin..begin + SIZE)?.split_first()
    }

    /// Takes a message, if one waits.
    pub(crate) fn take(&self, channel: Channel) -> Option<String> {
        let (flag, text) = self.channel(channel)?;
        if flag.load(Ordering::Acquire) == 0 {
            return None;
        }
        let bytes: Vec<u8> =
            text.iter().map(|byte| byte.load(Ordering::Relaxed)).take_while(|byte| *byte != 0).collect();
        flag.store(0, Ordering::Release);
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Leaves a message, unless one waits still; tells whether it did.
    pub(crate) fn leave(&self, channel: Channel, message: &str) -> bool {
        let Some((flag, text)) = self.channel(channel) else { return false };
        if flag.load(Ordering::Acquire) != 0 || message.len() >= text.len() {
            return false;
        }
        let bytes = message.bytes().chain([0]);
        text.iter().zip(bytes).for_each(|(place, byte)| place.store(byte, Ordering::Relaxed));
        flag.store(1, Ordering::Release);
        true
    }

    /// Whether a message waits to be taken by the other side.
    pub(crate) fn waits(&self, channel: Channel) -> bool {
        self.channel(channel).is_some_and(|(flag, _)| flag.load(Ordering::Acquire) != 0)
    }
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_message_lies_where_the_client_looks_for_it_and_is_taken_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("boinc_mmap_file");
        assert!(Shared::open(&path).is_none());
        std::fs::write(&path, vec![0; 100]).unwrap();
        assert!(Shared::open(&path).is_none());
        std::fs::write(&path, vec![0; CHANNELS * SIZE]).unwrap();
        let (task, client) = (Shared::open(&path).unwrap(), Shared::open(&path).unwrap());
        assert!(task.leave(Channel::Status, "<fraction_done>0.5</fraction_done>\n"));
        assert!(!task.leave(Channel::Status, "later"));
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes[5 * SIZE], 1);
        assert!(bytes[5 * SIZE + 1..].starts_with(b"<fraction_done>0.5</fraction_done>\n\0"));
        assert_eq!(client.take(Channel::Status).unwrap(), "<fraction_done>0.5</fraction_done>\n");
        assert_eq!(client.take(Channel::Status), None);
        assert!(!task.leave(Channel::Status, &"x".repeat(SIZE)));
        assert!(task.leave(Channel::Status, &"x".repeat(SIZE - 2)));
        assert!(task.waits(Channel::Status));
    }
}
