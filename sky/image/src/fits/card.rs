//! One header record: keyword, value, comment; how it is read from 80 columns and written to them.

use super::value::{Value, parse_field, printable};

/// Columns of a card.
pub(crate) const CARD: usize = 80;

/// Longest keyword kept under the HIERARCH convention; longer ones are cut so that a value has room.
const LONGEST_KEY: usize = 50;

/// One record of a header, CONTINUE records joined to the one that they continue.
///
/// Cards that were read and not changed are written back as they stood, number formats and all.
#[derive(Debug, Clone)]
pub struct Card {
    key: String,
    value: Option<Value>,
    comment: String,
    /// The columns as read (a multiple of 80), if they are clean FITS.
    raw: Option<Box<[u8]>>,
}

impl PartialEq for Card {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.value == other.value && self.comment == other.comment
    }
}

impl Card {
    /// A card with a value. The keyword is put in upper case; more than 8 characters, or others than `A-Z 0-9 - _`,
    /// make it a HIERARCH card.
    pub fn new(key: &str, value: impl Into<Value>, comment: &str) -> Card {
        Card { key: tidy_key(key), value: Some(value.into()), comment: comment.trim_end().to_owned(), raw: None }
    }

    /// A card without a value: `COMMENT`, `HISTORY` or blank, with at most 72 columns of text (the rest is cut when
    /// written).
    pub fn commentary(key: &str, text: &str) -> Card {
        let key = Some(tidy_key(key)).filter(|k| k != "END").unwrap_or_else(|| "COMMENT".to_owned());
        Card { key, value: None, comment: text.trim_end().to_owned(), raw: None }
    }

    /// Keyword in upper case, without the word HIERARCH; empty for a blank keyword.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value; `None` for commentary (COMMENT, HISTORY, blank, or no `=` in the card).
    pub fn value(&self) -> Option<&Value> {
        self.value.as_ref()
    }

    /// The comment behind the slash, or the text of a commentary card; no trailing blanks.
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// Puts in another value, and another comment unless that is empty.
    pub(crate) fn change(&mut self, value: Value, comment: &str) {
        let same = self.value.as_ref() == Some(&value) && (comment.is_empty() || comment == self.comment);
        if same {
            return;
        }
        self.raw = None;
        self.value = Some(value);
        if !comment.is_empty() {
            self.comment = comment.trim_end().to_owned();
        }
    }

    /// Reads one line or record. `faults` gets what had to be mended.
    pub(crate) fn read(bytes: &[u8], faults: &mut Vec<String>) -> Card {
        let before = faults.len();
        let line = decode(bytes, faults);
        let mut card = read_line(&line, faults);
        if faults.len() == before && bytes.len() == CARD {
            card.raw = Some(bytes.into());
        }
        card
    }

    /// Whether the text value says (by a closing `&`) that a CONTINUE card follows.
    pub(crate) fn continues(&self) -> bool {
        matches!(&self.value, Some(Value::Text(text)) if text.ends_with('&'))
    }

    /// Joins a CONTINUE record and says whether yet another has to follow. `None` if the record holds no text: then it
    /// belongs to nobody.
    pub(crate) fn join(&mut self, bytes: &[u8], faults: &mut Vec<String>) -> Option<bool> {
        let before = faults.len();
        let line = decode(bytes, faults);
        let field = parse_field(line.get(8..).unwrap_or(""));
        let (Some(Value::Text(text)), Value::Text(more)) = (&mut self.value, &field.value) else {
            faults.truncate(before);
            return None;
        };
        let open = more.ends_with('&');
        text.pop();
        text.push_str(more);
        if !field.comment.is_empty() {
            if !self.comment.is_empty() {
                self.comment.push(' ');
            }
            self.comment.push_str(&field.comment);
        }
        if let Some(fault) = field.fault {
            faults.push(format!("CONTINUE of {} has {fault}", self.key));
        }
        let clean = faults.len() == before && bytes.len() == CARD;
        self.raw = self.raw.take().filter(|_| clean).map(|raw| [&raw, bytes].concat().into());
        Some(open)
    }

