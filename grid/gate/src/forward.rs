//! Heads as they go on: without what is meant for the next hop alone, with what says where a request came from.

use std::io::Write;
use std::net::IpAddr;

use http::header::{HeaderName, HeaderValue};
use http::uri::{Authority, Scheme, Uri};

use crate::config::{Fields, ServerAddress};
use crate::field::{Known, known};
use crate::framing::Framing;
use crate::head::{Field, Head, Version};
use crate::reply::{Reply, reason, says};

/// Name of the field that tells a server the class of a request's context.
const CLASS_FIELD: &str = "pogson-class";
/// Name and value of the field that offers a server the client's connection.
const DIRECT_FIELD: (&str, &[u8]) = ("pogson-direct", b"offered");

/// What a gate tells a server of a request's way.
pub(crate) struct Way<'a> {
    pub(crate) peer: Option<IpAddr>,
    /// Whether what the peer says of the way before it is believed.
    pub(crate) trusted: bool,
    /// `http` or `https`.
    pub(crate) scheme: &'a str,
    pub(crate) id: &'a str,
    /// Path and query that are sent.
    pub(crate) target: &'a [u8],
    /// Class of its context, where the policy counts what waits by class.
    pub(crate) class: Option<usize>,
    /// Whether the server may have the client's connection for the body of its reply.
    pub(crate) direct: bool,
    /// Fields that are set or removed.
    pub(crate) fields: &'a Fields,
}

/// Whether a field of a head goes on. What `Connection` names does not (RFC 9110, section 7.6.1).
fn goes_on(field: &Field<'_>, named: &[&[u8]]) -> bool {
    !matches!(
        field.known,
        Known::Connection
            | Known::TransferEncoding
            | Known::ContentLength
            | Known::Hop
            | Known::Te
            | Known::Upgrade
            | Known::Trailer
            | Known::Direct
    ) && !named.iter().any(|name| field.name.as_bytes().eq_ignore_ascii_case(name))
}

/// Names that `Connection` lists, but for those that are gone anyway.
fn named<'a>(connection: impl Iterator<Item = &'a [u8]>) -> Vec<&'a [u8]> {
    let members = connection.flat_map(|list| list.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
    let usual = |name: &[u8]| {
        [&b""[..], b"close", b"keep-alive", b"upgrade", b"te"].iter().any(|usual| name.eq_ignore_ascii_case(usual))
    };
    // Fields without which a request would be another one cannot be taken out by naming them.
    let needed = |name: &[u8]| name.eq_ignore_ascii_case(b"host") || name.eq_ignore_ascii_case(b"content-length");
    members.filter(|name| !usual(name) && !needed(name)).collect()
}

fn field(to: &mut Vec<u8>, name: &str, value: &[u8]) {
    to.extend_from_slice(name.as_bytes());
    to.extend_from_slice(b": ");
    to.extend_from_slice(value);
    to.extend_from_slice(b"\r\n");
}

/// Calls `put` with each field that a server is sent, but for those of framing and upgrades.
pub(crate) fn request_fields(head: &Head, way: &Way<'_>, mut put: impl FnMut(&str, &[u8])) {
    let named = named(head.all(Known::Connection));
    let mut before: Option<&[u8]> = None;
    let (mut said, mut forwarded) = (false, false);
    let kept = |one: &Field<'_>| goes_on(one, &named) && !replaced(way.fields, one.name) && !poses(one.name);
    for one in head.fields().filter(kept) {
        match one.known {
            Known::Host | Known::Expect | Known::RequestId | Known::Report => {}
            Known::Forwarded if !way.trusted => {}
            Known::Forwarded if one.name.eq_ignore_ascii_case("x-forwarded-for") => before = Some(one.value),
            Known::Forwarded => {
                said |= one.name.eq_ignore_ascii_case("x-forwarded-proto");
                forwarded |= one.name.eq_ignore_ascii_case("forwarded");
                put(one.name, one.value);
            }
            _ => put(one.name, one.value),
        }
    }
    let mut own = |name: &str, value: &[u8]| {
        if !replaced(way.fields, name) {
            put(name, value);
        }
    };
    if let Some(peer) = way.peer {
        let mut room = [0; 48];
        let mut text = &mut room[..];
        // An address has at most 45 characters.
        let _ = write!(text, "{peer}");
        let left = text.len();
        let text = &room[..48 - left];
        match before {
            Some(before) => own("x-forwarded-for", &[before, b", ", text].concat()),
            None => own("x-forwarded-for", text),
        }
    } else if let Some(before) = before {
        own("x-forwarded-for", before);
    }
    if !said {
        own("x-forwarded-proto", way.scheme.as_bytes());
    }
    own("x-request-id", way.id.as_bytes());
    if let Some(class) = way.class {
        own(CLASS_FIELD, class.to_string().as_bytes());
    }
    if way.direct {
        own(DIRECT_FIELD.0, DIRECT_FIELD.1);
    }
    if let Some(peer) = way.peer.filter(|_| forwarded) {
        own("forwarded", hop(peer, way.scheme).as_bytes());
    }
    let set = way.fields.set.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("host"));
    set.for_each(|(name, value)| put(name, value.as_bytes()));
}

