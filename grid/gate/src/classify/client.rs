//! Who the client is, behind proxies that are believed.

use std::net::{IpAddr, SocketAddr};

use crate::config::Network;
use crate::field::Known;
use crate::head::Head;

use super::networks::NetworkMap;

/// Networks of proxies that are believed.
#[derive(Clone, Debug, Default)]
pub struct Trusted(NetworkMap<()>);

impl Trusted {
    /// Those networks.
    #[must_use]
    pub fn new(networks: &[Network]) -> Self {
        Self(NetworkMap::new(networks.iter().map(|&network| (network, ())), |(), ()| {}))
    }

    /// Whether what a proxy at this address says of its clients is believed.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        self.0.has(address)
    }

    /// Address of the client: the peer, or where the peer is believed, the last address of `Forwarded`, else of `X-Forwarded-For`, else
    /// of `X-Real-IP`, that is none of a believed proxy. What stands before that may be made up, and is not looked at.
    #[must_use]
    pub fn client(&self, peer: IpAddr, head: &Head) -> IpAddr {
        let mut client = peer.to_canonical();
        if !self.has(client) {
            return client;
        }
        let fields = || head.fields().filter(|field| field.known == Known::Forwarded);
        let of = |name: &'static str| {
            fields()
                .filter(move |field| field.name.eq_ignore_ascii_case(name))
                .filter_map(|f| std::str::from_utf8(f.value).ok())
        };
        let mut hops: Vec<&str> = of("Forwarded").flat_map(elements).filter_map(for_of).collect();
        if hops.is_empty() {
            hops = of("X-Forwarded-For").flat_map(|value| value.split(',')).map(str::trim).collect();
        }
        if hops.is_empty() {
            hops = of("X-Real-IP").map(str::trim).collect();
        }
        for hop in hops.into_iter().rev() {
            // One that is hidden or no address: the client is somewhere behind the proxy that said so.
            let Some(address) = address(hop) else { break };
            client = address.to_canonical();
            if !self.has(client) {
                break;
            }
        }
        client
    }
}

/// Elements of `Forwarded` (RFC 7239), split at commas outside of quotes.
fn elements(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    value.split(move |letter| {
        quoted ^= letter == '"';
        letter == ',' && !quoted
    })
}

/// The parameter `for` of an element.
fn for_of(element: &str) -> Option<&str> {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut fors = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    fors.next().map(|(_, value)| value.trim().trim_matches('"'))
}

/// An address with or without brackets and port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.split(']').next()).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, fields: &[(&'static str, &str)]) -> String {
        let trusted = Trusted::new(&["10.0.0.0/8".parse().expect("a network"), "fd00::/8".parse().expect("a network")]);
        let fields = fields.iter().map(|&(name, value)| (name, value.as_bytes()));
        let head = Head::of_parts("GET", "/", Some("a"), fields).expect("a head");
        trusted.client(peer.parse().expect("an address"), &head).to_string()
    }

    #[test]
    fn only_proxies_that_are_believed_say_who_the_client_is() {
        let far = [("x-forwarded-for", "192.0.2.7")];
        assert_eq!(client("198.51.100.1", &far), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &far), "192.0.2.7");
        assert_eq!(client("::ffff:10.0.0.1", &far), "192.0.2.7");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[("X-Real-IP", "192.0.2.9")]), "192.0.2.9");
    }

    #[test]
    fn what_the_client_itself_wrote_is_not_believed() {
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "1.1.1.1, 192.0.2.7, 10.0.0.2")]), "192.0.2.7");
        assert_eq!(
            client("10.0.0.1", &[("x-forwarded-for", "1.1.1.1"), ("x-forwarded-for", "192.0.2.7")]),
            "192.0.2.7"
        );
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "1.1.1.1, nonsense, 10.0.0.2")]), "10.0.0.2");
    }

    /// The examples of RFC 7239, sections 4 and 6.
    #[test]
    fn the_standard_field_is_read() {
        for (value, wanted) in [
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
            ("for=\"192.0.2.43:47011\"", "192.0.2.43"),
            ("for=unknown", "10.0.0.1"),
            ("for=_hidden, for=\"[fd00::1]\"", "fd00::1"),
        ] {
            assert_eq!(client("10.0.0.1", &[("forwarded", value), ("x-forwarded-for", "9.9.9.9")]), wanted, "{value}");
        }
    }
}
