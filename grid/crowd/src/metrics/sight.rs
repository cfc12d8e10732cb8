//! Numbers that are looked up: by one thread on a connection of its own, every quarter of a minute, those that cost more every minute.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::Stages;
use crate::project::Project;
use crate::store::{Counter, Database, StoreError, Value};

const DAY: i64 = 86_400;
/// Seconds between two looks at what has no index and no count.
const SLOW: i64 = 60;

/// How a project stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    /// When it was looked at, seconds of Unix time.
    pub time: i64,
    /// Results that wait for hosts.
    pub unsent: i64,
    /// Results with hosts.
    pub in_progress: i64,
    /// Units in the database.
    pub units: i64,
    /// Units that are to be compared.
    pub to_validate: i64,
    /// Units whose outcome is to be handed on.
    pub to_assimilate: i64,
    /// Units whose files are to be deleted.
    pub to_delete: i64,
    /// Units that are to be done again by the server.
    pub to_refit: i64,
    /// Hosts heard of in the last day.
    pub hosts: i64,
    /// Users with credit of late.
    pub users: i64,
    /// Bytes of the database.
    pub database_bytes: u64,
    /// Bytes of uploads.
    pub spool_bytes: u64,
    /// Bytes free on the project's disk.
    pub disk_free: u64,
    /// Stages, and whether each runs.
    pub stages: Vec<(&'static str, bool)>,
}

fn number(database: &mut dyn Database, statement: &'static str, values: &[Value]) -> Result<i64, StoreError> {
    Ok(match database.ask(statement, values)?.first().and_then(|row| row.first()) {
        Some(Value::Int(number)) => *number,
        _ => 0,
    })
}

/// Who looks.
pub(crate) struct Looker {
    database: Box<dyn Database>,
    project: Arc<Project>,
    stages: Arc<Stages>,
    last: Sight,
    slow: i64,
}

impl Looker {
    /// With a connection of its own.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) fn new(project: Arc<Project>, stages: Arc<Stages>) -> Result<Looker, StoreError> {
        let database = project.database_to_read()?;
        Ok(Looker { database, project, stages, last: Sight::default(), slow: i64::MIN })
    }

    /// Looks.
    ///
    /// # Errors
    /// [`StoreError`]: nothing is known of the database; [`Looker::outside`] is.
    pub(crate) fn look(&mut self, now: i64) -> Result<Sight, StoreError> {
        self.outside(now);
        let database = self.database.as_mut();
        let count = |database: &mut dyn Database, counter: Counter| {
            number(database, "select value from counters where id = $1", &[Value::Int(counter as i64)])
        };
        let slow = now.saturating_sub(self.slow) >= SLOW || now < self.slow;
        let seen = &mut self.last;
        seen.unsent = count(database, Counter::Unsent)?;
        seen.in_progress = count(database, Counter::InProgress)?;
        seen.to_refit = count(database, Counter::Refits)?;
        seen.units = count(database, Counter::Unit)? - count(database, Counter::PurgedUnits)?;
        seen.to_validate = number(database, "select count(*) from units where validate = 1", &[])?;
        seen.to_assimilate = number(database, "select count(*) from units where assimilation = 1", &[])?;
        seen.to_delete = number(database, "select count(*) from units where deletion = 1", &[])?;
        if slow {
            let day = [Value::Int(now - DAY)];
            seen.hosts = number(database, "select count(*) from hosts where seen > $1 and merged_into is null", &day)?;
            seen.users = number(database, "select count(*) from users where average > 1", &[])?;
            seen.database_bytes = if self.project.config.database.url.is_empty() {
                let file = self.project.sqlite_path();
                let beside = |end: &str| PathBuf::from(format!("{}{end}", file.display()));
                ["", "-wal"].iter().map(|end| bytes(&beside(end))).sum()
            } else {
                number(database, "select pg_database_size(current_database())", &[])?.unsigned_abs()
            };
            seen.spool_bytes = folder_bytes(self.project.dir.join("upload"));
            self.slow = now;
        }
        Ok(self.last.clone())
    }

    /// Looks at what is no database's: disk and stages.
    pub(crate) fn outside(&mut self, now: i64) -> &Sight {
        let stages = &self.stages;
        let runs = |name, on: &std::sync::atomic::AtomicBool| (name, on.load(Ordering::Relaxed));
        self.last.time = now;
        self.last.stages = vec![
            runs("send", &stages.send),
            runs("validate", &stages.validate),
            runs("assimilate", &stages.assimilate),
            runs("delete", &stages.delete),
            runs("purge", &stages.purge),
            runs("generate", &stages.generate),
            runs("refit", &stages.refit),
        ];
        if let Ok(facts) = rustix::fs::statvfs(&self.project.dir) {
            self.last.disk_free = facts.f_bavail.saturating_mul(facts.f_frsize);
        }
        &self.last
    }
}

fn bytes(path: &std::path::Path) -> u64 {
    std::fs::metadata(path).map_or(0, |file| file.len())
}

/// Bytes of all files under a folder; those that go meanwhile count for nothing.
fn folder_bytes(folder: PathBuf) -> u64 {
    let (mut sum, mut folders) = (0, vec![folder]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(facts) if facts.is_dir() => folders.push(entry.path()),
                Ok(facts) => sum += facts.len(),
                Err(_) => {}
            }
        }
    }
    sum
}
