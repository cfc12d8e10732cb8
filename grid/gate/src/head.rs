//! What a request says of itself: method, target and fields, of any version of HTTP, kept as one piece of bytes.

use std::fmt;
use std::ops::Range;

use crate::field::{Known, known};

/// Most fields of a head.
pub const FIELDS: usize = 128;

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
}

/// A stretch of a head's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    at: u32,
    len: u32,
}

impl Span {
    fn range(self) -> Range<usize> {
        self.at as usize..(self.at + self.len) as usize
    }
}

/// A field of a head.
#[derive(Clone, Copy, Debug)]
struct Entry {
    known: Known,
    name: Span,
    value: Span,
}

/// A field, as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// What it is to a proxy.
    pub known: Known,
    /// Its name, in the case in which it came.
    pub name: &'a str,
    /// Its value without space around it; bytes above 127 are possible.
    pub value: &'a [u8],
}

/// The head of a request.
///
/// Method, path, query and host are text without control characters or bytes above 127.
#[derive(Clone)]
pub struct Head {
    bytes: Vec<u8>,
    version: Version,
    method: Span,
    target: Span,
    /// Of the target, up to the question mark.
    path: Span,
    host: Span,
    fields: Vec<Entry>,
}

/// Why bytes are not a request's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not HTTP, or not as RFC 9112 says.
    #[error("the request is not HTTP: {0}")]
    Malformed(&'static str),
    /// It has more fields than [`FIELDS`].
    #[error("the request has more than {FIELDS} fields")]
    TooManyFields,
    /// Its method is one that a gate does not pass on: CONNECT.
    #[error("the method CONNECT is not served here")]
    Connect,
    /// Its version is not 1.0 or 1.1.
    #[error("the version of HTTP is not 1.0 or 1.1")]
    Version,
}

