//! A BOINC project's people come along: users with keys, passwords and credit, teams, computers, code signing keys.
//!
//! They are read from a dump of the project's MySQL database (`dump`), or, where none can be had, from its statistics (`elements`),
//! which tell neither addresses nor keys. Both are read once for each table and never held in memory; rows go to the engine some hundred
//! at a time, through the process that serves the project if one does. All may be done again: what was brought is known.

mod dump;
mod elements;
mod keys;
mod load;
mod person;
mod text;

pub use dump::{Cell, Cells, DumpError, rows};
pub use keys::take as keys_taken;
pub use load::{Became, Done, hosts, members, teams, users};
pub use person::{FormerHost, FormerTeam, FormerUser};

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::admin::{AdminError, Command, Way};
use crate::project::{Project, ProjectError};
use person::consent_of;
use text::Columns;

/// Rows of one transaction.
const AT_ONCE: usize = 400;
/// Notes of one kind that are told; of more their number alone.
const MOST_NOTES: usize = 200;

/// Why an import ended. What was brought before stays, and is not brought again.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The project, or its keys.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// The engine or its database.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The dump or the statistics.
    #[error("{path}: {cause}")]
    Source {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        cause: DumpError,
    },
    /// Nothing to read.
    #[error("{0} is neither a dump by mysqldump nor a folder of statistics (user.gz, team.gz, host.gz)")]
    Nothing(PathBuf),
    /// A word that cannot be the source's.
    #[error("{0:?} cannot name a source: use letters and digits")]
    Name(String),
}

/// How to import.
#[derive(Debug, Clone, Default)]
pub struct How {
    /// A word for where all comes from; numbers of two sources are not the same.
    pub source: String,
    /// Whether users agreed that name and credit are exported, where the dump does not tell.
    pub consent: bool,
    /// The BOINC project's folder of keys; none to leave them.
    pub keys: Option<PathBuf>,
    /// Seconds of Unix time.
    pub now: i64,
}

/// What became of those of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// New here.
    pub imported: usize,
    /// Came to what was here under the same address or name.
    pub joined: usize,
    /// Brought before.
    pub before: usize,
    /// Left out, each with the reason in the notes.
    pub skipped: usize,
    /// How often something was left out or altered.
    pub noted: usize,
    /// Credit that was brought, millionths of a cobblestone.
    pub credit: i64,
    /// What was left out or altered.
    pub notes: Vec<String>,
}

impl Count {
    fn note(&mut self, text: String) {
        self.noted += 1;
        if self.notes.len() < MOST_NOTES {
            self.notes.push(text);
        }
    }

    fn skip(&mut self, text: String) {
        self.skipped += 1;
        self.note(text);
    }

    fn take(&mut self, kind: &str, became: &[Became], credit: &HashMap<i64, i64>) {
        for one in became {
            let Became { former, id, .. } = one;
            match one.done {
                Done::New => self.imported += 1,
                Done::Joined => self.joined += 1,
                Done::Before => self.before += 1,
            }
            if one.done == Done::Before {
                continue;
            }
            self.credit += credit.get(former).copied().unwrap_or(0);
            for note in &one.notes {
                self.note(format!("{kind} {former}: {note}"));
            }
            if former != id {
                self.note(format!("{kind} {former} has number {id} here"));
            }
        }
    }
}

/// What was brought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Users.
    pub users: Count,
    /// Teams.
    pub teams: Count,
    /// Users that were put into teams.
    pub members: usize,
    /// Computers.
    pub hosts: Count,
    /// Code signing keys: the present one and those before.
    pub keys: usize,
}

/// Where rows come from.
#[derive(Debug)]
enum Source {
    /// A text that mysqldump wrote.
    Dump(PathBuf),
    /// A folder of statistics.
    Statistics(PathBuf),
}

impl Source {
    fn of(path: &Path) -> Result<Source, ImportError> {
        if path.is_dir() {
            let found = elements::file(path, "user").is_some();
            return if found {
                Ok(Source::Statistics(path.to_owned()))
            } else {
                Err(ImportError::Nothing(path.to_owned()))
            };
        }
        if path.is_file() { Ok(Source::Dump(path.to_owned())) } else { Err(ImportError::Nothing(path.to_owned())) }
    }

