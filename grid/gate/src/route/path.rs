//! The path of a request in two forms: as rules compare it, and as back ends get it.
//!
//! Servers disagree about what `/public/%2e%2e/admin`, `/admin;x/users` and `/admin%2Fusers` are. Rules of the gate see the widest reading
//! of each, so that no spelling passes by a rule; what has no reading that all servers share is refused.

use std::borrow::Cow;

/// A path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NormalPath<'a> {
    /// As back ends get it: `.` and `..` are gone, needless escapes too, slashes in a row are one.
    pub sent: Cow<'a, str>,
    /// As rules compare it: all escapes are taken back, also those of slashes; parameters behind `;` are left out.
    pub matched: Cow<'a, [u8]>,
}

/// Why a path is not served; the answer is 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathRefused {
    /// A percent sign without two hexadecimal digits.
    #[error("the path has a percent sign that escapes nothing")]
    Escape,
    /// `%00`.
    #[error("the path has a zero byte")]
    Zero,
    /// More `..` than there are folders.
    #[error("the path leads above the root")]
    AboveRoot,
    /// `..` between encoded slashes or before parameters: servers read it in different ways.
    #[error("the path hides .. behind an encoding")]
    HiddenDots,
}

impl<'a> NormalPath<'a> {
    /// Brings a path, as it came, to both forms.
    ///
    /// - `merge`: whether slashes in a row count as one.
    ///
    /// # Errors
    /// [`PathRefused`].
    pub fn of(raw: &'a str, merge: bool) -> Result<Self, PathRefused> {
        if is_plain(raw.as_bytes()) || raw == "*" {
            return Ok(Self { sent: Cow::Borrowed(raw), matched: Cow::Borrowed(raw.as_bytes()) });
        }
        let sent = without_dots(&with_few_escapes(raw)?, merge)?;
        let matched = decoded(&sent, merge);
        Ok(Self { sent: Cow::Owned(sent), matched: Cow::Owned(matched) })
    }
}

/// Whether there is nothing to do.
fn is_plain(raw: &[u8]) -> bool {
    let mut before = 0;
    raw.iter().all(|&byte| {
        let odd = matches!(byte, b'%' | b';' | b'\\') || before == b'/' && matches!(byte, b'/' | b'.');
        before = byte;
        !odd
    })
}

/// Escapes only where they say something, in capitals; the backslash always as one, for some servers take it for a slash.
fn with_few_escapes(raw: &str) -> Result<String, PathRefused> {
    let mut out = String::with_capacity(raw.len() + 8);
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => out.push_str("%5C"),
            b'%' => match (bytes.next().and_then(hex), bytes.next().and_then(hex)) {
                (Some(0), Some(0)) => return Err(PathRefused::Zero),
                (Some(high), Some(low)) => push_escaped(&mut out, high * 16 + low),
                _ => return Err(PathRefused::Escape),
            },
            byte => out.push(byte as char),
        }
    }
    Ok(out)
}

fn hex(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|value| value as u8)
}

/// The byte itself where it needs no escape (RFC 3986, section 2.3).
fn push_escaped(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
        out.push(byte as char);
    } else {
        out.push('%');
        out.push(DIGITS[usize::from(byte >> 4)] as char);
        out.push(DIGITS[usize::from(byte & 15)] as char);
    }
}

/// Without `.`, `..` and, if asked, slashes in a row (RFC 3986, section 5.2.4).
fn without_dots(path: &str, merge: bool) -> Result<String, PathRefused> {
    let mut kept: Vec<&str> = Vec::with_capacity(16);
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            ".." => {
                kept.pop().ok_or(PathRefused::AboveRoot)?;
            }
            "." => {}
            "" if merge && !is_last => {}
            _ if hides_dots(segment) => return Err(PathRefused::HiddenDots),
            _ => kept.push(segment),
        }
        if is_last && matches!(segment, "." | "..") {
            kept.push("");
        }
    }
    let mut out = String::with_capacity(path.len());
    for segment in kept {
        out.push('/');
        out.push_str(segment);
    }
    if out.is_empty() {
        out.push('/');
    }
    Ok(out)
}

/// Whether a segment has `.` or `..` for servers that take escaped slashes for slashes, or leave parameters out.
fn hides_dots(segment: &str) -> bool {
    segment.split("%2F").flat_map(|part| part.split("%5C")).any(|part| {
        let name = part.split(';').next().unwrap_or_default();
        matches!(name, "." | "..")
    })
}

/// All escapes taken back, parameters left out, slashes and backslashes that were escaped taken for slashes.
fn decoded(sent: &str, merge: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(sent.len());
    let mut in_parameters = false;
    let mut bytes = sent.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'/' => {
                in_parameters = false;
                b'/'
            }
            b';' => {
                in_parameters = true;
                continue;
            }
            b'%' => match (bytes.next().and_then(hex), bytes.next().and_then(hex)) {
                (Some(5), Some(12)) => b'/',
                (Some(high), Some(low)) => high * 16 + low,
                _ => continue,
            },
            byte => byte,
        };
        if in_parameters || merge && byte == b'/' && out.last() == Some(&b'/') {
            continue;
        }
        out.push(byte);
    }
    out
}

