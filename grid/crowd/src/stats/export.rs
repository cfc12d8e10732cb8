//! Statistics as BOINC's db_dump writes them (`sched/db_dump.cpp`): `tables.xml`, and users, teams and hosts as compressed XML.
//!
//! Only those with credit are written, and of users and hosts only those whose user agreed to it. Texts are UTF-8, and say so.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::cobblestones_text;
use crate::account::external_cpid;
use crate::sign::md5_hex;
use crate::store::{AppRow, Database, FactRow, HostRow, Place, Row, StoreError, TeamRow, UserRow, Value};
use crate::wire::escaped;

/// Rows that are read at once.
const AT_ONCE: i64 = 2000;
/// Facts under this, plus the number, tell of users that deleted their account: time and name across projects.
pub const DELETED_USER: &str = "server/deleted/user/";
/// The same of hosts.
pub const DELETED_HOST: &str = "server/deleted/host/";
/// Seconds that deletions are told of: sixty days, as BOINC has it.
const DELETED_FOR: i64 = 60 * 86_400;

/// Why statistics were not written.
#[derive(Debug, thiserror::Error)]
pub enum StatsError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk.
    #[error("{path}: {cause}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
}

/// How much was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exported {
    /// Users with credit, those in `users` among them.
    pub users_in_all: u64,
    /// Users that agreed.
    pub users: u64,
    /// Teams with credit.
    pub teams: u64,
    /// Hosts with credit.
    pub hosts_in_all: u64,
    /// Hosts of users that agreed.
    pub hosts: u64,
    /// Credit of all users, in millionths.
    pub credit: i64,
}

/// A file's bytes on their way.
enum Stream {
    Plain(BufWriter<File>),
    Packed(GzEncoder<BufWriter<File>>),
}

/// A file in the making: it has its name when it is whole.
struct Part {
    out: Stream,
    part: PathBuf,
    path: PathBuf,
    element: &'static str,
}

impl Part {
    fn begin(folder: &Path, name: &str, element: &'static str, packed: bool) -> Result<Part, StatsError> {
        let path = folder.join(name);
        let part = folder.join(format!(".{name}.{}.part", std::process::id()));
        let failed = |cause| StatsError::File { path: part.clone(), cause };
        let file = BufWriter::with_capacity(1 << 16, File::create(&part).map_err(failed)?);
        let out =
            if packed { Stream::Packed(GzEncoder::new(file, Compression::default())) } else { Stream::Plain(file) };
        let mut part = Part { out, part, path, element };
        part.say(&format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{element}>\n"))?;
        Ok(part)
    }

    fn say(&mut self, text: &str) -> Result<(), StatsError> {
        let written = match &mut self.out {
            Stream::Plain(out) => out.write_all(text.as_bytes()),
            Stream::Packed(out) => out.write_all(text.as_bytes()),
        };
        written.map_err(|cause| StatsError::File { path: self.part.clone(), cause })
    }

    /// All is written and safe; the name is given when all files are.
    fn end(mut self) -> Result<Named, StatsError> {
        let element = self.element;
        self.say(&format!("</{element}>\n"))?;
        let Part { out, part, path, .. } = self;
        let ended = match out {
            Stream::Plain(out) => Ok(out),
            Stream::Packed(out) => out.finish(),
        };
        let synced = ended.and_then(|out| out.into_inner().map_err(|error| error.into_error())?.sync_all());
        synced.map_err(|cause| StatsError::File { path: part.clone(), cause })?;
        Ok(Named { part, path })
    }
}

/// A whole file without its name.
struct Named {
    part: PathBuf,
    path: PathBuf,
}

/// Calls for each row of a table with credit, in the order of numbers.
fn each<R: Row>(
    database: &mut dyn Database,
    mut take: impl FnMut(&mut dyn Database, Vec<R>) -> Result<(), StatsError>,
) -> Result<(), StatsError> {
    let mut after = 0;
    loop {
        let values = [Value::Int(after), Value::Int(AT_ONCE)];
        let rows = database.scan(R::TABLE, "id > $1 and credit > 0 order by id limit $2", &values)?;
        let rows = rows.into_iter().map(R::of).collect::<Result<Vec<R>, StoreError>>()?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id();
        take(database, rows)?;
    }
}

/// Rows by their numbers.
fn by_id<R: Row>(
    database: &mut dyn Database,
    ids: impl IntoIterator<Item = i64>,
) -> Result<HashMap<i64, R>, StoreError> {
    let mut ids: Vec<i64> = ids.into_iter().collect();
    ids.sort_unstable();
    ids.dedup();
    let keys: Vec<Value> = ids.into_iter().map(Value::Int).collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = database.find(R::TABLE, Place::of("id"), &keys)?;
    rows.into_iter().map(|row| R::of(row).map(|row| (row.id(), row))).collect()
}

/// The name across projects of a host as others see it.
pub fn shown_cpid(host: &HostRow, email: &str) -> String {
    if host.cpid.is_empty() { String::new() } else { md5_hex(format!("{}{email}", host.cpid).as_bytes()) }
}

/// Writes all files into a folder; each takes its name when all are whole, so that readers never see a half.
///
/// # Errors
/// [`StatsError`]; the files of last time stay.
pub fn export(database: &mut dyn Database, folder: &Path, now: i64) -> Result<Exported, StatsError> {
    fs::create_dir_all(folder).map_err(|cause| StatsError::File { path: folder.to_owned(), cause })?;
    let mut sums = Exported::default();
    let mut made = vec![users(database, folder, &mut sums)?, teams(database, folder, &mut sums)?];
    made.push(hosts(database, folder, &mut sums)?);
    let deletions = [
        ("user_deleted.gz", "users_deleted", "user", DELETED_USER),
        ("host_deleted.gz", "hosts_deleted", "host", DELETED_HOST),
    ];
    for (name, element, tag, prefix) in deletions {
        made.push(deleted(database, folder, (name, element, tag), prefix, now)?);
    }
    made.push(tables(database, folder, &sums, now)?);
    for Named { part, path } in made {
        fs::rename(&part, &path).map_err(|cause| StatsError::File { path, cause })?;
    }
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|cause| StatsError::File { path: folder.to_owned(), cause })?;
    Ok(sums)
}