impl Head {
    /// Reads the head at the beginning of `bytes`; `None` if its end has not come yet.
    ///
    /// Returns it with the number of bytes that it took. Lines end with CR LF and nothing else, no field goes on over lines, there is one
    /// `Host` that is a host: whatever two servers could read in two ways is refused (RFC 9112, sections 2.2, 3.2, 5.1, 5.2).
    ///
    /// # Errors
    /// [`Refused`].
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Refused> {
        let mut room = [httparse::EMPTY_HEADER; FIELDS];
        let mut request = httparse::Request::new(&mut room);
        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Refused::TooManyFields),
            Err(httparse::Error::Version) => return Err(Refused::Version),
            Err(httparse::Error::HeaderName) => return Err(Refused::Malformed("a field's name is not a token")),
            Err(httparse::Error::HeaderValue) => {
                return Err(Refused::Malformed("a field's value has control characters"));
            }
            Err(_) => return Err(Refused::Malformed("its first line is not METHOD TARGET HTTP/1.1")),
        };
        let head = &bytes[..length];
        if lone_line_feed(head) {
            return Err(Refused::Malformed("a line ends without CR"));
        }
        let version = if request.version == Some(0) { Version::Http10 } else { Version::Http11 };
        let (method, target) = (request.method.unwrap_or_default(), request.path.unwrap_or_default());
        let span = |part: &[u8]| Span { at: offset(head, part), len: part.len() as u32 };
        let mut fields = Vec::with_capacity(request.headers.len());
        for field in request.headers.iter() {
            let (name, value) = (field.name.as_bytes(), field.value);
            fields.push(Entry { known: known(name), name: span(name), value: span(value) });
        }
        let mut one = Self {
            version,
            method: span(method.as_bytes()),
            target: span(target.as_bytes()),
            path: Span::default(),
            host: Span::default(),
            fields,
            bytes: head.to_vec(),
        };
        one.find_host()?;
        Ok(Some((one, length)))
    }

    /// A head from its parts, as HTTP/2 has them: checked like one of HTTP/1.1.
    ///
    /// - `host`: `:authority`; without it a field `host` counts.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn of_parts<'a>(
        method: &str,
        target: &str,
        host: Option<&str>,
        fields: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, Refused> {
        let mut bytes = Vec::with_capacity(512);
        let mut put = |part: &[u8]| {
            let span = Span { at: bytes.len() as u32, len: part.len() as u32 };
            bytes.extend_from_slice(part);
            span
        };
        let (method, target) = (put(method.as_bytes()), put(target.as_bytes()));
        let mut entries = Vec::with_capacity(16);
        if let Some(host) = host {
            entries.push(Entry { known: Known::Host, name: put(b"host"), value: put(host.as_bytes()) });
        }
        for (name, value) in fields {
            if entries.len() == FIELDS {
                return Err(Refused::TooManyFields);
            }
            let known = known(name.as_bytes());
            if known == Known::Host && host.is_some_and(|host| host.as_bytes() == value) {
                continue;
            }
            if value.iter().any(|&byte| byte == 127 || byte < 32 && byte != b'\t') {
                return Err(Refused::Malformed("a field's value has control characters"));
            }
            entries.push(Entry { known, name: put(name.as_bytes()), value: put(value.trim_ascii()) });
        }
        let (path, host) = (Span::default(), Span::default());
        let mut one = Self { bytes, version: Version::Http2, method, target, path, host, fields: entries };
        one.find_host()?;
        Ok(one)
    }

    /// Takes target and `Host` apart and checks them.
    fn find_host(&mut self) -> Result<(), Refused> {
        if self.method() == "CONNECT" {
            return Err(Refused::Connect);
        }
        if !self.target().bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
            return Err(Refused::Malformed("its target has characters that no URL has"));
        }
        let mut hosts = self.fields.iter().filter(|field| field.known == Known::Host);
        let host = hosts.next().map(|field| field.value);
        if hosts.next().is_some() {
            return Err(Refused::Malformed("it has several Host"));
        }
        if host.is_none() && self.version != Version::Http10 {
            return Err(Refused::Malformed("it has no Host"));
        }
        self.host = host.unwrap_or_default();
        let target = self.target();
        if let Some(rest) = ["http://", "https://"].iter().find_map(|scheme| {
            let (start, rest) = target.split_at_checked(scheme.len())?;
            start.eq_ignore_ascii_case(scheme).then_some(rest)
        }) {
            // The absolute form: its host counts, not the field (RFC 9112, section 3.2.2).
            let length = rest.find(['/', '?']).unwrap_or(rest.len());
            if length == 0 {
                return Err(Refused::Malformed("its target names no host"));
            }
            let skip = target.len() - rest.len();
            self.host = Span { at: self.target.at + skip as u32, len: length as u32 };
            let cut = (skip + length) as u32;
            self.target = Span { at: self.target.at + cut, len: self.target.len - cut };
        } else if !(target.starts_with('/') || target == "*" && self.method() == "OPTIONS") {
            return Err(Refused::Malformed("its target is not a path"));
        }
        if !is_host(self.part(self.host)) {
            return Err(Refused::Malformed("its Host is not a host"));
        }
        let length = self.target().find('?').unwrap_or(self.target.len as usize);
        self.path = Span { at: self.target.at, len: length as u32 };
        Ok(())
    }

    fn part(&self, span: Span) -> &[u8] {
        &self.bytes[span.range()]
    }

    fn text(&self, span: Span) -> &str {
        std::str::from_utf8(self.part(span)).unwrap_or_default()
    }

    /// Version that the client speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Method, such as `GET`.
    #[must_use]
    pub fn method(&self) -> &str {
        self.text(self.method)
    }

    /// Path and query as they came; may be empty, or begin with a question mark, where the target named a host and no path.
    #[must_use]
    pub fn target(&self) -> &str {
        self.text(self.target)
    }

    /// Path as it came, with its percent signs.
    #[must_use]
    pub fn path(&self) -> &str {
        let path = self.text(self.path);
        if path.is_empty() { "/" } else { path }
    }

    /// What follows the question mark, if there is one.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target().get(self.path.len as usize + 1..)
    }

    /// Host and port that the client names; empty where it names none.
    #[must_use]
    pub fn host(&self) -> &str {
        self.text(self.host)
    }

    /// Its fields in their order.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> + Clone {
        self.fields.iter().map(|field| Field {
            known: field.known,
            name: self.text(field.name),
            value: self.part(field.value),
        })
    }

    /// Values of the fields of a known kind.
    pub fn all(&self, of: Known) -> impl Iterator<Item = &[u8]> + Clone {
        self.fields.iter().filter(move |field| field.known == of).map(|field| self.part(field.value))
    }

    /// Value of the first field of that name, whatever its case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.fields().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    /// Value of a cookie.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let texts = self.all(Known::Cookie).filter_map(|value| std::str::from_utf8(value).ok());
        texts
            .flat_map(|text| text.split(';'))
            .find_map(|pair| pair.trim().split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
    }
}

impl fmt::Debug for Head {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} {} of {:?} by {:?}", self.method(), self.target(), self.host(), self.version)
    }
}

/// Where `part` begins within `whole`, of which it is a part.
pub(crate) fn offset(whole: &[u8], part: &[u8]) -> u32 {
    (part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr())) as u32
}

/// Whether a line ends with LF alone, or a CR is followed by something else.
pub(crate) fn lone_line_feed(head: &[u8]) -> bool {
    let mut before = 0;
    for &byte in head {
        if (byte == b'\n') != (before == b'\r') {
            return true;
        }
        before = byte;
    }
    false
}