    /// Appends the card's records, each of 80 columns.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match (&self.raw, &self.value) {
            (Some(raw), _) => out.extend_from_slice(raw),
            (None, None) => {
                let text = format!("{:<8}{}", self.key, self.comment);
                push_record(out, &text);
            }
            (None, Some(Value::Text(text))) => self.write_text(text, out),
            (None, Some(value)) => {
                let head = self.head();
                let body = value.plain_text();
                let aligned = if head.starts_with("HIERARCH") { body.clone() } else { format!("{body:>20}") };
                if head.len() + body.len() > CARD {
                    // Only a very long keyword leaves no room; text can be continued.
                    self.write_text(&body, out);
                } else {
                    push_record(out, &with_comment(format!("{head}{aligned}"), &self.comment));
                }
            }
        }
    }

    fn head(&self) -> String {
        if is_standard_key(&self.key) { format!("{:<8}= ", self.key) } else { format!("HIERARCH {} = ", self.key) }
    }

    fn write_text(&self, text: &str, out: &mut Vec<u8>) {
        let mut line = self.head();
        let quoted: Vec<char> = printable(text).chars().collect();
        let mut rest: &[char] = &quoted;
        loop {
            // Room between the quotes, and one column for the `&` where the text goes on.
            let room = CARD.saturating_sub(line.len() + 2);
            let all: usize = rest.iter().map(|c| if *c == '\'' { 2 } else { 1 }).sum();
            // Text that ends in `&` by itself would be taken for continued text, so an empty record closes it.
            let continued = line.starts_with("CONTINUE");
            let comment = match self.comment.chars().count() {
                0 => 0,
                n => n + 3,
            };
            let comment_beside = !continued || all + comment <= room;
            let fits = all <= room && ((rest.last() != Some(&'&') && comment_beside) || all < room);
            let mut piece = String::new();
            let mut taken = 0;
            for c in rest {
                let width = if *c == '\'' { 2 } else { 1 };
                if !fits && piece.len() + width > room.saturating_sub(1) {
                    break;
                }
                piece.push(*c);
                if *c == '\'' {
                    piece.push('\'');
                }
                taken += 1;
            }
            rest = &rest[taken..];
            if fits && !piece.ends_with('&') {
                let pad = if continued || line.starts_with("HIERARCH") { 0 } else { 8 };
                let body = format!("{line}'{piece:<pad$}'");
                if !continued {
                    push_record(out, &with_comment(format!("{body:<30}"), &self.comment));
                } else if comment_beside {
                    push_record(out, &with_comment(body, &self.comment));
                } else {
                    push_record(out, &format!("{line}'{piece}&'"));
                    self.write_long_comment(out);
                }
                return;
            }
            push_record(out, &format!("{line}'{piece}&'"));
            line = "CONTINUE  ".to_owned();
        }
    }

    /// The comment of continued text, in CONTINUE cards of its own.
    fn write_long_comment(&self, out: &mut Vec<u8>) {
        let pieces = wrap(&self.comment, CARD - "CONTINUE  '&' / ".len());
        for (index, piece) in pieces.iter().enumerate() {
            let more = if index + 1 < pieces.len() { "&" } else { "" };
            push_record(out, &with_comment(format!("CONTINUE  '{more}'"), piece.trim_end()));
        }
    }
}

/// Breaks a line into pieces of at most `width` characters, behind blanks where there are any.
pub(crate) fn wrap(line: &str, width: usize) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest: Vec<char> = line.trim_end().chars().collect();
    while rest.len() > width {
        let cut = match rest[..width].iter().rposition(|c| *c == ' ') {
            Some(at) if at > width / 2 => at + 1,
            _ => width,
        };
        let tail = rest.split_off(cut);
        pieces.push(rest.iter().collect());
        rest = tail;
    }
    pieces.push(rest.iter().collect());
    pieces
}

