//! Where something listens.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

/// Where a listener takes connections.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum ListenAddress {
    /// An address of this machine and a port.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path {
                "" => Err("\"unix:\" names no path; write \"unix:/run/gate.sock\"".to_string()),
                path => Ok(Self::Unix(PathBuf::from(path))),
            };
        }
        let numbers = match text.strip_prefix("*:").or(text.strip_prefix(':')) {
            Some(port) => format!("[::]:{port}"),
            None => text.to_string(),
        };
        numbers.parse().map(Self::Tcp).map_err(|_| {
            format!(
                "\"{text}\" is not an address to listen on; write \"127.0.0.1:8080\", \"[::]:443\" or \"unix:/path\""
            )
        })
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(to),
            Self::Unix(path) => write!(to, "unix:{}", path.display()),
        }
    }
}

/// Where a back end is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum ServerAddress {
    /// Over TCP: host and port.
    Http(String, u16),
    /// Over TLS: host and port.
    Https(String, u16),
    /// A socket in the file system.
    Unix(PathBuf),
    /// On this machine or one that shares memory with it, through shared memory where both ends can: host and port.
    Wire(String, u16),
}

impl FromStr for ServerAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            let forms = "\"http://host:port\", \"https://host:port\", \"wire://host:port\" or \"unix:/path\"";
            format!("\"{text}\" is not the address of a server: {why}; write {forms}")
        };
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(wrong("it names no path")) } else { Ok(Self::Unix(PathBuf::from(path))) };
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#', '@']) {
            return Err(wrong("it has more than host and port (a path is put in front by a route's replace_prefix)"));
        }
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') && (!host.contains(':') || host.ends_with(']')) => {
                (host, Some(port.parse().map_err(|_| wrong("its port is not a number from 1 to 65535"))?))
            }
            _ => (rest, None),
        };
        if port == Some(0) {
            return Err(wrong("its port is 0"));
        }
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        let is_host = bare.map_or(is_name, |bare| bare.parse::<Ipv6Addr>().is_ok());
        let host = bare.unwrap_or(host);
        if host.is_empty() || !is_host {
            return Err(wrong("its host is neither a name nor an address"));
        }
        let host = host.to_string();
        match scheme {
            "http" => Ok(Self::Http(host, port.unwrap_or(80))),
            "https" => Ok(Self::Https(host, port.unwrap_or(443))),
            "wire" => port.map(|port| Self::Wire(host, port)).ok_or_else(|| wrong("it names no port")),
            _ => Err(wrong("its scheme is not known")),
        }
    }
}

impl TryFrom<String> for ServerAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl ServerAddress {
    /// Host and port as `Host` names them; `localhost` for a socket that is a file.
    #[must_use]
    pub fn authority(&self) -> String {
        match self {
            Self::Unix(_) => "localhost".to_string(),
            Self::Http(host, port) | Self::Https(host, port) | Self::Wire(host, port) => {
                if host.contains(':') {
                    format!("[{host}]:{port}")
                } else {
                    format!("{host}:{port}")
                }
            }
        }
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self {
            Self::Http(..) => "http",
            Self::Https(..) => "https",
            Self::Wire(..) => "wire",
            Self::Unix(path) => return write!(to, "unix:{}", path.display()),
        };
        write!(to, "{scheme}://{}", self.authority())
    }
}

/// A network: addresses that share their first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    /// Its first address.
    pub first: IpAddr,
    /// Bits that all its addresses share: at most 32 of version 4, 128 of version 6.
    pub bits: u8,
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("\"{text}\" is not a network; write \"10.0.0.0/8\", \"2001:db8::/32\" or one address");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u8>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        if bits > most {
            return Err(wrong());
        }
        let first = match address {
            IpAddr::V4(v4) => {
                IpAddr::V4((v4.to_bits() & u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0)).into())
            }
            IpAddr::V6(v6) => {
                IpAddr::V6((v6.to_bits() & u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)).into())
            }
        };
        if first != address {
            return Err(format!("\"{text}\" has bits beyond its first {bits}; write \"{first}/{bits}\""));
        }
        Ok(Self { first, bits })
    }
}

impl Network {
    /// Whether an address is in it; one of version 4 counts also where it is written as one of version 6.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let beyond = (first.to_bits() ^ address.to_bits()).leading_zeros();
                beyond >= u32::from(self.bits)
            }
            (IpAddr::V6(first), _) => {
                let address = match address {
                    IpAddr::V4(v4) => v4.to_ipv6_mapped(),
                    IpAddr::V6(v6) => v6,
                };
                let beyond = (first.to_bits() ^ address.to_bits()).leading_zeros();
                beyond >= u32::from(self.bits)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) => false,
        }
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_written() {
        for text in ["127.0.0.1:8080", "[::1]:443", "unix:/run/gate.sock"] {
            assert_eq!(text.parse::<ListenAddress>().expect("an address").to_string(), text);
        }
        assert_eq!(":80".parse::<ListenAddress>().expect("an address").to_string(), "[::]:80");
        for text in ["", "80", "localhost:80", "unix:", "1.2.3.4", "1.2.3.4:99999"] {
            assert!(text.parse::<ListenAddress>().is_err(), "{text}");
        }
        for text in ["http://a.example:80", "https://[::1]:8443", "wire://127.0.0.1:9000", "unix:/x"] {
            assert_eq!(text.parse::<ServerAddress>().expect("an address").to_string(), text);
        }
        assert_eq!("a:81".parse(), Ok(ServerAddress::Http("a".to_string(), 81)));
        assert_eq!("https://a/".parse(), Ok(ServerAddress::Https("a".to_string(), 443)));
        for text in
            ["", "http://", "ftp://a:1", "http://a:0", "http://a:x", "http://a/b", "http://u@a", "wire://a", "::1:80"]
        {
            assert!(text.parse::<ServerAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_begins_with_its_first_address() {
        let network: Network = "10.0.0.0/8".parse().expect("a network");
        assert_eq!((network.first, network.bits), (IpAddr::from([10, 0, 0, 0]), 8));
        assert_eq!("::/0".parse::<Network>().expect("all").bits, 0);
        assert_eq!("1.2.3.4".parse::<Network>().expect("one").bits, 32);
        assert!("10.0.0.1/8".parse::<Network>().expect_err("bits beyond").contains("\"10.0.0.0/8\""));
        for text in ["", "10.0.0.0/33", "a/8", "10.0.0.0/-1", "::/129"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
