//! Whose connections are joined, which, and with how much memory.

use std::ops::RangeInclusive;

use pogson_ring::layout::{Geometry, RING_BYTES};

use crate::identify::{Address, Place};

/// One user or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The user of this number.
    User(u32),
    /// Every user.
    Anyone,
}

impl Who {
    fn is(self, user: u32) -> bool {
        self == Who::Anyone || self == Who::User(user)
    }
}

/// What the daemon does for whom.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Pairs of users who may share memory, besides each with itself.
    pub users: Vec<(Who, Who)>,
    /// Connections with one of these ports at either end stay on TCP.
    pub without: Vec<RangeInclusive<u16>>,
    /// If there are any: connections without one of these ports stay on TCP.
    pub only: Vec<RangeInclusive<u16>>,
    /// Connections of a slab, 1 to 256.
    pub slots: u32,
    /// Bytes of each direction where a process has no wish: a power of two in [`RING_BYTES`].
    pub ring_bytes: u32,
    /// What one user can make the daemon hold.
    pub bounds: Bounds,
}

/// What one user can make the daemon hold; with more, connections stay on TCP.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Processes.
    pub sessions: usize,
    /// Ends of connections, waiting for the other one or paired.
    pub ends: usize,
    /// Slabs.
    pub slabs: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { sessions: 2048, ends: 1 << 17, slabs: 8192 }
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            without: Vec::new(),
            only: Vec::new(),
            slots: 128,
            ring_bytes: 1 << 18,
            bounds: Bounds::default(),
        }
    }
}

/// Whether a ring can have so many bytes.
#[must_use]
pub fn is_ring(bytes: u32) -> bool {
    RING_BYTES.contains(&bytes) && bytes.is_power_of_two()
}

impl Policy {
    /// Whether processes of these two users may share memory.
    #[must_use]
    pub fn joins_users(&self, one: u32, other: u32) -> bool {
        let named = |(a, b): &(Who, Who)| (a.is(one) && b.is(other)) || (a.is(other) && b.is(one));
        one == other || self.users.iter().any(named)
    }

    /// Whether a connection with these ports may be joined.
    pub(crate) fn joins_ports(&self, place: &Place) -> bool {
        let in_any = |ports: &[RangeInclusive<u16>]| {
            // Those of vsock may be larger than any that can be named.
            let has = |address: Address| {
                u16::try_from(address.port()).is_ok_and(|port| ports.iter().any(|range| range.contains(&port)))
            };
            has(place.local) || has(place.remote)
        };
        !in_any(&self.without) && (self.only.is_empty() || in_any(&self.only))
    }

    /// Sizes of a slab for a connection whose ends wish for so many bytes of ring; 0 is no wish.
    pub(crate) fn geometry(&self, wishes: [u32; 2]) -> Option<Geometry> {
        let wish = wishes[0].max(wishes[1]);
        let bytes = if wish == 0 { self.ring_bytes } else { wish };
        let bytes = bytes.clamp(*RING_BYTES.start(), *RING_BYTES.end()).next_power_of_two();
        Geometry::new(self.slots, bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(local: u16, remote: u16) -> Place {
        Place { network: 1, local: Address::Vsock(local.into()), remote: Address::Vsock(remote.into()) }
    }

    #[test]
    fn users_are_joined_with_themselves_and_with_whom_policy_names() {
        let policy =
            Policy { users: vec![(Who::User(10), Who::User(20)), (Who::User(0), Who::Anyone)], ..Policy::default() };
        assert!(policy.joins_users(10, 10) && policy.joins_users(10, 20) && policy.joins_users(20, 10));
        assert!(policy.joins_users(30, 0) && policy.joins_users(0, 30));
        assert!(!policy.joins_users(10, 30));
    }

    #[test]
    fn a_port_at_either_end_decides() {
        let without = Policy { without: vec![5000..=5009], ..Policy::default() };
        assert!(!without.joins_ports(&place(40000, 5009)) && !without.joins_ports(&place(5000, 40000)));
        assert!(without.joins_ports(&place(40000, 5010)));
        let only = Policy { only: vec![80..=80], without: vec![90..=90], ..Policy::default() };
        assert!(only.joins_ports(&place(80, 40000)) && only.joins_ports(&place(40000, 80)));
        assert!(!only.joins_ports(&place(40000, 81)) && !only.joins_ports(&place(80, 90)));
    }

    #[test]
    fn wishes_for_rings_are_met_within_bounds() {
        let policy = Policy::default();
        let bytes = |wishes| policy.geometry(wishes).map(Geometry::ring_bytes);
        assert_eq!(bytes([0, 0]), Some(1 << 18));
        assert_eq!(bytes([1, 0]), Some(1 << 16));
        assert_eq!(bytes([100_000, 70_000]), Some(1 << 17));
        assert_eq!(bytes([u32::MAX, 0]), Some(1 << 22));
    }
}