/// What a proxy says of the hop before it (RFC 7239).
fn hop(peer: IpAddr, scheme: &str) -> String {
    match peer.to_canonical() {
        IpAddr::V4(address) => format!("for={address};proto={scheme}"),
        IpAddr::V6(address) => format!("for=\"[{address}]\";proto={scheme}"),
    }
}

/// The name of the host that a server is asked for: the client's, or the one that a route sets.
fn host<'a>(head: &'a Head, way: &Way<'a>) -> &'a str {
    let set = way.fields.set.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    set.map_or(head.host(), |(_, value)| value)
}

/// Whether a route sets or removes a field.
fn replaced(fields: &Fields, name: &str) -> bool {
    let is = |other: &String| is_name(other, name);
    fields.set.keys().any(is) || fields.remove.iter().any(is)
}

/// Whether servers may take one name for the other: many see `_` where `-` is (RFC 3875, section 4.1.18).
fn is_name(one: &str, other: &str) -> bool {
    let alike = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    one.bytes().map(alike).eq(other.bytes().map(alike))
}

/// Whether a field's name is not that of one which a gate writes or reads itself, and may be taken for it.
fn poses(name: &str) -> bool {
    name.contains('_') && !matches!(known(name.replace('_', "-").as_bytes()), Known::Other)
}

/// Whether a client asks for another protocol that may be passed on. HTTP/2 may not: its requests would pass the gate unseen, and no
/// protocol of the next hop alone.
pub(crate) fn upgrades(head: &Head) -> bool {
    let of_hop = |name: &[u8]| {
        let name = name.split(|&byte| byte == b'/').next().unwrap_or_default().trim_ascii();
        name.is_empty() || [&b"h2c"[..], b"h2", b"http", b"tls"].iter().any(|hop| name.eq_ignore_ascii_case(hop))
    };
    let mut asked =
        head.all(Known::Upgrade).flat_map(|list| list.split(|&byte| byte == b',')).map(<[u8]>::trim_ascii).peekable();
    says(head.all(Known::Connection), "upgrade") && asked.peek().is_some() && !asked.any(of_hop)
}

/// A reply with the fields that a route sets, and without those that it removes.
pub(crate) fn with_fields(reply: &Reply, fields: &Fields) -> Reply {
    let kept = reply.fields().filter(|one| !replaced(fields, one.name)).map(|one| (one.name, one.value));
    let set = fields.set.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    Reply::of_parts(reply.version(), reply.status(), kept.chain(set))
}

/// How the body of a request ends for a server that speaks HTTP/1.1.
///
/// HTTP/2 has fields behind a body whose length was said before; HTTP/1.1 has them behind chunks alone. Those that the head announces go on, so
/// the body does in chunks; those that it does not are left out, as an intermediary may (RFC 9110, sections 6.5.1 and 6.6.2), for they
/// are known only when the head has gone.
pub(crate) fn framing_in_http1(head: &Head, framing: Framing) -> Framing {
    match framing {
        Framing::Length(_) if head.version() == Version::Http2 && head.all(Known::Trailer).next().is_some() => {
            Framing::Chunked
        }
        framing => framing,
    }
}

