//! A FITS header: cards in their order.

pub use super::card::Card;
use super::card::{CARD, wrap};
pub use super::value::Value;

/// Bytes of a FITS block.
pub const BLOCK: usize = 2880;

/// Text of a commentary card.
const COMMENTARY: usize = 72;

/// What is wrong with a header.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HeaderError {
    /// The bytes end before END.
    #[error(
        "the header ends after {bytes} bytes without END (last keyword {last}); the file is cut short, fetch it again"
    )]
    NoEnd {
        /// Bytes looked at.
        bytes: usize,
        /// Last keyword seen.
        last: String,
    },
    /// The bytes are no text.
    #[error("at byte {offset} the header is not text; this is no FITS header, or it lacks END")]
    NotText {
        /// Offset of the card from the start of the header.
        offset: usize,
    },
    /// A keyword that has to be there is not.
    #[error("keyword {key} is missing; add it to the header")]
    Missing {
        /// The keyword.
        key: String,
    },
    /// A keyword has a value of another type than asked for.
    #[error("{key} is {found}, where {wanted} is needed; correct the header")]
    WrongType {
        /// The keyword.
        key: String,
        /// What it is.
        found: String,
        /// What it should be.
        wanted: &'static str,
    },
}

/// A header: cards in order, with lookup by keyword.
///
/// ```
/// use pogson_image::fits::Header;
/// let mut header = Header::from_text("CRVAL1  = 2.75D2 / degrees\nOBJECT  = 'M 17    '").unwrap();
/// assert_eq!(header.f64("CRVAL1"), Some(275.0));
/// assert_eq!(header.str("object"), Some("M 17"));
/// header.set("EXPTIME", 7.8, "[s] exposure");
/// assert_eq!(header.to_bytes().len(), 2880);
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Header {
    cards: Vec<Card>,
    warnings: Vec<String>,
}

impl Header {
    /// An empty header.
    pub fn new() -> Self {
        Header::default()
    }

    /// Reads a header from the bytes of a file, from its first card to END.
    ///
    /// Returns the header and the bytes it takes, a multiple of 2880; where the file ends before the padding does,
    /// that is more than `bytes.len()`. Faults that can be mended (lower-case keywords, bytes that are not ASCII,
    /// values without quotes, ...) are mended and listed by [`Header::warnings`].
    ///
    /// # Errors
    /// [`HeaderError::NoEnd`], [`HeaderError::NotText`].
    pub fn parse(bytes: &[u8]) -> Result<(Header, usize), HeaderError> {
        let mut end = None;
        for (index, record) in bytes.chunks(CARD).enumerate() {
            if is_end(record) {
                end = Some(index);
                break;
            }
            let odd = record.iter().filter(|b| !matches!(b, b' '..=b'~')).count();
            if record.len() == CARD && odd > CARD / 2 {
                return Err(HeaderError::NotText { offset: index * CARD });
            }
        }
        let Some(end) = end else {
            let last = bytes.chunks_exact(CARD).rev().find(|c| c[0] != b' ').map_or(&b""[..], |c| &c[..8]);
            let last = String::from_utf8_lossy(last).trim().to_owned();
            return Err(HeaderError::NoEnd { bytes: bytes.len(), last });
        };
        let header = Header::from_records(bytes[..end * CARD].chunks_exact(CARD));
        Ok((header, ((end + 1) * CARD).next_multiple_of(BLOCK)))
    }

