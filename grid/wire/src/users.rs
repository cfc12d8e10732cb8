//! Who the other end of a Unix socket is, and what each user holds.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::process::{Pid, PidfdFlags};

use crate::options;

/// A process on the other end.
pub(crate) struct Caller {
    /// Its user.
    pub(crate) user: u32,
    /// Its number, 0 if it cannot be seen from here.
    pub(crate) pid: u32,
    /// The process itself.
    pub(crate) process: OwnedFd,
}

impl Caller {
    /// Who connected to `socket`.
    pub(crate) fn of(socket: BorrowedFd<'_>) -> io::Result<Self> {
        let (pid, user) = options::peer(socket)?;
        let process = match options::peer_process(socket) {
            Ok(process) => process,
            // The kernel does not know the option. The number may have gone to another process in between; then that one's end
            // is taken for this one's, and some connections fall back to TCP.
            Err(error) => {
                let seen = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(error)?;
                rustix::process::pidfd_open(seen, PidfdFlags::empty())?
            }
        };
        Ok(Self { user, pid, process })
    }
}

/// The number that stands for all users whom this process's user namespace does not know; `None` where it knows all.
pub(crate) fn unknown_user() -> Option<u32> {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    if map.split_whitespace().eq(["0", "0", "4294967295"]) {
        return None;
    }
    let number = fs::read_to_string("/proc/sys/kernel/overflowuid").unwrap_or_default();
    Some(number.trim().parse().unwrap_or(65534))
}

/// What a user makes the daemon hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// Processes.
    pub(crate) sessions: usize,
    /// Ends of connections.
    pub(crate) ends: usize,
    /// Slabs; one between two users counts for both.
    pub(crate) slabs: usize,
}

/// All users' accounts.
#[derive(Default)]
pub(crate) struct Accounts(HashMap<u32, Account>);

impl Accounts {
    /// What `user` holds.
    pub(crate) fn of(&self, user: u32) -> Account {
        self.0.get(&user).copied().unwrap_or_default()
    }

    /// Changes what `user` holds.
    pub(crate) fn change(&mut self, user: u32, change: impl FnOnce(&mut Account)) {
        let account = self.0.entry(user).or_default();
        change(account);
        if *account == Account::default() {
            self.0.remove(&user);
        }
    }
}
