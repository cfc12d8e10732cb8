//! What people may be called: rules for addresses, names and texts that others will read.

use crate::wire::AccountError;

/// Characters of a user's or team's name at most.
const MOST_NAME: usize = 60;

/// An e-mail address in the form that is kept: without spaces about it, in lower case.
///
/// # Errors
/// [`AccountError::BadEmail`].
pub fn email(text: &str) -> Result<String, AccountError> {
    let text = text.trim().to_lowercase();
    let (local, domain) = text.rsplit_once('@').ok_or(AccountError::BadEmail)?;
    // What RFC 5322 has for an atom, but for ampersand and backquote.
    let in_local = |c: char| c.is_alphanumeric() || ".!#$%'*+-/=?^_{|}~".contains(c);
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    };
    let good = (1..=64).contains(&local.len())
        && local.chars().all(in_local)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && domain.len() <= 189
        && domain.split('.').count() >= 2
        && domain.split('.').all(label);
    if good { Ok(text) } else { Err(AccountError::BadEmail) }
}

/// A user's name in the form that is kept. BOINC refuses markup and spaces about it (`user_util.inc`, `is_valid_user_name`); here also
/// control characters, those that turn the direction of a line or are not seen, heaps of accents, and more than 60 characters.
///
/// # Errors
/// [`AccountError::BadName`].
pub fn user_name(text: &str) -> Result<String, AccountError> {
    let text = text.trim();
    let heaped = text.chars().fold((0, false), |(run, heaped), c| {
        let run = if is_combining(c) { run + 1 } else { 0 };
        (run, heaped || run > 3)
    });
    let good = !text.is_empty()
        && text.chars().count() <= MOST_NAME
        && text.chars().all(|c| !is_unseen(c) && c != '<' && c != '>' && (c == ' ' || !c.is_whitespace()))
        && !text.contains("  ")
        && text.chars().any(char::is_alphanumeric)
        && !text.starts_with(is_combining)
        && !heaped.1;
    if good { Ok(text.to_owned()) } else { Err(AccountError::BadName) }
}

/// A team's name: as a user's.
///
/// # Errors
/// [`AccountError::BadName`].
pub fn team_name(text: &str) -> Result<String, AccountError> {
    user_name(text)
}

/// A text of several lines as others may see it: without control characters and those that turn a line, cut off at `most` characters.
/// Markup stays, and is shown as text.
pub fn clean_text(text: &str, most: usize) -> String {
    let text = text.replace("\r\n", "\n");
    text.chars().filter(|&c| c == '\n' || c == '\t' || !is_unseen(c)).take(most).collect::<String>().trim().to_owned()
}

/// A web page's address: `http` or `https` alone, so that a link runs nothing; empty for none. None where it cannot be one.
pub fn url(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() {
        return Some(String::new());
    }
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let rest = with_scheme.strip_prefix("https://").or(with_scheme.strip_prefix("http://"))?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or("");
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "80"));
    let good = with_scheme.len() <= 250
        && name.chars().any(char::is_alphanumeric)
        && name.chars().all(|c| c.is_alphanumeric() || ".-".contains(c))
        && port.parse::<u16>().is_ok()
        && with_scheme.chars().all(|c| !is_unseen(c) && !c.is_whitespace() && !"<>\"'`\\{}|^".contains(c));
    good.then_some(with_scheme)
}

/// Whether a country is written as one: letters, spaces and a few signs.
pub fn is_country(text: &str) -> bool {
    text.chars().count() <= 60 && text.chars().all(|c| c.is_alphabetic() || " -.,'()".contains(c))
}

/// Characters that are not seen, or that change how others are: controls, directions, joiners, tags, private use and none.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{ffff}' | '\u{e000}'..='\u{f8ff}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{10ffff}')
}

fn is_combining(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_kept_in_lower_case() {
        assert_eq!(email(" Ann.Lee+pogs@Example.ORG "), Ok("ann.lee+pogs@example.org".to_owned()));
        assert!(email("müller@bücher.de").is_ok() && email("o'neil@b.ie").is_ok());
        for text in [
            "",
            "a",
            "a@",
            "@b.c",
            "a@b",
            "a b@c.d",
            "a@b..c",
            ".a@b.c",
            "a@-b.c",
            "<a>@b.c",
            "a@b.c\r\nBcc: x@y.z",
            "a@b@c.d",
            "a\u{0}@b.c",
            "a@b.c>",
            "a\u{202e}@b.c",
        ] {
            assert_eq!(email(text), Err(AccountError::BadEmail), "{text:?}");
        }
        assert!(email(&format!("{}@b.c", "a".repeat(65))).is_err());
    }

    #[test]
    fn names_are_what_people_read() {
        for name in ["Ann", "Ann O'Neil", "李小龙", "Jürgen", "Łukasz 99", "A&B", "Zoë\u{308}", "x\"y"] {
            assert_eq!(user_name(name), Ok(name.to_owned()), "{name}");
        }
        assert_eq!(user_name("  Ann "), Ok("Ann".to_owned()));
        for name in [
            "",
            " ",
            "<b>Ann</b>",
            "a>b",
            "a\nb",
            "a\u{202e}nna",
            "a\u{200b}b",
            "\u{0301}a",
            "a\u{300}\u{301}\u{302}\u{303}",
            "a  b",
            "...",
            "a\u{feff}",
            "\u{e000}x",
            "a\tb",
            "a\u{a0}b",
        ] {
            assert_eq!(user_name(name), Err(AccountError::BadName), "{name:?}");
        }
        assert!(user_name(&"a".repeat(61)).is_err());
    }

    #[test]
    fn links_lead_to_pages_alone() {
        assert_eq!(url("example.org"), Some("http://example.org".to_owned()));
        assert_eq!(url(" https://example.org/a?b=c "), Some("https://example.org/a?b=c".to_owned()));
        assert_eq!(url(""), Some(String::new()));
        for text in [
            "javascript:alert(1)",
            "javascript://x%0aalert(1)",
            "data:text/html,x",
            "http://",
            "http://a b",
            "http://a@b",
            "ftp://a",
        ] {
            assert_eq!(url(text), None, "{text}");
        }
        assert_eq!(url("javascript://x%0aalert(1)"), None);
        assert_eq!(url("http://a\"onclick=x"), None);
    }

    #[test]
    fn texts_lose_what_is_not_seen_and_keep_their_lines() {
        assert_eq!(clean_text("a\r\nb\u{1b}[31m\u{202e}<i>", 100), "a\nb[31m<i>");
        assert_eq!(clean_text("abcdef", 3), "abc");
    }

    proptest! {
        #[test]
        fn a_name_that_passes_is_seen_whole(text in ".{0,80}") {
            if let Ok(name) = user_name(&text) {
                prop_assert!(name.chars().all(|c| !c.is_control() && c != '<' && c != '>'));
                prop_assert_eq!(name.trim(), name.as_str());
                prop_assert_eq!(user_name(&name), Ok(name.clone()));
            }
            if let Ok(address) = email(&text) {
                prop_assert_eq!(email(&address), Ok(address.clone()));
            }
        }
    }
}
