//! Texts and numbers of a BOINC database: bytes of either character set, names that others chose.

use super::dump::Cells;
use crate::account::{clean_text, is_country, url, user_name};
use crate::role::MICRO;

/// What Windows-1252, which MySQL calls latin1, has for bytes from 128 to 159.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The text of bytes: UTF-8, or, where they are none, latin1 as MySQL has it.
pub(super) fn decoded(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes
            .iter()
            .map(|&byte| match byte {
                128..=159 => WINDOWS[usize::from(byte - 128)],
                byte => char::from(byte),
            })
            .collect(),
    }
}

/// A text of which each character was a byte, as statistics write those beyond ASCII.
pub(super) fn bytewise(text: &str) -> String {
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    bytes.map_or_else(|| text.to_owned(), |bytes| decoded(&bytes))
}

/// A name as others may see it; none where nothing is left of it.
pub(super) fn name(text: &str) -> Option<String> {
    let plain = clean_text(text, 200).replace(['<', '>'], " ");
    let words: Vec<&str> = plain.split_whitespace().collect();
    let mut short: String = words.join(" ").chars().take(60).collect();
    short.truncate(short.trim_end().len());
    user_name(&short).ok()
}

/// A country; empty where it is none.
pub(super) fn country(text: &str) -> String {
    let text = clean_text(text, 60);
    if is_country(&text) && text != "None" { text } else { String::new() }
}

/// A web page's address; empty where it is none.
pub(super) fn page(text: &str) -> String {
    url(&clean_text(text, 300)).unwrap_or_default()
}

/// Words of a computer.
pub(super) fn words(text: &str) -> String {
    clean_text(text, 254).replace(['\n', '\t'], " ")
}

/// Credit in millionths of a cobblestone; none where it is no amount.
pub(super) fn credit(cobblestones: f64) -> Option<i64> {
    let good = (0.0..=1e12).contains(&cobblestones);
    good.then(|| (cobblestones * MICRO as f64).round() as i64)
}

/// A row's columns as texts and numbers.
pub(super) trait Columns {
    /// A column's text; empty where there is none.
    fn text(&self, name: &str) -> String;

    /// A column's number; 0 where it is none.
    fn number(&self, name: &str) -> f64 {
        self.text(name).trim().parse::<f64>().ok().filter(|number| number.is_finite()).unwrap_or(0.0)
    }

    /// A column's whole number; 0 where it is none.
    fn whole(&self, name: &str) -> i64 {
        let text = self.text(name);
        text.trim().parse().unwrap_or_else(|_| self.number(name) as i64)
    }

    /// Seconds of Unix time, not after `now`.
    fn time(&self, name: &str, now: i64) -> i64 {
        self.whole(name).clamp(0, now)
    }
}

impl Columns for Cells<'_> {
    fn text(&self, name: &str) -> String {
        self.bytes(name).map(decoded).unwrap_or_default()
    }
}

impl Columns for crate::wire::Node {
    fn text(&self, name: &str) -> String {
        bytewise(self.text_of(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_either_set_are_read() {
        assert_eq!(decoded("Jürgen €".as_bytes()), "Jürgen €");
        assert_eq!(decoded(b"J\xfcrgen \x80"), "Jürgen €");
        // db_dump.cpp writes each byte above 127 as a reference of its own.
        assert_eq!(bytewise("J\u{c3}\u{bc}rgen"), "Jürgen");
        assert_eq!(bytewise("李"), "李");
    }

    #[test]
    fn names_lose_what_others_should_not_see() {
        assert_eq!(name("Ann"), Some("Ann".to_owned()));
        assert_eq!(name("<script>x</script>"), Some("script x /script".to_owned()));
        assert_eq!(name(" a\u{202e}b\u{0}c\n d "), Some("abc d".to_owned()));
        assert_eq!(name(&"long ".repeat(40)).map(|name| name.chars().count()), Some(59));
        for none in ["", "<>", "...", "\u{200b}"] {
            assert_eq!(name(none), None, "{none}");
        }
        assert_eq!(
            (page("javascript:alert(1)"), page("www.a.org/x")),
            (String::new(), "http://www.a.org/x".to_owned())
        );
        assert_eq!(
            (country("<b>"), country("Chile"), country("None")),
            (String::new(), "Chile".to_owned(), String::new())
        );
        assert_eq!((credit(0.000_001), credit(-1.0), credit(f64::NAN)), (Some(1), None, None));
    }
}
