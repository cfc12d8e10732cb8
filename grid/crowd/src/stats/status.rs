//! The state of the server, for people and for sites that watch many projects (`html/user/server_status.php`).

use std::collections::HashMap;

use crate::store::{AppRow, Database, ResultRow, Row, StoreError, UnitRow, Value};
use crate::wire::escaped;

/// Successes of late that run times are taken from.
const SAMPLE: i64 = 500;
const DAY: i64 = 86_400;

/// A part of the server, and whether it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// Its name.
    pub name: String,
    /// Whether it runs; else it was stopped by an operator.
    pub runs: bool,
}

/// An application's state.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AppStatus {
    /// Its number.
    pub id: i64,
    /// Short name.
    pub name: String,
    /// Name that people read.
    pub title: String,
    /// Results that wait for a host.
    pub unsent: i64,
    /// Results with hosts.
    pub in_progress: i64,
    /// Of successes of late: hours that they took, the mean, the least and the most.
    pub hours: (f64, f64, f64),
    /// Users among them of the last day.
    pub users: i64,
}

/// The state of the server.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Status {
    /// When it was looked at, seconds of Unix time.
    pub time: i64,
    /// Units in the database.
    pub units: i64,
    /// Results that wait for a host.
    pub unsent: i64,
    /// Results with hosts.
    pub in_progress: i64,
    /// Units whose results are to be compared.
    pub to_validate: i64,
    /// Units whose outcome is to be handed on.
    pub to_assimilate: i64,
    /// Units whose files are to be deleted.
    pub to_delete: i64,
    /// Seconds that the oldest unit that is due has waited.
    pub backlog: i64,
    /// Users with credit of late, in all, and those of the last day.
    pub users: (i64, i64, i64),
    /// Hosts likewise.
    pub hosts: (i64, i64, i64),
    /// Operations a second, by the credit of the last weeks: 200 cobblestones a day are 1 GFLOPS.
    pub gigaflops: f64,
    /// By application.
    pub apps: Vec<AppStatus>,
}

fn count(database: &mut dyn Database, statement: &'static str, values: &[Value]) -> Result<i64, StoreError> {
    Ok(match database.ask(statement, values)?.first().and_then(|row| row.first()) {
        Some(Value::Int(number)) => *number,
        Some(Value::Real(number)) => *number as i64,
        _ => 0,
    })
}

impl Status {
    /// Looks. Counts go over tables, so that callers keep what they got for a while.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn look(database: &mut dyn Database, now: i64) -> Result<Status, StoreError> {
        let day = [Value::Int(now - DAY)];
        let next = count(database, "select coalesce(min(next), 0) from units where next is not null", &[])?;
        let mut status = Status {
            time: now,
            units: count(database, "select count(*) from units", &[])?,
            unsent: count(database, "select count(*) from results where state = 2", &[])?,
            in_progress: count(database, "select count(*) from results where state = 4", &[])?,
            to_validate: count(database, "select count(*) from units where validate = 1", &[])?,
            to_assimilate: count(database, "select count(*) from units where assimilation = 1", &[])?,
            to_delete: count(database, "select count(*) from units where deletion = 1", &[])?,
            backlog: if next > 0 { (now - next).max(0) } else { 0 },
            users: (
                count(database, "select count(*) from users where average > 1", &[])?,
                count(database, "select count(*) from users where credit > 0", &[])?,
                count(database, "select count(*) from users where created > $1", &day)?,
            ),
            hosts: (
                count(database, "select count(*) from hosts where average > 1 and merged_into is null", &[])?,
                count(database, "select count(*) from hosts where credit > 0 and merged_into is null", &[])?,
                count(database, "select count(*) from hosts where created > $1", &day)?,
            ),
            gigaflops: 0.0,
            apps: Vec::new(),
        };
        if let Some(Value::Real(sum)) =
            database.ask("select coalesce(sum(average), 0.0) from users", &[])?.first().and_then(|row| row.first())
        {
            status.gigaflops = sum / 200.0;
        }
        status.apps = apps(database, now)?;
        Ok(status)
    }

    /// As BOINC writes it for machines; `programs` are the server's parts.
    pub fn xml(&self, host: &str, programs: &[Program]) -> String {
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<server_status>\n<update_time>{}</update_time>\n<software_version>{}</software_version>\n<daemon_status>\n",
            self.time,
            env!("CARGO_PKG_VERSION"),
        );
        for Program { name, runs } in programs {
            let (name, host) = (escaped(name), escaped(host));
            let runs = if *runs { "running" } else { "disabled" };
            out.push_str(&format!(
                "    <daemon>\n        <host>{host}</host>\n        <command>{name}</command>\n        <status>{runs}</status>\n    </daemon>\n"
            ));
        }
        out.push_str("</daemon_status>\n<database_file_states>\n");
        let counts = [
            ("results_ready_to_send", self.unsent),
            ("results_in_progress", self.in_progress),
            ("workunits_waiting_for_validation", self.to_validate),
            ("workunits_waiting_for_assimilation", self.to_assimilate),
            ("workunits_waiting_for_deletion", self.to_delete),
            ("results_waiting_for_deletion", 0),
        ];
        let people = [
            ("users_with_recent_credit", self.users.0),
            ("users_with_credit", self.users.1),
            ("users_registered_in_past_24_hours", self.users.2),
            ("hosts_with_recent_credit", self.hosts.0),
            ("hosts_with_credit", self.hosts.1),
            ("hosts_registered_in_past_24_hours", self.hosts.2),
        ];
        let mut line = |name: &str, value: String| out.push_str(&format!("    <{name}>{value}</{name}>\n"));
        counts.iter().for_each(|(name, value)| line(name, value.to_string()));
        line("transitioner_backlog_hours", format!("{:.6}", self.backlog as f64 / 3600.0));
        people.iter().for_each(|(name, value)| line(name, value.to_string()));
        line("current_floating_point_speed", format!("{:.6}", self.gigaflops));
        out.push_str("<tasks_by_app>\n");
        for app in &self.apps {
            let (mean, least, most) = app.hours;
            out.push_str(&format!(
                "<app>\n    <id>{}</id>\n    <name>{}</name>\n    <unsent>{}</unsent>\n    <in_progress>{}</in_progress>\n    \
                 <avg_runtime>{mean:.6}</avg_runtime>\n    <min_runtime>{least:.6}</min_runtime>\n    <max_runtime>{most:.6}</max_runtime>\n    \
                 <users>{}</users>\n</app>\n",
                app.id, escaped(&app.name), app.unsent, app.in_progress, app.users,
            ));
        }
        out.push_str("</tasks_by_app>\n</database_file_states>\n</server_status>\n");
        out
    }
}