/// Writes the head of a request for a server that speaks HTTP/1.1.
pub(crate) fn request(to: &mut Vec<u8>, head: &Head, framing: Framing, way: &Way<'_>, upgrade: bool) {
    to.extend_from_slice(head.method().as_bytes());
    to.push(b' ');
    to.extend_from_slice(way.target);
    to.extend_from_slice(b" HTTP/1.1\r\n");
    field(to, "Host", host(head, way).as_bytes());
    request_fields(head, way, |name, value| field(to, name, value));
    match framing {
        // Servers want to be told that what usually has a body has none (RFC 9110, section 8.6).
        Framing::None if matches!(head.method(), "POST" | "PUT" | "PATCH") => field(to, "Content-Length", b"0"),
        Framing::None | Framing::UntilClose => {}
        Framing::Length(length) => field(to, "Content-Length", length.to_string().as_bytes()),
        Framing::Chunked => {
            field(to, "Transfer-Encoding", b"chunked");
            head.all(Known::Trailer).for_each(|names| field(to, "Trailer", names));
        }
    }
    if says(head.all(Known::Te), "trailers") {
        to.extend_from_slice(b"TE: trailers\r\nConnection: TE\r\n");
    }
    if upgrade {
        to.extend_from_slice(b"Connection: Upgrade\r\n");
        for value in head.all(Known::Upgrade) {
            field(to, "Upgrade", value);
        }
    }
    to.extend_from_slice(b"\r\n");
}

/// The head of a request for a server that speaks HTTP/2; `None` if it has no form there.
///
/// - `server`: whose name stands for the host that a client of HTTP/1.0 did not name.
pub(crate) fn request_in_frames(
    head: &Head,
    framing: Framing,
    way: &Way<'_>,
    server: &ServerAddress,
) -> Option<http::Request<()>> {
    let authority = match host(head, way) {
        "" => Authority::from_maybe_shared(server.authority()),
        host => Authority::try_from(host),
    };
    let scheme = if matches!(server, ServerAddress::Https(..)) { Scheme::HTTPS } else { Scheme::HTTP };
    let uri = Uri::builder().scheme(scheme).authority(authority.ok()?).path_and_query(way.target).build().ok()?;
    let mut request = http::Request::new(());
    *request.version_mut() = http::Version::HTTP_2;
    *request.method_mut() = http::Method::from_bytes(head.method().as_bytes()).ok()?;
    *request.uri_mut() = uri;
    let fields = request.headers_mut();
    request_fields(head, way, |name, value| {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value)) {
            fields.append(name, value);
        }
    });
    if let Framing::Length(length) = framing {
        fields.insert(http::header::CONTENT_LENGTH, length.into());
    }
    if says(head.all(Known::Te), "trailers") {
        fields.insert(http::header::TE, HeaderValue::from_static("trailers"));
    }
    Some(request)
}

/// Calls `put` with each field of a reply that a client is sent, but for those of framing and connections.
pub(crate) fn reply_fields(reply: &Reply, mut put: impl FnMut(&str, &[u8])) {
    let named = named(reply.all(Known::Connection));
    for one in reply.fields().filter(|one| goes_on(one, &named) && one.known != Known::Report) {
        put(one.name, one.value);
    }
}

/// Writes the head of a reply for a client that speaks HTTP/1.
///
/// - `framing`: of the body as it is sent to the client.
/// - `keep`: whether the connection stays.
/// - `length`: what `Content-Length` says where there is no body, as for HEAD.
pub(crate) fn reply(
    to: &mut Vec<u8>,
    reply: &Reply,
    client: Version,
    framing: Framing,
    keep: bool,
    length: Option<&[u8]>,
) {
    line(to, reply.status());
    reply_fields(reply, |name, value| field(to, name, value));
    match framing {
        Framing::None => {
            if let Some(length) = length {
                field(to, "Content-Length", length);
            }
        }
        Framing::Length(length) => field(to, "Content-Length", length.to_string().as_bytes()),
        Framing::Chunked => {
            field(to, "Transfer-Encoding", b"chunked");
        }
        Framing::UntilClose => {}
    }
    match (keep, client) {
        (false, _) => to.extend_from_slice(b"Connection: close\r\n"),
        (true, Version::Http10) => to.extend_from_slice(b"Connection: keep-alive\r\n"),
        _ => {}
    }
    to.extend_from_slice(b"\r\n");
}

fn line(to: &mut Vec<u8>, status: u16) {
    to.extend_from_slice(b"HTTP/1.1 ");
    to.extend_from_slice(&[100, 10, 1].map(|unit| b'0' + (status / unit % 10) as u8));
    to.push(b' ');
    to.extend_from_slice(reason(status).as_bytes());
    to.extend_from_slice(b"\r\n");
}

