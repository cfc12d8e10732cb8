//! What has to hold in a project, looked up: each rule that does not hold is named with the row that breaks it.
//!
//! Rows are read as of one moment, so that a project can be checked while it is served; files come and go between, so that what is
//! amiss with files is only told of rows that are still there afterwards.

mod files;
mod money;
mod people;
mod units;

use std::collections::HashMap;

use serde::Serialize;

use crate::project::{Project, ProjectError};
use crate::spool::SpoolError;
use crate::store::{Database, Row, StoreError, Value};

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The rule: a short name.
    pub rule: &'static str,
    /// What breaks it.
    pub what: String,
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Units.
    pub units: usize,
    /// Results.
    pub results: usize,
    /// Users.
    pub users: usize,
    /// Hosts.
    pub hosts: usize,
    /// Files that clients download.
    pub files: usize,
    /// Outputs that are here.
    pub outputs: usize,
    /// What does not hold.
    pub problems: Vec<Problem>,
}

/// Why nothing was checked.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum CheckError {
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder cannot be read.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The uploads' folder cannot be read.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

/// How to check.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// Whether files are read, and their sums compared.
    pub deep: bool,
    /// Seconds of Unix time.
    pub now: i64,
}

/// Problems of one rule that are told one by one; of more their number alone.
const MOST_OF_A_KIND: usize = 20;

impl Report {
    fn problem(&mut self, rule: &'static str, what: impl Into<String>) {
        self.problems.push(Problem { rule, what: what.into() });
    }

    fn shorten(&mut self) {
        let mut counts: HashMap<&'static str, usize> = HashMap::new();
        self.problems.retain(|problem| {
            let count = counts.entry(problem.rule).or_insert(0);
            *count += 1;
            *count <= MOST_OF_A_KIND
        });
        let mut more: Vec<_> = counts.into_iter().filter(|(_, count)| *count > MOST_OF_A_KIND).collect();
        more.sort_unstable();
        for (rule, count) in more {
            self.problem(rule, format!("and {} more", count - MOST_OF_A_KIND));
        }
    }
}

/// Checks a project.
///
/// # Errors
/// [`CheckError`]: what cannot be read; what was read and does not hold is in the report.
pub fn check(project: &Project, how: How) -> Result<Report, CheckError> {
    let mut database = project.database_to_read()?;
    let database = database.as_mut();
    let mut report = Report::default();
    database.snapshot()?;
    let checked = (|| {
        let people = people::check(database, &mut report)?;
        let found = units::check(database, &mut report, how)?;
        money::check(&people, &found, &mut report);
        files::rows(database, &found, &mut report)
    })();
    database.rollback();
    let rows = checked?;
    files::check(project, &rows, &mut report, how)?;
    report.shorten();
    Ok(report)
}

/// All rows of a table, in pieces.
fn each<R: Row>(database: &mut dyn Database, mut take: impl FnMut(R)) -> Result<(), StoreError> {
    const PIECE: i64 = 20_000;
    let mut after = i64::MIN;
    loop {
        let rows = database.scan(R::TABLE, "id > $1 order by id limit $2", &[Value::Int(after), Value::Int(PIECE)])?;
        let full = rows.len() as i64 == PIECE;
        for row in rows {
            let row = R::of(row)?;
            after = row.id();
            take(row);
        }
        if !full {
            return Ok(());
        }
    }
}
