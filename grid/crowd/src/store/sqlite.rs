//! SQLite: one file, one writer, a write-ahead log that is synced with every commit.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, ToSql, params_from_iter};

use super::database::{Database, Place, StoreError};
use super::log::Log;
use super::row::{Table, Value};

/// The schema as each version left it, to be run one after another.
pub(super) const MIGRATIONS: [&str; 1] = [include_str!("schema/0001_first.sql")];

/// A connection to a project's database file.
pub struct SqliteDatabase {
    connection: Connection,
    place: String,
    log: Option<Log>,
}

impl SqliteDatabase {
    /// Opens a database for writing; makes it, or brings its schema up to date, where that is needed.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(path: &Path) -> Result<SqliteDatabase, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut database = SqliteDatabase::connect(path, flags)?;
        database.pragma("journal_mode = wal")?;
        // FULL: what was committed is on the disk, whatever happens to the machine.
        database.pragma("synchronous = full")?;
        // What is committed is brought from the log to its place by another thread.
        database.pragma("wal_autocheckpoint = 0")?;
        database.migrate()?;
        database.log = Some(Log::watch(path)?);
        Ok(database)
    }

    /// Opens a database for reading beside its writer.
    ///
    /// # Errors
    /// [`StoreError`]: among others, where there is none.
    pub fn open_to_read(path: &Path) -> Result<SqliteDatabase, StoreError> {
        SqliteDatabase::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .and_then(|mut database| database.pragma("query_only = 1").map(|()| database))
    }

    fn connect(path: &Path, flags: OpenFlags) -> Result<SqliteDatabase, StoreError> {
        let place = path.display().to_string();
        let connection = Connection::open_with_flags(path, flags).map_err(|error| said(&place, &error))?;
        connection.set_prepared_statement_cache_capacity(256);
        connection.busy_timeout(Duration::from_secs(30)).map_err(|error| said(&place, &error))?;
        let mut database = SqliteDatabase { connection, place, log: None };
        database.pragma("cache_size = -32768")?;
        database.pragma("temp_store = memory")?;
        Ok(database)
    }

    /// Writes a copy of the whole database to a new file while others write on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn copy_to(&mut self, path: &Path) -> Result<(), StoreError> {
        let text = path.display().to_string();
        self.connection.execute("vacuum into ?1", [text]).map(|_| ()).map_err(|error| said(&self.place, &error))
    }

    fn pragma(&mut self, text: &str) -> Result<(), StoreError> {
        self.run(&format!("pragma {text}"))
    }

    fn run(&mut self, text: &str) -> Result<(), StoreError> {
        self.connection.execute_batch(text).map_err(|error| said(&self.place, &error))
    }

    fn migrate(&mut self) -> Result<(), StoreError> {
        self.begin()?;
        let exists = self.ask("select count(*) from sqlite_master where name = 'schema_version'", &[])?;
        let found = match exists.first().and_then(|row| row.first()) {
            Some(Value::Int(1)) => version(&self.ask("select version from schema_version", &[])?),
            _ => 0,
        };
        let known = MIGRATIONS.len();
        let done = usize::try_from(found).ok().filter(|done| *done <= known);
        let done = done.ok_or_else(|| StoreError::Later { place: self.place.clone(), found, known: known as i64 })?;
        for migration in MIGRATIONS.iter().skip(done) {
            self.run(&migration.replace("bigint primary key", "integer primary key"))?;
        }
        self.commit()
    }

    fn rows(&mut self, text: &str, values: &[&[Value]]) -> Result<Vec<Vec<Value>>, StoreError> {
        let place = &self.place;
        let failed = |error: rusqlite::Error| said(place, &error);
        let mut statement = self.connection.prepare_cached(text).map_err(failed)?;
        let columns = statement.column_count();
        let mut found = Vec::new();
        for values in values {
            let mut rows = statement.query(params_from_iter(values.iter())).map_err(failed)?;
            while let Some(row) = rows.next().map_err(failed)? {
                let values: Result<Vec<Value>, _> = (0..columns).map(|at| row.get_ref(at).map(value)).collect();
                found.push(values.map_err(failed)?);
            }
        }
        Ok(found)
    }

    fn each(&mut self, text: &str, rows: impl IntoIterator<Item = Vec<Value>>) -> Result<(), StoreError> {
        let place = &self.place;
        let failed = |error: rusqlite::Error| said(place, &error);
        let mut statement = self.connection.prepare_cached(text).map_err(failed)?;
        for row in rows {
            statement.execute(params_from_iter(row.iter())).map_err(failed)?;
        }
        Ok(())
    }
}

