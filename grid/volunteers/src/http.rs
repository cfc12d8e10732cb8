//! HTTP/1.1 as libcurl speaks it for a client: one request on a connection, one reply.

use std::io::Read as _;

/// The program that requests say they come from.
pub const AGENT: &str = "BOINC client (x86_64-pc-linux-gnu 7.20.5)";
/// Bytes of a reply's head at most.
const MOST_HEAD: usize = 65_536;
/// Bytes of a reply's body at most.
const MOST_BODY: usize = 256 << 20;

/// A place that requests go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Host and port as they stand in the URL.
    pub host: String,
    /// Host and port to connect to.
    pub address: String,
    /// Path and query.
    pub path: String,
}

impl Place {
    /// Of a URL; none unless it begins with `http://`.
    pub fn of(url: &str) -> Option<Place> {
        let rest = url.strip_prefix("http://")?;
        let (host, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
        let address = if host.rsplit(']').next().is_some_and(|end| end.contains(':')) {
            host.to_owned()
        } else {
            format!("{host}:80")
        };
        (!host.is_empty()).then(|| Place { host: host.to_owned(), address, path: path.to_owned() })
    }
}

/// A request for a file, from a byte on.
pub fn get(place: &Place, from: u64) -> Vec<u8> {
    let range = if from > 0 { format!("Range: bytes={from}-\r\n") } else { String::new() };
    format!("GET {} HTTP/1.1\r\n{}{range}\r\n", place.path, common(place)).into_bytes()
}

/// A request with a body.
pub fn post(place: &Place, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {} HTTP/1.1\r\n{}Content-Length: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n",
        place.path,
        common(place),
        body.len()
    );
    let mut request = Vec::with_capacity(head.len() + body.len());
    request.extend_from_slice(head.as_bytes());
    request.extend_from_slice(body);
    request
}

fn common(place: &Place) -> String {
    format!("Host: {}\r\nUser-Agent: {AGENT}\r\nAccept: */*\r\nAccept-Encoding: deflate, gzip\r\n", place.host)
}

/// A whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// Status.
    pub status: u16,
    /// Body, decompressed.
    pub body: Vec<u8>,
}

/// Why bytes are no reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Not HTTP.
    #[error("the reply is no HTTP")]
    NotHttp,
    /// The connection ended before the reply did.
    #[error("the reply breaks off")]
    BrokenOff,
    /// More than any server sends.
    #[error("the reply is too large")]
    TooLarge,
    /// The body is not compressed as it says.
    #[error("the reply's body is not compressed as its head says")]
    BadCompression,
}

/// How long a body is.
#[derive(Debug, Clone, Copy)]
enum Length {
    Bytes(usize),
    Chunks,
    ToEnd,
}

/// A reply that is still coming.
#[derive(Debug, Default)]
pub struct Incoming {
    bytes: Vec<u8>,
    head: Option<Head>,
}

#[derive(Debug)]
struct Head {
    status: u16,
    body_at: usize,
    length: Length,
    coding: Coding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Plain,
    Gzip,
    Deflate,
}

impl Incoming {
    /// Room to read more bytes into.
    pub fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The reply, if it is whole; `ended` says that no more bytes come.
    ///
    /// # Errors
    /// [`HttpError`].
    pub fn take(&mut self, ended: bool) -> Result<Option<Response>, HttpError> {
        if self.head.is_none() {
            match head(&self.bytes)? {
                // An interim answer is passed over.
                Some(head) if head.status / 100 == 1 => {
                    self.bytes.drain(..head.body_at);
                    return self.take(ended);
                }
                found => self.head = found,
            }
        }
        let Some(head) = &self.head else {
            return if ended { Err(HttpError::BrokenOff) } else { Ok(None) };
        };
        let rest = &self.bytes[head.body_at..];
        let body = match head.length {
            Length::Bytes(count) if rest.len() >= count => Some(rest[..count].to_vec()),
            Length::Chunks => chunks(rest)?,
            Length::ToEnd if ended => Some(rest.to_vec()),
            _ if rest.len() > MOST_BODY => return Err(HttpError::TooLarge),
            _ => None,
        };
        match body {
            Some(body) => Ok(Some(Response { status: head.status, body: plain(body, head.coding)? })),
            None if ended => Err(HttpError::BrokenOff),
            None => Ok(None),
        }
    }
}