/// Whether text is a host, with or without a port (RFC 3986, section 3.2.2), or nothing at all. Names of users are none, and what two
/// servers could cut in different places is none.
fn is_host(text: &[u8]) -> bool {
    let (name, after) = match text.strip_prefix(b"[") {
        Some(rest) => {
            let Some(end) = rest.iter().position(|&byte| byte == b']') else { return false };
            let is_address =
                end > 0 && rest[..end].iter().all(|&byte| byte.is_ascii_alphanumeric() || b":.-_~%".contains(&byte));
            if !is_address {
                return false;
            }
            (None, &rest[end + 1..])
        }
        None => {
            let end = text.iter().position(|&byte| byte == b':').unwrap_or(text.len());
            (Some(&text[..end]), &text[end..])
        }
    };
    let is_port = match after {
        [] => true,
        // A port may be left empty, and a name may not where there is one.
        [b':', port @ ..] => port.len() <= 5 && port.iter().all(u8::is_ascii_digit) && name != Some(&b""[..]),
        _ => false,
    };
    is_port
        && name.is_none_or(|name| {
            name.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<(Head, usize)>, Refused> {
        Head::parse(text.as_bytes())
    }

    fn head(text: &str) -> Head {
        parse(text).expect("a head").expect("a whole one").0
    }

    #[test]
    fn a_head_is_taken_apart() {
        let text =
            "GET /a/b%20c?x=1&y HTTP/1.1\r\nHost: Sky.example:80\r\nCookie: a=1; level=high\r\nX: \t y \r\n\r\nbody";
        let (head, length) = parse(text).expect("a head").expect("whole");
        assert_eq!(length, text.len() - 4);
        assert_eq!((head.method(), head.path(), head.query()), ("GET", "/a/b%20c", Some("x=1&y")));
        assert_eq!((head.host(), head.get("x"), head.version()), ("Sky.example:80", Some(&b"y"[..]), Version::Http11));
        assert_eq!((head.cookie("level"), head.cookie("b")), (Some("high"), None));
    }

    #[test]
    fn the_host_of_an_absolute_target_counts() {
        let one = head("GET http://there.example/x?y HTTP/1.1\r\nHost: here\r\n\r\n");
        assert_eq!((one.host(), one.target(), one.path(), one.query()), ("there.example", "/x?y", "/x", Some("y")));
        let one = head("GET HTTPS://there?y HTTP/1.1\r\nHost: here\r\n\r\n");
        assert_eq!((one.host(), one.target(), one.path(), one.query()), ("there", "?y", "/", Some("y")));
        assert!(parse("GET http://user@there/ HTTP/1.1\r\nHost: here\r\n\r\n").is_err());
    }

    #[test]
    fn what_two_servers_could_read_in_two_ways_is_refused() {
        for text in [
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: :80\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a]b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n",
            "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http:// HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /#x HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /é HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
            "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
            "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert_eq!(head("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").target(), "*");
        assert_eq!(head("\r\nGET / HTTP/1.0\r\n\r\n").host(), "");
        for host in ["", "a", "a.b.", "a:", "a:80", "127.0.0.1:65535", "[::1]", "[::1]:80", "a_b", "xn--bcher-kva"] {
            assert_eq!(head(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).host(), host);
        }
    }

    #[test]
    fn parts_of_version_2_are_held_to_the_same() {
        let of = |target: &str, host, fields: &[(&'static str, &'static str)]| {
            Head::of_parts("GET", target, host, fields.iter().map(|&(name, value)| (name, value.as_bytes())))
        };
        let one = of("/x?y", Some("a"), &[("cookie", "b=c"), ("host", "a")]).expect("a head");
        assert_eq!((one.host(), one.path(), one.query(), one.cookie("b")), ("a", "/x", Some("y"), Some("c")));
        assert!(of("/x", Some("a"), &[("host", "b")]).is_err());
        assert!(of("/x", None, &[]).is_err());
        assert!(of("/x y", Some("a"), &[]).is_err());
        assert!(of("/x", Some("a"), &[("x", "a\r\nb: c")]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn bytes_are_a_head_or_refused_and_never_more_than_they_are(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            if let Ok(Some((_, length))) = Head::parse(&bytes) {
                proptest::prop_assert!(length <= bytes.len());
            }
        }

        #[test]
        fn a_head_that_has_not_all_come_is_waited_for(cut in 0_usize..60) {
            let text = "POST /p?q HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nX: abcd\r\n\r\n";
            proptest::prop_assert!(matches!(parse(&text[..cut.min(text.len() - 1)]), Ok(None)));
        }
    }
}