    /// Calls for each row of a table.
    fn each(
        &self,
        table: &str,
        take: &mut dyn FnMut(&dyn Reader) -> Result<(), ImportError>,
    ) -> Result<(), ImportError> {
        let told = |path: &Path, error: ReadError| match error {
            ReadError::Dump(cause) => ImportError::Source { path: path.to_owned(), cause },
            ReadError::Import(error) => error,
        };
        match self {
            Source::Dump(path) => {
                let file = elements::open(path).map_err(|error| told(path, ReadError::Dump(error.into())))?;
                rows(file, table, |cells| take(&cells).map_err(ReadError::Import)).map_err(|error| told(path, error))
            }
            Source::Statistics(folder) => {
                let Some(path) = elements::file(folder, table) else { return Ok(()) };
                let file = elements::open(&path).map_err(|error| told(&path, ReadError::Dump(error.into())))?;
                elements::each(file, table, |node| take(&node).map_err(ReadError::Import))
                    .map_err(|error| told(&path, error))
            }
        }
    }
}

/// An error on the way from a file to the engine.
enum ReadError {
    Dump(DumpError),
    Import(ImportError),
}

impl From<DumpError> for ReadError {
    fn from(error: DumpError) -> ReadError {
        ReadError::Dump(error)
    }
}

/// A row of either source.
trait Reader {
    fn user(&self, now: i64) -> FormerUser;
    fn team(&self, now: i64) -> FormerTeam;
    fn host(&self, now: i64) -> FormerHost;
    fn text_of(&self, name: &str) -> String;
    fn consent(&self, kind: i64) -> Option<(i64, bool)>;
}

impl Reader for Cells<'_> {
    fn user(&self, now: i64) -> FormerUser {
        FormerUser::of(self, now)
    }
    fn team(&self, now: i64) -> FormerTeam {
        FormerTeam::of(self, now)
    }
    fn host(&self, now: i64) -> FormerHost {
        FormerHost::of(self, now)
    }
    fn text_of(&self, name: &str) -> String {
        self.text(name)
    }
    fn consent(&self, kind: i64) -> Option<(i64, bool)> {
        consent_of(self, kind)
    }
}

impl Reader for crate::wire::Node {
    fn user(&self, now: i64) -> FormerUser {
        FormerUser::of(self, now)
    }
    fn team(&self, now: i64) -> FormerTeam {
        FormerTeam::of(self, now)
    }
    fn host(&self, now: i64) -> FormerHost {
        FormerHost::of(self, now)
    }
    fn text_of(&self, name: &str) -> String {
        self.text(name)
    }
    fn consent(&self, _: i64) -> Option<(i64, bool)> {
        None
    }
}

/// Where rows go.
struct Target<'a> {
    project: &'a Project,
    way: Way,
}

impl Target<'_> {
    fn send<T: DeserializeOwned>(&mut self, command: Command) -> Result<T, ImportError> {
        let said = self.way.run(command)?;
        if matches!(self.way, Way::Served(_)) {
            // One command on each way.
            self.way = Way::open(self.project.clone())?;
        }
        serde_json::from_value(said).map_err(|error| AdminError::Said(error.to_string()).into())
    }
}

/// Imports all that a source has.
///
/// # Errors
/// [`ImportError`].
pub fn import(project: &Project, from: &Path, how: &How) -> Result<Report, ImportError> {
    if how.source.is_empty() || how.source.len() > 40 || !how.source.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(ImportError::Name(how.source.clone()));
    }
    let source = Source::of(from)?;
    let mut target = Target { project, way: Way::open(project.clone())? };
    let mut report = Report::default();
    if let Some(folder) = &how.keys {
        let keys = keys::read(folder)?;
        report.keys = target.send(Command::ImportKeys { keys })?;
    }
    let agreed = agreed(&source)?;
    let (users, in_teams) = import_users(&source, &mut target, how, &agreed, &mut report)?;
    let teams = import_teams(&source, &mut target, how, &users, &mut report)?;
    let pairs: Vec<(i64, i64)> = in_teams.iter().filter_map(|(user, team)| Some((*user, *teams.get(team)?))).collect();
    for piece in pairs.chunks(AT_ONCE) {
        report.members += target.send::<usize>(Command::ImportMembers { pairs: piece.to_vec() })?;
    }
    import_hosts(&source, &mut target, how, &users, &mut report)?;
    Ok(report)
}

/// Users that agreed to the export, and did not; empty where the source does not tell.
fn agreed(source: &Source) -> Result<HashMap<i64, bool>, ImportError> {
    let mut agreed = HashMap::new();
    let mut kind = None;
    if matches!(source, Source::Dump(_)) {
        source.each("consent_type", &mut |row| {
            if row.text_of("shortname").eq_ignore_ascii_case("STATSEXPORT") {
                kind = row.text_of("id").trim().parse().ok();
            }
            Ok(())
        })?;
    }
    if let Some(kind) = kind {
        // A later row takes back what an earlier one gave.
        source.each("consent", &mut |row| {
            agreed.extend(row.consent(kind));
            Ok(())
        })?;
    }
    Ok(agreed)
}

