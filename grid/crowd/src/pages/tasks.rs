//! Tasks of a user or a computer.

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

use super::frame::{credit, duration, link, table, text, time};
use super::site::{Answer, Failure, Fields, Site, View};
use crate::life::{Outcome, ServerState, Validity};
use crate::store::{AppRow, HostRow, ResultRow, UnitRow, UserRow, Value};

/// Tasks on a page.
const AT_ONCE: i64 = 50;
/// Computers of a user whose tasks are shown together: those heard of last.
const MOST_HOSTS: i64 = 50;

pub(super) async fn of_host(
    State(site): State<Site>,
    headers: HeaderMap,
    Path(id): Path<i64>,
    fields: Query<Fields>,
) -> Response {
    let before = fields.get("before").and_then(|id| id.parse().ok()).unwrap_or(i64::MAX);
    site.page(headers, move |view| {
        let _: HostRow = view.get(id)?.ok_or(Failure::Missing("computer"))?;
        let results = of(view, id, before)?;
        let next = results
            .iter()
            .filter(|row| row.state == 5)
            .map(|row| row.id)
            .min()
            .filter(|_| results.len() as i64 >= AT_ONCE);
        let shown = list(view, results)?;
        let more = next.map(|before| link(view.site, &format!("host/{id}/tasks?before={before}"), "Older tasks"));
        let body = html! { (shown) @if let Some(more) = more { p { (more) } } };
        Ok(Answer::Page(format!("Tasks of computer {id}"), body))
    })
    .await
}

pub(super) async fn of_user(State(site): State<Site>, headers: HeaderMap, Path(id): Path<i64>) -> Response {
    site.page(headers, move |view| {
        let user: UserRow = view.get(id)?.ok_or(Failure::Missing("user"))?;
        let own = view.may_see(id);
        let condition = "user_id = $1 and merged_into is null order by id desc limit $2";
        let hosts: Vec<HostRow> = view.scan(condition, &[Value::Int(id), Value::Int(MOST_HOSTS)])?;
        let mut results = Vec::new();
        for host in hosts.iter().filter(|host| own || !host.hidden) {
            results.extend(of(view, host.id, i64::MAX)?);
        }
        results.sort_by_key(|row| std::cmp::Reverse((row.sent, row.id)));
        results.truncate(2 * AT_ONCE as usize);
        let pending = pending(view, &hosts)?;
        let shown = list(view, results)?;
        let body = html! {
            p { "Credit that waits for validation: " b { (credit(pending)) } }
            (shown)
        };
        Ok(Answer::Page(format!("Tasks of {}", user.name), body))
    })
    .await
}

/// A computer's tasks, the latest first; those in progress before those that are over.
fn of(view: &mut View<'_>, host: i64, before: i64) -> Result<Vec<ResultRow>, Failure> {
    let values = [Value::Int(host), Value::Int(AT_ONCE), Value::Int(before)];
    let mut results: Vec<ResultRow> = if before == i64::MAX {
        view.scan("host_id = $1 and state = 4 order by id desc limit $2", &values[..2])?
    } else {
        Vec::new()
    };
    results
        .extend(view.scan::<ResultRow>("host_id = $1 and state = 5 and id < $3 order by id desc limit $2", &values)?);
    Ok(results)
}

/// What successes that were not judged yet would bring.
fn pending(view: &mut View<'_>, hosts: &[HostRow]) -> Result<i64, Failure> {
    let mut units = Vec::new();
    for host in hosts {
        let condition = "host_id = $1 and state = 5 and outcome = 1 and validity in (0, 4) order by id desc limit 1000";
        units.extend(view.scan::<ResultRow>(condition, &[Value::Int(host.id)])?.iter().map(ResultRow::unit));
    }
    let known = view.all_of::<UnitRow>(units.iter().copied())?;
    Ok(units.iter().filter_map(|unit| known.get(unit)).map(|unit| unit.credit).sum())
}

fn list(view: &mut View<'_>, results: Vec<ResultRow>) -> Result<Markup, Failure> {
    let units = view.all_of::<UnitRow>(results.iter().map(ResultRow::unit))?;
    let apps = view.all_of::<AppRow>(units.values().map(|unit| unit.app_id))?;
    let site = view.site;
    if results.is_empty() {
        return Ok(html! { p { "None." } });
    }
    let rows = results.iter().map(|row| {
        let unit = units.get(&row.unit());
        let name = row.name(unit.map_or("", |unit| unit.name.as_str()));
        let app = unit.and_then(|unit| apps.get(&unit.app_id)).map_or("", |app| app.title.as_str());
        vec![
            link(site, &format!("result/{name}"), &name),
            link(site, &format!("host/{}", row.host_id), &row.host_id.to_string()),
            text(time(row.sent)),
            text(if row.received > 0 { time(row.received) } else { format!("due {}", time(row.deadline)) }),
            text(standing(row)),
            text(duration(row.elapsed)),
            text(credit(row.granted)),
            text(app),
        ]
    });
    Ok(table(
        &["Task", "Computer", "Sent", "Reported", "State", "Run time", "Credit", "Application"],
        &[5, 6],
        rows.collect(),
    ))
}

/// A result's state in a few words.
pub(super) fn standing(row: &ResultRow) -> &'static str {
    if row.state == ServerState::Unsent.number() {
        return "Waits for a computer";
    }
    if row.state == ServerState::InProgress.number() {
        return "In progress";
    }
    match (Outcome::of(row.outcome), Validity::of(row.validity)) {
        (Some(Outcome::Success), Some(Validity::Unknown)) => "Done, waits for validation",
        (Some(Outcome::Success), Some(Validity::Inconclusive)) => "Done, not enough agree yet",
        (Some(Outcome::Success), Some(Validity::Valid)) => "Valid",
        (Some(Outcome::Success), Some(Validity::Invalid)) => "Invalid",
        (Some(Outcome::Success), Some(Validity::NotChecked)) => "Done, not checked",
        (_, Some(Validity::TooLate)) => "Too late to be validated",
        (Some(Outcome::ClientError), _) if row.exit_status == 203 => "Aborted by user",
        (Some(Outcome::ClientError), _) if row.exit_status == 202 => "Ended by the project",
        (Some(Outcome::ClientError), _) => "Error while computing",
        (Some(Outcome::NoReply), _) => "Not returned in time",
        (Some(Outcome::DidntNeed), _) => "Not needed",
        (Some(Outcome::ValidateError), _) => "Output cannot be read",
        (Some(Outcome::ClientDetached), _) => "Computer left the project",
        (Some(Outcome::CouldntSend), _) => "Could not be sent",
        _ => "Over",
    }
}
