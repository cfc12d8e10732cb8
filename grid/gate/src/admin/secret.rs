//! The secret word of those who look from other machines.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::head::Head;

/// Bytes of a word at least.
const SHORTEST: usize = 16;

/// A secret word, as a hash.
#[derive(Clone)]
pub(crate) struct Secret([u8; 32]);

impl Secret {
    /// That of a file: all its bytes but the white space at its end.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let bytes = std::fs::read(path).map_err(|why| format!("{}: {why}", path.display()))?;
        let word = bytes.trim_ascii_end();
        if word.len() < SHORTEST {
            let path = path.display();
            return Err(format!("{path}: the word has {} bytes; give it {SHORTEST} at least", word.len()));
        }
        Ok(Self(Sha256::digest(word).into()))
    }

    /// Whether a request brings it, as a bearer token or as a password with any name.
    pub(crate) fn is_brought(&self, head: &Head) -> bool {
        let Some(value) = head.get("authorization") else { return false };
        let Some(space) = value.iter().position(|&byte| byte == b' ') else { return false };
        let (scheme, rest) = (&value[..space], value[space..].trim_ascii());
        if scheme.eq_ignore_ascii_case(b"bearer") {
            return self.is(rest);
        }
        let named = scheme.eq_ignore_ascii_case(b"basic").then(|| decoded(rest)).flatten();
        named.is_some_and(|named| {
            let at = named.iter().position(|&byte| byte == b':');
            at.is_some_and(|at| self.is(&named[at + 1..]))
        })
    }

    /// Takes as long for a wrong word as for the right one: hashes are compared, and those as a whole.
    fn is(&self, word: &[u8]) -> bool {
        let other: [u8; 32] = Sha256::digest(word).into();
        let differs = self.0.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b));
        std::hint::black_box(differs) == 0
    }
}

/// The bytes that a text of base64 stands for (RFC 4648, section 4).
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.strip_suffix(b"=").map_or(text, |text| text.strip_suffix(b"=").unwrap_or(text));
    let (mut bytes, mut bits, mut count) = (Vec::with_capacity(text.len()), 0_u32, 0);
    for &letter in text {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648, section 10, and RFC 7617, section 2.
    #[test]
    fn base64_is_read_as_the_standards_say() {
        for (text, bytes) in
            [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"), ("Zm9vYmFy", "foobar")]
        {
            assert_eq!(decoded(text.as_bytes()).as_deref(), Some(bytes.as_bytes()));
        }
        assert_eq!(decoded(b"QWxhZGRpbjpvcGVuIHNlc2FtZQ==").as_deref(), Some(&b"Aladdin:open sesame"[..]));
        assert_eq!(decoded(b"a*bc"), None);
    }

    #[test]
    fn the_word_is_known_as_a_token_and_as_a_password() {
        let secret = Secret(Sha256::digest(b"open sesame").into());
        let brings = |value: &str| {
            let text = format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: {value}\r\n\r\n");
            secret.is_brought(&Head::parse(text.as_bytes()).expect("a head").expect("whole").0)
        };
        assert!(brings("Bearer open sesame") && brings("basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        assert!(!brings("Bearer open sesam") && !brings("Basic b3BlbiBzZXNhbWU=") && !brings("Bearer"));
    }
}
