//! Any bytes as a body in chunks, read by the gate in pieces and by a reader that has all of it and follows the grammar of RFC 9112,
//! section 7.1, line by line. The first byte says how large the pieces are.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogson_gate::chunk::Chunks;

fuzz_target!(|bytes: &[u8]| {
    let Some((step, bytes)) = bytes.split_first() else { return };
    let (mut chunks, mut body, mut taken, mut is_bad) = (Chunks::default(), Vec::new(), 0, false);
    for piece in bytes.chunks(usize::from(*step).max(1)) {
        match chunks.feed(piece, |data| body.extend_from_slice(data)) {
            Ok(length) => taken += length,
            Err(_) => is_bad = true,
        }
        if is_bad || chunks.done() {
            break;
        }
    }
    if is_bad || !chunks.done() || chunks.trailers().is_err() {
        return;
    }
    let whole = whole(bytes);
    assert_eq!(whole.as_ref().map(|(body, _)| body.as_slice()), Some(body.as_slice()));
    assert_eq!(whole.map(|(_, length)| length), Some(taken));
});

/// The body and the bytes that it and its frame take; `None` if it is none, or has no end.
fn whole(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let end = line(bytes, at)?;
        let text = &bytes[at..end];
        let size = text.split(|&byte| byte == b';').next().unwrap_or_default();
        // Space behind a size has no meaning, and is taken.
        let size = std::str::from_utf8(size.trim_ascii_end())
            .ok()
            .filter(|size| size.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        let size = usize::from_str_radix(size, 16).ok()?;
        at = end + 2;
        if size == 0 {
            break;
        }
        body.extend_from_slice(bytes.get(at..at.checked_add(size)?)?);
        at += size;
        (bytes.get(at..at + 2)? == b"\r\n").then_some(())?;
        at += 2;
    }
    loop {
        let end = line(bytes, at)?;
        let is_last = end == at;
        at = end + 2;
        if is_last {
            return Some((body, at));
        }
    }
}

/// Where the line ends that begins at `at`.
fn line(bytes: &[u8], at: usize) -> Option<usize> {
    let length = bytes.get(at..)?.windows(2).position(|two| two == b"\r\n")?;
    Some(at + length)
}