/// The schema's version in its table's rows.
pub(super) fn version(rows: &[Vec<Value>]) -> i64 {
    match rows.first().and_then(|row| row.first()) {
        Some(Value::Int(version)) => *version,
        _ => 0,
    }
}

/// Names of a table's columns, as SQL lists them.
pub(super) fn names(table: &Table) -> String {
    table.columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// `select` from a table, as far as `where`.
pub(super) fn select(table: &Table) -> String {
    format!("select {} from {} where", names(table), table.name)
}

/// What follows a condition.
pub(super) fn and(place: Place) -> String {
    if place.and.is_empty() { String::new() } else { format!(" and {}", place.and) }
}

impl Database for SqliteDatabase {
    fn begin(&mut self) -> Result<(), StoreError> {
        self.run("begin immediate")
    }

    fn snapshot(&mut self) -> Result<(), StoreError> {
        self.run("begin deferred")
    }

    fn commit(&mut self) -> Result<(), StoreError> {
        self.run("commit")?;
        if self.log.as_mut().is_some_and(Log::is_long) {
            // Nearly all of it was brought to its place: the rest is little, and the log can begin anew. Where somebody still reads it,
            // it does so later.
            let _ = self.pragma("wal_checkpoint(restart)");
        }
        Ok(())
    }

    fn rollback(&mut self) {
        if !self.connection.is_autocommit() {
            // Where that fails, the next `begin` says so.
            let _ = self.run("rollback");
        }
    }

    fn find(&mut self, table: &'static Table, place: Place, keys: &[Value]) -> Result<Vec<Vec<Value>>, StoreError> {
        let text = format!("{} {} = ?1{}", select(table), place.column, and(place));
        let mut keys: Vec<&[Value]> = keys.iter().map(std::slice::from_ref).collect();
        keys.dedup();
        self.rows(&text, &keys)
    }

    fn between(&mut self, table: &'static Table, ranges: &[(i64, i64)]) -> Result<Vec<Vec<Value>>, StoreError> {
        let text = format!("{} id between ?1 and ?2", select(table));
        let bounds: Vec<[Value; 2]> = ranges.iter().map(|(from, to)| [Value::Int(*from), Value::Int(*to)]).collect();
        self.rows(&text, &bounds.iter().map(|bound| bound.as_slice()).collect::<Vec<_>>())
    }

    fn scan(
        &mut self,
        table: &'static Table,
        condition: &'static str,
        values: &[Value],
    ) -> Result<Vec<Vec<Value>>, StoreError> {
        let text = format!("{} {}", select(table), condition.replace('$', "?"));
        self.rows(&text, &[values])
    }

    fn ask(&mut self, statement: &'static str, values: &[Value]) -> Result<Vec<Vec<Value>>, StoreError> {
        self.rows(&statement.replace('$', "?"), &[values])
    }

    fn insert(&mut self, table: &'static Table, rows: &[Vec<Value>]) -> Result<(), StoreError> {
        let places = vec!["?"; table.columns.len()].join(", ");
        let text = format!("insert into {} ({}) values ({places})", table.name, names(table));
        self.each(&text, rows.iter().cloned())
    }

    fn update(&mut self, table: &'static Table, columns: u64, rows: &[Vec<Value>]) -> Result<(), StoreError> {
        let chosen: Vec<usize> = (1..table.columns.len()).filter(|at| columns >> at & 1 == 1).collect();
        let sets: Vec<String> = chosen.iter().map(|&at| format!("{} = ?", table.columns[at].0)).collect();
        let text = format!("update {} set {} where id = ?", table.name, sets.join(", "));
        let picked = |row: &Vec<Value>| chosen.iter().chain([&0]).map(|&at| row[at].clone()).collect();
        self.each(&text, rows.iter().map(picked))
    }

    fn delete(&mut self, table: &'static Table, keys: &[i64]) -> Result<(), StoreError> {
        let text = format!("delete from {} where id = ?", table.name);
        self.each(&text, keys.iter().map(|key| vec![Value::Int(*key)]))
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Value::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Value::Int(number) => ToSqlOutput::Borrowed(ValueRef::Integer(*number)),
            Value::Real(number) => ToSqlOutput::Borrowed(ValueRef::Real(*number)),
            Value::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

fn value(of: ValueRef<'_>) -> Value {
    match of {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
    }
}

fn said(place: &str, error: &rusqlite::Error) -> StoreError {
    let (place, cause) = (place.to_owned(), error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { place, cause },
        Some(ErrorCode::DiskFull) => StoreError::Full { place },
        _ => StoreError::Database { place, cause },
    }
}
