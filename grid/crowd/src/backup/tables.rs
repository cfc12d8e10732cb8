//! Tables as lines of JSON: one array of values for each row, in the order of columns that the first line names.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value as Json, json};

use super::{BackupError, file_error};
use crate::store::{
    AppRow, AuditRow, BatchRow, CounterRow, Database, FactRow, FileRow, HostRow, HostVersionRow, KeyRow, Kind,
    NoticeRow, OldKeyRow, OutputRow, PlatformRow, ResultRow, Row, StoreError, Table, TeamRow, TrickleRow, UnitRow,
    UserRow, Value, VersionRow,
};

/// All tables.
const ALL: [&Table; 19] = [
    CounterRow::TABLE,
    UserRow::TABLE,
    TeamRow::TABLE,
    HostRow::TABLE,
    HostVersionRow::TABLE,
    AppRow::TABLE,
    VersionRow::TABLE,
    PlatformRow::TABLE,
    FileRow::TABLE,
    BatchRow::TABLE,
    UnitRow::TABLE,
    ResultRow::TABLE,
    OutputRow::TABLE,
    FactRow::TABLE,
    AuditRow::TABLE,
    NoticeRow::TABLE,
    TrickleRow::TABLE,
    KeyRow::TABLE,
    OldKeyRow::TABLE,
];

/// Rows that are read or written at once.
const PIECE: i64 = 5000;

/// Writes all tables of a database into a folder, as `TABLE.jsonl.gz`.
///
/// # Errors
/// [`BackupError`].
pub fn dump(database: &mut dyn Database, folder: &Path) -> Result<(), BackupError> {
    for table in ALL {
        let path = folder.join(format!("{}.jsonl.gz", table.name));
        let failed = |error: std::io::Error| file_error(&path, &error);
        let file = File::create(&path).map_err(failed)?;
        let mut out = GzEncoder::new(BufWriter::new(file), Compression::fast());
        let names: Vec<&str> = table.columns.iter().map(|(name, _)| *name).collect();
        writeln!(out, "{}", json!(names)).map_err(failed)?;
        let mut after = i64::MIN;
        loop {
            let values = [Value::Int(after), Value::Int(PIECE)];
            let rows = database.scan(table, "id > $1 order by id limit $2", &values)?;
            for row in &rows {
                if let Some(Value::Int(id)) = row.first() {
                    after = *id;
                }
                writeln!(out, "{}", Json::Array(row.iter().map(to_json).collect())).map_err(failed)?;
            }
            if (rows.len() as i64) < PIECE {
                break;
            }
        }
        let file = out.finish().and_then(|buffer| buffer.into_inner().map_err(std::io::IntoInnerError::into_error));
        file.and_then(|file| file.sync_all()).map_err(failed)?;
    }
    Ok(())
}

/// Reads tables that [`dump`] wrote into a database that has no rows yet.
///
/// # Errors
/// [`BackupError`]: among others, columns of a later version.
pub fn load(database: &mut dyn Database, folder: &Path) -> Result<(), BackupError> {
    database.begin()?;
    let loaded = ALL.into_iter().try_for_each(|table| load_one(database, table, folder));
    if loaded.is_err() {
        database.rollback();
        return loaded;
    }
    Ok(database.commit()?)
}

fn load_one(database: &mut dyn Database, table: &'static Table, folder: &Path) -> Result<(), BackupError> {
    let path = folder.join(format!("{}.jsonl.gz", table.name));
    let failed = |error: std::io::Error| file_error(&path, &error);
    let damaged = |cause: &str| BackupError::Damaged { path: path.clone(), cause: cause.to_owned() };
    let file = File::open(&path).map_err(failed)?;
    let mut lines = BufReader::new(GzDecoder::new(file)).lines();
    let head = lines.next().ok_or_else(|| damaged("it is empty"))?.map_err(failed)?;
    let names: Vec<String> = serde_json::from_str(&head).map_err(|_| damaged("its first line names no columns"))?;
    if names.iter().map(String::as_str).ne(table.columns.iter().map(|(name, _)| *name)) {
        return Err(damaged("its columns are those of another version of pogson"));
    }
    let mut rows = Vec::new();
    for line in lines {
        let values: Vec<Json> =
            serde_json::from_str(&line.map_err(failed)?).map_err(|_| damaged("a line is no row"))?;
        let row: Option<Vec<Value>> =
            table.columns.iter().zip(&values).map(|((_, kind), value)| of_json(*kind, value)).collect();
        rows.push(row.filter(|row| row.len() == table.columns.len()).ok_or_else(|| damaged("a row has other values"))?);
        if rows.len() as i64 == PIECE {
            put(database, table, &mut rows)?;
        }
    }
    Ok(put(database, table, &mut rows)?)
}

fn put(database: &mut dyn Database, table: &'static Table, rows: &mut Vec<Vec<Value>>) -> Result<(), StoreError> {
    if rows.is_empty() { Ok(()) } else { database.insert(table, &std::mem::take(rows)) }
}

/// Numbers with a point as texts, which are read back to the last bit.
fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Int(number) => json!(number),
        Value::Real(number) => json!(number.to_string()),
        Value::Text(text) => json!(text),
    }
}

fn of_json(kind: Kind, value: &Json) -> Option<Value> {
    match (kind, value) {
        (_, Json::Null) => Some(Value::Null),
        (Kind::Int, value) => value.as_i64().map(Value::Int),
        (Kind::Real, value) => value.as_str().and_then(|text| text.parse().ok()).map(Value::Real),
        (Kind::Text, value) => value.as_str().map(|text| Value::Text(text.to_owned())),
    }
}
