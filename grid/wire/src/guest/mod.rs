//! Connections between two virtual machines of a host, through memory that both have: an ivshmem device in each.
//!
//! ```text
//!  region ─┬─ card of side 0: who serves there, since when, and what it says  ┐ the control channel
//!          ├─ card of side 1                                                  ┘
//!          ├─ packets of side 0, and of side 1: a network for guests that have none
//!          ├─ area 0: the halves of a slab, side 0's first
//!          ├─ area 1 ...
//! ```
//!
//! A region joins two guests and no others. The daemon of each tells the other of the ends of connections that wait for an end in
//! that guest; side 0 finds the pairs and gives them areas. Bytes go from process to process. Wakes can't, for processes of
//! different machines have no futex and no eventfd in common: each daemon looks at what the other side stirs, and rings the bells
//! of its own processes.
//!
//! Nothing in a region is protected from the other guest. What it writes is checked before use, so that it can break connections
//! of this region and forge their bytes, as it could on a network that it owns, and nothing more.

pub(crate) mod card;
mod channel;
mod device;
mod forward;
mod joint;
mod leave;
pub mod map;
mod message;
mod network;
pub(crate) mod packets;
mod pair;
pub(crate) mod region;
mod users;

pub(crate) use joint::Guests;

use std::net::IpAddr;
use std::path::PathBuf;

/// What a daemon needs for connections with other guests.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of the guest that the daemon runs in.
    pub name: String,
    /// File of the hosts' map: [`map::Map`].
    pub map: PathBuf,
    /// The other guests with which this one has regions, and the region's file.
    pub regions: Vec<(String, PathBuf)>,
    /// The user whose processes are joined with those of other guests. One, for who has one connection's memory has the region's.
    pub user: u32,
    /// This guest's address, and the bits of it that name the network, where the regions are to be the guests' network.
    pub network: Option<(IpAddr, u8)>,
}
