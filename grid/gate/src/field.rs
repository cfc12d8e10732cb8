//! Names of fields that the gate itself looks at.

/// A field of a head, by what it means to a proxy (RFC 9110, section 7.6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// None of the others.
    Other,
    /// `Host`.
    Host,
    /// `Connection`.
    Connection,
    /// `Content-Length`.
    ContentLength,
    /// `Transfer-Encoding`.
    TransferEncoding,
    /// `Keep-Alive`, `Proxy-Connection`, `HTTP2-Settings`: meant for the next hop, and of no use.
    Hop,
    /// `TE`.
    Te,
    /// `Trailer`.
    Trailer,
    /// `Upgrade`.
    Upgrade,
    /// `Expect`.
    Expect,
    /// `Date`.
    Date,
    /// `Server-Timing`.
    ServerTiming,
    /// `Cache-Status` (RFC 9211).
    CacheStatus,
    /// `X-Cache`, `X-Cache-Status`, `X-Proxy-Cache`: what servers said before RFC 9211.
    XCache,
    /// `Forwarded`, `X-Real-IP`, and all that begins with `X-Forwarded-`.
    Forwarded,
    /// `X-Request-Id`.
    RequestId,
    /// `Cookie`.
    Cookie,
    /// `Endpoint-Load-Metrics`, `Pogson-Report`, `Pogson-Class`: what a server says of its load, and by what it counts that.
    Report,
    /// `Pogson-Direct`: a client's connection is offered to a server, or taken.
    Direct,
}

/// What a field's name means.
#[must_use]
pub fn known(name: &[u8]) -> Known {
    let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
    let (found, names): (Known, &[&str]) = match name.len() {
        2 => (Known::Te, &["te"]),
        4 if name[0] | 32 == b'd' => (Known::Date, &["date"]),
        4 => (Known::Host, &["host"]),
        6 if name[0] | 32 == b'c' => (Known::Cookie, &["cookie"]),
        6 => (Known::Expect, &["expect"]),
        7 if name[0] | 32 == b'u' => (Known::Upgrade, &["upgrade"]),
        7 if name[0] | 32 == b't' => (Known::Trailer, &["trailer"]),
        7 => (Known::XCache, &["x-cache"]),
        9 if name[0] | 32 == b'x' => (Known::Forwarded, &["x-real-ip"]),
        9 => (Known::Forwarded, &["forwarded"]),
        10 if name[0] | 32 == b'c' => (Known::Connection, &["connection"]),
        10 => (Known::Hop, &["keep-alive"]),
        12 if name[0] | 32 == b'c' => (Known::CacheStatus, &["cache-status"]),
        12 if name[0] | 32 == b'p' => (Known::Report, &["pogson-class"]),
        12 => (Known::RequestId, &["x-request-id"]),
        13 if name[0] | 32 == b's' => (Known::ServerTiming, &["server-timing"]),
        13 if name[0] | 32 == b'p' && name[7] | 32 == b'd' => (Known::Direct, &["pogson-direct"]),
        13 if name[0] | 32 == b'p' => (Known::Report, &["pogson-report"]),
        13 => (Known::XCache, &["x-proxy-cache"]),
        14 if name[0] | 32 == b'c' => (Known::ContentLength, &["content-length"]),
        14 if name[0] | 32 == b'h' => (Known::Hop, &["http2-settings"]),
        14 => (Known::XCache, &["x-cache-status"]),
        15 => (Known::Forwarded, &["x-forwarded-for"]),
        16 if name[0] | 32 == b'p' => (Known::Hop, &["proxy-connection"]),
        16 => (Known::Forwarded, &["x-forwarded-host", "x-forwarded-port"]),
        17 if name[0] | 32 == b't' => (Known::TransferEncoding, &["transfer-encoding"]),
        17 => (Known::Forwarded, &["x-forwarded-proto"]),
        21 => (Known::Report, &["endpoint-load-metrics"]),
        _ => (Known::Other, &[]),
    };
    match names.iter().any(|&other| is(other)) {
        true => found,
        false if is_forwarded(name) => Known::Forwarded,
        false => Known::Other,
    }
}

/// Whether a name begins as those do by which proxies tell of the way.
fn is_forwarded(name: &[u8]) -> bool {
    name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case(b"x-forwarded-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_however_they_are_written() {
        assert_eq!(known(b"Content-Length"), Known::ContentLength);
        assert_eq!(known(b"TRANSFER-encoding"), Known::TransferEncoding);
        assert_eq!(known(b"host"), Known::Host);
        assert_eq!(known(b"hose"), Known::Other);
        assert_eq!(known(b""), Known::Other);
        for name in
            ["X-Forwarded-For", "x-forwarded-port", "Forwarded", "X-Real-IP", "X-Forwarded-Proto", "x-forwarded-ssl"]
        {
            assert_eq!(known(name.as_bytes()), Known::Forwarded, "{name}");
        }
    }
}
