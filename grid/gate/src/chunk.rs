//! Bodies in chunks (RFC 9112, section 7.1), taken apart as they come. What goes on is put into chunks anew, so that nobody behind the
//! gate sees how they were written.

use crate::field::{Known, known};

/// Most bytes of chunk extensions in one body, which nothing here understands.
const EXTENSIONS: usize = 16 << 10;
/// Most bytes of trailers.
const TRAILERS: usize = 16 << 10;

/// Fields after a body.
pub type Trailers = Vec<(String, Vec<u8>)>;

/// Why bytes are not chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body is not in chunks as RFC 9112 says: {0}")]
pub struct NotChunks(&'static str);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In the digits of a size, so many of which have come.
    Size(u8),
    /// In space after a size, where only extensions may follow.
    Space,
    /// In extensions.
    Extension,
    /// The line feed after a size.
    SizeEnd,
    Data,
    /// After data.
    Return,
    Feed,
    Trailers,
    Done,
}

/// A reader of chunks.
#[derive(Debug)]
pub struct Chunks {
    state: State,
    /// Bytes of the chunk that have not come.
    left: u64,
    extensions: usize,
    /// What has come of the trailers, with their empty line.
    trailers: Vec<u8>,
}

impl Default for Chunks {
    fn default() -> Self {
        Self { state: State::Size(0), left: 0, extensions: 0, trailers: Vec::new() }
    }
}

impl Chunks {
    /// Whether the body has ended, with its trailers.
    #[must_use]
    pub fn done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes bytes, and calls `data` with those of the body. Returns how many were taken: all, but for what follows the end.
    ///
    /// # Errors
    /// [`NotChunks`]; what was called with so far stays valid.
    pub fn feed(&mut self, input: &[u8], mut data: impl FnMut(&[u8])) -> Result<usize, NotChunks> {
        let mut at = 0;
        while at < input.len() && self.state != State::Done {
            if self.state == State::Data {
                let length = self.left.min((input.len() - at) as u64) as usize;
                data(&input[at..at + length]);
                self.left -= length as u64;
                at += length;
                if self.left == 0 {
                    self.state = State::Return;
                }
                continue;
            }
            let byte = input[at];
            at += 1;
            self.state = match (self.state, byte) {
                (State::Size(digits), byte) if byte.is_ascii_hexdigit() => {
                    if digits == 15 {
                        return Err(NotChunks("a size has more than 15 digits"));
                    }
                    let digit = (byte as char).to_digit(16).unwrap_or_default();
                    self.left = self.left * 16 + u64::from(digit);
                    State::Size(digits + 1)
                }
                (State::Size(1..) | State::Space | State::Extension, b'\r') => State::SizeEnd,
                (State::Size(1..) | State::Space, b';') => State::Extension,
                (State::Size(1..) | State::Space, b' ' | b'\t') => {
                    self.extensions += 1;
                    if self.extensions > EXTENSIONS {
                        return Err(NotChunks("the extensions are too long"));
                    }
                    State::Space
                }
                (State::Size(_) | State::Space, _) => return Err(NotChunks("a size is not hexadecimal digits")),
                (State::Extension, byte) if byte < 32 && byte != b'\t' || byte == 127 => {
                    return Err(NotChunks("an extension has control characters"));
                }
                (State::Extension, _) => {
                    self.extensions += 1;
                    if self.extensions > EXTENSIONS {
                        return Err(NotChunks("the extensions are too long"));
                    }
                    State::Extension
                }
                (State::SizeEnd, b'\n') if self.left > 0 => State::Data,
                (State::SizeEnd, b'\n') => State::Trailers,
                (State::Return, b'\r') => State::Feed,
                (State::Feed, b'\n') => State::Size(0),
                (State::Trailers, byte) => {
                    self.trailers.push(byte);
                    self.in_trailers()?
                }
                _ => return Err(NotChunks("a line does not end with CR LF where it has to")),
            };
        }
        Ok(at)
    }

    fn in_trailers(&self) -> Result<State, NotChunks> {
        let lines = &self.trailers;
        if lines.len() > TRAILERS {
            return Err(NotChunks("the trailers are too long"));
        }
        match lines.last() {
            Some(b'\n') if !lines.ends_with(b"\r\n") => Err(NotChunks("a trailer ends without CR")),
            Some(b'\n') if lines == b"\r\n" || lines.ends_with(b"\r\n\r\n") => Ok(State::Done),
            _ => Ok(State::Trailers),
        }
    }