    /// Reads a header from text: lines, or 80 columns each if the text has no line breaks. END may be absent; what
    /// follows it is ignored. Montage's templates and headers kept as text are read by this.
    ///
    /// # Errors
    /// [`HeaderError::NotText`] if the text is binary.
    pub fn from_text(text: &str) -> Result<Header, HeaderError> {
        let bytes = text.as_bytes();
        if let Some(offset) = bytes.iter().position(|b| *b == 0) {
            return Err(HeaderError::NotText { offset });
        }
        // A line break at the end alone does not make lines of cards that stand one after another.
        let body = text.trim_end_matches(['\n', '\r']);
        let in_lines = body.contains('\n') || (body.len() < text.len() && !body.len().is_multiple_of(CARD));
        let (text, bytes) = if in_lines { (text, bytes) } else { (body, body.as_bytes()) };
        let records: Vec<&[u8]> = if in_lines {
            text.lines().map(|line| line.trim_end_matches('\r').as_bytes()).collect()
        } else {
            bytes.chunks(CARD).collect()
        };
        let end = records.iter().position(|r| is_end(r)).unwrap_or(records.len());
        let lines = records[..end].iter().copied();
        Ok(Header::from_records(lines.filter(|r| !r.trim_ascii().is_empty() || r.len() == CARD)))
    }