fn with_comment(body: String, comment: &str) -> String {
    if comment.is_empty() { body } else { format!("{body} / {comment}") }
}

fn push_record(out: &mut Vec<u8>, text: &str) {
    let text = printable(text);
    let kept = &text.as_bytes()[..text.len().min(CARD)];
    out.extend_from_slice(kept);
    out.resize(out.len() + CARD - kept.len(), b' ');
}

/// Whether FITS itself allows the keyword (8 of `A-Z 0-9 - _`).
fn is_standard_key(key: &str) -> bool {
    let reserved = matches!(key, "" | "COMMENT" | "HISTORY" | "CONTINUE" | "HIERARCH" | "END");
    !reserved
        && key.len() <= 8
        && key.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
}

/// A keyword as it is kept: upper case, single blanks, printable, without `=`, not too long.
fn tidy_key(key: &str) -> String {
    let upper = printable(key).to_ascii_uppercase().replace('=', "_");
    let mut words = upper.split(' ').filter(|w| !w.is_empty()).peekable();
    // However often it stands there, for each reading takes the word away.
    while words.next_if_eq(&"HIERARCH").is_some() {}
    let mut tidy = words.collect::<Vec<_>>().join(" ");
    tidy.truncate(LONGEST_KEY);
    tidy.trim_end().to_owned()
}

/// Bytes as text: ASCII as it is, what is not by UTF-8 or else Latin-1, control characters as blanks.
fn decode(bytes: &[u8], faults: &mut Vec<String>) -> String {
    if bytes.iter().all(|b| matches!(b, b' '..=b'~')) {
        return bytes.iter().map(|b| char::from(*b)).collect();
    }
    let text: String = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|b| char::from(*b)).collect(),
    };
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let start: String = text.chars().take(8).collect();
    faults.push(format!("card '{}' has bytes that are not printable ASCII", start.trim()));
    text
}

fn read_line(line: &str, faults: &mut Vec<String>) -> Card {
    let split = line.char_indices().nth(8).map_or(line.len(), |(at, _)| at);
    let (name, rest) = line.split_at(split);
    let upper = name.trim_end().to_ascii_uppercase();
    let commentary = matches!(upper.as_str(), "" | "COMMENT" | "HISTORY" | "CONTINUE");
    if !commentary && let Some((key, field)) = split_at_equals(&upper, rest, line, faults) {
        let tidy = tidy_key(key);
        if tidy != key.trim() {
            faults.push(format!("keyword '{}' is read as {tidy}", key.trim()));
        }
        let parsed = parse_field(field);
        if let Some(fault) = parsed.fault {
            faults.push(format!("{tidy} has {fault}"));
        }
        return Card { key: tidy, value: Some(parsed.value), comment: parsed.comment, raw: None };
    }
    if upper != name.trim_end() {
        faults.push(format!("keyword '{}' is in lower case", name.trim_end()));
    }
    Card { key: printable(&upper), value: None, comment: rest.trim_end().to_owned(), raw: None }
}

/// Keyword and value field of a line; `None` if it has no value.
fn split_at_equals<'a>(
    upper: &str,
    rest: &'a str,
    line: &'a str,
    faults: &mut Vec<String>,
) -> Option<(&'a str, &'a str)> {
    if upper == "HIERARCH" {
        return rest.split_once('=').filter(|(key, _)| !key.trim().is_empty());
    }
    let (key, field) = line.split_once('=')?;
    let word = key.trim();
    if rest.starts_with('=') && key.len() + rest.len() == line.len() {
        if !field.is_empty() && !field.starts_with(' ') {
            faults.push(format!("keyword {word} has no blank after '='"));
        }
        return Some((key, field));
    }
    // `=` elsewhere than in column 9, as in templates written by hand.
    if word.is_empty() || word.contains(' ') || word.chars().count() > 8 {
        return None;
    }
    faults.push(format!("keyword {word} has '=' not in column 9"));
    Some((key, field))
}
