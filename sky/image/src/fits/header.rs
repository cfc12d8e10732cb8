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
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hierarch_said_more_than_once_is_said_once_when_written() {
        let header = Header::from_text("HIERARCH  HIERARCH HIERARCH 1Z = 3\nA       = 1\n").unwrap();
        let (again, _) = Header::parse(&header.to_bytes()).unwrap();
        assert_eq!(again.to_bytes(), header.to_bytes());
        assert_eq!(again.i64("1Z"), Some(3));
    }

    #[test]
    fn what_reads_as_end_but_is_none_does_not_end_the_header_when_written() {
        for text in ["A = 1\nEND\u{1a}\n", "A       = 1\nend\nB       = 2\nEND\n"] {
            let header = Header::from_text(text).unwrap();
            assert!(header.warnings().iter().any(|w| w.contains("END")), "{text:?}");
            let (again, _) = Header::parse(&header.to_bytes()).unwrap();
            assert_eq!(again.to_bytes(), header.to_bytes());
            assert_eq!(again.i64("A"), Some(1));
        }
    }

    fn one(text: &str) -> Header {
        Header::from_text(text).unwrap()
    }

    #[test]
    fn cards_in_one_line_are_cards_with_a_line_break_at_the_end_too() {
        let cards = format!("{:80}{:80}{:80}", "CRVAL1  = 2.5", "CRVAL2  = -3.0", "END");
        for end in ["", "\n", "\r\n"] {
            let header = Header::from_text(&format!("{cards}{end}")).unwrap();
            assert_eq!((header.f64("CRVAL1"), header.f64("CRVAL2")), (Some(2.5), Some(-3.0)), "{end:?}");
        }
        let line = Header::from_text("CRVAL1  = 2.5\n").unwrap();
        assert_eq!(line.f64("CRVAL1"), Some(2.5));
    }

    fn records(header: &Header) -> Vec<String> {
        let bytes = header.to_bytes();
        bytes.chunks(80).map(|c| String::from_utf8(c.to_vec()).unwrap().trim_end().to_owned()).collect()
    }

    #[test]
    fn mandatory_values_stand_in_columns_11_to_30_as_the_standard_asks() {
        let mut h = Header::new();
        h.set("SIMPLE", true, "conforms");
        h.set("BITPIX", -32, "");
        h.set("OBJECT", "M17", "name");
        let lines = records(&h);
        assert_eq!(lines[0], "SIMPLE  =                    T / conforms");
        assert_eq!(lines[1], "BITPIX  =                  -32");
        assert_eq!(lines[2], "OBJECT  = 'M17     '           / name");
        assert_eq!(lines[3], "END");
    }

    #[test]
    fn unchanged_cards_are_written_as_they_stood() {
        let card = format!("{:<80}", "CRVAL1  =   2.7500000000D+02  /odd   spacing");
        let mut bytes = format!("{card}{:<80}", "END").into_bytes();
        bytes.resize(2880, b' ');
        let (header, used) = Header::parse(&bytes).unwrap();
        assert_eq!(used, 2880);
        assert_eq!(header.f64("CRVAL1"), Some(275.0));
        assert!(header.warnings().is_empty());
        assert!(header.to_bytes() == bytes);
    }

    #[test]
    fn long_text_goes_on_in_continue_cards_and_comes_back() {
        let text = "it's long ".repeat(30);
        let mut h = Header::new();
        let comment = "a comment that is too long for what the last card has room for";
        h.set("LONGTEXT", text.as_str(), comment);
        let lines = records(&h);
        assert!(lines[0].ends_with("&'") && lines[1].starts_with("CONTINUE  '"));
        let (back, _) = Header::parse(&h.to_bytes()).unwrap();
        assert_eq!(back.str("LONGTEXT"), Some(text.trim_end()));
        assert_eq!(back.card("LONGTEXT").unwrap().comment(), comment);
        assert_eq!(back.len(), 1);
    }

    #[test]
    fn the_example_of_the_standard_for_continue_is_read() {
        // FITS Standard 4.0, section 4.2.1.2.
        let h = one("STRKEY  = 'This keyword value is continued &'\nCONTINUE  ' over multiple keyword cards.&'\n\
                     CONTINUE  '&' / The comment field for this\nCONTINUE  '' / keyword is also continued.");
        assert_eq!(h.str("STRKEY"), Some("This keyword value is continued  over multiple keyword cards."));
        let comment = "The comment field for this keyword is also continued.";
        assert_eq!(h.card("STRKEY").unwrap().comment(), comment);
    }

    #[test]
    fn hierarch_cards_are_found_with_and_without_the_word() {
        let mut h = one("HIERARCH ESO DET CHIP1 NX = 2048 / pixels");
        assert_eq!(h.i64("ESO DET CHIP1 NX"), Some(2048));
        assert_eq!(h.i64("HIERARCH ESO DET CHIP1 NX"), Some(2048));
        h.set("ESO DET CHIP1 NX", 4096, "");
        assert_eq!(records(&h)[0], "HIERARCH ESO DET CHIP1 NX = 4096 / pixels");
    }

    #[test]
    fn faults_are_mended_and_told() {
        let h = one("crpix1  = 5.5\nCRPIX2=7\nBAD     = hello\nOPEN    = 'no end\nTEL     = 'Caf\u{e9}'");
        assert_eq!(h.f64("CRPIX1"), Some(5.5));
        assert_eq!(h.f64("CRPIX2"), Some(7.0));
        assert_eq!(h.str("BAD"), Some("hello"));
        assert_eq!(h.str("OPEN"), Some("no end"));
        assert_eq!(h.str("TEL"), Some("Caf\u{e9}"));
        assert_eq!(h.warnings().len(), 5, "{:?}", h.warnings());
    }

    #[test]
    fn a_header_without_end_says_where_it_stops() {
        let bytes = format!("{:<80}{:<80}", "SIMPLE  = T", "CRVAL1  = 1.0").into_bytes();
        let err = Header::parse(&bytes).unwrap_err();
        assert_eq!(err, HeaderError::NoEnd { bytes: 160, last: "CRVAL1".into() });
        assert!(matches!(Header::parse(&[0u8; 5760]), Err(HeaderError::NotText { offset: 0 })));
    }

    #[test]
    fn text_beyond_column_80_makes_no_card_of_a_blank_line() {
        let header = one(&format!("BITPIX  = 8\n{:100}x", ""));
        assert_eq!(header.len(), 1);
        assert!(Header::parse(&header.to_bytes()).unwrap().0 == header);
    }

    #[test]
    fn history_is_wrapped_between_words() {
        let mut h = Header::new();
        h.push_history(&"word ".repeat(40));
        assert!(h.cards().all(|c| c.comment().len() <= 72 && !c.comment().starts_with("rd")));
        assert_eq!(h.cards().count(), 3);
    }

    #[test]
    fn long_keywords_leave_room_for_any_value() {
        let mut h = Header::new();
        let key = "A VERY LONG KEYWORD ".repeat(5);
        h.set(&key, Value::Complex(-1.234567890123456e-100, -1.234567890123456e-100), "");
        h.set("X Y", "a'b".repeat(60), "");
        let (back, _) = Header::parse(&h.to_bytes()).unwrap();
        assert_eq!(back.str("X Y"), Some("a'b".repeat(60).as_str()));
        assert_eq!(back.cards().count(), 2);
    }

    proptest! {
        #[test]
        fn what_is_set_is_read_back(text in "[ -~]{0,200}", real in any::<f64>(), int in any::<i64>(),
                                    key in "[A-Z][A-Z0-9_-]{0,7}", comment in "[ -~]{0,30}") {
            prop_assume!(!["COMMENT", "HISTORY", "CONTINUE", "END", "HIERARCH"].contains(&key.as_str()));
            for value in [Value::from(text.as_str()), Value::from(real), Value::from(int)] {
                let mut h = Header::new();
                h.set(&key, value.clone(), comment.trim());
                let (back, _) = Header::parse(&h.to_bytes()).unwrap();
                prop_assert_eq!(back.get(&key), Some(&value));
                prop_assert!(back.warnings().is_empty(), "{:?}", back.warnings());
                prop_assert!(back.to_bytes() == h.to_bytes());
            }
        }

        #[test]
        fn any_bytes_are_read_to_a_fixed_point(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut bytes = bytes;
            bytes.resize(bytes.len().next_multiple_of(80), b' ');
            bytes.extend_from_slice(format!("{:<80}", "END").as_bytes());
            if let Ok((header, _)) = Header::parse(&bytes) {
                let once = header.to_bytes();
                let (again, used) = Header::parse(&once).unwrap();
                prop_assert_eq!(used, once.len());
                prop_assert!(again.to_bytes() == once, "{}", String::from_utf8_lossy(&once).trim());
            }
        }

        #[test]
        fn odd_text_is_read_to_a_fixed_point(text in "([A-Za-z =/'&()0-9.é]{1,100}\n){1,6}") {
            let header = Header::from_text(&text).unwrap();
            let once = header.to_bytes();
            let (again, _) = Header::parse(&once).unwrap();
            prop_assert!(again.to_bytes() == once, "{}", String::from_utf8_lossy(&once).trim());
        }
    }
}
