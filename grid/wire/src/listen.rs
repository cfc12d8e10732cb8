//! The daemon's socket in the file system.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::error::ServeError;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// A listening socket, whose file goes with it.
pub(crate) struct Listener {
    socket: OwnedFd,
    path: PathBuf,
    file: (u64, u64),
}

impl Listener {
    /// Listens at `path`, where a socket may lie that nobody serves any more.
    ///
    /// - `everyone`: whether all users may connect, or only this process's.
    pub(crate) fn bind(path: &Path, everyone: bool) -> Result<Self, ServeError> {
        let place = |source: Errno| ServeError::Place { path: path.into(), source: source.into() };
        let file = |source: io::Error| ServeError::Place { path: path.into(), source };
        let address = SocketAddrUnix::new(path).map_err(place)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(if everyone { 0o755 } else { 0o700 }).create(folder).map_err(file)?;
        let folder = rustix::fs::open(folder, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let folder = folder.map_err(place)?;
        // Two daemons that begin at once must not both take the file for a dead one's.
        lock(&folder).map_err(place)?;
        clear(path, &address)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).map_err(place)?;
        // The file gets the socket's mode: nobody else can connect before the mode is as wanted.
        rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR).map_err(place)?;
        rustix::net::bind(&socket, &address).map_err(place)?;
        if everyone {
            fs::set_permissions(path, Permissions::from_mode(0o666)).map_err(file)?;
        }
        let bound = fs::symlink_metadata(path).map_err(file)?;
        let listener = Self { socket, path: path.into(), file: (bound.dev(), bound.ino()) };
        rustix::net::listen(&listener.socket, BACKLOG).map_err(place)?;
        Ok(listener)
    }

    /// The next that connects. Does not wait.
    pub(crate) fn accept(&self) -> Result<OwnedFd, Errno> {
        rustix::net::accept_with(&self.socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let ours = fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.file);
        if ours {
            // Who removed it before us did what is wanted.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Waits for the folder's lock, but not for ever: in a folder for everyone, somebody may hold it to annoy.
fn lock(folder: &OwnedFd) -> Result<(), Errno> {
    let mut outcome = Err(Errno::WOULDBLOCK);
    for _ in 0..200 {
        outcome = rustix::fs::flock(folder, FlockOperation::NonBlockingLockExclusive);
        if outcome != Err(Errno::WOULDBLOCK) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    outcome
}

/// Removes the socket of a daemon that is no more.
fn clear(path: &Path, address: &SocketAddrUnix) -> Result<(), ServeError> {
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(()) };
    if !found.file_type().is_socket() {
        return Err(ServeError::NoSocket { path: path.into() });
    }
    let place = |source: Errno| ServeError::Place { path: path.into(), source: source.into() };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).map_err(place)?;
    match rustix::net::connect(&probe, address) {
        Err(Errno::CONNREFUSED) => {
            fs::remove_file(path).map_err(|source| ServeError::Place { path: path.into(), source })
        }
        // Somebody listens: this version's daemon, with a full queue perhaps, or a socket of another type.
        Ok(()) | Err(Errno::AGAIN | Errno::PROTOTYPE) => Err(ServeError::Taken { path: path.into() }),
        Err(error) => Err(place(error)),
    }
}
