//! Rows of tables in the text that `mysqldump` writes.
//!
//! What is read: `CREATE TABLE` for the order of columns, and `INSERT INTO ... VALUES`, with or without names of columns, one row or many
//! in each. All else is passed over with regard to quotes and comments. Rows are handed on one by one, so that a dump may be of any size.

use std::io::{self, BufRead};

/// Bytes of one value at most; BOINC's own are below a megabyte.
const MOST_VALUE: usize = 16 << 20;
/// Bytes of a word or a name at most.
const MOST_WORD: usize = 4096;
/// Columns of a table at most.
const MOST_COLUMNS: usize = 4096;

/// Why a dump is not read on.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Something that no `mysqldump` writes.
    #[error("line {line}: {what}")]
    Text {
        /// Line of the dump, from 1.
        line: u64,
        /// What is wrong.
        what: &'static str,
    },
}

/// A value: none for NULL.
pub type Cell = Option<Vec<u8>>;

/// Names of a row's columns, and their values.
pub struct Cells<'a> {
    columns: &'a [String],
    values: &'a [Cell],
}

impl<'a> Cells<'a> {
    /// Of names and values.
    pub fn new(columns: &'a [String], values: &'a [Cell]) -> Cells<'a> {
        Cells { columns, values }
    }

    /// The bytes of a column; none where there is no such column, or it holds NULL.
    pub fn bytes(&self, name: &str) -> Option<&'a [u8]> {
        let at = self.columns.iter().position(|column| column.eq_ignore_ascii_case(name))?;
        self.values.get(at)?.as_deref()
    }
}

struct Bytes<R> {
    inner: R,
    line: u64,
}

