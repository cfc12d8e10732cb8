//! What a reply says of itself.

use crate::field::{Known, known};
use crate::head::{FIELDS, Field, Version, offset};

/// The head of a reply.
#[derive(Clone)]
pub struct Reply {
    bytes: Vec<u8>,
    version: Version,
    status: u16,
    /// Kinds of its fields, with the ends of names and the places of values in `bytes`.
    fields: Vec<(Known, [u32; 4])>,
}

/// Why bytes are not the head of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the reply is not HTTP: {0}")]
pub struct NotReply(pub(crate) &'static str);

impl Reply {
    /// Reads the head at the beginning of `bytes`; `None` if its end has not come yet.
    ///
    /// # Errors
    /// It is not HTTP/1.0 or 1.1, or has more than [`FIELDS`] fields.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, NotReply> {
        let mut room = [httparse::EMPTY_HEADER; FIELDS];
        let mut reply = httparse::Response::new(&mut room);
        let length = match reply.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(NotReply("it has too many fields")),
            Err(httparse::Error::HeaderName | httparse::Error::HeaderValue) => {
                return Err(NotReply("a field is not as RFC 9112 says"));
            }
            Err(_) => return Err(NotReply("its first line is not HTTP/1.1 and a status")),
        };
        let version = if reply.version == Some(0) { Version::Http10 } else { Version::Http11 };
        let status = reply.code.filter(|code| (100..1000).contains(code)).ok_or(NotReply("it has no status"))?;
        let head = &bytes[..length];
        let fields = reply.headers.iter().map(|field| {
            let (name, value) = (field.name.as_bytes(), field.value);
            let (name_at, value_at) = (offset(head, name), offset(head, value));
            (known(name), [name_at, name_at + name.len() as u32, value_at, value_at + value.len() as u32])
        });
        Ok(Some((Self { version, status, fields: fields.collect(), bytes: head.to_vec() }, length)))
    }

    /// A reply of the gate itself or of HTTP/2.
    #[must_use]
    pub fn of_parts<'a>(version: Version, status: u16, fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut one = Self { bytes: Vec::with_capacity(256), version, status, fields: Vec::with_capacity(8) };
        for (name, value) in fields {
            let at = one.bytes.len() as u32;
            one.bytes.extend_from_slice(name.as_bytes());
            let middle = one.bytes.len() as u32;
            one.bytes.extend_from_slice(value);
            one.fields.push((known(name.as_bytes()), [at, middle, middle, one.bytes.len() as u32]));
        }
        one
    }

    /// Version that the server speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Its status, 100 to 999.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Its fields in their order.
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> + Clone {
        self.fields.iter().map(|&(known, [name, name_end, value, value_end])| Field {
            known,
            name: std::str::from_utf8(&self.bytes[name as usize..name_end as usize]).unwrap_or_default(),
            value: &self.bytes[value as usize..value_end as usize],
        })
    }

    /// Values of the fields of a known kind.
    pub fn all(&self, of: Known) -> impl Iterator<Item = &[u8]> + Clone {
        let of = self.fields.iter().filter(move |&&(known, _)| known == of);
        of.map(|&(_, [_, _, value, end])| &self.bytes[value as usize..end as usize])
    }

    /// Whether one of the values of `Connection` is `option`.
    #[must_use]
    pub fn connection_says(&self, option: &str) -> bool {
        says(self.all(Known::Connection), option)
    }
}

/// Whether one of the members of lists is `option`, whatever its case.
pub(crate) fn says<'a>(lists: impl Iterator<Item = &'a [u8]>, option: &str) -> bool {
    let mut members = lists.flat_map(|list| list.split(|&byte| byte == b','));
    members.any(|member| member.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
}

/// Words for a status, as RFC 9110 has them.
#[must_use]
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_taken_apart() {
        let text = b"HTTP/1.1 206 Partial\r\nContent-Length: 2\r\nConnection: x, Close\r\nEmpty:\r\n\r\nab";
        let (reply, length) = Reply::parse(text).expect("a reply").expect("whole");
        assert_eq!((reply.status(), length), (206, text.len() - 2));
        assert!(reply.connection_says("close") && !reply.connection_says("keep-alive"));
        let fields: Vec<_> = reply.fields().map(|field| (field.name, field.value)).collect();
        assert_eq!(fields[0], ("Content-Length", &b"2"[..]));
        assert_eq!(fields[2], ("Empty", &b""[..]));
        assert!(matches!(Reply::parse(&text[..40]), Ok(None)));
        for bad in
            ["HTTP/1.1 20 X\r\n\r\n", "HTTP/2 200\r\n\r\n", "ICY 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\na b: c\r\n\r\n"]
        {
            assert!(Reply::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn bytes_are_a_reply_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            if let Ok(Some((_, length))) = Reply::parse(&bytes) {
                proptest::prop_assert!(length <= bytes.len());
            }
        }
    }
}
