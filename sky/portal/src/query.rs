//! Parameters behind the question mark of an address.

use std::borrow::Cow;

/// The pairs of a query, in order, `+` and percent escapes taken back; names in their own spelling.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name, true), decode(value, true))
    })
}

/// Takes back percent escapes, and `+` for a blank where `plus` says so. Escapes that are none stay as they are, bytes that are
/// no UTF-8 become U+FFFD.
pub(crate) fn decode(text: &str, plus: bool) -> Cow<'_, str> {
    let escaped = |b: &u8| *b == b'%' || (plus && *b == b'+');
    if !text.as_bytes().iter().any(escaped) {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut k = 0;
    while k < bytes.len() {
        let hex = |at: usize| bytes.get(at).and_then(|b| (*b as char).to_digit(16));
        match bytes[k] {
            b'+' if plus => out.push(b' '),
            b'%' => {
                if let (Some(high), Some(low)) = (hex(k + 1), hex(k + 2)) {
                    out.push((high * 16 + low) as u8);
                    k += 2;
                } else {
                    out.push(b'%');
                }
            }
            other => out.push(other),
        }
        k += 1;
    }
    Cow::Owned(String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_and_plus_signs_are_taken_back() {
        let found: Vec<_> = pairs("POS=CIRCLE+10.5%20-3+0.1&&a&b=%zz%4").collect();
        assert_eq!(found[0], ("POS".into(), "CIRCLE 10.5 -3 0.1".into()));
        assert_eq!(found[1], ("a".into(), "".into()));
        assert_eq!(found[2], ("b".into(), "%zz%4".into()));
    }

    proptest! {
        #[test]
        fn any_text_is_decoded_without_harm(text in ".{0,60}") {
            let _ = pairs(&text).count();
        }
    }
}