fn users(database: &mut dyn Database, folder: &Path, sums: &mut Exported) -> Result<Named, StatsError> {
    let mut part = Part::begin(folder, "user.gz", "users", true)?;
    each::<UserRow>(database, |_, rows| {
        for user in rows {
            sums.users_in_all += 1;
            sums.credit += user.credit;
            if user.consent {
                sums.users += 1;
                part.say(&user_text(&user))?;
            }
        }
        Ok(())
    })?;
    part.end()
}

fn line(out: &mut String, name: &str, value: &str) {
    out.push_str(&format!(" <{name}>{}</{name}>\n", escaped(value)));
}

fn user_text(user: &UserRow) -> String {
    let mut out = format!("<user>\n <id>{}</id>\n", user.id);
    line(&mut out, "name", &user.name);
    line(&mut out, "create_time", &user.created.to_string());
    line(&mut out, "total_credit", &cobblestones_text(user.credit));
    line(&mut out, "expavg_credit", &format!("{:.6}", user.average));
    line(&mut out, "expavg_time", &format!("{}.000000", user.average_time));
    line(&mut out, "cpid", &external_cpid(&user.cpid, &user.email));
    for (name, value) in [("country", &user.country), ("url", &user.url)] {
        if !value.is_empty() {
            line(&mut out, name, value);
        }
    }
    if let Some(team) = user.team_id {
        line(&mut out, "teamid", &team.to_string());
    }
    out.push_str("</user>\n");
    out
}

fn teams(database: &mut dyn Database, folder: &Path, sums: &mut Exported) -> Result<Named, StatsError> {
    let mut part = Part::begin(folder, "team.gz", "teams", true)?;
    each::<TeamRow>(database, |database, rows| {
        let founders = by_id::<UserRow>(database, rows.iter().map(|team| team.founder_id))?;
        for team in rows {
            sums.teams += 1;
            let mut out = format!("<team>\n <id>{}</id>\n", team.id);
            line(&mut out, "type", &team.kind.to_string());
            line(&mut out, "name", &team.name);
            // A founder who did not agree is not named.
            let founder = founders.get(&team.founder_id).filter(|founder| founder.consent);
            line(&mut out, "userid", &founder.map_or(0, |founder| founder.id).to_string());
            line(&mut out, "total_credit", &cobblestones_text(team.credit));
            line(&mut out, "expavg_credit", &format!("{:.6}", team.average));
            line(&mut out, "expavg_time", &format!("{}.000000", team.average_time));
            if let Some(founder) = founder {
                line(&mut out, "founder_name", &founder.name);
            }
            line(&mut out, "create_time", &team.created.to_string());
            for (name, value) in [("url", &team.url), ("description", &team.description)] {
                if !value.is_empty() {
                    line(&mut out, name, value);
                }
            }
            line(&mut out, "country", &team.country);
            out.push_str("</team>\n");
            part.say(&out)?;
        }
        Ok(())
    })?;
    part.end()
}

