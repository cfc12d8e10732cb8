//! Where a body ends (RFC 9112, section 6).

use crate::field::Known;
use crate::head::{Head, Version};
use crate::reply::Reply;

/// How a body's end is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body.
    None,
    /// It has so many bytes.
    Length(u64),
    /// It comes in chunks that say how long they are; over HTTP/2 in frames, without a length that is said before.
    Chunked,
    /// It ends with the connection.
    UntilClose,
}

/// Why the end of a body is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unframed {
    /// Two servers could see different ends.
    #[error("where the body ends is ambiguous: {0}")]
    Ambiguous(&'static str),
    /// A transfer coding other than `chunked`.
    #[error("a transfer coding other than chunked is not understood")]
    Coding,
}

/// How the body of a request ends. Whatever could be read in two ways is refused, above all `Content-Length` beside
/// `Transfer-Encoding`.
///
/// - `ended`: of HTTP/2, whether the request ended with its head.
///
/// # Errors
/// [`Unframed`].
pub fn of_request(head: &Head, ended: bool) -> Result<Framing, Unframed> {
    let codings = head.all(Known::TransferEncoding);
    let length = length(head.all(Known::ContentLength))?;
    if head.version() == Version::Http2 {
        if codings.count() > 0 {
            return Err(Unframed::Ambiguous("Transfer-Encoding in HTTP/2"));
        }
        return match (ended, length) {
            (true, None | Some(0)) => Ok(Framing::None),
            (true, Some(_)) => Err(Unframed::Ambiguous("a Content-Length, and no body")),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(Framing::Chunked),
        };
    }
    match (chunked(codings)?, length) {
        (true, Some(_)) => Err(Unframed::Ambiguous("Content-Length beside Transfer-Encoding")),
        (true, None) if head.version() == Version::Http10 => Err(Unframed::Ambiguous("Transfer-Encoding in HTTP/1.0")),
        (true, None) => Ok(Framing::Chunked),
        (false, Some(0) | None) => Ok(Framing::None),
        (false, Some(length)) => Ok(Framing::Length(length)),
    }
}

/// How the body of a reply ends.
///
/// - `to_head`: the request was HEAD.
///
/// # Errors
/// [`Unframed`].
pub fn of_reply(reply: &Reply, to_head: bool) -> Result<Framing, Unframed> {
    let chunked = chunked(reply.all(Known::TransferEncoding))?;
    let length = length(reply.all(Known::ContentLength))?;
    if chunked && length.is_some() {
        return Err(Unframed::Ambiguous("Content-Length beside Transfer-Encoding"));
    }
    // Nobody who speaks 1.0 can mean it (RFC 9112, section 6.1).
    if chunked && reply.version() == Version::Http10 {
        return Err(Unframed::Ambiguous("Transfer-Encoding in HTTP/1.0"));
    }
    if to_head || matches!(reply.status(), 100..=199 | 204 | 304) {
        return Ok(Framing::None);
    }
    Ok(match length {
        _ if chunked => Framing::Chunked,
        Some(length) => Framing::Length(length),
        None => Framing::UntilClose,
    })
}

/// Whether the codings are none or `chunked` alone.
fn chunked<'a>(mut codings: impl Iterator<Item = &'a [u8]>) -> Result<bool, Unframed> {
    match (codings.next(), codings.next()) {
        (None, _) => Ok(false),
        (Some(one), None) if one.eq_ignore_ascii_case(b"chunked") => Ok(true),
        (Some(_), Some(_)) => Err(Unframed::Ambiguous("several Transfer-Encoding")),
        _ => Err(Unframed::Coding),
    }
}

/// The one length that is said, digits alone.
fn length<'a>(mut lengths: impl Iterator<Item = &'a [u8]>) -> Result<Option<u64>, Unframed> {
    let Some(text) = lengths.next() else { return Ok(None) };
    if lengths.next().is_some() {
        return Err(Unframed::Ambiguous("several Content-Length"));
    }
    if text.is_empty() || text.len() > 18 || !text.iter().all(u8::is_ascii_digit) {
        return Err(Unframed::Ambiguous("Content-Length is not a number of up to 18 digits"));
    }
    Ok(Some(text.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(fields: &str) -> Result<Framing, Unframed> {
        let text = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        of_request(&Head::parse(text.as_bytes()).expect("a head").expect("whole").0, false)
    }

    fn reply(status: u16, fields: &str, to_head: bool) -> Result<Framing, Unframed> {
        let text = format!("HTTP/1.1 {status} X\r\n{fields}\r\n");
        of_reply(&Reply::parse(text.as_bytes()).expect("a head").expect("whole").0, to_head)
    }

    #[test]
    fn a_requests_body_ends_as_it_says() {
        assert_eq!(request(""), Ok(Framing::None));
        assert_eq!(request("Content-Length: 12\r\n"), Ok(Framing::Length(12)));
        assert_eq!(request("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
        for bad in [
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 0x1\r\n",
            "Content-Length: \r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        ] {
            assert!(matches!(request(bad), Err(Unframed::Ambiguous(_))), "{bad}");
        }
        for unknown in ["gzip, chunked", "xchunked", "chunked;q=1", "\x0bchunked", "identity", ""] {
            let found =
                Head::parse(format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {unknown}\r\n\r\n").as_bytes());
            assert!(found.is_err() || request(&format!("Transfer-Encoding: {unknown}\r\n")).is_err(), "{unknown}");
        }
        let old =
            Head::parse(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").expect("a head").expect("whole").0;
        assert!(of_request(&old, false).is_err());
    }

    #[test]
    fn a_replys_body_ends_as_it_says_or_with_the_connection() {
        assert_eq!(reply(200, "", false), Ok(Framing::UntilClose));
        assert_eq!(reply(200, "Content-Length: 5\r\n", false), Ok(Framing::Length(5)));
        assert_eq!(reply(200, "Content-Length: 5\r\n", true), Ok(Framing::None));
        assert_eq!(reply(304, "Content-Length: 5\r\n", false), Ok(Framing::None));
        assert_eq!(reply(204, "", false), Ok(Framing::None));
        assert_eq!(reply(200, "Transfer-Encoding: chunked\r\n", false), Ok(Framing::Chunked));
        assert!(reply(200, "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", false).is_err());
        let old = Reply::parse(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        assert!(of_reply(&old.expect("a head").expect("whole").0, false).is_err());
    }
}
