//! A user.

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

use super::frame::{credit, facts, link, number, table, text, time};
use super::section;
use super::site::{Answer, Failure, Fields, Site, View};
use crate::engine::average_after;
use crate::store::{HostRow, TeamRow, UserRow, Value};

pub(super) async fn user(State(site): State<Site>, headers: HeaderMap, Path(id): Path<i64>) -> Response {
    site.page(headers, move |view| page(view, id)).await
}

/// `show_user.php?userid=N`, which other sites link to.
pub(super) async fn moved(State(site): State<Site>, headers: HeaderMap, fields: Query<Fields>) -> Response {
    let id = fields.get("userid").and_then(|id| id.parse::<i64>().ok()).unwrap_or(0);
    site.page(headers, move |_| Ok(Answer::To(format!("user/{id}")))).await
}

/// Credit a day at this time.
pub(super) fn average(average: f64, last: i64, now: i64) -> String {
    number(average_after(average, 0.0, (now - last) as f64), 2)
}

fn page(view: &mut View<'_>, id: i64) -> Result<Answer, Failure> {
    let user: UserRow = view.get(id)?.ok_or(Failure::Missing("user"))?;
    let own = view.may_see(id);
    let team: Option<TeamRow> = match user.team_id {
        Some(team) => view.get(team)?,
        None => None,
    };
    let hosts: Vec<HostRow> =
        view.scan("user_id = $1 and merged_into is null order by id desc limit 200", &[Value::Int(id)])?;
    let hosts: Vec<HostRow> = hosts.into_iter().filter(|host| own || !host.hidden).collect();
    let brought = section::of_user(view, id);
    let (site, now) = (view.site, view.now);
    let mut rows = vec![
        ("Number", text(user.id)),
        ("Since", text(time(user.created))),
        ("Credit", text(credit(user.credit))),
        ("Credit a day of late", text(average(user.average, user.average_time, now))),
    ];
    if let Some(team) = team {
        rows.push(("Team", link(site, &format!("team/{}", team.id), &team.name)));
    }
    if !user.country.is_empty() {
        rows.push(("Country", text(&user.country)));
    }
    if crate::account::url(&user.url).is_some_and(|url| !url.is_empty() && url == user.url) {
        rows.push(("Page", html! { a rel="nofollow ugc noopener" href=(user.url) { (user.url) } }));
    }
    let body = html! {
        (facts(&rows))
        @if own { p { (link(site, &format!("user/{id}/tasks"), "Tasks")) } }
        @for (at, (title, path, said)) in brought.iter().enumerate() {
            @if at == 0 || brought[at - 1].0 != *title { h2 { (title) } }
            p { (link(site, path, said)) }
        }
        h2 { "Computers" }
        @if hosts.is_empty() { p { "None that are shown." } } @else { (host_table(site, &hosts, now)) }
    };
    Ok(Answer::Page(user.name, body))
}

/// Hosts, a row each.
pub(super) fn host_table(site: &Site, hosts: &[HostRow], now: i64) -> Markup {
    let rows = hosts.iter().map(|host| {
        vec![
            link(site, &format!("host/{}", host.id), &host.id.to_string()),
            text(format!("{} x {}", host.processors, host.model)),
            text(&host.os_name),
            text(credit(host.credit)),
            text(average(host.average, host.average_time, now)),
            text(time(host.seen)),
        ]
    });
    table(&["Number", "Processors", "System", "Credit", "Credit a day", "Last heard of"], &[3, 4], rows.collect())
}
