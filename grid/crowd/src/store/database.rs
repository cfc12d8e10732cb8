//! What a database has to do.

use super::row::{Table, Value};

/// Why the database did not.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum StoreError {
    /// It cannot be reached, or refuses what it was asked.
    #[error("the database {place}: {cause}")]
    Database {
        /// File or address, without password.
        place: String,
        /// What it said.
        cause: String,
    },
    /// It gave way to another transaction; the same may be asked again.
    #[error("the database {place} is busy: {cause}")]
    Busy {
        /// File or address, without password.
        place: String,
        /// What it said.
        cause: String,
    },
    /// The disk is full.
    #[error("the database {place} has no room left on its disk")]
    Full {
        /// File or address, without password.
        place: String,
    },
    /// A column holds what it cannot.
    #[error("column {column} of table {table} holds a value of another kind; the database was changed by other hands")]
    Column {
        /// Table.
        table: &'static str,
        /// Column.
        column: &'static str,
    },
    /// The database was made by a later version.
    #[error("the database {place} has schema {found}, and this program knows {known}; use a later pogson")]
    Later {
        /// File or address, without password.
        place: String,
        /// Its schema.
        found: i64,
        /// The last that is known.
        known: i64,
    },
}

/// Which rows: texts and numbers of one column, and perhaps a condition that an index was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The column.
    pub column: &'static str,
    /// What holds besides, in SQL that both databases read; empty for nothing.
    pub and: &'static str,
}

impl Place {
    /// Rows by a column alone.
    pub const fn of(column: &'static str) -> Place {
        Place { column, and: "" }
    }
}

/// A connection, used by one thread. Statements outside of a transaction read what is committed.
pub trait Database: Send {
    /// Begins a transaction that no other writer can come between.
    ///
    /// # Errors
    /// [`StoreError`]; as of all of these.
    fn begin(&mut self) -> Result<(), StoreError>;

    /// Begins to read as of one moment, until the transaction is taken back.
    ///
    /// # Errors
    /// [`StoreError`].
    fn snapshot(&mut self) -> Result<(), StoreError>;

    /// Whether this connection's process is the one of those that share the database which does what only one may: makes work,
    /// hands outcomes on, deletes. It becomes it where no other is, and stays it as long as its connection does.
    ///
    /// # Errors
    /// [`StoreError`].
    fn lead(&mut self) -> Result<bool, StoreError> {
        Ok(true)
    }

    /// Makes the transaction durable.
    ///
    /// # Errors
    /// [`StoreError`]: whether it was made is not known where the connection broke; else it was not.
    fn commit(&mut self) -> Result<(), StoreError>;

    /// Takes the transaction back; nothing where there is none.
    fn rollback(&mut self);

    /// Rows whose column has one of the values, in no order, each once.
    ///
    /// # Errors
    /// [`StoreError`].
    fn find(&mut self, table: &'static Table, place: Place, keys: &[Value]) -> Result<Vec<Vec<Value>>, StoreError>;

    /// Rows whose key lies in one of the ranges, both ends included; the ranges do not overlap.
    ///
    /// # Errors
    /// [`StoreError`].
    fn between(&mut self, table: &'static Table, ranges: &[(i64, i64)]) -> Result<Vec<Vec<Value>>, StoreError>;

    /// Rows for which a condition holds: what follows `where` in SQL that both databases read, with `$1` and so on for values,
    /// order and limit included.
    ///
    /// # Errors
    /// [`StoreError`].
    fn scan(
        &mut self,
        table: &'static Table,
        condition: &'static str,
        values: &[Value],
    ) -> Result<Vec<Vec<Value>>, StoreError>;

    /// What a statement of its own yields, in SQL that both databases read.
    ///
    /// # Errors
    /// [`StoreError`].
    fn ask(&mut self, statement: &'static str, values: &[Value]) -> Result<Vec<Vec<Value>>, StoreError>;

    /// Adds rows.
    ///
    /// # Errors
    /// [`StoreError`].
    fn insert(&mut self, table: &'static Table, rows: &[Vec<Value>]) -> Result<(), StoreError>;

    /// Writes the columns whose bits are set in `columns` (bit 0 is the key, which stays).
    ///
    /// # Errors
    /// [`StoreError`].
    fn update(&mut self, table: &'static Table, columns: u64, rows: &[Vec<Value>]) -> Result<(), StoreError>;

    /// Removes rows by their keys.
    ///
    /// # Errors
    /// [`StoreError`].
    fn delete(&mut self, table: &'static Table, keys: &[i64]) -> Result<(), StoreError>;
}