impl<R: BufRead> Bytes<R> {
    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.inner.fill_buf()?.first().copied())
    }

    fn next(&mut self) -> io::Result<Option<u8>> {
        let Some(byte) = self.peek()? else { return Ok(None) };
        self.inner.consume(1);
        if byte == b'\n' {
            self.line += 1;
        }
        Ok(Some(byte))
    }

    fn no<T>(&self, what: &'static str) -> Result<T, DumpError> {
        Err(DumpError::Text { line: self.line, what })
    }

    /// Passes over white space and comments. `/*! ... */` is one, too: what stands in it is nothing that matters here.
    fn blank(&mut self) -> Result<(), DumpError> {
        while let Some(byte) = self.peek()? {
            match byte {
                byte if byte.is_ascii_whitespace() => {
                    self.next()?;
                }
                b'#' => self.line_end()?,
                b'-' => {
                    self.next()?;
                    if self.peek()? == Some(b'-') {
                        self.line_end()?;
                    }
                }
                b'/' => {
                    self.next()?;
                    if self.peek()? == Some(b'*') {
                        self.comment()?;
                    }
                }
                _ => break,
            }
        }
        Ok(())
    }

    fn line_end(&mut self) -> Result<(), DumpError> {
        while let Some(byte) = self.next()? {
            if byte == b'\n' {
                break;
            }
        }
        Ok(())
    }

    fn comment(&mut self) -> Result<(), DumpError> {
        self.next()?;
        let mut last = 0;
        while let Some(byte) = self.next()? {
            if last == b'*' && byte == b'/' {
                return Ok(());
            }
            last = byte;
        }
        self.no("a comment does not end")
    }

    /// The inside of quotes that were opened; a backslash and a doubled quote stand for what MySQL has them for.
    fn quoted(&mut self, quote: u8) -> Result<Vec<u8>, DumpError> {
        let mut out = Vec::new();
        loop {
            let Some(byte) = self.next()? else { return self.no("a quote does not end; the dump is not whole") };
            if byte == quote {
                if self.peek()? != Some(quote) {
                    return Ok(out);
                }
                self.next()?;
                out.push(quote);
            } else if byte == b'\\' && quote != b'`' {
                let Some(byte) = self.next()? else { return self.no("a quote does not end; the dump is not whole") };
                out.push(match byte {
                    b'0' => 0,
                    b'b' => 8,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'Z' => 26,
                    other => other,
                });
            } else {
                out.push(byte);
            }
            if out.len() > MOST_VALUE {
                return self.no("a value is longer than 16 MiB");
            }
        }
    }

    /// A word of letters, digits and a few signs.
    fn word(&mut self) -> Result<String, DumpError> {
        let mut out = String::new();
        while let Some(byte) = self.peek()? {
            if !(byte.is_ascii_alphanumeric() || b"_$.+-".contains(&byte)) || byte >= 128 {
                break;
            }
            self.next()?;
            out.push(char::from(byte));
            if out.len() > MOST_WORD {
                return self.no("a word is longer than any of a dump");
            }
        }
        Ok(out)
    }

    /// A name, in quotes or not; of `DATABASE.TABLE` the last part.
    fn name(&mut self) -> Result<String, DumpError> {
        loop {
            self.blank()?;
            let name = match self.peek()? {
                Some(quote @ (b'`' | b'"')) => {
                    self.next()?;
                    String::from_utf8_lossy(&self.quoted(quote)?).into_owned()
                }
                _ => self.word()?.rsplit('.').next().unwrap_or_default().to_owned(),
            };
            if self.peek()? == Some(b'.') {
                self.next()?;
                continue;
            }
            return Ok(name);
        }
    }

    /// Passes over the rest of a statement.
    fn skip(&mut self) -> Result<(), DumpError> {
        loop {
            self.blank()?;
            match self.next()? {
                None | Some(b';') => return Ok(()),
                Some(quote @ (b'\'' | b'"' | b'`')) => {
                    self.quoted(quote)?;
                }
                Some(_) => {}
            }
        }
    }

    /// A value, as far as the comma or bracket after it.
    fn value(&mut self) -> Result<Cell, DumpError> {
        // A minus is a number's here, and begins no comment.
        while self.peek()?.is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.next()?;
        }
        if let Some(quote @ (b'\'' | b'"')) = self.peek()? {
            self.next()?;
            return Ok(Some(self.quoted(quote)?));
        }
        let word = self.word()?;
        if word.eq_ignore_ascii_case("null") {
            return Ok(None);
        }
        if let Some(digits) = word.strip_prefix("0x").or(word.strip_prefix("0X")) {
            return hex(digits)
                .map_or_else(|| self.no("a value of hexadecimal digits has other characters"), |out| Ok(Some(out)));
        }
        if word.starts_with('_') {
            self.blank()?;
        }
        if let Some(quote @ (b'\'' | b'"')) = self.peek()? {
            // `x'4142'`, `_binary 'AB'`.
            self.next()?;
            let inside = self.quoted(quote)?;
            if word.eq_ignore_ascii_case("x") {
                let digits = String::from_utf8_lossy(&inside).into_owned();
                return hex(&digits).map_or_else(
                    || self.no("a value of hexadecimal digits has other characters"),
                    |out| Ok(Some(out)),
                );
            }
            return Ok(Some(inside));
        }
        if word.is_empty() {
            return self.no("a value was due");
        }
        Ok(Some(word.into_bytes()))
    }
}

