//! The control socket: how commands reach a gate at work, and how another gate gets its sockets.
//!
//! A connection carries one order and what is told of it, a line of JSON each. Sockets go with the answer to [`Order::Listeners`]. Whoever
//! may connect may do all: the socket's file is for its owner alone.

use std::fs;
use std::io::{self, BufRead, BufReader, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::{Deserialize, Serialize};

use crate::config::ListenAddress;
use crate::seen::{self, State};
use crate::serve::Hub;
use crate::served::{self, ServerState};

/// Time that either end waits for the other.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes of a line at most.
const LONGEST: u64 = 16 << 20;
/// Sockets that are handed over at most.
const MOST: usize = 64;

/// What a gate is told to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Order {
    /// Hand the listening sockets over.
    Listeners,
    /// Accept nothing more, end what is under way, and end.
    Drain,
    /// Tell of the servers.
    Servers,
    /// Tell all that can be seen.
    State,
    /// A server joins a pool.
    Add {
        /// The pool; it may be left out if there is one alone.
        pool: Option<String>,
        /// How logs and commands call it.
        name: String,
        /// Where it is, as in the configuration.
        address: String,
        /// Its share where all else is equal.
        weight: f64,
    },
    /// A server leaves its pool, and ends what it has.
    Remove {
        /// The pool.
        pool: Option<String>,
        /// The server's name.
        name: String,
    },
    /// A server ends what it has, and gets nothing more.
    Drained {
        /// The pool.
        pool: Option<String>,
        /// The server's name.
        name: String,
    },
    /// A server is out of order.
    Down {
        /// The pool.
        pool: Option<String>,
        /// The server's name.
        name: String,
    },
    /// A server takes requests again.
    Up {
        /// The pool.
        pool: Option<String>,
        /// The server's name.
        name: String,
    },
    /// A server's share changes.
    Weight {
        /// The pool.
        pool: Option<String>,
        /// The server's name.
        name: String,
        /// Its share where all else is equal; 0: none.
        weight: f64,
    },
}

/// What it says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Why it did not do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The servers, as they are now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<ServerState>,
    /// All that can be seen, as the admin address has it at `/state`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Addresses of the sockets that come with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<String>,
}

/// Tells the gate whose control socket is at `path` to do something.
///
/// # Errors
/// A gate that is not there, that does not answer in time, or that cannot do it; the sentence says which.
pub fn tell(path: &Path, order: &Order) -> io::Result<Told> {
    exchange(path, order).map(|(told, _)| told)
}

/// The listening sockets of the gate whose control socket is at `path`. It goes on to accept from them until it is told to drain.
///
/// # Errors
/// As those of [`tell`].
pub fn listeners(path: &Path) -> io::Result<Vec<(ListenAddress, OwnedFd)>> {
    let (told, sockets) = exchange(path, &Order::Listeners)?;
    if told.listeners.len() != sockets.len() {
        return Err(io::Error::other(format!("{}: sockets were lost on the way; try again", path.display())));
    }
    let addresses = told.listeners.iter().map(|text| text.parse::<ListenAddress>().map_err(io::Error::other));
    addresses.zip(sockets).map(|(address, socket)| Ok((address?, socket))).collect()
}

fn exchange(path: &Path, order: &Order) -> io::Result<(Told, Vec<OwnedFd>)> {
    let told = |why: io::Error| {
        io::Error::new(why.kind(), format!("{}: {why}; is a gate with this control socket running?", path.display()))
    };
    let mut stream = UnixStream::connect(path).map_err(told)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{}\n", serde_json::to_string(order)?).as_bytes()).map_err(told)?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut first = [0; 4096];
    let came = recvmsg(&stream, &mut [IoSliceMut::new(&mut first)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let sockets = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(sockets) => Some(sockets),
        _ => None,
    });
    let sockets: Vec<OwnedFd> = sockets.flatten().collect();
    let mut text = first[..came.bytes].to_vec();
    stream.take(LONGEST).read_to_end(&mut text).map_err(told)?;
    let answer: Told = serde_json::from_slice(&text)
        .map_err(|why| io::Error::other(format!("{}: this is no gate's answer: {why}", path.display())))?;
    match answer.error {
        Some(why) => Err(io::Error::other(why)),
        None => Ok((answer, sockets)),
    }
}

/// Listens at `path`; the socket of a gate that is still there is replaced only if `replace` says so.
pub(crate) fn listen(path: &Path, replace: bool) -> io::Result<UnixListener> {
    let told = |why: io::Error| io::Error::new(why.kind(), format!("{}: {why}", path.display()));
    if !replace && UnixStream::connect(path).is_ok() {
        let why = format!("{}: a gate listens there already; take over from it (--take-over)", path.display());
        return Err(io::Error::new(io::ErrorKind::AddrInUse, why));
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = Path::new(&beside);
    // Of a process of that number that was killed.
    let _ = fs::remove_file(beside);
    let listener = UnixListener::bind(beside).map_err(told)?;
    fs::set_permissions(beside, fs::Permissions::from_mode(0o600)).map_err(told)?;
    fs::rename(beside, path).map_err(told)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Does what a connection orders.
pub(crate) fn serve(stream: &UnixStream, hub: &Hub) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut line)?;
    let plan = hub.plan();
    let mut told = Told::default();
    let mut sockets = Vec::new();
    let done = match serde_json::from_str(&line) {
        Err(why) => Err(format!("this is no order: {why}")),
        Ok(Order::Listeners) => {
            for socket in plan.sockets.iter().flatten().chain(&plan.admin).take(MOST) {
                told.listeners.push(socket.0.to_string());
                sockets.push(socket.1.descriptor());
            }
            Ok(())
        }
        Ok(Order::Drain) => {
            hub.drain();
            Ok(())
        }
        Ok(Order::State) => {
            told.state = Some(seen::state(hub));
            Ok(())
        }
        Ok(order) => served::change(&plan.running, order),
    };
    match done {
        Ok(()) if sockets.is_empty() && told.state.is_none() => told.servers = served::servers(&plan.running),
        Ok(()) => {}
        Err(why) => told.error = Some(why),
    }
    let text = format!("{}\n", serde_json::to_string(&told)?);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !sockets.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&sockets));
    }
    let sent = sendmsg(stream.as_fd(), &[IoSlice::new(text.as_bytes())], &mut control, SendFlags::NOSIGNAL)?;
    let mut stream = stream;
    stream.write_all(&text.as_bytes()[sent..])
}
