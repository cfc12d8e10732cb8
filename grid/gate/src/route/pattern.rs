//! Globs and regular expressions for paths.

use regex::bytes::{Regex, RegexBuilder};

/// Memory of a compiled expression, bytes.
const SIZE_LIMIT: usize = 1 << 20;

/// An expression for a whole path.
///
/// # Errors
/// A sentence that says what is wrong.
pub(super) fn regex(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(&format!("^(?:{text})$")).dot_matches_new_line(true).size_limit(SIZE_LIMIT).build();
    built.map_err(|error| {
        let last = error.to_string().lines().last().unwrap_or_default().trim().replace("error: ", "");
        format!("\"{text}\" is not a regular expression: {last}")
    })
}

/// The expression of a glob: `**` anything, `*` anything but a slash, `?` one character that is no slash.
///
/// # Errors
/// As [`regex()`].
pub(super) fn glob(text: &str) -> Result<Regex, String> {
    let mut out = String::with_capacity(2 * text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let (taken, part) = match letter {
            '*' if rest.starts_with("**") => (2, ".*".to_string()),
            '*' => (1, "[^/]*".to_string()),
            '?' => (1, "[^/]".to_string()),
            other => (other.len_utf8(), regex::escape(&other.to_string())),
        };
        out.push_str(&part);
        rest = &rest[taken..];
    }
    regex(&out)
}

/// What all texts that a glob stands for begin with.
pub(super) fn head_of_glob(text: &str) -> &str {
    &text[..text.find(['*', '?']).unwrap_or(text.len())]
}

/// What all texts that an expression stands for begin with, or part of it.
pub(super) fn head_of_regex(text: &str) -> &str {
    let text = text.strip_prefix('^').unwrap_or(text);
    if alternates(text) {
        return "";
    }
    let end = text.find(|letter: char| r"\.+*?()|[]{}^$".contains(letter)).unwrap_or(text.len());
    // What follows may say that the last letter is not needed.
    if text[end..].starts_with(['?', '*', '{']) {
        let last = text[..end].chars().next_back().map_or(0, char::len_utf8);
        return &text[..end - last];
    }
    &text[..end]
}

/// Whether there is a `|` outside of all brackets.
fn alternates(text: &str) -> bool {
    let (mut depth, mut escaped, mut in_class) = (0_i32, false, false);
    for letter in text.chars() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => depth += 1,
            ')' if !in_class => depth -= 1,
            '|' if !in_class && depth <= 0 => return true,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_its_segment_and_two_do_not() {
        let one = glob("/maps/*/p?ge.html").expect("a glob");
        assert!(one.is_match(b"/maps/a/page.html") && !one.is_match(b"/maps/a/b/page.html"));
        assert!(!one.is_match(b"/maps/a/pageXhtml") && !one.is_match(b"/maps/a/page.html/"));
        assert!(glob("/maps/**").expect("a glob").is_match(b"/maps/a/b\n"));
    }

    #[test]
    fn an_expression_stands_for_the_whole_path() {
        let one = regex("/a|/b+").expect("an expression");
        assert!(one.is_match(b"/a") && one.is_match(b"/bb") && !one.is_match(b"/abb") && !one.is_match(b"/x/a"));
        assert!(regex("/(a").expect_err("a bracket").contains("unclosed"));
        assert!(regex("/a{1000}{1000}{1000}").is_err());
    }

    #[test]
    fn heads_are_what_all_matches_begin_with() {
        for (text, head) in [
            ("/tiles/[0-9]+", "/tiles/"),
            ("/colou?r", "/colo"),
            ("/a{2}", "/"),
            ("^/x$", "/x"),
            ("/a|/b", ""),
            ("/(a|b)/c", "/"),
            ("/a\\|b", "/a"),
            ("(?i)/x", ""),
            ("/ab+", "/ab"),
        ] {
            assert_eq!(head_of_regex(text), head, "{text}");
        }
        assert_eq!((head_of_glob("/maps/*/x"), head_of_glob("/maps")), ("/maps/", "/maps"));
    }
}
