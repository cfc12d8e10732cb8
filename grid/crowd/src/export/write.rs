//! Tables as lines.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

use super::columns::Which;
use crate::role::MICRO;
use crate::store::{Database, MOST_RESULTS, StoreError, Value};

/// Rows that are read at once.
const PIECE: i64 = 5000;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Values with commas between (RFC 4180), names in the first line.
    Csv,
    /// An object on each line.
    Jsonl,
}

impl Format {
    fn suffix(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Jsonl => "jsonl",
        }
    }
}

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk.
    #[error("{path}: {cause}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        cause: io::Error,
    },
}

/// Writes tables into a folder, as `TABLE.csv` or `TABLE.jsonl`, all as of one moment; tables, files and rows.
///
/// Credit is in cobblestones, times are seconds of Unix time; a result's `unit_id` is its unit's number.
///
/// # Errors
/// [`ExportError`]; files that were written before stay.
pub fn export(
    database: &mut dyn Database,
    folder: &Path,
    tables: &[Which],
    format: Format,
    public: bool,
) -> Result<Vec<(&'static str, PathBuf, u64)>, ExportError> {
    fs::create_dir_all(folder).map_err(|cause| ExportError::File { path: folder.to_owned(), cause })?;
    database.snapshot()?;
    let written = (|| {
        let agreed = if public { Some(agreed(database)?) } else { None };
        tables
            .iter()
            .map(|which| {
                let path = folder.join(format!("{}.{}", which.name(), format.suffix()));
                let rows = table(database, &path, *which, format, agreed.as_ref())?;
                Ok((which.name(), path, rows))
            })
            .collect()
    })();
    database.rollback();
    written
}

/// Users who agreed that their names and what they did are published.
///
/// # Errors
/// [`StoreError`].
pub fn agreed(database: &mut dyn Database) -> Result<HashSet<i64>, StoreError> {
    let rows = database.ask("select id from users where consent = 1", &[])?;
    Ok(rows.iter().filter_map(|row| if let Some(Value::Int(id)) = row.first() { Some(*id) } else { None }).collect())
}

fn table(
    database: &mut dyn Database,
    path: &Path,
    which: Which,
    format: Format,
    agreed: Option<&HashSet<i64>>,
) -> Result<u64, ExportError> {
    let part = path.with_extension("part");
    let failed = |cause: io::Error| ExportError::File { path: part.clone(), cause };
    let mut out = BufWriter::with_capacity(1 << 16, File::create(&part).map_err(failed)?);
    let chosen = which.chosen(agreed.is_some());
    let mut names: Vec<&str> = chosen.iter().map(|(_, name)| *name).collect();
    if which == Which::Results {
        names.push("unit_id");
    }
    if format == Format::Csv {
        writeln!(out, "{}", names.join(",")).map_err(failed)?;
    }
    let (mut after, mut count) = (i64::MIN, 0);
    loop {
        let values = [Value::Int(after), Value::Int(PIECE)];
        let rows = database.scan(which.table(), "id > $1 order by id limit $2", &values)?;
        let Some(Value::Int(last)) = rows.last().and_then(|row| row.first()) else { break };
        after = *last;
        for row in &rows {
            let Some(shown) = shown(which, row, &chosen, agreed) else { continue };
            let line = match format {
                Format::Csv => shown.iter().map(csv).collect::<Vec<_>>().join(","),
                Format::Jsonl => {
                    let fields = names.iter().zip(&shown).map(|(name, value)| ((*name).to_owned(), json(value)));
                    Json::Object(fields.collect::<Map<_, _>>()).to_string()
                }
            };
            writeln!(out, "{line}").map_err(failed)?;
            count += 1;
        }
    }
    let file = out.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    fs::rename(&part, path).map_err(failed)?;
    Ok(count)
}

/// A value as it is told.
enum Told {
    Nothing,
    Whole(i64),
    Real(f64),
    Text(String),
}

/// A row's values; none for a row that is not for the public.
fn shown(
    which: Which,
    row: &[Value],
    chosen: &[(usize, &'static str)],
    agreed: Option<&HashSet<i64>>,
) -> Option<Vec<Told>> {
    let int = |name: &str| {
        let at = which.table().columns.iter().position(|(column, _)| *column == name)?;
        if let Some(Value::Int(number)) = row.get(at) { Some(*number) } else { None }
    };
    let may = |user: Option<i64>| agreed.is_none_or(|agreed| user.is_some_and(|user| agreed.contains(&user)));
    let named = match which {
        Which::Users => may(int("id")).then_some(true)?,
        Which::Hosts => (may(int("user_id")) && (agreed.is_none() || int("hidden") == Some(0))).then_some(true)?,
        Which::Results => may(int("user_id")),
        _ => true,
    };
    let value = |(at, name): &(usize, &'static str)| match row.get(*at) {
        Some(_) if !named && ["host_id", "user_id", "team_id"].contains(name) => Told::Nothing,
        Some(_) if *name == "founder_id" && !may(int("founder_id")) => Told::Nothing,
        Some(Value::Int(number)) if ["credit", "granted", "purged_credit"].contains(name) => {
            Told::Real(*number as f64 / MICRO as f64)
        }
        Some(Value::Int(number)) => Told::Whole(*number),
        Some(Value::Real(number)) => Told::Real(*number),
        Some(Value::Text(text)) => Told::Text(text.clone()),
        Some(Value::Null) | None => Told::Nothing,
    };
    let mut shown: Vec<Told> = chosen.iter().map(value).collect();
    if which == Which::Results {
        shown.push(int("id").map_or(Told::Nothing, |id| Told::Whole(id / MOST_RESULTS)));
    }
    Some(shown)
}

fn csv(value: &Told) -> String {
    match value {
        Told::Nothing => String::new(),
        Told::Whole(number) => number.to_string(),
        Told::Real(number) => number.to_string(),
        Told::Text(text) if text.contains([',', '"', '\n', '\r']) => format!("\"{}\"", text.replace('"', "\"\"")),
        Told::Text(text) => text.clone(),
    }
}

fn json(value: &Told) -> Json {
    match value {
        Told::Nothing => Json::Null,
        Told::Whole(number) => Json::from(*number),
        Told::Real(number) => Json::from(*number),
        Told::Text(text) => Json::from(text.as_str()),
    }
}
