//! Splits a region file into statements with their properties.

/// A statement: the text before `#`, and the properties behind it.
#[derive(Debug, PartialEq)]
pub(super) struct Statement<'a> {
    pub(super) line: usize,
    pub(super) body: &'a str,
    pub(super) properties: &'a str,
}

/// Statements of a text: separated by line ends and `;`, properties after `#`, quotes and braces respected.
///
/// DS9 writes annotations as `# text(...)`, a comment to others; these are statements too.
pub(super) fn statements(text: &str) -> Vec<Statement<'_>> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for piece in split_outside(line, ';') {
            let (body, properties) = match find_outside(piece, '#') {
                Some(at) => (piece[..at].trim(), piece[at + 1..].trim()),
                None => (piece.trim(), ""),
            };
            let statement = if body.is_empty() { annotation(properties) } else { Some((body, properties)) };
            if let Some((body, properties)) = statement {
                found.push(Statement { line: index + 1, body, properties });
            }
        }
    }
    found
}

/// `text(1,2) text={x}` behind a `#`.
fn annotation(comment: &str) -> Option<(&str, &str)> {
    let open = comment.find('(')?;
    let word = comment[..open].trim();
    let known = ["text", "vector", "ruler", "compass", "segment", "projection", "composite"];
    let close = open + comment[open..].find(')')?;
    known.contains(&word.to_ascii_lowercase().as_str()).then(|| (&comment[..=close], comment[close + 1..].trim()))
}

/// `key=value` pairs; a value is a word, or stands in braces, quotes or apostrophes. Words without `=` are left out.
pub(super) fn properties(text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    let mut rest = text.trim_start();
    while let Some(equals) = rest.find('=') {
        let key = rest[..equals].split_whitespace().next_back().unwrap_or("").to_owned();
        let after = rest[equals + 1..].trim_start();
        let closing = match after.chars().next() {
            Some('{') => Some('}'),
            Some('"') => Some('"'),
            Some('\'') => Some('\''),
            _ => None,
        };
        let (value, end) = match closing.and_then(|c| Some((c, after[1..].find(c)?))) {
            Some((_, length)) => (&after[1..=length], length + 2),
            None => {
                let end = after.find(char::is_whitespace).unwrap_or(after.len());
                (&after[..end], end)
            }
        };
        pairs.push((key, value.to_owned()));
        rest = after[end..].trim_start();
    }
    pairs
}

/// Bytes of `text` that lie outside quotes and braces and equal `wanted`. A `"` or `'` that follows a digit or a dot
/// is a unit, not a quote.
fn outside(text: &str, wanted: char) -> impl Iterator<Item = usize> + '_ {
    let mut closing: Option<char> = None;
    let mut previous = ' ';
    text.char_indices().filter_map(move |(at, c)| {
        let is_unit = previous.is_ascii_digit() || previous == '.';
        previous = c;
        match closing {
            Some(end) => {
                if c == end {
                    closing = None;
                }
                None
            }
            None => {
                closing = match c {
                    '{' => Some('}'),
                    '"' | '\'' if !is_unit => Some(c),
                    _ => None,
                };
                (c == wanted).then_some(at)
            }
        }
    })
}

fn find_outside(text: &str, wanted: char) -> Option<usize> {
    outside(text, wanted).next()
}

fn split_outside(text: &str, separator: char) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for at in outside(text, separator) {
        pieces.push(&text[start..at]);
        start = at + separator.len_utf8();
    }
    pieces.push(&text[start..]);
    pieces
}
