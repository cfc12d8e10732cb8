//! Figures for people and scripts, and how to ask a daemon for them.

use std::collections::BTreeMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

use pogson_ring::protocol::Ask;
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use serde::{Deserialize, Serialize};

use crate::error::ReportError;

/// What a daemon and the processes that it serves have done since it began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Version of the daemon's program.
    pub version: String,
    /// Processes that are connected.
    pub processes: u64,
    /// Connections on which processes saw bytes.
    pub connections: u64,
    /// Ends of connections that were given shared memory and use it.
    pub upgraded: u64,
    /// Pairs that the daemon has made.
    pub pairs: u64,
    /// Ends that wait for their other ends.
    pub waiting: u64,
    /// Ends that were refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Bytes that went by TCP on connections that processes saw.
    pub bytes_tcp: u64,
    /// Bytes that went by shared memory.
    pub bytes_ring: u64,
    /// Times that a process woke another.
    pub wakes: u64,
    /// Slabs of shared memory.
    pub slabs: u64,
    /// Other guests that this one has memory with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guests: Vec<Guest>,
    /// Each process that the asking user may see, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Vec<Process>>,
}

/// Another guest of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guest {
    /// Its name.
    pub name: String,
    /// Whether the map has it on this node.
    pub shares: bool,
    /// Whether the daemon here has the memory in use.
    pub open: bool,
    /// Whether a daemon answers there.
    pub answered: bool,
    /// Slabs in that memory.
    pub slabs: u64,
    /// Ends of connections here that go by that memory.
    #[serde(default)]
    pub connections: u64,
    /// Whether they are to leave it.
    #[serde(default)]
    pub leaving: bool,
    /// Then the processes here that still have it, by their numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<u32>,
    /// Why the memory or the map cannot be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

/// A connected process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The daemon's name for it.
    pub session: u64,
    /// Its number, 0 if it is not to be seen from the daemon.
    pub pid: u32,
    /// Its user.
    pub user: u32,
    /// Its program.
    pub program: String,
    /// Connections on which it saw bytes.
    pub connections: u64,
    /// Those that use shared memory or did.
    pub upgraded: u64,
    /// Bytes that it sent by TCP.
    pub bytes_tcp: u64,
    /// Bytes that it sent by shared memory.
    pub bytes_ring: u64,
    /// Times that it woke others.
    pub wakes: u64,
    /// Its connections that the daemon knows.
    pub ends: Vec<Connection>,
}

/// One end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The process's name for it.
    pub tag: u64,
    /// Address of this end; empty where it is not known.
    pub local: String,
    /// Address of the other end.
    pub remote: String,
    /// Where it stands.
    pub state: State,
    /// Why it stays on TCP, if it does; of one that waits, why its other end may be there and not be known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Session of the other end, if paired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<u64>,
    /// What this end sends, once it takes part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sends: Option<Direction>,
    /// What the other end sends, once it takes part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receives: Option<Direction>,
}

/// Where a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its other end has not come.
    Waiting,
    /// Both ends have shared memory.
    Paired,
    /// It stays on TCP.
    Refused,
}

/// One direction of a paired connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Direction {
    /// Bytes by shared memory.
    pub bytes: u64,
    /// How often it has changed between TCP and shared memory; odd while it goes by shared memory.
    pub epoch: u32,
}

/// How long a daemon may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the daemon at `path`.
///
/// - `detail`: whether each process and connection is wanted, too.
///
/// # Errors
/// Nobody answers, or not in words that this version knows.
pub fn ask(path: &Path, detail: bool) -> Result<Report, ReportError> {
    let absent = |source: Errno| ReportError::Absent { path: path.into(), source: io::Error::from(source) };
    let socket = connect(path).map_err(absent)?;
    let ask = Ask::Report { detail: detail.into() }.encode();
    rustix::net::send(&socket, &ask, SendFlags::NOSIGNAL).map_err(absent)?;
    let mut text = Vec::new();
    let mut piece = [MaybeUninit::uninit(); 1 << 16];
    loop {
        let (filled, _) = rustix::net::recv(&socket, &mut piece, RecvFlags::empty())
            .map(|((filled, _), length)| (filled.to_vec(), length))
            .map_err(absent)?;
        if filled.is_empty() {
            break;
        }
        text.extend(filled);
    }
    serde_json::from_slice(&text).map_err(|fault| ReportError::Garbled { path: path.into(), fault: fault.to_string() })
}

fn connect(path: &Path) -> Result<OwnedFd, Errno> {
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    for which in [sockopt::Timeout::Recv, sockopt::Timeout::Send] {
        sockopt::set_socket_timeout(&socket, which, Some(PATIENCE))?;
    }
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}
