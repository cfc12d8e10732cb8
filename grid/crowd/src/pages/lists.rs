//! Who has done most of late, or in all.

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, PreEscaped, html};

use super::frame::{credit, link, number, table, text, time};
use super::person::{average, host_table};
use super::site::{Answer, Failure, Fields, Site, View};
use crate::engine::MILESTONE;
use crate::store::{FactRow, HostRow, TeamRow, UserRow, Value};

/// Rows of a page.
const AT_ONCE: i64 = 50;
/// Pages that can be asked for.
const MOST_PAGES: i64 = 200;

pub(super) async fn top(
    State(site): State<Site>,
    headers: HeaderMap,
    Path(what): Path<String>,
    fields: Query<Fields>,
) -> Response {
    let page = fields.get("page").and_then(|page| page.parse::<i64>().ok()).unwrap_or(0).clamp(0, MOST_PAGES);
    let total = fields.get("by").is_some_and(|by| by == "total");
    site.page(headers, move |view| {
        let title = match what.as_str() {
            "users" => "Users",
            "teams" => "Teams",
            "hosts" => "Computers",
            _ => return Err(Failure::Missing("list")),
        };
        let key = format!("top {what} {page} {total}");
        let body = view.kept(&key, |view| Ok(list(view, &what, page, total)?.into_string()))?;
        let new_team = (what == "teams" && view.me.is_some()).then(|| link(view.site, "teams/new", "Found a team"));
        Ok(Answer::Page(title.to_owned(), html! { (PreEscaped(body)) @if let Some(new) = new_team { p { (new) } } }))
    })
    .await
}

pub(super) async fn top_users(State(site): State<Site>, headers: HeaderMap) -> Response {
    site.page(headers, |_| Ok(Answer::To("top/users".to_owned()))).await
}

fn list(view: &mut View<'_>, what: &str, page: i64, total: bool) -> Result<Markup, Failure> {
    let values = [Value::Int(AT_ONCE), Value::Int(page * AT_ONCE)];
    let (site, now) = (view.site, view.now);
    let (shown, count) = match what {
        "users" => {
            let rows: Vec<UserRow> = if total {
                view.scan("credit > 0 order by credit desc, id limit $1 offset $2", &values)?
            } else {
                view.scan("average > 0 order by average desc, id limit $1 offset $2", &values)?
            };
            let cells = rows.iter().enumerate().map(|(at, row)| {
                vec![
                    text(page * AT_ONCE + at as i64 + 1),
                    link(site, &format!("user/{}", row.id), &row.name),
                    text(average(row.average, row.average_time, now)),
                    text(credit(row.credit)),
                    text(&row.country),
                ]
            });
            let heads = ["", "Name", "Credit a day", "Credit", "Country"];
            (table(&heads, &[2, 3], cells.collect()), rows.len())
        }
        "teams" => {
            let rows: Vec<TeamRow> = if total {
                view.scan("id > 0 order by credit desc, id limit $1 offset $2", &values)?
            } else {
                view.scan("id > 0 order by average desc, id limit $1 offset $2", &values)?
            };
            let cells = rows.iter().enumerate().map(|(at, row)| {
                vec![
                    text(page * AT_ONCE + at as i64 + 1),
                    link(site, &format!("team/{}", row.id), &row.name),
                    text(average(row.average, row.average_time, now)),
                    text(credit(row.credit)),
                    text(&row.country),
                ]
            });
            let heads = ["", "Name", "Credit a day", "Credit", "Country"];
            (table(&heads, &[2, 3], cells.collect()), rows.len())
        }
        _ => {
            let rows: Vec<HostRow> = if total {
                view.scan(
                    "credit > 0 and hidden = 0 and merged_into is null order by credit desc, id limit $1 offset $2",
                    &values,
                )?
            } else {
                view.scan(
                    "average > 0 and hidden = 0 and merged_into is null order by average desc, id limit $1 offset $2",
                    &values,
                )?
            };
            (host_table(site, &rows, now), rows.len())
        }
    };
    let by = |total: bool| if total { "&by=total" } else { "" };
    Ok(html! {
        p {
            @if total { (link(site, &format!("top/{what}"), "by credit of late")) } @else { (link(site, &format!("top/{what}?by=total"), "by credit in all")) }
        }
        (shown)
        p {
            @if page > 0 { (link(site, &format!("top/{what}?page={}{}", page - 1, by(total)), "Before")) " " }
            @if count as i64 == AT_ONCE { (link(site, &format!("top/{what}?page={}{}", page + 1, by(total)), "Next")) }
        }
    })
}

/// Who returned the results that made round numbers of units full.
pub(super) async fn milestones(State(site): State<Site>, headers: HeaderMap) -> Response {
    site.page(headers, |view| {
        let values = [Value::Text(MILESTONE.to_owned()), Value::Text(format!("{MILESTONE}\u{10FFFF}"))];
        let facts: Vec<FactRow> = view.scan("name >= $1 and name < $2 order by name desc limit 200", &values)?;
        let parsed: Vec<(i64, i64, i64, String)> = facts
            .iter()
            .filter_map(|fact| {
                let mut words = fact.body.splitn(3, ' ');
                let mut number = || words.next()?.parse::<i64>().ok();
                let (when, user) = (number()?, number()?);
                Some((fact.name.strip_prefix(MILESTONE)?.parse().ok()?, when, user, words.next()?.to_owned()))
            })
            .collect();
        let users = view.all_of::<UserRow>(parsed.iter().map(|(_, _, user, _)| *user))?;
        let rows = parsed.iter().map(|(count, when, user, unit)| {
            let finder = users.get(user).map_or(text("-"), |row| link(view.site, &format!("user/{user}"), &row.name));
            vec![text(number(*count as f64, 0)), finder, text(unit), text(time(*when))]
        });
        let body = html! {
            @if parsed.is_empty() { p { "None yet: the first is the hundredth work unit." } }
            @else { (table(&["Work unit", "Finder", "Name", "When"], &[0], rows.collect())) }
        };
        Ok(Answer::Page("Milestones".to_owned(), body))
    })
    .await
}
