//! WebSockets of clients that speak HTTP/2 (RFC 8441): the opening handshake that a server of HTTP/1.1 wants (RFC 6455, section 4), made and
//! checked by the gate.

use std::hash::{BuildHasher, RandomState};

use base64::prelude::{BASE64_STANDARD, Engine};
use sha1::{Digest, Sha1};

use crate::field::Known;
use crate::reply::{Reply, says};

/// What is hashed behind a key (RFC 6455, section 1.3).
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Fields of the handshake that HTTP/2 does not have (RFC 8441, section 5).
const KEY: &str = "sec-websocket-key";
pub(crate) const ACCEPT: &str = "sec-websocket-accept";

/// An opening handshake on its way to a server.
pub(crate) struct Opening {
    key: String,
}

impl Opening {
    /// One with a key of its own.
    pub(crate) fn new() -> Self {
        // Keys of the standard library's hash are at random.
        let random = RandomState::new();
        let bytes: Vec<u8> = (0_u8..2).flat_map(|half| random.hash_one(half).to_be_bytes()).collect();
        Self { key: BASE64_STANDARD.encode(bytes) }
    }

    /// The fields with which a request of HTTP/1.1 asks for a WebSocket.
    ///
    /// - `has_version`: the client says which version of the protocol it speaks.
    pub(crate) fn fields(&self, has_version: bool) -> impl Iterator<Item = (&str, &[u8])> {
        let version = (!has_version).then_some(("sec-websocket-version", &b"13"[..]));
        [("connection", &b"Upgrade"[..]), ("upgrade", b"websocket"), (KEY, self.key.as_bytes())]
            .into_iter()
            .chain(version)
    }

    /// Whether a client's field goes to the server.
    pub(crate) fn keeps(name: &str) -> bool {
        name != KEY && name != ACCEPT
    }

    /// Whether a reply is one to this handshake: it opens a WebSocket by the right word, or says that it does not.
    pub(crate) fn is_answered_by(&self, reply: &Reply) -> bool {
        match reply.status() {
            101 => {
                let mut accepts = reply.fields().filter(|field| field.name.eq_ignore_ascii_case(ACCEPT));
                accepts.next().is_some_and(|field| field.value == accept(&self.key).as_bytes())
                    && accepts.next().is_none()
                    && says(reply.all(Known::Upgrade), "websocket")
            }
            // To a client of HTTP/2 that would say that the WebSocket is open.
            200..=299 => false,
            _ => true,
        }
    }
}

/// What a server says to a key (RFC 6455, section 4.2.2).
fn accept(key: &str) -> String {
    BASE64_STANDARD.encode(Sha1::digest(format!("{key}{GUID}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455, section 1.3.
    #[test]
    fn a_key_is_accepted_as_its_rfc_shows() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn keys_have_16_bytes_and_differ() {
        let (one, other) = (Opening::new(), Opening::new());
        assert!(one.key.len() == 24 && one.key.ends_with("==") && one.key != other.key);
    }

    #[test]
    fn a_word_that_was_not_asked_for_opens_nothing() {
        let opening = Opening { key: "dGhlIHNhbXBsZSBub25jZQ==".to_owned() };
        let answers = |status: u16, fields: &str| {
            let text = format!("HTTP/1.1 {status} X\r\n{fields}\r\n");
            opening.is_answered_by(&Reply::parse(text.as_bytes()).expect("a reply").expect("whole").0)
        };
        let right = "Upgrade: WebSocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";
        assert!(answers(101, right) && answers(403, "") && answers(426, ""));
        assert!(!answers(101, "Upgrade: websocket\r\n"));
        assert!(!answers(101, &right.replace("xOo", "xoo")));
        assert!(!answers(101, &right.replace("WebSocket\r", "echo\r")));
        assert!(!answers(101, &format!("{right}Sec-WebSocket-Accept: x\r\n")));
        assert!(!answers(200, right) && !answers(204, ""));
    }
}