fn apps(database: &mut dyn Database, now: i64) -> Result<Vec<AppStatus>, StoreError> {
    let rows = database.scan(AppRow::TABLE, "id > 0 order by id", &[])?;
    let rows = rows.into_iter().map(AppRow::of).collect::<Result<Vec<AppRow>, StoreError>>()?;
    let mut apps: HashMap<i64, AppStatus> = HashMap::new();
    // A result's unit is its number's higher part.
    let by_app = "select units.app_id, results.state, count(*) from results join units on units.id = results.id / 64 \
                  where results.state in (2, 4) group by units.app_id, results.state";
    let counts = database.ask(by_app, &[])?;
    for app in &rows {
        let title = if app.title.is_empty() { app.name.clone() } else { app.title.clone() };
        let status = AppStatus { id: app.id, name: app.name.clone(), title, ..AppStatus::default() };
        apps.insert(app.id, status);
    }
    for row in counts {
        if let [Value::Int(app), Value::Int(state), Value::Int(count)] = row[..]
            && let Some(status) = apps.get_mut(&app)
        {
            *(if state == 2 { &mut status.unsent } else { &mut status.in_progress }) = count;
        }
    }
    run_times(database, now, &mut apps)?;
    Ok(rows.iter().filter_map(|app| apps.remove(&app.id)).collect())
}

/// Hours and users of the successes that came last by their numbers.
fn run_times(database: &mut dyn Database, now: i64, apps: &mut HashMap<i64, AppStatus>) -> Result<(), StoreError> {
    let condition = "state = 5 and outcome = 1 and elapsed > 0 order by id desc limit $1";
    let sample = database.scan(ResultRow::TABLE, condition, &[Value::Int(SAMPLE)])?;
    let sample = sample.into_iter().map(ResultRow::of).collect::<Result<Vec<ResultRow>, StoreError>>()?;
    let mut units: Vec<i64> = sample.iter().map(ResultRow::unit).collect();
    units.dedup();
    let keys: Vec<Value> = units.into_iter().map(Value::Int).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let units = database.find(UnitRow::TABLE, crate::store::Place::of("id"), &keys)?;
    let app_of: HashMap<i64, i64> = units
        .into_iter()
        .map(|row| UnitRow::of(row).map(|unit| (unit.id, unit.app_id)))
        .collect::<Result<_, StoreError>>()?;
    for (id, status) in apps {
        let own: Vec<&ResultRow> = sample.iter().filter(|result| app_of.get(&result.unit()) == Some(id)).collect();
        if own.is_empty() {
            continue;
        }
        let hours: Vec<f64> = own.iter().map(|result| result.elapsed / 3600.0).collect();
        let sum: f64 = hours.iter().sum();
        let (least, most) = hours.iter().fold((f64::MAX, 0.0f64), |(low, high), &one| (low.min(one), high.max(one)));
        status.hours = (sum / hours.len() as f64, least, most);
        let mut users: Vec<i64> =
            own.iter().filter(|result| result.received > now - DAY).map(|result| result.user_id).collect();
        users.sort_unstable();
        users.dedup();
        status.users = users.len() as i64;
    }
    Ok(())
}
