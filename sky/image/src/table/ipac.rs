//! The general IPAC table, in memory.

use super::{Column, ColumnType, save_text};
use std::path::{Path, PathBuf};

/// An IPAC table: keywords, comments, columns, rows of text cells.
///
/// Cells are kept as written, so that reading and writing again changes no digit; [`IpacTable::f64`] and
/// [`IpacTable::i64`] give them as numbers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct IpacTable {
    /// `\key = value` lines in order, quotes removed.
    pub keywords: Vec<(String, String)>,
    /// `\ text` lines in order, without the backslash and the blank.
    pub comments: Vec<String>,
    columns: Vec<Column>,
    rows: Vec<Vec<Option<String>>>,
}

/// What can be wrong with a table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The table's file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The output is there already.
    #[error("{}: the file exists already; say --force to replace it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The text is no IPAC table.
    #[error("line {line}: data before any header line that starts with '|'; this is not an IPAC table")]
    NoHeader {
        /// 1-based line.
        line: usize,
    },
    /// The table has no columns at all.
    #[error("no header line that starts with '|'; this is not an IPAC table")]
    Empty,
    /// Header lines disagree.
    #[error("line {line}: {found} columns where the first header line has {expected}")]
    HeaderWidth {
        /// 1-based line.
        line: usize,
        /// Columns of this line.
        found: usize,
        /// Columns of the first header line.
        expected: usize,
    },
    /// A column that the reader needs is absent.
    #[error("column '{name}' is missing; the table has: {present}")]
    MissingColumn {
        /// Name looked for.
        name: String,
        /// Names that are there.
        present: String,
    },
    /// A cell does not hold what its column promises.
    #[error("row {row}, column '{column}': '{value}' is not {expected}")]
    BadCell {
        /// 1-based data row.
        row: usize,
        /// Column name.
        column: String,
        /// The cell's text.
        value: String,
        /// What was wanted, with its article.
        expected: &'static str,
    },
    /// An error of the table in a file.
    #[error("{}: {source}", path.display())]
    InFile {
        /// The table's file.
        path: PathBuf,
        /// What is wrong.
        source: Box<TableError>,
    },
}

impl IpacTable {
    /// An empty table with these columns.
    pub fn new(columns: Vec<Column>) -> IpacTable {
        IpacTable { columns, ..IpacTable::default() }
    }

    /// Reads a table file. Bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// [`TableError::Io`], or [`TableError::InFile`] around what [`IpacTable::parse`] says.
    pub fn read(path: &Path) -> Result<IpacTable, TableError> {
        let bytes = std::fs::read(path).map_err(|source| TableError::Io { path: path.to_owned(), source })?;
        IpacTable::parse(&String::from_utf8_lossy(&bytes))
            .map_err(|source| TableError::InFile { path: path.to_owned(), source: Box::new(source) })
    }

    /// Writes the table under a temporary name and renames it to `path`.
    ///
    /// # Errors
    /// [`TableError::Exists`] when `path` is there and `overwrite` is false; [`TableError::Io`].
    pub fn write(&self, path: &Path, overwrite: bool) -> Result<(), TableError> {
        save_text(path, &self.to_text(), overwrite)
    }

    /// The columns in order.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The columns in order, to set units, nulls or widths.
    pub fn columns_mut(&mut self) -> &mut [Column] {
        &mut self.columns
    }

    /// Number of data rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True without data rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The value of a `\key = value` line; case does not count.
    pub fn keyword(&self, key: &str) -> Option<&str> {
        self.keywords.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).map(|(_, v)| v.as_str())
    }

    /// Index of a column: the exact name, else the first that differs in case alone.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns
            .iter()
            .position(|c| c.name == name)
            .or_else(|| self.columns.iter().position(|c| c.name.eq_ignore_ascii_case(name)))
    }

    /// Index of a column that must be there.
    ///
    /// # Errors
    /// [`TableError::MissingColumn`].
    pub fn need(&self, name: &str) -> Result<usize, TableError> {
        self.column(name).ok_or_else(|| TableError::MissingColumn {
            name: name.to_owned(),
            present: self.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }

    /// The text of a cell, blanks around it removed; None when it is null or outside the table.
    pub fn text(&self, row: usize, column: usize) -> Option<&str> {
        self.rows.get(row)?.get(column)?.as_deref()
    }

    /// A cell as a number; Ok(None) when it is null.
    ///
    /// # Errors
    /// [`TableError::BadCell`] when the text is no number.
    pub fn f64(&self, row: usize, column: usize) -> Result<Option<f64>, TableError> {
        self.text(row, column).map_or(Ok(None), |text| {
            let plain = text.replace(['D', 'd'], "e");
            plain.parse().map(Some).map_err(|_| self.bad_cell(row, column, "a number"))
        })
    }

    /// A cell as an integer; Ok(None) when it is null. `3.0` counts as 3.
    ///
    /// # Errors
    /// [`TableError::BadCell`] when the text is no integer.
    pub fn i64(&self, row: usize, column: usize) -> Result<Option<i64>, TableError> {
        let Some(text) = self.text(row, column) else {
            return Ok(None);
        };
        if let Ok(value) = text.parse() {
            return Ok(Some(value));
        }
        let real = self.f64(row, column)?.filter(|v| v.trunc() == *v && v.abs() < 9e15);
        real.map(|v| Some(v as i64)).ok_or_else(|| self.bad_cell(row, column, "an integer"))
    }

    /// Error for a cell that does not hold what the caller needs (`expected` with its article).
    pub fn bad_cell(&self, row: usize, column: usize, expected: &'static str) -> TableError {
        TableError::BadCell {
            row: row + 1,
            column: self.columns.get(column).map_or_else(String::new, |c| c.name.clone()),
            value: self.text(row, column).unwrap_or("").to_owned(),
            expected,
        }
    }

    /// Appends a row: one cell a column, None for null. Missing cells are null, further ones are dropped; blanks
    /// around a cell go, line breaks inside become blanks, an empty cell is null.
    pub fn push<I: IntoIterator<Item = Option<String>>>(&mut self, cells: I) {
        let mut row: Vec<Option<String>> = cells
            .into_iter()
            .take(self.columns.len())
            .map(|cell| cell.map(|t| t.replace(['\n', '\r'], " ").trim().to_owned()).filter(|t| !t.is_empty()))
            .collect();
        row.resize(self.columns.len(), None);
        self.rows.push(row);
    }

    /// Appends a column, null in each row, and returns its index.
    pub fn add_column(&mut self, column: Column) -> usize {
        self.columns.push(column);
        for row in &mut self.rows {
            row.push(None);
        }
        self.columns.len() - 1
    }

    /// Sets a cell; outside the table nothing happens.
    pub fn set(&mut self, row: usize, column: usize, value: Option<String>) {
        if let Some(cell) = self.rows.get_mut(row).and_then(|r| r.get_mut(column)) {
            *cell = value.map(|t| t.replace(['\n', '\r'], " ").trim().to_owned()).filter(|t| !t.is_empty());
        }
    }

    /// The type of a column, [`ColumnType::Char`] outside the table.
    pub fn kind(&self, column: usize) -> ColumnType {
        self.columns.get(column).map_or(ColumnType::Char, |c| c.kind)
    }
}