/// Writes the head of a reply that another one follows, such as Early Hints.
pub(crate) fn interim(to: &mut Vec<u8>, reply: &Reply) {
    line(to, reply.status());
    reply_fields(reply, |name, value| field(to, name, value));
    to.extend_from_slice(b"\r\n");
}

/// Writes the head of a reply by which a connection goes over to another protocol.
pub(crate) fn switching(to: &mut Vec<u8>, reply: &Reply) {
    line(to, reply.status());
    reply_fields(reply, |name, value| field(to, name, value));
    to.extend_from_slice(b"Connection: Upgrade\r\n");
    for value in reply.all(Known::Upgrade) {
        field(to, "Upgrade", value);
    }
    to.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Head {
        Head::parse(text.as_bytes()).expect("a head").expect("whole").0
    }

    fn sent(text: &str, framing: Framing, trusted: bool, upgrade: bool) -> String {
        let fields = Fields { set: [("X-Set".to_owned(), "1".to_owned())].into(), remove: vec!["x-gone".to_owned()] };
        let peer = Some(IpAddr::from([192, 0, 2, 7]));
        let way =
            Way { peer, trusted, scheme: "http", id: "1", target: b"/x", class: None, direct: false, fields: &fields };
        let mut to = Vec::new();
        request(&mut to, &head(text), framing, &way, upgrade);
        String::from_utf8(to).expect("text")
    }

    #[test]
    fn what_is_meant_for_the_next_hop_stays_here() {
        let text = "GET http://a/x HTTP/1.1\r\nHost: b\r\nConnection: keep-alive, X-Hop, Host\r\nKeep-Alive: 5\r\nX-Hop: 1\r\nX-Gone: 1\r\nX-SET: 2\r\n\
            Upgrade: h2c\r\nTE: gzip\r\nX-Forwarded-For: 10.0.0.1\r\nAccept: */*\r\nPogson-Report: x\r\n\r\n";
        assert_eq!(
            sent(text, Framing::None, false, false),
            "GET /x HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nx-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: http\r\nx-request-id: 1\r\nX-Set: 1\r\n\r\n"
        );
        assert!(sent(text, Framing::None, true, false).contains("x-forwarded-for: 10.0.0.1, 192.0.2.7\r\n"));
    }

    #[test]
    fn no_field_passes_for_another_one() {
        let text = "GET /x HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 10.0.0.1\r\nx-forwarded_proto: https\r\nContent_Length: 3\r\n\
            Transfer_Encoding: chunked\r\nX_Set: 2\r\nx_gone: 3\r\nX_Other: 4\r\n\r\n";
        assert_eq!(
            sent(text, Framing::None, true, false),
            "GET /x HTTP/1.1\r\nHost: a\r\nX_Other: 4\r\nx-forwarded-for: 192.0.2.7\r\nx-forwarded-proto: http\r\nx-request-id: 1\r\nX-Set: 1\r\n\r\n"
        );
    }

    #[test]
    fn connections_go_over_to_protocols_that_are_no_http() {
        let asks = |fields: &str| upgrades(&head(&format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")));
        assert!(asks("Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"));
        assert!(asks("Connection: upgrade\r\nUpgrade: IRC/6.9, echo\r\n"));
        for fields in ["Upgrade: websocket\r\n", "Connection: Upgrade\r\n", "Connection: Upgrade\r\nUpgrade: \r\n"] {
            assert!(!asks(fields), "{fields}");
        }
        for hop in ["h2c", "H2C", "websocket, h2c", "HTTP/2.0", "TLS/1.0", "h2"] {
            assert!(
                !asks(&format!(
                    "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nUpgrade: {hop}\r\n"
                )),
                "{hop}"
            );
        }
    }

    #[test]
    fn bodies_and_upgrades_are_told_anew() {
        let text = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nTE: trailers\r\n\r\n";
        let out = sent(text, Framing::Length(3), false, true);
        assert!(
            out.contains("\r\nContent-Length: 3\r\n")
                && out.contains("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        );
        assert!(out.contains("\r\nTE: trailers\r\n"));
        assert!(sent(text, Framing::Chunked, false, false).contains("\r\nTransfer-Encoding: chunked\r\n"));
        assert!(sent(text, Framing::None, false, false).contains("\r\nContent-Length: 0\r\n"));
    }
}