/// Numbers here by former numbers, and the former teams of users that are here.
type Users = (HashMap<i64, i64>, Vec<(i64, i64)>);

fn import_users(
    source: &Source,
    target: &mut Target<'_>,
    how: &How,
    agreed: &HashMap<i64, bool>,
    report: &mut Report,
) -> Result<Users, ImportError> {
    let (mut numbers, mut in_teams) = (HashMap::new(), Vec::new());
    let mut waiting: Vec<FormerUser> = Vec::new();
    let mut send = |waiting: &mut Vec<FormerUser>, report: &mut Report| -> Result<(), ImportError> {
        let users = std::mem::take(waiting);
        let credit = users.iter().map(|user| (user.id, user.credit)).collect();
        let teams: Vec<(i64, i64)> = users.iter().map(|user| (user.id, user.team)).collect();
        let became: Vec<Became> = target.send(Command::ImportUsers { source: how.source.clone(), users })?;
        report.users.take("user", &became, &credit);
        numbers.extend(became.iter().map(|one| (one.former, one.id)));
        let here = teams.into_iter().filter(|(_, team)| *team != 0);
        in_teams.extend(here.filter_map(|(user, team)| Some((*numbers.get(&user)?, team))));
        Ok(())
    };
    source.each("user", &mut |row| {
        let mut user = row.user(how.now);
        user.consent = agreed.get(&user.id).copied().unwrap_or(how.consent);
        if user.id <= 0 {
            report.users.skip(format!("user {} has no number", user.id));
            return Ok(());
        }
        waiting.push(user);
        if waiting.len() >= AT_ONCE { send(&mut waiting, report) } else { Ok(()) }
    })?;
    if !waiting.is_empty() {
        send(&mut waiting, report)?;
    }
    Ok((numbers, in_teams))
}

fn import_teams(
    source: &Source,
    target: &mut Target<'_>,
    how: &How,
    users: &HashMap<i64, i64>,
    report: &mut Report,
) -> Result<HashMap<i64, i64>, ImportError> {
    let mut numbers = HashMap::new();
    let mut waiting: Vec<FormerTeam> = Vec::new();
    let mut send = |waiting: &mut Vec<FormerTeam>, report: &mut Report| -> Result<(), ImportError> {
        let teams = std::mem::take(waiting);
        let credit = teams.iter().map(|team| (team.id, team.credit)).collect();
        let became: Vec<Became> = target.send(Command::ImportTeams { source: how.source.clone(), teams })?;
        report.teams.take("team", &became, &credit);
        numbers.extend(became.iter().map(|one| (one.former, one.id)));
        Ok(())
    };
    source.each("team", &mut |row| {
        let mut team = row.team(how.now);
        if team.id <= 0 {
            report.teams.skip(format!("team {} has no number", team.id));
            return Ok(());
        }
        match users.get(&team.founder) {
            Some(founder) => team.founder = *founder,
            None => {
                team.notes.push(format!("its founder {} is not there", team.founder));
                team.founder = 0;
            }
        }
        waiting.push(team);
        if waiting.len() >= AT_ONCE { send(&mut waiting, report) } else { Ok(()) }
    })?;
    if !waiting.is_empty() {
        send(&mut waiting, report)?;
    }
    Ok(numbers)
}

fn import_hosts(
    source: &Source,
    target: &mut Target<'_>,
    how: &How,
    users: &HashMap<i64, i64>,
    report: &mut Report,
) -> Result<(), ImportError> {
    let mut waiting: Vec<FormerHost> = Vec::new();
    let mut send = |waiting: &mut Vec<FormerHost>, report: &mut Report| -> Result<(), ImportError> {
        let hosts = std::mem::take(waiting);
        let credit = hosts.iter().map(|host| (host.id, host.credit)).collect();
        let became: Vec<Became> = target.send(Command::ImportHosts { source: how.source.clone(), hosts })?;
        report.hosts.take("host", &became, &credit);
        Ok(())
    };
    source.each("host", &mut |row| {
        let mut host = row.host(how.now);
        let Some(user) = users.get(&host.user).filter(|_| host.id > 0) else {
            let why = if host.user == 0 {
                "was merged into another, deleted or hidden"
            } else {
                "belongs to nobody who is there"
            };
            report.hosts.skip(format!("host {} {why}", host.id));
            return Ok(());
        };
        host.user = *user;
        waiting.push(host);
        if waiting.len() >= AT_ONCE { send(&mut waiting, report) } else { Ok(()) }
    })?;
    if waiting.is_empty() { Ok(()) } else { send(&mut waiting, report) }
}
