//! Who is of which level, before it has a connection.

use std::net::IpAddr;

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// One of them.
    pub address: IpAddr,
    /// How many bits are the same: 32 at most for version 4, 128 for version 6.
    pub bits: u8,
}

impl Network {
    /// Whether `address` is one of them. Addresses of version 4 that are written as those of version 6 count as of version 4.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        let same = |a: u128, b: u128, width: u32| {
            let rest = width - u32::from(self.bits).min(width);
            a.checked_shr(rest).unwrap_or(0) == b.checked_shr(rest).unwrap_or(0)
        };
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => same(u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
            (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
            _ => false,
        }
    }
}

/// A row: what it names must be so, what it leaves out may be anything.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Source address.
    pub from: Option<Network>,
    /// Port that it connects to.
    pub port: Option<u16>,
    /// A cookie that the request sends, as name=value.
    pub cookie: Option<String>,
    /// Its priority: 0 is the highest.
    pub level: usize,
}

/// The table; its first row that fits decides.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberTable {
    /// The rows.
    pub rows: Vec<Member>,
    /// Level of who is in none.
    pub otherwise: usize,
}

impl MemberTable {
    /// Level of a new connection `from` an address to `port`, with `cookies` as the header has them: `a=1; b=2`.
    #[must_use]
    pub fn level(&self, from: IpAddr, port: u16, cookies: &str) -> usize {
        let fits = |row: &&Member| {
            row.from.is_none_or(|network| network.has(from))
                && row.port.is_none_or(|own| own == port)
                && row.cookie.as_ref().is_none_or(|own| cookies.split(';').any(|cookie| cookie.trim() == own))
        };
        self.rows.iter().find(fits).map_or(self.otherwise, |row| row.level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str, bits: u8) -> Option<Network> {
        Some(Network { address: address.parse().expect("an address"), bits })
    }

    /// The member table as it is described: source address, port and cookie give a priority that does not change.
    #[test]
    fn a_new_connection_has_the_priority_of_the_first_row_that_fits() {
        let any = Member { from: None, port: None, cookie: None, level: 2 };
        let table = MemberTable {
            rows: vec![
                Member { from: network("192.0.2.7", 32), level: 0, ..any.clone() },
                Member { from: network("192.0.2.0", 24), port: Some(8443), level: 1, ..any.clone() },
                Member { cookie: Some("service=gold".into()), level: 0, ..any.clone() },
                Member { from: network("2001:db8::", 32), level: 1, ..any },
            ],
            otherwise: 2,
        };
        let level = |from: &str, port, cookies| table.level(from.parse().expect("an address"), port, cookies);
        assert_eq!(level("192.0.2.7", 80, ""), 0);
        assert_eq!(level("192.0.2.8", 8443, ""), 1);
        assert_eq!(level("192.0.2.8", 80, ""), 2, "the port is another");
        assert_eq!(level("198.51.100.1", 80, "id=3; service=gold"), 0);
        assert_eq!(level("198.51.100.1", 80, "service=golden"), 2);
        assert_eq!(level("2001:db8:1::1", 80, ""), 1);
        assert_eq!(level("::ffff:192.0.2.7", 80, ""), 0, "the same address in another form");
    }

    #[test]
    fn a_network_of_no_bits_is_everything_of_its_version() {
        let all = network("0.0.0.0", 0).expect("one");
        assert!(all.has("203.0.113.9".parse().expect("an address")));
        assert!(!all.has("2001:db8::1".parse().expect("an address")));
    }
}