fn hex(digits: &str) -> Cell {
    let digits: Option<Vec<u32>> = digits.chars().map(|c| c.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
    Some(digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}

/// Calls for each row of a table.
///
/// # Errors
/// What `take` says, and [`DumpError`]: among others, a dump that breaks off.
pub fn rows<E: From<DumpError>>(
    dump: impl BufRead,
    table: &str,
    mut take: impl FnMut(Cells<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut bytes = Bytes { inner: dump, line: 1 };
    let mut columns: Vec<String> = Vec::new();
    loop {
        bytes.blank()?;
        if bytes.peek().map_err(DumpError::Io)?.is_none() {
            return Ok(());
        }
        let first = bytes.word()?.to_ascii_lowercase();
        match first.as_str() {
            "create" => {
                if let Some(found) = create(&mut bytes, table)? {
                    columns = found;
                }
            }
            "insert" | "replace" => insert(&mut bytes, table, &columns, &mut take)?,
            _ => bytes.skip()?,
        }
    }
}

/// Columns of `CREATE TABLE`, if it is of the table.
fn create<R: BufRead>(bytes: &mut Bytes<R>, table: &str) -> Result<Option<Vec<String>>, DumpError> {
    let mut of_table = false;
    loop {
        let word = bytes.name()?;
        match word.to_ascii_lowercase().as_str() {
            "temporary" | "if" | "not" | "exists" => {}
            "table" if !of_table => of_table = true,
            _ if of_table && word.eq_ignore_ascii_case(table) => break,
            _ => {
                bytes.skip()?;
                return Ok(None);
            }
        }
    }
    bytes.blank()?;
    if bytes.next()? != Some(b'(') {
        return bytes.no("CREATE TABLE has no columns").map(Some);
    }
    let mut columns = Vec::new();
    loop {
        bytes.blank()?;
        let quoted = matches!(bytes.peek()?, Some(b'`' | b'"'));
        let name = bytes.name()?;
        let is_key = ["primary", "key", "unique", "index", "fulltext", "constraint", "foreign", "spatial", "check"]
            .contains(&name.to_ascii_lowercase().as_str());
        if quoted || !is_key {
            columns.push(name);
        }
        if columns.len() > MOST_COLUMNS {
            return bytes.no("CREATE TABLE has more columns than any table").map(Some);
        }
        // The rest of the column, as far as the comma that is in no brackets.
        let mut depth = 0;
        loop {
            bytes.blank()?;
            match bytes.next()? {
                None => return bytes.no("CREATE TABLE does not end; the dump is not whole").map(Some),
                Some(quote @ (b'\'' | b'"' | b'`')) => {
                    bytes.quoted(quote)?;
                }
                Some(b'(') => depth += 1,
                Some(b')') if depth == 0 => {
                    bytes.skip()?;
                    return Ok(Some(columns));
                }
                Some(b')') => depth -= 1,
                Some(b',') if depth == 0 => break,
                Some(_) => {}
            }
        }
    }
}

fn insert<R: BufRead, E: From<DumpError>>(
    bytes: &mut Bytes<R>,
    table: &str,
    known: &[String],
    take: &mut impl FnMut(Cells<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut name = bytes.name()?;
    while ["ignore", "delayed", "low_priority", "high_priority", "into"].contains(&name.to_ascii_lowercase().as_str()) {
        name = bytes.name()?;
    }
    if !name.eq_ignore_ascii_case(table) {
        return Ok(bytes.skip()?);
    }
    bytes.blank()?;
    let mut columns = known.to_vec();
    if bytes.peek().map_err(DumpError::Io)? == Some(b'(') {
        columns.clear();
        while bytes.next().map_err(DumpError::Io)?.is_some_and(|byte| byte != b')') {
            columns.push(bytes.name()?);
            bytes.blank()?;
            if columns.len() > MOST_COLUMNS {
                return Ok(bytes.no("INSERT has more columns than any table")?);
            }
        }
        bytes.blank()?;
    }
    if !bytes.word()?.to_ascii_lowercase().starts_with("value") {
        return Ok(bytes.no("INSERT without VALUES")?);
    }
    if columns.is_empty() {
        return Ok(bytes.no("INSERT of a table without CREATE TABLE before it; dump with --complete-insert")?);
    }
    loop {
        bytes.blank()?;
        match bytes.next().map_err(DumpError::Io)? {
            Some(b'(') => {}
            Some(b',') => continue,
            Some(b';') => return Ok(()),
            None => return Ok(bytes.no("INSERT does not end; the dump is not whole")?),
            Some(_) => return Ok(bytes.no("INSERT has something else than rows")?),
        }
        let mut values = Vec::with_capacity(columns.len());
        loop {
            values.push(bytes.value()?);
            bytes.blank()?;
            match bytes.next().map_err(DumpError::Io)? {
                Some(b',') if values.len() < columns.len() => {}
                Some(b')') => break,
                _ => return Ok(bytes.no("a row has other values than columns")?),
            }
        }
        if values.len() != columns.len() {
            return Ok(bytes.no("a row has fewer values than columns")?);
        }
        take(Cells::new(&columns, &values))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(dump: &[u8], column: &str) -> Result<Vec<Cell>, DumpError> {
        let mut found = Vec::new();
        rows(dump, "user", |cells| {
            found.push(cells.bytes(column).map(<[u8]>::to_vec));
            Ok::<_, DumpError>(())
        })?;
        Ok(found)
    }

    const TABLE: &str = "CREATE TABLE `user` (\n  `id` int(11) NOT NULL DEFAULT '0',\n  `name` varchar(254) DEFAULT 'a,b)',\n\
                         PRIMARY KEY (`id`),\n  KEY `user_name` (`name`(10),`id`)\n) ENGINE=InnoDB;\n";

    fn names(inserts: &str) -> Vec<Cell> {
        all(format!("{TABLE}{inserts}").as_bytes(), "name").unwrap()
    }

    fn text(text: &str) -> Cell {
        Some(text.as_bytes().to_vec())
    }

    #[test]
    fn rows_are_found_by_the_order_of_the_tables_columns() {
        let dump = "-- a dump; with 'quotes\n/*!40101 SET NAMES utf8 */;\nLOCK TABLES `user` WRITE;\n\
                    INSERT INTO `users` VALUES (1,'x');\nINSERT INTO `user` VALUES (1,'Ann'),(2,NULL);\nINSERT INTO `user` VALUES (3,'O\\'Neil; -- (')\n;\n";
        assert_eq!(names(dump), [text("Ann"), None, text("O'Neil; -- (")]);
        assert_eq!(all(format!("{TABLE}{dump}").as_bytes(), "id").unwrap()[2], text("3"));
        assert_eq!(all(format!("{TABLE}{dump}").as_bytes(), "other").unwrap(), [None, None, None]);
    }

    #[test]
    fn named_columns_need_no_table() {
        let dump =
            b"insert ignore into boinc.user (`name`, `id`) values ('b', -1.5e3), (_binary 'c', 0x4142), (x'64', +2);";
        assert_eq!(all(dump, "name").unwrap(), [text("b"), text("c"), text("d")]);
        assert_eq!(all(dump, "id").unwrap(), [text("-1.5e3"), text("AB"), text("+2")]);
    }

    #[test]
    fn escapes_are_those_of_mysql() {
        let dump = "INSERT INTO `user` VALUES (1,'a\\0b\\nc\\\\d\\\"e\\Zf''g\\%h');";
        assert_eq!(names(dump), [text("a\0b\nc\\d\"e\u{1a}f'g%h")]);
        let bytes = all(&[TABLE.as_bytes(), b"INSERT INTO user VALUES (1,'J\xfcrgen');"].concat(), "name").unwrap();
        assert_eq!(bytes, [Some(b"J\xfcrgen".to_vec())]);
    }

    #[test]
    fn what_breaks_off_is_told_with_its_line() {
        for (dump, line) in [
            ("INSERT INTO `user` VALUES (1,'Ann", 7),
            ("INSERT INTO `user` VALUES (1,'Ann')", 7),
            ("INSERT INTO `user` VALUES (1)", 7),
            ("\nINSERT INTO `user` VALUES (1,'a','b')", 8),
            ("INSERT INTO `user` SELECT 1", 7),
        ] {
            match all(format!("{TABLE}{dump}").as_bytes(), "id") {
                Err(DumpError::Text { line: found, .. }) => assert_eq!(found, line, "{dump}"),
                other => panic!("{dump}: {other:?}"),
            }
        }
        assert!(all(b"INSERT INTO user VALUES (1,2);", "id").is_err());
    }

    proptest! {
        #[test]
        fn any_text_comes_back(value in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut escaped = Vec::new();
            for byte in &value {
                match byte {
                    0 => escaped.extend(b"\\0"),
                    b'\n' => escaped.extend(b"\\n"),
                    b'\'' | b'"' | b'\\' => escaped.extend([b'\\', *byte]),
                    other => escaped.push(*other),
                }
            }
            let dump = [TABLE.as_bytes(), b"INSERT INTO `user` VALUES (1,'", &escaped, b"');"].concat();
            prop_assert_eq!(all(&dump, "name").unwrap(), [Some(value)]);
        }

        #[test]
        fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = all(&[TABLE.as_bytes(), b"INSERT INTO user VALUES (", &bytes].concat(), "name");
        }
    }
}