fn hosts(database: &mut dyn Database, folder: &Path, sums: &mut Exported) -> Result<Named, StatsError> {
    let mut part = Part::begin(folder, "host.gz", "hosts", true)?;
    each::<HostRow>(database, |database, rows| {
        let users = by_id::<UserRow>(database, rows.iter().map(|host| host.user_id))?;
        for host in rows.iter().filter(|host| host.merged_into.is_none()) {
            sums.hosts_in_all += 1;
            let Some(user) = users.get(&host.user_id).filter(|user| user.consent) else { continue };
            sums.hosts += 1;
            part.say(&host_text(host, user))?;
        }
        Ok(())
    })?;
    part.end()
}

fn host_text(host: &HostRow, user: &UserRow) -> String {
    let mut out = format!("<host>\n <id>{}</id>\n", host.id);
    if !host.hidden {
        line(&mut out, "userid", &user.id.to_string());
    }
    line(&mut out, "total_credit", &cobblestones_text(host.credit));
    line(&mut out, "expavg_credit", &format!("{:.6}", host.average));
    line(&mut out, "expavg_time", &format!("{}.000000", host.average_time));
    line(&mut out, "p_vendor", &host.vendor);
    line(&mut out, "p_model", &host.model);
    line(&mut out, "os_name", &host.os_name);
    line(&mut out, "os_version", &host.os_version);
    let client = host.client;
    line(&mut out, "boinc_version", &format!("{}.{}.{}", client / 10_000, client / 100 % 100, client % 100));
    line(&mut out, "create_time", &host.created.to_string());
    line(&mut out, "rpc_time", &host.seen.to_string());
    line(&mut out, "timezone", &host.timezone.to_string());
    line(&mut out, "ncpus", &host.processors.to_string());
    let amounts = [
        ("p_fpops", host.flops),
        ("p_iops", host.iops),
        ("m_nbytes", host.memory),
        ("d_total", host.disk),
        ("d_free", host.disk_free),
    ];
    for (name, value) in amounts {
        line(&mut out, name, &format!("{value:.6}"));
    }
    line(&mut out, "host_cpid", &shown_cpid(host, &user.email));
    out.push_str("</host>\n");
    out
}

fn deleted(
    database: &mut dyn Database,
    folder: &Path,
    (name, element, tag): (&str, &'static str, &str),
    prefix: &str,
    now: i64,
) -> Result<Named, StatsError> {
    let mut part = Part::begin(folder, name, element, true)?;
    let values = [Value::Text(prefix.to_owned()), Value::Text(format!("{prefix}\u{10FFFF}"))];
    for row in database.scan(FactRow::TABLE, "name >= $1 and name < $2", &values)? {
        let fact = FactRow::of(row)?;
        let (number, said) = (fact.name.strip_prefix(prefix), fact.body.split_once(' '));
        let (Some(Ok(number)), Some((Ok(when), cpid))) =
            (number.map(str::parse::<i64>), said.map(|(when, cpid)| (when.parse::<i64>(), cpid)))
        else {
            continue;
        };
        if now - when <= DELETED_FOR {
            let cpid_tag = if tag == "host" { "host_cpid" } else { "cpid" };
            part.say(&format!("<{tag}>\n <id>{number}</id>\n <{cpid_tag}>{}</{cpid_tag}>\n</{tag}>\n", escaped(cpid)))?;
        }
    }
    part.end()
}

fn tables(database: &mut dyn Database, folder: &Path, sums: &Exported, now: i64) -> Result<Named, StatsError> {
    let mut part = Part::begin(folder, "tables.xml", "tables", false)?;
    let mut out = format!("    <update_time>{now}</update_time>\n");
    let counts =
        [("nusers_total", sums.users_in_all), ("nteams_total", sums.teams), ("nhosts_total", sums.hosts_in_all)];
    for (name, count) in counts {
        out.push_str(&format!("    <{name}>{count}</{name}>\n"));
    }
    out.push_str(&format!("    <total_credit>{}</total_credit>\n", cobblestones_text(sums.credit)));
    out.push_str("    <applications>\n");
    for row in database.scan(AppRow::TABLE, "id > 0 order by id", &[])? {
        let app = AppRow::of(row)?;
        let name = escaped(if app.title.is_empty() { &app.name } else { &app.title });
        out.push_str(&format!("        <application>\n            <name>{name}</name>\n        </application>\n"));
    }
    out.push_str("    </applications>\n    <badges>\n    </badges>\n");
    part.say(&out)?;
    part.end()
}