/// Reads the head, if it is whole.
fn head(bytes: &[u8]) -> Result<Option<Head>, HttpError> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if bytes.len() > MOST_HEAD { Err(HttpError::TooLarge) } else { Ok(None) };
    };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| HttpError::NotHttp)?;
    let mut lines = text.split("\r\n");
    let first = lines.next().filter(|line| line.starts_with("HTTP/1.")).ok_or(HttpError::NotHttp)?;
    let status = first.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or(HttpError::NotHttp)?;
    let (mut length, mut coding) = (Length::ToEnd, Coding::Plain);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") && !matches!(length, Length::Chunks) {
            length = Length::Bytes(value.parse().map_err(|_| HttpError::NotHttp)?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
            length = Length::Chunks;
        } else if name.eq_ignore_ascii_case("content-encoding") {
            coding = match value {
                "gzip" => Coding::Gzip,
                "deflate" => Coding::Deflate,
                _ => Coding::Plain,
            };
        }
    }
    if status / 100 == 1 || status == 204 || status == 304 {
        length = Length::Bytes(0);
    }
    Ok(Some(Head { status, body_at: end + 4, length, coding }))
}

/// Joins the chunks of a body, if all are there.
fn chunks(bytes: &[u8]) -> Result<Option<Vec<u8>>, HttpError> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
        let size = std::str::from_utf8(&rest[..end]).map_err(|_| HttpError::NotHttp)?;
        let size = size.split(';').next().unwrap_or("").trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| HttpError::NotHttp)?;
        if size > MOST_BODY || body.len() + size > MOST_BODY {
            return Err(HttpError::TooLarge);
        }
        let from = end + 2;
        if size == 0 {
            return Ok(rest.get(from..from + 2).map(|_| body));
        }
        let Some(chunk) = rest.get(from..from + size + 2) else { return Ok(None) };
        body.extend_from_slice(&chunk[..size]);
        at += from + size + 2;
    }
}

fn plain(body: Vec<u8>, coding: Coding) -> Result<Vec<u8>, HttpError> {
    let mut text = Vec::new();
    let read = match coding {
        Coding::Plain => return Ok(body),
        Coding::Gzip => flate2::read::GzDecoder::new(&body[..]).take(MOST_BODY as u64).read_to_end(&mut text),
        Coding::Deflate => flate2::read::ZlibDecoder::new(&body[..]).take(MOST_BODY as u64).read_to_end(&mut text),
    };
    read.map(|_| text).map_err(|_| HttpError::BadCompression)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// Feeds bytes one at a time: the reply must be there after the last and not before.
    fn slowly(bytes: &[u8]) -> Response {
        let mut incoming = Incoming::default();
        for (at, byte) in bytes.iter().enumerate() {
            incoming.bytes().push(*byte);
            if let Some(response) = incoming.take(false).unwrap() {
                assert_eq!(at, bytes.len() - 1, "early");
                return response;
            }
        }
        panic!("no reply")
    }

    #[test]
    fn replies_end_where_their_length_says() {
        let response = slowly(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello");
        assert_eq!(response, Response { status: 200, body: b"hello".to_vec() });
        let response = slowly(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 busy\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(response.status, 503);
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n";
        assert_eq!(slowly(chunked).body, b"hello");
    }

    #[test]
    fn a_reply_without_length_ends_with_the_connection() {
        let mut incoming = Incoming::default();
        incoming.bytes().extend(b"HTTP/1.0 200 OK\r\n\r\nhello");
        assert_eq!(incoming.take(false), Ok(None));
        assert_eq!(incoming.take(true).unwrap().unwrap().body, b"hello");
    }

    #[test]
    fn what_breaks_off_is_no_reply() {
        for text in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"] {
            let mut incoming = Incoming::default();
            incoming.bytes().extend(text.as_bytes());
            assert_eq!(incoming.take(true), Err(HttpError::BrokenOff), "{text:?}");
        }
        let mut incoming = Incoming::default();
        incoming.bytes().extend(b"SSH-2.0-x\r\n\r\n");
        assert_eq!(incoming.take(false), Err(HttpError::NotHttp));
    }

    #[test]
    fn compressed_bodies_are_opened() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"hello").unwrap();
        let body = gzip.finish().unwrap();
        let mut bytes = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
        let mut incoming = Incoming::default();
        incoming.bytes().extend(bytes.as_bytes());
        incoming.bytes().extend(&body);
        assert_eq!(incoming.take(false).unwrap().unwrap().body, b"hello");
        bytes.push_str("not gzip at all, but long enough for the length that it says");
        let mut incoming = Incoming::default();
        incoming.bytes().extend(bytes.as_bytes());
        assert_eq!(incoming.take(false), Err(HttpError::BadCompression));
    }

    #[test]
    fn urls_name_their_places() {
        let place = Place::of("http://127.0.0.1:8899/pogs/cgi?x=1").unwrap();
        assert_eq!((place.address.as_str(), place.path.as_str()), ("127.0.0.1:8899", "/pogs/cgi?x=1"));
        assert_eq!(Place::of("http://example.org").unwrap().address, "example.org:80");
        assert_eq!(Place::of("https://example.org/"), None);
    }
}
