//! The PROXY protocol, versions 1 and 2: what a proxy in front says of the client before the client's first byte.
//!
//! Source: W. Tarreau, "The PROXY protocol, versions 1 & 2", HAProxy.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::ProxyProtocol;

/// Most bytes of a line of version 1, with its end.
const LINE: usize = 107;
/// What a header of version 2 begins with.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Bytes of a header of version 2 before its addresses.
const FIXED: usize = 16;
/// Most bytes of addresses and what follows them in version 2, which may be certificates' names.
const REST: usize = 4 << 10;

/// Why there is no header of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection does not begin as the PROXY protocol says: {0}")]
pub struct NotProxied(&'static str);

/// Reads the header at the beginning of `input`: its length and the client that it names; `None` if more has to come.
///
/// A proxy that speaks for itself, as for checks of health, or for a client without an address names none.
///
/// # Errors
/// [`NotProxied`].
pub fn parse(input: &[u8], versions: ProxyProtocol) -> Result<Option<(usize, Option<SocketAddr>)>, NotProxied> {
    let has = |start: &[u8]| input.starts_with(start) || start.starts_with(input);
    match versions {
        ProxyProtocol::V1 | ProxyProtocol::Any if has(b"PROXY ") => line(input),
        ProxyProtocol::V2 | ProxyProtocol::Any if has(SIGNATURE) => binary(input),
        _ => Err(NotProxied("it begins otherwise")),
    }
}

/// As a connection's first bytes are looked at: what to take, once that is clear.
pub(super) fn look(
    input: &[u8],
    ended: bool,
    versions: ProxyProtocol,
) -> Option<(usize, Result<Option<SocketAddr>, NotProxied>)> {
    match parse(input, versions) {
        Ok(Some((length, client))) => Some((length, Ok(client))),
        Ok(None) if ended => Some((0, Err(NotProxied("it ends too early")))),
        Ok(None) => None,
        Err(why) => Some((0, Err(why))),
    }
}

/// Version 1: `PROXY TCP4 source destination port port`.
fn line(input: &[u8]) -> Result<Option<(usize, Option<SocketAddr>)>, NotProxied> {
    let known = &input[..input.len().min(LINE)];
    let Some(end) = known.windows(2).position(|pair| pair == b"\r\n") else {
        return if known.len() < LINE { Ok(None) } else { Err(NotProxied("its line is longer than 107 bytes")) };
    };
    let text = std::str::from_utf8(&input[..end]).map_err(|_| NotProxied("its line is not text"))?;
    let mut words = text.split(' ').skip(1);
    let family = words.next();
    if family == Some("UNKNOWN") {
        return Ok(Some((end + 2, None)));
    }
    let wrong = NotProxied("its line is not PROXY TCP4 or TCP6, two addresses and two ports");
    let words: Vec<&str> = words.collect();
    let &[source, destination, port, other_port] = &words[..] else { return Err(wrong) };
    let address = |text: &str| match family {
        Some("TCP4") => text.parse::<Ipv4Addr>().map(IpAddr::V4).map_err(|_| wrong),
        Some("TCP6") => text.parse::<Ipv6Addr>().map(IpAddr::V6).map_err(|_| wrong),
        _ => Err(wrong),
    };
    let number = |text: &str| {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        text.parse::<u16>().ok().filter(|_| is_plain).ok_or(wrong)
    };
    address(destination)?;
    number(other_port)?;
    Ok(Some((end + 2, Some(SocketAddr::new(address(source)?, number(port)?)))))
}

/// Version 2.
fn binary(input: &[u8]) -> Result<Option<(usize, Option<SocketAddr>)>, NotProxied> {
    let Some((fixed, rest)) = input.split_first_chunk::<FIXED>() else { return Ok(None) };
    let [.., command, family, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > REST {
        return Err(NotProxied("its header is longer than 4096 bytes"));
    }
    let Some(rest) = rest.get(..length) else { return Ok(None) };
    let end = FIXED + length;
    let short = NotProxied("its addresses are cut short");
    match command {
        0x20 => return Ok(Some((end, None))),
        0x21 => {}
        _ => return Err(NotProxied("its version is not 2, or its command is neither LOCAL nor PROXY")),
    }
    let port = |at: usize| rest.get(at..at + 2).map(|port| u16::from_be_bytes([port[0], port[1]])).ok_or(short);
    let client = match family {
        0x11 | 0x12 => {
            let port = port(8)?;
            let source = rest.first_chunk::<4>().ok_or(short)?;
            Some(SocketAddr::new(Ipv4Addr::from(*source).into(), port)).filter(|_| rest.len() >= 12)
        }
        0x21 | 0x22 => {
            let port = port(32)?;
            let source = rest.first_chunk::<16>().ok_or(short)?;
            Some(SocketAddr::new(Ipv6Addr::from(*source).into(), port)).filter(|_| rest.len() >= 36)
        }
        // Unix sockets, and what is not said.
        0x00 | 0x31 | 0x32 => return Ok(Some((end, None))),
        _ => return Err(NotProxied("its family of addresses is not known")),
    };
    client.map(|client| Some((end, Some(client)))).ok_or(short)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        [SIGNATURE, &[command, family], &(rest.len() as u16).to_be_bytes()[..], rest].concat()
    }

    #[test]
    fn the_documents_own_lines_are_read() {
        for (line, client) in [
            ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", Some("255.255.255.255:65535")),
            ("PROXY TCP6 ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None),
            (
                "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
                Some("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"),
            ),
            ("PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n", Some("192.168.0.1:56324")),
        ] {
            let found = parse(format!("{line}GET /").as_bytes(), ProxyProtocol::Any);
            match client {
                Some(client) => {
                    assert_eq!(found, Ok(Some((line.len(), Some(client.parse().expect("an address"))))), "{line}");
                }
                None => assert!(found.is_err(), "{line}"),
            }
        }
        let unknown = b"PROXY UNKNOWN ffff:: ffff:: 65535 65535\r\n";
        assert_eq!(parse(unknown, ProxyProtocol::V1), Ok(Some((unknown.len(), None))));
        assert!(parse(unknown, ProxyProtocol::V2).is_err());
    }

    #[test]
    fn lines_that_could_be_read_in_two_ways_are_refused() {
        for line in [
            "PROXY TCP4 1.2.3.4 5.6.7.8 080 80\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 +80 80\r\n",
            "PROXY TCP4 1.2.3.4  5.6.7.8 80 80\r\n",
            "PROXY TCP4 ::1 ::1 80 80\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 80\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 80 80 80\r\n",
            "PROXY TCP4 1.2.3.4 5.6.7.8 80 65536\r\n",
            "PROXY UDP4 1.2.3.4 5.6.7.8 80 80\r\n",
            "proxy TCP4 1.2.3.4 5.6.7.8 80 80\r\n",
            "GET / HTTP/1.1\r\n\r\n",
        ] {
            assert!(parse(line.as_bytes(), ProxyProtocol::Any).is_err(), "{line}");
        }
        assert!(parse(&[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat(), ProxyProtocol::Any).is_err());
    }

    #[test]
    fn binary_headers_are_read_with_what_follows_their_addresses() {
        let four = [192, 0, 2, 1, 198, 51, 100, 2, 0x12, 0x34, 0, 80, 3, 0, 1, 9];
        let client = "192.0.2.1:4660".parse().expect("an address");
        let header = v2(0x21, 0x11, &four);
        assert_eq!(parse(&header, ProxyProtocol::Any), Ok(Some((header.len(), Some(client)))));
        assert!(parse(&header, ProxyProtocol::V1).is_err());
        let local = v2(0x20, 0, &[]);
        assert_eq!(parse(&local, ProxyProtocol::V2), Ok(Some((16, None))));
        for bad in [v2(0x21, 0x11, &four[..11]), v2(0x11, 0x11, &four), v2(0x22, 0x11, &four), v2(0x21, 0x41, &four)] {
            assert!(parse(&bad, ProxyProtocol::Any).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_header_is_read_the_same_however_it_is_cut(
            source: [u8; 16], port: u16, six: bool, follows in prop::collection::vec(any::<u8>(), 0..40), cut in 0usize..150,
        ) {
            let ip = if six { IpAddr::from(source) } else { IpAddr::from([source[0], source[1], source[2], source[3]]) };
            let client = SocketAddr::new(ip, port);
            let family = if six { "TCP6" } else { "TCP4" };
            let text = format!("PROXY {family} {ip} {ip} {port} 443\r\n").into_bytes();
            let octets = match ip { IpAddr::V4(v4) => v4.octets().to_vec(), IpAddr::V6(v6) => v6.octets().to_vec() };
            let rest = [&octets[..], &octets, &port.to_be_bytes(), &[1, 187]].concat();
            for header in [text, v2(0x21, if six { 0x21 } else { 0x11 }, &rest)] {
                let whole = [&header[..], &follows].concat();
                prop_assert_eq!(parse(&whole, ProxyProtocol::Any), Ok(Some((header.len(), Some(client)))));
                let part = &header[..cut.min(header.len() - 1)];
                prop_assert_eq!(parse(part, ProxyProtocol::Any), Ok(None));
            }
        }

        #[test]
        fn bytes_are_a_header_or_refused(
            bytes in prop::collection::vec(any::<u8>(), 0..300), start in prop::sample::select(vec![&b""[..], b"PROXY ", SIGNATURE]),
        ) {
            let bytes = [start, &bytes].concat();
            if let Ok(Some((length, _))) = parse(&bytes, ProxyProtocol::Any) {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}