/// Puts bytes as the path of a URL.
pub(super) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    let mut text = String::with_capacity(bytes.len() + 8);
    for &byte in bytes {
        match byte {
            b'/' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b'=' | b':' | b'@' => {
                text.push(byte as char);
            }
            byte => push_escaped(&mut text, byte),
        }
    }
    out.extend_from_slice(text.as_bytes());
}

/// All escapes taken back; what is none stays.
pub(crate) fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let digit = |at: usize| bytes.get(at).copied().and_then(hex);
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(high * 16 + low);
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(raw: &str) -> Result<(String, String), PathRefused> {
        let path = NormalPath::of(raw, true)?;
        Ok((path.sent.to_string(), String::from_utf8_lossy(&path.matched).to_string()))
    }

    #[test]
    fn a_plain_path_is_not_copied() {
        let path = NormalPath::of("/a/b.c/Npix12.png", true).expect("a path");
        assert!(matches!(path.sent, Cow::Borrowed(_)) && matches!(path.matched, Cow::Borrowed(_)));
    }

    /// The examples of RFC 3986, sections 5.2.4 and 6.2.2, and what nginx makes of slashes in a row.
    #[test]
    fn equivalent_paths_become_one() {
        for (raw, sent) in [
            ("/a/b/c/./../../g", "/a/g"),
            ("/mid/content=5/../6", "/mid/6"),
            ("/a/./b", "/a/b"),
            ("/a/b/..", "/a/"),
            ("/a/b/.", "/a/b/"),
            ("/a//b///c", "/a/b/c"),
            ("//", "/"),
            ("/%7Euser/%61", "/~user/a"),
            ("/a%c3%a9", "/a%C3%A9"),
            ("/a/%2e%2E/b", "/b"),
            ("/a/.%2e/b", "/b"),
            ("/.well-known/x", "/.well-known/x"),
            ("/..a/b..", "/..a/b.."),
            ("/%252e%252e/x", "/%252e%252e/x"),
            ("/a\\b", "/a%5Cb"),
        ] {
            assert_eq!(both(raw).expect(raw).0, sent, "{raw}");
        }
        assert_eq!(NormalPath::of("/a//b/./c", false).expect("a path").sent, "/a//b/c");
    }

    #[test]
    fn rules_see_what_any_server_could_see() {
        for (raw, matched) in [
            ("/admin%2Fusers", "/admin/users"),
            ("/admin%2fusers", "/admin/users"),
            ("/admin%5Cusers", "/admin/users"),
            ("/admin\\users", "/admin/users"),
            ("/admin;x=1/users;y", "/admin/users"),
            ("/;x/admin", "/admin"),
            ("/a%20b", "/a b"),
            ("/%2F%2Fadmin", "/admin"),
            ("/a%3Bb", "/a;b"),
        ] {
            assert_eq!(both(raw).expect(raw).1, matched, "{raw}");
        }
    }

    #[test]
    fn what_servers_read_in_different_ways_is_refused() {
        for (raw, why) in [
            ("/..", PathRefused::AboveRoot),
            ("/a/../../b", PathRefused::AboveRoot),
            ("/%2e%2e/b", PathRefused::AboveRoot),
            ("/a/..;x/b", PathRefused::HiddenDots),
            ("/a/.%2e;/b", PathRefused::HiddenDots),
            ("/a/..%2Fb", PathRefused::HiddenDots),
            ("/a%2F..%2Fb", PathRefused::HiddenDots),
            ("/a/..%5cb", PathRefused::HiddenDots),
            ("/a\\..\\b", PathRefused::HiddenDots),
            ("/a%00", PathRefused::Zero),
            ("/a%0", PathRefused::Escape),
            ("/a%zz", PathRefused::Escape),
        ] {
            assert_eq!(both(raw), Err(why), "{raw}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_normal_path_stays_as_it_is(raw in "/[a-c/.%;2eEfF5Cc\\\\]{0,24}") {
            if let Ok(path) = NormalPath::of(&raw, true) {
                let sent = path.sent.to_string();
                let again = NormalPath::of(&sent, true).expect("normal already");
                proptest::prop_assert_eq!(&again.sent, &sent);
                proptest::prop_assert_eq!(&again.matched, &path.matched);
                let dots = |part: &[u8]| part == b".." || part == b".";
                proptest::prop_assert!(!path.matched.split(|&b| b == b'/').any(dots), "{:?}", path);
                proptest::prop_assert!(path.matched.starts_with(b"/"));
            }
        }

        #[test]
        fn escaping_letters_changes_nothing(raw in "/[a-z/.]{0,16}", which in proptest::collection::vec(proptest::bool::ANY, 20)) {
            let escaped: String = raw.chars().zip(which).map(|(c, escape)| match c {
                '/' => "/".to_string(),
                c if escape => format!("%{:02x}", c as u32),
                c => c.to_string(),
            }).collect();
            proptest::prop_assert_eq!(both(&raw), both(&escaped));
        }
    }
}
