//! Lines of fields, as Fortran's list-directed input takes them apart.

use std::io::{BufRead, Read};

use super::MagphysError;
use super::fortran::number;

/// Bytes that a line may have; real ones have at most a few hundred per hundred filters.
const LIMIT: usize = 1 << 20;

/// Reads a file line by line.
pub(super) struct Rows<R> {
    input: R,
    file: String,
    bytes: Vec<u8>,
    line: usize,
}

/// One line, taken apart.
pub(super) struct Row<'a> {
    file: &'a str,
    /// Line, from 1.
    pub(super) line: usize,
    fields: Vec<&'a str>,
}

impl<R: BufRead> Rows<R> {
    /// Lines of `input`, which errors call `file`.
    pub(super) fn new(input: R, file: &str) -> Self {
        Rows { input, file: file.to_owned(), bytes: Vec::new(), line: 0 }
    }

    /// Reads and forgets `count` lines, or as many as there are.
    pub(super) fn skip(&mut self, count: usize) -> Result<(), MagphysError> {
        for _ in 0..count {
            self.read_line()?;
        }
        Ok(())
    }

    /// Reads the header line, and refuses it where `is_data` finds that it is one of those that follow.
    ///
    /// Fortran skips it whatever it says, and the first object or filter of a file without header would be lost unseen.
    pub(super) fn header(&mut self, is_data: impl Fn(&Row<'_>) -> bool) -> Result<(), MagphysError> {
        self.read_line()?;
        if self.bytes.first() == Some(&b'#') {
            return Ok(());
        }
        let row = self.row();
        if is_data(&row) {
            return Err(row.fault(
                0,
                "header",
                "the first line is skipped unread; put one that begins with # before it",
            ));
        }
        Ok(())
    }

    /// Whether the next line, which is read and forgotten, begins with `start`.
    pub(super) fn skip_one_that_says(&mut self, start: &str) -> Result<bool, MagphysError> {
        self.read_line()?;
        Ok(self.bytes.starts_with(start.as_bytes()))
    }

    /// The next line that is neither blank nor a comment (`#`), or none at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Row<'_>>, MagphysError> {
        loop {
            if !self.read_line()? {
                return Ok(None);
            }
            let first = self.bytes.iter().find(|byte| !byte.is_ascii_whitespace());
            if first.is_some_and(|&byte| byte != b'#') {
                break;
            }
        }
        Ok(Some(self.row()))
    }

    /// The line that was read.
    fn row(&self) -> Row<'_> {
        // Bytes that are no text become a field that no number equals.
        let text = std::str::from_utf8(&self.bytes).unwrap_or("\u{fffd}");
        let fields =
            text.split(|c: char| c.is_ascii_whitespace() || c == ',').filter(|field| !field.is_empty()).collect();
        Row { file: &self.file, line: self.line, fields }
    }

    /// Error for a file that holds no data.
    pub(super) fn empty(&self, what: &'static str) -> MagphysError {
        MagphysError::Empty { file: self.file.clone(), what }
    }

    fn read_line(&mut self) -> Result<bool, MagphysError> {
        self.bytes.clear();
        let read = (&mut self.input).take(LIMIT as u64 + 1).read_until(b'\n', &mut self.bytes);
        let read = read.map_err(|source| MagphysError::Io { file: self.file.clone(), source })?;
        self.line += 1;
        if read > LIMIT {
            return Err(MagphysError::Long { file: self.file.clone(), line: self.line, limit: LIMIT });
        }
        Ok(read > 0)
    }
}

impl<'a> Row<'a> {
    /// Checks the number of fields; `why` says what they are.
    pub(super) fn expect(&self, needed: usize, why: impl Fn() -> String) -> Result<(), MagphysError> {
        let found = self.fields.len();
        if found == needed {
            return Ok(());
        }
        Err(MagphysError::Fields { file: self.file.to_owned(), line: self.line, found, needed, why: why() })
    }

    /// Whether there are so many fields, all from the second on numbers or signs of an upper limit.
    pub(super) fn is_of_numbers(&self, needed: usize) -> bool {
        let numeric = |field: &&str| *field == "<" || number(field).is_some();
        self.fields.len() == needed && self.fields.iter().skip(1).all(numeric)
    }

    /// A field as text, counted from 0; quotes around it are taken off.
    pub(super) fn text(&self, field: usize) -> &'a str {
        self.fields.get(field).copied().unwrap_or_default().trim_matches(['\'', '"'])
    }

    /// A field as a number; infinities and NaN are none.
    pub(super) fn finite(&self, field: usize, what: &'static str) -> Result<f64, MagphysError> {
        match number(self.text(field)) {
            Some(value) if value.is_finite() => Ok(value),
            _ => Err(self.fault(field, what, "a finite number belongs there")),
        }
    }

    /// A field as a whole number from 0.
    pub(super) fn whole(&self, field: usize, what: &'static str) -> Result<u32, MagphysError> {
        self.text(field).parse().map_err(|_| self.fault(field, what, "a whole number from 0 belongs there"))
    }

    /// An AB magnitude: a number, or infinity for no light.
    pub(super) fn magnitude(&self, field: usize) -> Result<f64, MagphysError> {
        match number(self.text(field)) {
            Some(value) if value > -200.0 => Ok(value),
            _ => Err(self.fault(field, "AB magnitude", "a magnitude above -200 belongs there")),
        }
    }

    /// An error about a field.
    pub(super) fn fault(&self, field: usize, what: &'static str, mend: &'static str) -> MagphysError {
        let text = self.text(field).chars().take(40).collect();
        MagphysError::Value { file: self.file.to_owned(), line: self.line, field: field + 1, what, text, mend }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_end_is_an_error_not_a_full_memory() {
        let mut rows = Rows::new(std::io::BufReader::new(std::io::repeat(b'1')), "endless");
        assert!(matches!(rows.next(), Err(MagphysError::Long { line: 1, .. })));
    }

    #[test]
    fn comments_and_blank_lines_are_skipped_and_lines_keep_their_numbers() {
        let mut rows = Rows::new(&b"head\n\n  # no\r\n 1, 2 \r\n3"[..], "f");
        rows.skip(1).unwrap();
        let row = rows.next().unwrap().unwrap();
        assert_eq!((row.line, row.text(0), row.text(1)), (4, "1", "2"));
        assert_eq!(rows.next().unwrap().unwrap().line, 5);
        assert!(rows.next().unwrap().is_none());
    }
}
