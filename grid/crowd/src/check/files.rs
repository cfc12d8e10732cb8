//! Files: each row has its file, and each file its row.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use super::units::Found;
use super::{CheckError, How, Report, each};
use crate::project::Project;
use crate::sign::md5_hex;
use crate::spool::{Location, Options, Spool};
use crate::store::{Database, FileRow, MOST_OUTPUTS, OutputRow, Place, Row, StoreError, Value};

/// Rows that speak of files.
pub(super) struct Rows {
    files: Vec<FileRow>,
    outputs: Vec<OutputRow>,
}

/// Reads the rows, and checks what they say of each other.
pub(super) fn rows(database: &mut dyn Database, found: &Found, report: &mut Report) -> Result<Rows, StoreError> {
    let mut rows = Rows { files: Vec::new(), outputs: Vec::new() };
    each(database, |row: FileRow| rows.files.push(row))?;
    each(database, |row: OutputRow| rows.outputs.push(row))?;
    report.files = rows.files.len();
    report.outputs = rows.outputs.len();
    let mut here: HashMap<i64, usize> = HashMap::new();
    for row in &rows.outputs {
        *here.entry(row.id / MOST_OUTPUTS).or_insert(0) += 1;
        if !found.with_files.contains_key(&(row.id / MOST_OUTPUTS)) {
            report.problem("outputs have results", format!("output {} is of a result that has none", row.id));
        }
    }
    for (result, most) in &found.with_files {
        let count = here.get(result).copied().unwrap_or(0);
        if count == 0 || count > *most {
            report.problem("outputs have results", format!("result {result} has {count} outputs of {most}"));
        }
    }
    let known: HashSet<&str> = rows.files.iter().map(|row| row.name.as_str()).collect();
    for row in &rows.files {
        let used = found.inputs.get(&row.name).copied().unwrap_or(0);
        if row.uses != used {
            report.problem(
                "files count their units",
                format!("file {} counts {} and {used} need it", row.name, row.uses),
            );
        }
    }
    for (name, count) in &found.inputs {
        if !known.contains(name.as_str()) {
            report.problem("units have their files", format!("{count} units need file {name}, which is not known"));
        }
    }
    Ok(rows)
}

/// Checks the files themselves.
pub(super) fn check(project: &Project, rows: &Rows, report: &mut Report, how: How) -> Result<(), CheckError> {
    for row in &rows.files {
        let path = project.download_path(&row.name);
        let size = fs::metadata(&path).map(|file| file.len() as i64).ok();
        if size != Some(row.bytes) {
            let is = size.map_or("missing".to_owned(), |size| format!("{size} bytes long"));
            report.problem("rows have files", format!("{} is {is}, not {} bytes", path.display(), row.bytes));
        } else if how.deep && fs::read(&path).is_ok_and(|bytes| md5_hex(&bytes) != row.md5) {
            report.problem("files are as they were", format!("{} has another MD5 than {}", path.display(), row.md5));
        }
    }
    let known: HashSet<&str> = rows.files.iter().map(|row| row.name.as_str()).collect();
    orphans(&project.dir.join("download"), &known, report);
    outputs(project, rows, report, how)
}

/// Files that no row knows; those of an unfinished copy begin with a dot.
fn orphans(folder: &Path, known: &HashSet<&str>, report: &mut Report) {
    let Ok(fans) = fs::read_dir(folder) else { return };
    for file in fans.flatten().filter_map(|fan| fs::read_dir(fan.path()).ok()).flatten().flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && !known.contains(name.as_str()) {
            report.problem("files have rows", format!("{} is in no row", file.path().display()));
        }
    }
}

fn outputs(project: &Project, rows: &Rows, report: &mut Report, how: How) -> Result<(), CheckError> {
    if rows.outputs.is_empty() {
        return Ok(());
    }
    let spool = Spool::open(&project.dir.join("upload"), "check", Options::default())?;
    for row in &rows.outputs {
        let location = Location {
            segment: row.segment.clone(),
            offset: row.place.unsigned_abs(),
            bytes: row.bytes.unsigned_abs(),
        };
        match spool.read(&location) {
            Ok(bytes) if how.deep && md5_hex(&bytes) != row.md5 => {
                report.problem("files are as they were", format!("output {} at {location} has another MD5", row.id));
            }
            Ok(_) => {}
            // One that was deleted in the meantime has no row any more.
            Err(error) if still(project, row)? => {
                report.problem("rows have files", format!("output {}: {error}", row.id));
            }
            Err(_) => {}
        }
    }
    Ok(())
}

fn still(project: &Project, row: &OutputRow) -> Result<bool, CheckError> {
    let mut database = project.database_to_read()?;
    let found = database.find(OutputRow::TABLE, Place::of("id"), &[Value::Int(row.id)])?;
    Ok(found.into_iter().any(|values| OutputRow::of(values).is_ok_and(|now| now == *row)))
}
