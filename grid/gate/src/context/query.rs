//! Parameters of a query or a form.

use std::borrow::Cow;

/// A parameter as it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    name: &'a str,
    value: &'a str,
}

/// The parameters of a query, in order.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = Pair<'_>> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Pair { name, value }
    })
}

impl<'a> Pair<'a> {
    /// Its name.
    pub(super) fn name(self) -> Cow<'a, str> {
        decode(self.name)
    }

    /// Its value.
    pub(super) fn value(self) -> Cow<'a, str> {
        decode(self.value)
    }
}

/// Escapes and plus signs taken back; bytes that are no text become U+FFFD.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(text);
    }
    let blanks = text.replace('+', " ");
    let bytes = crate::route::unescape(&blanks);
    Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}
