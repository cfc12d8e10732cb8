//! Networks, and which of them an address is in.

use std::net::IpAddr;

use crate::config::Network;

/// Values by network, of both versions: the narrowest first. An address of version 4 is that of version 6 that stands for it.
#[derive(Clone, Debug, Default)]
pub struct NetworkMap<T> {
    /// By first address, wider ones before the narrower ones that begin with it.
    nodes: Vec<Node<T>>,
}

#[derive(Clone, Debug)]
struct Node<T> {
    first: u128,
    last: u128,
    /// The narrowest other network around this one.
    wider: Option<usize>,
    value: T,
}

/// An address as a number of version 6.
pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn range(network: Network) -> (u128, u128) {
    let first = number(network.first);
    let bits = u32::from(network.bits) + if network.first.is_ipv4() { 96 } else { 0 };
    (first, first | u128::MAX.checked_shr(bits).unwrap_or(0))
}

impl<T: Default> NetworkMap<T> {
    /// A map of those networks, each with the values given for it put together by `put`.
    pub fn new<V>(items: impl IntoIterator<Item = (Network, V)>, mut put: impl FnMut(&mut T, V)) -> Self {
        let mut sorted = std::collections::BTreeMap::new();
        for (network, value) in items {
            let (first, last) = range(network);
            put(sorted.entry((first, std::cmp::Reverse(last))).or_default(), value);
        }
        let mut nodes: Vec<Node<T>> = Vec::with_capacity(sorted.len());
        for ((first, std::cmp::Reverse(last)), value) in sorted {
            let mut wider = nodes.len().checked_sub(1);
            while let Some(at) = wider
                && nodes[at].last < first
            {
                wider = nodes[at].wider;
            }
            nodes.push(Node { first, last, wider, value });
        }
        Self { nodes }
    }

    /// Values of the networks that an address is in, the narrowest first.
    pub fn of(&self, address: IpAddr) -> impl Iterator<Item = &T> {
        let number = number(address);
        let mut next = self.nodes.partition_point(|node| node.first <= number).checked_sub(1);
        std::iter::from_fn(move || {
            while let Some(at) = next {
                let node = &self.nodes[at];
                next = node.wider;
                if node.last >= number {
                    return Some(&node.value);
                }
            }
            None
        })
    }

    /// Whether an address is in any.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        self.of(address).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().expect("a network")
    }

    #[test]
    fn the_narrowest_network_comes_first() {
        let texts =
            ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "2001:db8::/32", "10.1.2.0/24", "11.0.0.0/8"];
        let map = NetworkMap::new(texts.map(|text| (network(text), text)), |all: &mut Vec<&str>, text| all.push(text));
        let of =
            |address: &str| -> Vec<&str> { map.of(address.parse().expect("an address")).flatten().copied().collect() };
        assert_eq!(of("10.1.2.3"), ["10.1.2.3", "10.1.2.0/24", "10.1.0.0/16", "10.0.0.0/8", "0.0.0.0/0"]);
        assert_eq!(of("10.2.0.0"), ["10.0.0.0/8", "0.0.0.0/0"]);
        assert_eq!(of("::ffff:10.2.0.0"), ["10.0.0.0/8", "0.0.0.0/0"]);
        assert_eq!(of("2001:db8:1::1"), ["2001:db8::/32"]);
        assert!(of("2001:db9::1").is_empty() && of("::1").is_empty());
    }

    proptest::proptest! {
        #[test]
        fn all_networks_around_an_address_are_found(nets in proptest::collection::vec((0_u32..64, 0_u8..=6), 0..12), low in 0_u32..64) {
            let nets: Vec<Network> = nets.iter().map(|&(first, bits)| {
                let bits = 26 + bits;
                Network { first: IpAddr::V4((first & (u32::MAX << (32 - u32::from(bits)))).into()), bits }
            }).collect();
            let map = NetworkMap::new(nets.iter().map(|&net| (net, net.bits)), |bits: &mut u8, new| *bits = new);
            let found: Vec<u8> = map.of(IpAddr::V4(low.into())).copied().collect();
            let is_in = |net: &&Network| match net.first {
                IpAddr::V4(v4) => (v4.to_bits() ^ low).checked_shr(32 - u32::from(net.bits)).unwrap_or(0) == 0,
                IpAddr::V6(_) => false,
            };
            let mut wanted: Vec<u8> = nets.iter().filter(is_in).map(|net| net.bits).collect();
            wanted.sort_unstable_by_key(|bits| std::cmp::Reverse(*bits));
            wanted.dedup();
            proptest::prop_assert_eq!(found, wanted);
        }
    }
}
