//! Any bytes as a header: what is read is written so that it reads the same again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pogson_image::fits::Header;

fuzz_target!(|bytes: &[u8]| {
    if let Ok((header, used)) = Header::parse(bytes) {
        assert!(used.is_multiple_of(2880));
        assert_fixed(&header);
    }
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(header) = Header::from_text(text)
    {
        assert_fixed(&header);
    }
});

fn assert_fixed(header: &Header) {
    let once = header.to_bytes();
    assert!(once.len().is_multiple_of(2880));
    let (again, used) = Header::parse(&once).expect("what was written is a header");
    assert_eq!(used, once.len());
    assert!(again.to_bytes() == once, "{}\n{}", String::from_utf8_lossy(&once), String::from_utf8_lossy(&again.to_bytes()));
    for card in header.cards() {
        // Nothing of a lookup may depend on the card's kind.
        let _ = (header.f64(card.key()), header.i64(card.key()), header.str(card.key()), header.bool(card.key()));
    }
}
