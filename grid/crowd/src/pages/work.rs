//! A work unit, and one of its results.

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

use super::frame::{credit, duration, facts, link, number, table, text, time};
use super::site::{Answer, Failure, Site, View};
use super::tasks::standing;
use crate::life::Trouble;
use crate::store::{AppRow, HostRow, Place, ResultRow, Row, UnitRow, Value, VersionRow};

pub(super) async fn unit(State(site): State<Site>, headers: HeaderMap, Path(name): Path<String>) -> Response {
    site.page(headers, move |view| unit_page(view, &name)).await
}

pub(super) async fn result(State(site): State<Site>, headers: HeaderMap, Path(name): Path<String>) -> Response {
    site.page(headers, move |view| result_page(view, &name)).await
}

fn unit_named(view: &mut View<'_>, name: &str) -> Result<UnitRow, Failure> {
    let rows = view.database.find(UnitRow::TABLE, Place::of("name"), &[Value::Text(name.to_owned())])?;
    rows.into_iter()
        .next()
        .map(UnitRow::of)
        .transpose()?
        .ok_or(Failure::Missing("work unit; done ones go after some days"))
}

fn app_title(view: &mut View<'_>, id: i64) -> Result<String, Failure> {
    Ok(view.get::<AppRow>(id)?.map_or(String::new(), |app| app.title))
}

/// A host of a result, but for those whose owner hides them.
fn shown_host(view: &View<'_>, row: &ResultRow, host: Option<&HostRow>) -> Markup {
    match host {
        None => text("-"),
        Some(host) if host.hidden && !view.may_see(host.user_id) => text("not shown"),
        Some(_) => link(view.site, &format!("host/{}", row.host_id), &row.host_id.to_string()),
    }
}

fn unit_page(view: &mut View<'_>, name: &str) -> Result<Answer, Failure> {
    let unit = unit_named(view, name)?;
    let app = app_title(view, unit.app_id)?;
    let (from, to) = unit.results();
    let results: Vec<ResultRow> =
        view.scan("id >= $1 and id <= $2 order by id", &[Value::Int(from), Value::Int(to)])?;
    let hosts = view.all_of::<HostRow>(results.iter().map(|row| row.host_id))?;
    let state = match (unit.trouble(), unit.canonical) {
        (Some(trouble), _) => trouble_text(trouble),
        (None, Some(_)) if unit.assimilation == 2 => "done",
        (None, Some(_)) => "agreed on",
        (None, None) => "in progress",
    };
    let rows = results.iter().map(|row| {
        let name = row.name(&unit.name);
        let mark = if unit.canonical == Some(row.id) { " (canonical)" } else { "" };
        vec![
            link(view.site, &format!("result/{name}"), &name),
            shown_host(view, row, hosts.get(&row.host_id)),
            text(time(row.sent)),
            text(if row.received > 0 { time(row.received) } else { time(row.deadline) }),
            text(format!("{}{mark}", standing(row))),
            text(duration(row.elapsed)),
            text(credit(row.granted)),
        ]
    });
    let results =
        table(&["Task", "Computer", "Sent", "Reported or due", "State", "Run time", "Credit"], &[5, 6], rows.collect());
    let body = html! {
        (facts(&[
            ("Application", text(app)),
            ("Made", text(time(unit.created))),
            ("State", text(state)),
            ("Results that are compared", text(unit.quorum)),
            ("Operations that it takes", text(format!("{} GFLOP", number(unit.flops / 1e9, 0)))),
            ("Credit of a valid result", text(credit(unit.credit))),
        ]))
        h2 { "Tasks" }
        (results)
    };
    Ok(Answer::Page(format!("Work unit {}", unit.name), body))
}

fn trouble_text(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::CouldntSend => "given up: no computer could take it",
        Trouble::TooManyErrors => "given up: too many results failed",
        Trouble::TooManySuccesses => "given up: too many results, and no two agree",
        Trouble::TooManyTotal => "given up: too many results in all",
        Trouble::Cancelled => "cancelled by the project",
    }
}

fn result_page(view: &mut View<'_>, name: &str) -> Result<Answer, Failure> {
    const MISSING: Failure = Failure::Missing("task; done ones go after some days");
    let (unit, place) = name.rsplit_once('_').ok_or(MISSING)?;
    let place: i64 =
        place.parse().ok().filter(|place| (0..crate::store::MOST_RESULTS).contains(place)).ok_or(MISSING)?;
    let unit = unit_named(view, unit)?;
    let row: ResultRow = view.get(unit.results().0 + place)?.ok_or(MISSING)?;
    let app = app_title(view, unit.app_id)?;
    let version: Option<VersionRow> = view.get(row.version_id)?;
    let host: Option<HostRow> = view.get(row.host_id)?;
    let version = match version {
        Some(version) => format!(
            "{app} {}.{:02} {} {}",
            version.number / 100,
            version.number % 100,
            version.platform,
            version.plan_class
        ),
        None if row.sent > 0 => format!("{app}, the computer's own version"),
        None => app,
    };
    let mut rows = vec![
        ("Work unit", link(view.site, &format!("wu/{}", unit.name), &unit.name)),
        ("Computer", shown_host(view, &row, host.as_ref())),
        ("State", text(standing(&row))),
    ];
    if !row.reason.is_empty() {
        rows.push(("Why", text(&row.reason)));
    }
    rows.extend([
        ("Sent", text(time(row.sent))),
        ("Due", text(time(row.deadline))),
        ("Reported", text(time(row.received))),
        ("Exit status", text(format!("{} (0x{:08x})", row.exit_status, row.exit_status as u32))),
        ("Run time", text(duration(row.elapsed))),
        ("Processor time", text(duration(row.cpu))),
        ("Credit", text(credit(row.granted))),
        ("Application", text(version)),
    ]);
    // What applications write may tell of the volunteer's computer.
    let own = view.may_see(row.user_id);
    let body = html! {
        (facts(&rows))
        @if own && !row.stderr.is_empty() { h2 { "What application and client wrote" } pre { (row.stderr) } }
    };
    Ok(Answer::Page(format!("Task {name}"), body))
}
