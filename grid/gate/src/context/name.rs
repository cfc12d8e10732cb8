//! Names that are kept without memory of their own.

use std::fmt;

/// Bytes that are kept.
const ROOM: usize = 46;

/// A name for people to read, cut to what fits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name {
    bytes: [u8; ROOM],
    length: u8,
}

impl Name {
    /// No name.
    #[must_use]
    pub fn empty() -> Self {
        Self { bytes: [0; ROOM], length: 0 }
    }

    /// With more behind it.
    #[must_use]
    pub fn with(mut self, text: &[u8]) -> Self {
        let at = usize::from(self.length);
        let taken = text.len().min(ROOM - at);
        self.bytes[at..at + taken].copy_from_slice(&text[..taken]);
        self.length += taken as u8;
        self
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl fmt::Display for Name {
    /// Bytes that could break a line of a log are written as a question mark.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for chunk in self.bytes[..usize::from(self.length)].utf8_chunks() {
            for letter in chunk.valid().chars() {
                to.write_char(if letter.is_control() || letter == '"' { '?' } else { letter })?;
            }
            if !chunk.invalid().is_empty() {
                to.write_char('?')?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "\"{self}\"")
    }
}