    /// The fields after the body that may go on: none that a head alone may have (RFC 9110, section 6.5.1).
    ///
    /// # Errors
    /// They are not fields.
    pub fn trailers(&self) -> Result<Trailers, NotChunks> {
        let mut room = [httparse::EMPTY_HEADER; 64];
        match httparse::parse_headers(&self.trailers, &mut room) {
            Ok(httparse::Status::Complete((_, fields))) => {
                let fields = fields.iter().map(|field| (field.name.to_owned(), field.value.to_owned()));
                Ok(fields.filter(|(name, _)| may_trail(name)).collect())
            }
            _ => Err(NotChunks("the trailers are not fields")),
        }
    }
}

/// Whether a field may come after a body.
#[must_use]
pub fn may_trail(name: &str) -> bool {
    const HEAD_ONLY: [&str; 13] = [
        "authorization",
        "cache-control",
        "content-encoding",
        "content-range",
        "content-type",
        "location",
        "max-forwards",
        "proxy-authorization",
        "range",
        "set-cookie",
        "vary",
        "www-authenticate",
        "age",
    ];
    matches!(known(name.as_bytes()), Known::Other | Known::ServerTiming)
        && !HEAD_ONLY.iter().any(|only| name.eq_ignore_ascii_case(only))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Body, trailers and bytes taken of `input`, given in pieces of `step`.
    fn read(input: &[u8], step: usize) -> Result<(Vec<u8>, Trailers, usize), NotChunks> {
        let (mut chunks, mut body, mut taken) = (Chunks::default(), Vec::new(), 0);
        for piece in input.chunks(step) {
            taken += chunks.feed(piece, |data| body.extend_from_slice(data))?;
        }
        if !chunks.done() {
            return Err(NotChunks("unfinished"));
        }
        Ok((body, chunks.trailers()?, taken))
    }

    #[test]
    fn chunks_are_joined_and_what_follows_is_left() {
        let text = b"4;a=b\r\nwiki\r\n6 \r\npedia \r\n0\r\nX-Sum: 1\r\nContent-Length: 3\r\n\r\nGET";
        for step in 1..text.len() {
            let (body, trailers, taken) = read(text, step).expect("chunks");
            assert_eq!((body.as_slice(), taken), (&b"wikipedia "[..], text.len() - 3));
            assert_eq!(trailers, [("X-Sum".to_owned(), b"1".to_vec())]);
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for bad in [
            "4\nwiki\r\n0\r\n\r\n",
            "4\r\nwiki0\r\n\r\n",
            "4\r\nwikis\r\n0\r\n\r\n",
            "\r\n4\r\nwiki\r\n0\r\n\r\n",
            "-1\r\n\r\n0\r\n\r\n",
            "0x4\r\nwiki\r\n0\r\n\r\n",
            " 4\r\nwiki\r\n0\r\n\r\n",
            "4 2\r\nwiki\r\n0\r\n\r\n",
            "4 a\r\nwiki\r\n0\r\n\r\n",
            "+4\r\nwiki\r\n0\r\n\r\n",
            "4_0\r\nwiki\r\n0\r\n\r\n",
            "4\0\r\nwiki\r\n0\r\n\r\n",
            "4;a\rb\r\nwiki\r\n0\r\n\r\n",
            ";a\r\nwiki\r\n0\r\n\r\n",
            "4;\nwiki\r\n0\r\n\r\n",
            "1000000000000000\r\n",
            "0\r\n\n",
            "0\r\nX: a\n\r\n",
            "4\r\nwiki\n0\r\n\r\n",
            "0\r\nX a\r\n\r\n",
            "4\rXwiki",
        ] {
            assert!(read(bad.as_bytes(), 3).is_err(), "{bad:?}");
        }
        for filling in ["a", ";", " "] {
            let long = format!("1 ;{}\r\n", filling.repeat(EXTENSIONS + 1));
            assert!(read(long.as_bytes(), 1000).is_err());
        }
        assert!(read(format!("1{}\r\n", " ".repeat(EXTENSIONS + 1)).as_bytes(), 1000).is_err());
        assert!(read(format!("0\r\nX: {}\r\n\r\n", "a".repeat(TRAILERS)).as_bytes(), 1000).is_err());
    }

    proptest! {
        #[test]
        fn bytes_in_chunks_come_back(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 0..10), step in 1_usize..40) {
            let mut text = Vec::new();
            for part in &parts {
                text.extend_from_slice(format!("{:X}\r\n", part.len()).as_bytes());
                text.extend_from_slice(part);
                text.extend_from_slice(b"\r\n");
            }
            text.extend_from_slice(b"0\r\n\r\n");
            let (body, _, taken) = read(&text, step).expect("chunks");
            prop_assert_eq!((body, taken), (parts.concat(), text.len()));
        }

        #[test]
        fn any_bytes_are_chunks_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut chunks = Chunks::default();
            if let Ok(taken) = chunks.feed(&bytes, |_| ()) {
                prop_assert!(taken <= bytes.len());
            }
        }
    }
}