    fn from_records<'a>(records: impl Iterator<Item = &'a [u8]>) -> Header {
        let mut header = Header::new();
        // Whether the last card still waits for a CONTINUE.
        let mut open = false;
        for record in records {
            let continuation = record.starts_with(b"CONTINUE");
            if continuation
                && open
                && let Some(card) = header.cards.last_mut()
                && let Some(more) = card.join(record, &mut header.warnings)
            {
                open = more;
                continue;
            }
            if continuation {
                header.warnings.push("a CONTINUE card continues nothing".to_owned());
            }
            let card = Card::read(record, &mut header.warnings);
            // Written again, it would end the header before its time.
            if card.key() == "END" && card.value().is_none() {
                header.warnings.push("a card that reads as END, but is none, is left out".to_owned());
                continue;
            }
            open = card.continues();
            header.cards.push(card);
        }
        // Blank cards between the last keyword and END are room to grow, not content.
        let blank = |c: &Card| {
            c.key().is_empty() && c.value().is_none() && c.comment().chars().take(COMMENTARY).all(|c| c == ' ')
        };
        while header.cards.last().is_some_and(blank) {
            header.cards.pop();
        }
        header
    }

    /// The value of a keyword; of the first, if it is repeated. Upper and lower case are one; the word HIERARCH
    /// before the keyword may be left out. `None` if absent, or commentary.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.card(key).and_then(Card::value)
    }

    /// The first card of a keyword.
    pub fn card(&self, key: &str) -> Option<&Card> {
        let key = plain_key(key);
        self.cards.iter().find(|c| c.key().eq_ignore_ascii_case(key))
    }

    /// The value of a keyword as a number; integers count. `None` if absent or no number.
    pub fn f64(&self, key: &str) -> Option<f64> {
        self.get(key)?.as_f64()
    }

    /// The value of a keyword as a whole number; a real number that is whole counts.
    pub fn i64(&self, key: &str) -> Option<i64> {
        self.get(key)?.as_i64()
    }

    /// The logical value of a keyword.
    pub fn bool(&self, key: &str) -> Option<bool> {
        self.get(key)?.as_bool()
    }

    /// The text of a keyword, trailing blanks cut off.
    pub fn str(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// The whole number of a keyword that has to be there.
    ///
    /// # Errors
    /// [`HeaderError::Missing`], [`HeaderError::WrongType`].
    pub fn require_i64(&self, key: &str) -> Result<i64, HeaderError> {
        let value = self.get(key).ok_or_else(|| HeaderError::Missing { key: key.to_owned() })?;
        value.as_i64().ok_or_else(|| wrong_type(key, value, "a whole number"))
    }

    /// The number of a keyword that has to be there.
    ///
    /// # Errors
    /// [`HeaderError::Missing`], [`HeaderError::WrongType`].
    pub fn require_f64(&self, key: &str) -> Result<f64, HeaderError> {
        let value = self.get(key).ok_or_else(|| HeaderError::Missing { key: key.to_owned() })?;
        value.as_f64().ok_or_else(|| wrong_type(key, value, "a number"))
    }

    /// Whether the keyword occurs.
    pub fn contains(&self, key: &str) -> bool {
        self.card(key).is_some()
    }

    /// Gives a keyword a value: in its place if it is there, else at the end. An empty comment keeps the old one.
    ///
    /// A keyword of more than 8 characters, or with others than `A-Z 0-9 - _`, becomes a HIERARCH card. Text too long
    /// for one card goes on in CONTINUE cards. Characters outside ASCII are written as `?`; a comment that does not
    /// fit is cut.
    pub fn set(&mut self, key: &str, value: impl Into<Value>, comment: &str) {
        let plain = plain_key(key);
        let value = value.into();
        match self.cards.iter_mut().find(|c| c.key().eq_ignore_ascii_case(plain)) {
            Some(card) => card.change(value, comment),
            None => self.cards.push(Card::new(plain, value, comment)),
        }
    }

    /// Appends a card, even if its keyword is there already.
    pub fn push(&mut self, card: Card) {
        self.cards.push(card);
    }

    /// Appends HISTORY; long text takes several cards, broken between words.
    pub fn push_history(&mut self, text: &str) {
        self.push_commentary("HISTORY", text);
    }

    /// Appends COMMENT; long text takes several cards, broken between words.
    pub fn push_comment(&mut self, text: &str) {
        self.push_commentary("COMMENT", text);
    }

    fn push_commentary(&mut self, key: &str, text: &str) {
        for line in text.lines() {
            for piece in wrap(line, COMMENTARY) {
                self.cards.push(Card::commentary(key, &piece));
            }
        }
    }

    /// Removes every card of a keyword; true if there was one.
    pub fn remove(&mut self, key: &str) -> bool {
        let before = self.cards.len();
        let key = plain_key(key);
        self.cards.retain(|c| !c.key().eq_ignore_ascii_case(key));
        self.cards.len() < before
    }

    /// Keeps the cards for which `keep` is true.
    pub fn retain(&mut self, keep: impl FnMut(&Card) -> bool) {
        self.cards.retain(keep);
    }

    /// The cards in order, without END.
    pub fn cards(&self) -> impl Iterator<Item = &Card> {
        self.cards.iter()
    }

    /// Number of cards (CONTINUE cards counted with the one they continue).
    pub fn len(&self) -> usize {
        self.cards.len()
    }

    /// Whether there are no cards.
    pub fn is_empty(&self) -> bool {
        self.cards.is_empty()
    }

    /// What was mended while reading, a sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The header as a file has it: cards, END, blanks up to a multiple of 2880 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity((self.cards.len() * CARD + CARD).next_multiple_of(BLOCK));
        for card in &self.cards {
            card.write(&mut out);
        }
        out.extend_from_slice(b"END");
        out.resize(out.len().next_multiple_of(BLOCK), b' ');
        out
    }
}

impl Extend<Card> for Header {
    fn extend<T: IntoIterator<Item = Card>>(&mut self, cards: T) {
        self.cards.extend(cards);
    }
}

fn wrong_type(key: &str, value: &Value, wanted: &'static str) -> HeaderError {
    let shown = value.plain_text();
    HeaderError::WrongType { key: key.to_owned(), found: format!("{} '{shown}'", value.kind()), wanted }
}

fn plain_key(key: &str) -> &str {
    let key = key.trim();
    match key.get(..9) {
        Some(start) if start.eq_ignore_ascii_case("HIERARCH ") => key[9..].trim_start(),
        _ => key,
    }
}

fn is_end(record: &[u8]) -> bool {
    let Some(rest) = record.strip_prefix(b"END") else {
        return false;
    };
    rest.iter().take(5).all(|b| matches!(b, b' ' | 0)) && record.len() >= 8 || rest.iter().all(|b| *b == b' ')
}

#[cfg(test)]
#[path = "header_tests.rs"]
mod tests;
