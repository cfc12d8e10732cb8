//! A computer.

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::html;

use super::frame::{credit, facts, link, number, text, time};
use super::person::average;
use super::site::{Answer, Failure, Fields, Site, View};
use crate::store::{HostRow, UserRow};

pub(super) async fn host(State(site): State<Site>, headers: HeaderMap, Path(id): Path<i64>) -> Response {
    site.page(headers, move |view| page(view, id)).await
}

/// `show_host_detail.php?hostid=N`.
pub(super) async fn moved(State(site): State<Site>, headers: HeaderMap, fields: Query<Fields>) -> Response {
    let id = fields.get("hostid").and_then(|id| id.parse::<i64>().ok()).unwrap_or(0);
    site.page(headers, move |_| Ok(Answer::To(format!("host/{id}")))).await
}

fn page(view: &mut View<'_>, id: i64) -> Result<Answer, Failure> {
    let host: HostRow = view.get(id)?.ok_or(Failure::Missing("computer"))?;
    if let Some(other) = host.merged_into {
        return Ok(Answer::To(format!("host/{other}")));
    }
    let own = view.may_see(host.user_id);
    let owner: Option<UserRow> = view.get(host.user_id)?;
    let (site, now) = (view.site, view.now);
    let owner = match owner.filter(|_| own || !host.hidden) {
        Some(owner) => link(site, &format!("user/{}", owner.id), &owner.name),
        None => text("not shown"),
    };
    let gigabytes = |bytes: f64| text(format!("{} GB", number(bytes / 1e9, 1)));
    let client = host.client;
    let mut rows = vec![
        ("Owner", owner),
        ("Since", text(time(host.created))),
        ("Last heard of", text(time(host.seen))),
        ("Credit", text(credit(host.credit))),
        ("Credit a day of late", text(average(host.average, host.average_time, now))),
        ("Processors", text(format!("{} x {} {}", host.processors, host.vendor, host.model))),
        ("Speed of one", text(format!("{} GFLOPS", number(host.flops / 1e9, 2)))),
        ("Accelerators", text(accelerators(&host.coprocessors))),
        ("System", text(format!("{} {}", host.os_name, host.os_version))),
        ("BOINC", text(format!("{}.{}.{}", client / 10_000, client / 100 % 100, client % 100))),
        ("Memory", gigabytes(host.memory)),
        ("Disk, free of all", html! { (gigabytes(host.disk_free)) " of " (gigabytes(host.disk)) }),
        ("Results valid, invalid, failed", text(format!("{}, {}, {}", host.valid, host.invalid, host.errors))),
    ];
    if host.quarantined {
        rows.push(("Trust", text("gets one task at a time until a result of it is valid")));
    }
    if own {
        rows.push(("Name", text(&host.domain_name)));
        rows.push(("Address", text(&host.address)));
        rows.push(("Venue", text(if host.venue.is_empty() { "none" } else { &host.venue })));
    }
    let body = html! {
        (facts(&rows))
        p { (link(site, &format!("host/{id}/tasks"), "Tasks of this computer")) }
    };
    Ok(Answer::Page(format!("Computer {id}"), body))
}

/// Kinds and counts, of the row's JSON.
fn accelerators(json: &str) -> String {
    let kinds: Vec<(String, f64)> = serde_json::from_str(json).unwrap_or_default();
    if kinds.is_empty() {
        return "none".to_owned();
    }
    kinds.iter().map(|(kind, count)| format!("{count} x {kind}")).collect::<Vec<_>>().join(", ")
}
