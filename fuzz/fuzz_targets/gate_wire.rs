//! Any bytes as what the gate reads of HTTP/1: a request's head, a reply's head, a body in chunks; the first byte says where the bytes are cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogson_gate::chunk::{Chunks, Trailers};
use pogson_gate::framing;
use pogson_gate::head::{FIELDS, Head};
use pogson_gate::reply::Reply;

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, bytes)) = bytes.split_first() else { return };
    let cut = usize::from(*cut) % (bytes.len() + 1);
    request(bytes, cut);
    reply(bytes, cut);
    let whole = chunks(&[bytes]);
    assert_eq!(whole, chunks(&[&bytes[..cut], &bytes[cut..]]));
    assert_eq!(whole, chunks(&bytes.chunks(1).collect::<Vec<_>>()));
});

fn request(bytes: &[u8], cut: usize) {
    let Ok(Some((head, length))) = Head::parse(bytes) else { return };
    assert!(length <= bytes.len());
    // A head ends where it ends, whatever follows, and is none before that.
    let again = Head::parse(&bytes[..length]).ok().flatten().map(|(_, length)| length);
    assert_eq!(again, Some(length));
    if cut < length {
        assert!(matches!(Head::parse(&bytes[..cut]), Ok(None)));
    }
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(is_plain(head.method()) && is_plain(head.target()) && is_plain(head.host()) && is_plain(head.path()));
    assert!(head.method() != "CONNECT" && !head.method().is_empty());
    assert!(head.fields().count() <= FIELDS);
    for field in head.fields() {
        assert!(!field.name.is_empty() && is_plain(field.name) && !field.name.contains(':'));
        assert!(!field.value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
        assert_eq!(field.value.trim_ascii(), field.value);
    }
    let _ = framing::of_request(&head, false);
    let _ = head.cookie("a");
}

fn reply(bytes: &[u8], cut: usize) {
    let Ok(Some((reply, length))) = Reply::parse(bytes) else { return };
    assert!(length <= bytes.len() && (100..1000).contains(&reply.status()));
    let again = Reply::parse(&bytes[..length]).ok().flatten().map(|(_, length)| length);
    assert_eq!(again, Some(length));
    if cut < length {
        assert!(matches!(Reply::parse(&bytes[..cut]), Ok(None)));
    }
    for field in reply.fields() {
        assert!(!field.value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    }
    let _ = (framing::of_reply(&reply, false), framing::of_reply(&reply, true));
}

/// The body, its trailers and the bytes that were taken; `None` if they are no chunks.
fn chunks(pieces: &[&[u8]]) -> Option<(Vec<u8>, Option<Trailers>, usize)> {
    let (mut chunks, mut body, mut taken) = (Chunks::default(), Vec::new(), 0);
    for piece in pieces {
        let length = chunks.feed(piece, |data| body.extend_from_slice(data)).ok()?;
        taken += length;
        assert!(length == piece.len() || chunks.done());
    }
    let trailers = if chunks.done() { chunks.trailers().ok() } else { None };
    Some((body, trailers, taken))
}
