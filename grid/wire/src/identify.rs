//! What a socket is, by what the kernel says of it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;

use pogson_ring::protocol::Refusal;
use rustix::net::{AddressFamily, SocketType, ipproto, sockopt};

use crate::numbers::{self, Proof, Unread};
use crate::{options, vsock};

/// Where an end is within its network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    /// Of TCP.
    Ip(SocketAddr),
    /// Port of a vsock of this machine.
    Vsock(u32),
}

impl Address {
    /// Its port.
    pub(crate) fn port(self) -> u32 {
        match self {
            Address::Ip(address) => address.port().into(),
            Address::Vsock(port) => port,
        }
    }

    /// That of TCP.
    pub(crate) fn ip(self) -> Option<SocketAddr> {
        if let Address::Ip(address) = self { Some(address) } else { None }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Address::Ip(address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ip(address) => address.fmt(f),
            Address::Vsock(port) => write!(f, "vsock:{port}"),
        }
    }
}

/// One end of a connection between two places of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// The network namespace.
    pub(crate) network: u64,
    /// Address of this end.
    pub(crate) local: Address,
    /// Address of the other.
    pub(crate) remote: Address,
}

impl Place {
    /// The other end of the connection.
    pub(crate) fn mirror(self) -> Self {
        Self { network: self.network, local: self.remote, remote: self.local }
    }
}

/// A connected stream socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    /// The kernel's name for the socket; no other ever has the same while the machine runs.
    pub(crate) cookie: u64,
    /// Where it is.
    pub(crate) place: Place,
    /// What its other end has in common with it, wherever that is.
    pub(crate) proof: Result<Proof, Unread>,
}

/// States of TCP in which bytes can go or come: ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT.
const OPEN: [u8; 4] = [1, 4, 5, 8];

/// What `socket` is.
///
/// # Errors
/// [`Refusal::NoStream`] for all that is no connected stream of TCP or vsock; [`Refusal::Unproved`] where addresses do not name the
/// connection: a socket that is bound to an interface, a vsock to another machine, or a kernel that does not tell namespaces apart.
pub(crate) fn identify(socket: BorrowedFd<'_>) -> Result<Stream, Refusal> {
    let no_stream = |_| Refusal::NoStream;
    let family = sockopt::socket_domain(socket).map_err(no_stream)?;
    let stream = sockopt::socket_type(socket).map_err(no_stream)? == SocketType::STREAM;
    if stream && family == AddressFamily::VSOCK {
        let cookie = sockopt::socket_cookie(socket).map_err(no_stream)?;
        return vsock::place(socket).map(|place| Stream { cookie, place, proof: Err(Unread::Needless) });
    }
    let tcp = sockopt::socket_protocol(socket).map_err(no_stream)? == Some(ipproto::TCP);
    if !stream || !tcp || !(family == AddressFamily::INET || family == AddressFamily::INET6) {
        return Err(Refusal::NoStream);
    }
    let state = options::tcp_state(socket).map_err(|_| Refusal::NoStream)?;
    if !OPEN.contains(&state) || options::has_upper_layer(socket) {
        return Err(Refusal::NoStream);
    }
    let cookie = sockopt::socket_cookie(socket).map_err(no_stream)?;
    let local = rustix::net::getsockname(socket).map_err(no_stream)?;
    let local = plain(local.try_into().map_err(no_stream)?);
    let remote = rustix::net::getpeername(socket).map_err(no_stream)?.ok_or(Refusal::NoStream)?;
    let remote = plain(remote.try_into().map_err(no_stream)?);
    let network = options::network_namespace(socket).map_err(|_| Refusal::Unproved)?;
    // An interface of its own makes the same addresses possible twice; an address of a link has one always, and tells it.
    if scope(local) == 0 && options::bound_interface(socket).map_err(|_| Refusal::Unproved)? != 0 {
        return Err(Refusal::Unproved);
    }
    let proof = numbers::of(socket, network, local, remote);
    Ok(Stream { cookie, place: Place { network, local: local.into(), remote: remote.into() }, proof })
}

/// Whether closing `socket` takes no time. A socket with SO_LINGER may wait for its bytes to be acknowledged, and a file may ask
/// a server, which may be anybody's.
pub(crate) fn closes_at_once(socket: BorrowedFd<'_>) -> bool {
    let family = sockopt::socket_domain(socket);
    let inet = family.is_ok_and(|family| family == AddressFamily::INET || family == AddressFamily::INET6);
    let tcp = inet && sockopt::socket_protocol(socket).is_ok_and(|protocol| protocol == Some(ipproto::TCP));
    let vsock = family.is_ok_and(|family| family == AddressFamily::VSOCK);
    (tcp || vsock) && sockopt::socket_linger(socket).is_ok_and(|linger| linger.is_none())
}

/// IPv4 as IPv4, also where a socket of IPv6 speaks it; without flow labels, which are no part of an address.
pub(crate) fn plain(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(mut v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(IpAddr::V4(v4), v6.port()),
            None => {
                v6.set_flowinfo(0);
                SocketAddr::V6(v6)
            }
        },
        v4 => v4,
    }
}

fn scope(address: SocketAddr) -> u32 {
    if let SocketAddr::V6(v6) = address { v6.scope_id() } else { 0 }
}
