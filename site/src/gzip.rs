//! Outputs as clients send them: plain, or compressed by the client, and never larger than was agreed on.

use std::borrow::Cow;
use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// First bytes of gzip (RFC 1952).
const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The output's own bytes; a sentence where it is larger than `most` or damaged.
pub(crate) fn plain(bytes: &[u8], most: u64) -> Result<Cow<'_, [u8]>, String> {
    let too_large = || format!("is larger than the {most} bytes that its unit allows");
    if !bytes.starts_with(&MAGIC) {
        return if bytes.len() as u64 > most { Err(too_large()) } else { Ok(Cow::Borrowed(bytes)) };
    }
    let mut out = Vec::new();
    // One byte more tells what is too large without unpacking all of it.
    let read = GzDecoder::new(bytes).take(most + 1).read_to_end(&mut out);
    read.map_err(|error| format!("is no sound gzip file ({error})"))?;
    if out.len() as u64 > most { Err(too_large()) } else { Ok(Cow::Owned(out)) }
}

/// The output compressed, as it is kept.
pub(crate) fn packed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Text with line ends of one kind, however the host's system writes them.
pub(crate) fn normalised(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'\r') {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\r' || rest.peek() != Some(&b'\n') {
            out.push(byte);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_bomb_is_refused_after_as_many_bytes_as_are_allowed() {
        let bomb = packed(&vec![b'0'; 50_000_000]).unwrap();
        assert!(bomb.len() < 60_000);
        assert!(plain(&bomb, 1_000_000).unwrap_err().starts_with("is larger than the 1000000 bytes"));
        assert!(plain(b"abcd", 3).is_err());
        assert_eq!(plain(b"abc", 3).unwrap().as_ref(), b"abc");
        assert_eq!(plain(&packed(b"abc").unwrap(), 3).unwrap().as_ref(), b"abc");
        let whole = packed(b"abcdefgh").unwrap();
        assert!(plain(&whole[..whole.len() - 9], 100).unwrap_err().starts_with("is no sound gzip file"));
    }

    #[test]
    fn line_ends_of_other_systems_are_one() {
        assert_eq!(normalised(b"a\r\nb\r\n\rc\r").as_ref(), b"a\nb\n\rc\r");
        assert_eq!(normalised(b"a\nb").as_ref(), b"a\nb");
    }
}
